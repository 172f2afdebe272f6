"""The bytes of a blob from an offset on, over HTTP: by Range, or by skipping the bytes before if the server cannot.

Lengths and ranges in the answer are compared with the descriptor. Never reads more than the descriptor's size.
RFC 9110 section 14.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import closing

from bundler.core.oci import Descriptor
from bundler.core.patterns import lazy_pattern
from bundler.core.protocols import Pieces
from bundler.errors import Damaged, Unavailable
from bundler.stores.addresses import printable
from bundler.stores.http import Answer
from bundler.texts import text

_CONTENT_RANGE = lazy_pattern(r"bytes ([0-9]{1,16})-[0-9]{1,16}/(?P<size>[0-9]{1,16}|\*)", re.IGNORECASE | re.ASCII)
_UNSATISFIED_RANGE = lazy_pattern(r"bytes \*/(?P<size>[0-9]{1,16})", re.IGNORECASE | re.ASCII)

Ask = Callable[[Mapping[str, str]], Answer]
"""Sends a GET with more headers. Returns answers with status 200, 206 or 416, and raises for any other."""


def pieces_from(ask: Ask, descriptor: Descriptor, offset_bytes: int, *, called: str) -> Pieces:
    """Yields the bytes of a blob from an offset on, unverified.

    If a server answers with another range, with several ranges in one body, or that it has no such range, one more
    request asks for the whole blob.

    Args:
        ask: Sends the request for the blob.
        descriptor: The descriptor; the answer must have its size.
        offset_bytes: The number of bytes to skip.
        called: The name of the blob in errors.

    Raises:
        Damaged: The server's blob has another size.
        Unavailable: The server answers with ranges that were not requested.
        BundlerError: As ``ask`` and `Answer.pieces`.
    """
    for begin in dict.fromkeys((offset_bytes, 0)):
        answer = ask({"Range": f"bytes={begin}-"} if begin else {})
        if answer.status == 200 or _is_range_from(answer, begin):
            break
        answer.drop()
    else:
        raise Unavailable(
            "the server sent another range than requested",
            retryable=True,
            subject=called,
            expected="200 OK",
            actual=printable(f"{answer.status} {answer.headers.get('Content-Range', '')}"),
        )
    size = stated_size(answer)
    if size is not None and size != str(descriptor.size_bytes):
        answer.drop()
        raise Damaged(
            "the registry's blob has another size than its descriptor says",
            retryable=True,
            subject=called,
            expected=text("{size} bytes", size=descriptor.size_bytes),
            actual=text("{size} bytes", size=size[:20]),
        )
    skip = offset_bytes - (begin if answer.status == 206 else 0)
    with closing(answer.pieces()) as pieces:
        for piece in pieces:
            if skip >= len(piece):
                skip -= len(piece)
            else:
                yield memoryview(piece)[skip:] if skip else piece
                skip = 0


def _is_range_from(answer: Answer, offset_bytes: int) -> bool:
    found = _CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", "").strip())
    return answer.status == 206 and found is not None and int(found[1]) == offset_bytes


def stated_size(answer: Answer) -> str | None:
    """Returns the size of the whole blob in the answer to a GET; None if it is not stated."""
    if answer.status == 200:
        return answer.headers.get("Content-Length")
    header = answer.headers.get("Content-Range", "").strip()
    found = _CONTENT_RANGE.fullmatch(header) or _UNSATISFIED_RANGE.fullmatch(header)
    return found["size"] if found and found["size"] != "*" else None
