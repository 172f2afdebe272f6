"""A file with images: a tar, plain or compressed, or a 7z archive. Read as a stream.

The content shows its format. The file's name does not matter.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from pathlib import Path

from bundler.core.limits import PIECE_BYTES
from bundler.core.protocols import Pieces
from bundler.stores import compression, seven_zip_files
from bundler.stores.tar_reader import ByteStream
from bundler.system.files import FileStream, opened, pieces_of, size_of

_MAGIC_BYTES = 16

Tap = Callable[["bytes | memoryview"], None]
"""Receives each piece of a file as it is read."""


def nothing(_piece: bytes | memoryview) -> None:
    """A tap that ignores all pieces."""


def tapped(pieces: Pieces, tap: Tap) -> Pieces:
    """Yields pieces after passing them to a tap."""
    for piece in pieces:
        tap(piece)
        yield piece


class ImageFile:
    """A regular file, with the compression of its content.

    Attributes:
        called: Its name in errors: transport and path.
        compression: One of the constants of `compression`.
    """

    def __init__(self, path: Path, *, called: str) -> None:
        """Reads the first bytes of the file.

        Raises:
            Refused, Damaged, LocalStorage: As `opened`.
        """
        self.path = path
        self.called = called
        with opened(path) as descriptor:
            self.compression = compression.kind_of(FileStream(descriptor, what=called).read(_MAGIC_BYTES))
            self.size_bytes = size_of(descriptor, what=called)

    @property
    def is_plain(self) -> bool:
        """True if its members can be read at their offsets."""
        return self.compression == compression.NONE

    @contextmanager
    def stream(self, tap: Tap = nothing) -> Generator[ByteStream, None, None]:
        """Opens the tar in it as a stream. A plain file without a tap can skip bytes without reading them.

        Raises:
            Damaged: Its compressed stream is truncated or damaged; also while it is read.
        """
        with opened(self.path) as descriptor:
            if self.is_plain and tap is nothing:
                yield FileStream(descriptor, what=self.called)
                return
            raw = tapped(pieces_of(descriptor, 0, self.size_bytes, what=self.called), tap)
            if self.compression == compression.SEVEN_ZIP:
                for _ in raw:
                    pass
                raw = seven_zip_files.unpacked(self.path, what=self.called)
                unpacked = raw
            else:
                unpacked = compression.decompressed(raw, self.compression, what=self.called)
            with closing(raw), closing(unpacked):
                yield PieceStream(unpacked)


class PieceStream:
    """A stream of bytes made of pieces."""

    def __init__(self, pieces: Pieces) -> None:
        self._pieces = pieces
        self._left = memoryview(b"")

    def read(self, size_bytes: int) -> bytes:
        """Returns the next bytes; none at the end."""
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._left = memoryview(piece)
        content, self._left = bytes(self._left[:size_bytes]), self._left[size_bytes:]
        return content

    def skip(self, size_bytes: int) -> bool:
        """Skips some bytes. False if the stream ends before."""
        while size_bytes:
            passed = len(self.read(min(PIECE_BYTES, size_bytes)))
            if not passed:
                return False
            size_bytes -= passed
        return True
