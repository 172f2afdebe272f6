"""The bytes of a blob as a scanner must see them: decompressed, within bounds.

ClamAV 1.4 does not look into zstd, and no scanner should see more of a bomb than a limit. The kind of compression is
known by the first bytes, not by the media type, which anybody can write.
"""

from __future__ import annotations

from bundler.core.limits import SCAN_RATIO, SCAN_RATIO_FROM_BYTES
from bundler.core.protocols import Pieces
from bundler.core.scan.engine import Subject
from bundler.errors import BundlerError, Damaged
from bundler.stores import compression


class Unscannable(Exception):  # no error of a run: the verdict on one object
    """The object cannot be given to a scanner."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def unpacked(subject: Subject, *, limit_bytes: int) -> Pieces:
    """Yields the bytes of a blob, decompressed once if they are compressed.

    Args:
        subject: The blob.
        limit_bytes: The largest number of bytes to yield.

    Raises:
        Unscannable: There are more, or they are those of a bomb, or the compressed stream is damaged.
        BundlerError: As `SubjectBlobs.open`.
    """
    if subject.descriptor.size_bytes > limit_bytes:
        raise Unscannable(f"larger than {limit_bytes:,} bytes")
    source = _Source(subject)
    beginning, pieces = compression.peeked(source.pieces())
    kind = compression.kind_of(beginning)
    if kind == compression.SEVEN_ZIP:  # no kind of layer: the scanner opens it, or not, as any file
        kind = compression.NONE
    given_bytes = 0
    try:
        for piece in compression.decompressed(pieces, kind, what=str(subject.descriptor.digest)):
            given_bytes += len(piece)
            _check(given_bytes, subject.descriptor.size_bytes, limit_bytes)
            yield piece
    except Damaged as error:
        if error is source.error:
            raise
        raise Unscannable(error.message) from error  # its digest is right, so it was made like this


def _check(given_bytes: int, size_bytes: int, limit_bytes: int) -> None:
    if given_bytes > limit_bytes:
        raise Unscannable(f"larger than {limit_bytes:,} bytes when it is decompressed")
    if given_bytes > SCAN_RATIO_FROM_BYTES and given_bytes > SCAN_RATIO * size_bytes:
        raise Unscannable(f"it grows to more than {SCAN_RATIO} times its size when it is decompressed")


class _Source:
    """The stored bytes of a blob. It remembers their error, to tell it from one of the decompressor."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self.error: BundlerError | None = None

    def pieces(self) -> Pieces:
        """Yields them."""
        try:
            yield from self._subject.blobs.open(self._subject.descriptor)
        except BundlerError as error:
            self.error = error
            raise
