"""Reads an object back by Range, and compares each part with the SHA-256 that it was sent with.

Several connections read the parts. The SHA-256 of the whole object, where it is not known, needs them in order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from bundler.bundle.s3.reading import S3File
from bundler.core.digest import Hasher
from bundler.core.frozen import frozen
from bundler.core.limits import PIECE_BYTES
from bundler.core.s3_path import S3Path
from bundler.system.buffers import new_buffer
from bundler.workers import Cancellation, run_all

_READERS = 4


@frozen
class SentSpan:
    """A part of an object as it was sent: its offsets, and the SHA-256 of its bytes."""

    begin: int
    end: int
    sha256: bytes


@frozen
class OtherBytes:
    """A part that came back with other bytes; ``actual`` is their SHA-256."""

    part: SentSpan
    actual: bytes


def read_back(path: S3Path, parts: Sequence[SentSpan], *, whole: Hasher | None) -> OtherBytes | None:
    """Reads an object back; returns a part that has other bytes than were sent, if there is one.

    Args:
        path: The object.
        parts: All its parts, in order.
        whole: Receives all bytes, in order, on one connection; None if they are not needed.

    Raises:
        Damaged, Incomplete, Refused, Unavailable: It cannot be read.
    """
    if whole is not None:
        return _read(path, parts, whole)
    found: list[OtherBytes] = []

    def work(span: Sequence[SentSpan]) -> None:
        other = _read(path, span, None)
        if other is not None:
            found.append(other)

    share = -(-len(parts) // _READERS)
    spans = [parts[first : first + share] for first in range(0, len(parts), share)]
    failures = run_all(spans, work, front_workers=len(spans), cancellation=Cancellation())
    if failures and not found:
        raise failures[0][1]
    return found[0] if found else None


def _read(path: S3Path, parts: Sequence[SentSpan], whole: Hasher | None) -> OtherBytes | None:
    buffer = new_buffer(PIECE_BYTES)
    file = S3File(path, end=parts[-1].end)
    try:
        for part in parts:
            hasher = hashlib.sha256()
            for offset in range(part.begin, part.end, len(buffer)):
                view = buffer[: part.end - offset]
                file.read_into([view], offset, what=str(path))
                hasher.update(view)
                if whole is not None:
                    whole.update(view)
            if hasher.digest() != part.sha256:
                return OtherBytes(part, hasher.digest())
    finally:
        file.close()
    return None
