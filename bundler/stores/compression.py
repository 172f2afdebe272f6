"""Compressed streams: what image files come in, and what layers are made of. The door to zlib-ng and to zstd.

Layers that we compress ourselves must come out the same on every machine, so that the same image has the same digests
everywhere: zlib-ng's output does not depend on the processor, ISA-L's does. See docs/decisions/0005.
"""

from __future__ import annotations

import bz2
import importlib
import lzma
import sys
from collections.abc import Callable, Generator
from typing import Any, Protocol, cast

from bundler.core.limits import DECOMPRESSOR_BYTES, EMPTY_FRAMES, PIECE_BYTES, ZSTD_WINDOW_LOG
from bundler.core.protocols import Pieces
from bundler.errors import Damaged
from bundler.texts import text

GZIP, ZSTD, XZ, BZIP2, SEVEN_ZIP, NONE = "gzip", "zstd", "xz", "bzip2", "7z", "none"

_MAGIC = {
    GZIP: b"\x1f\x8b\x08",
    ZSTD: b"\x28\xb5\x2f\xfd",
    XZ: b"\xfd7zXZ\0",
    BZIP2: b"BZh",
    SEVEN_ZIP: b"7z\xbc\xaf\x27\x1c",
}

_BEGINNING_BYTES = 512
"""The header of a tar; the signs of compressed streams are shorter."""

_SLICE_BYTES = 16 << 10

_GZIP_LEVEL = 2
_ZSTD_LEVEL = 3
_GZIP_WINDOW = 31
"""zlib's number for a window of 32 KiB in a gzip frame."""


class Compressor(Protocol):
    """Takes bytes and gives fewer."""

    def compress(self, data: bytes | memoryview, /) -> bytes:
        """Some of the compressed bytes."""

    def flush(self) -> bytes:
        """The rest."""


class _Plain:
    """No compression."""

    def compress(self, data: bytes | memoryview, /) -> bytes:
        return bytes(data)

    def flush(self) -> bytes:
        return b""


def kind_of(beginning: bytes) -> str:
    """What a stream is compressed with, by its first bytes; `NONE` for anything else."""
    return next((kind for kind, magic in _MAGIC.items() if beginning.startswith(magic)), NONE)


def begun(pieces: Pieces) -> tuple[bytes, Pieces]:
    """The first bytes of a stream, enough to tell what it is wherever its pieces end, and the whole stream."""
    held: list[bytes] = []
    for piece in pieces:
        held.append(bytes(piece))
        if sum(map(len, held)) >= _BEGINNING_BYTES:
            break
    return b"".join(held), _again(held, pieces)


def _again(held: list[bytes], rest: Pieces) -> Pieces:
    yield from held
    yield from rest


def compressor(kind: str) -> Compressor:
    """A compressor for a layer: `GZIP`, `ZSTD` or `NONE`. The pieces' sizes have no part in what comes out."""
    made: Compressor
    if kind == GZIP:
        from zlib_ng import zlib_ng

        made = zlib_ng.compressobj(_GZIP_LEVEL, zlib_ng.DEFLATED, _GZIP_WINDOW)
    elif kind == ZSTD:
        made = _zstd().ZstdCompressor(level=_ZSTD_LEVEL)
    else:
        made = _Plain()
    return made


def decompressed(pieces: Pieces, kind: str, *, what: str) -> Pieces:
    """The bytes behind a compressed stream, in memory that does not grow with it.

    Args:
        pieces: The compressed bytes; frames may follow each other.
        kind: One of the constants; `NONE` passes the bytes through.
        what: For messages.

    Raises:
        Damaged: The stream is cut or damaged, or needs a window that no image needs.
    """
    if kind == NONE:
        yield from pieces
        return
    make, errors = _decompressor(kind)
    frame = make()
    has_begun = False
    empty_frames = 0
    try:
        for data in _sliced(pieces):
            while data:
                if frame.eof:
                    if kind != ZSTD:
                        data = data.lstrip(b"\0")  # padding, as tapes and `dd` leave it
                    if not data:
                        break
                    frame, has_begun = make(), False
                    empty_frames += 1
                    if empty_frames > EMPTY_FRAMES:
                        raise Damaged(text("the {kind} stream has too many empty parts", kind=kind), subject=what)
                has_begun = True
                for piece in _drained(frame, data):
                    empty_frames = 0
                    yield piece
                data = frame.unused_data if frame.eof else b""
    except errors as error:
        raise Damaged(
            text("the {kind} stream is damaged: {error}", kind=kind, error=error),
            subject=what,
            hint="copy this file again",
        ) from error
    except MemoryError as error:
        raise Damaged(
            text("the {kind} stream needs more memory than any image does", kind=kind), subject=what
        ) from error
    if has_begun and not frame.eof:
        raise Damaged(text("the {kind} stream is truncated", kind=kind), subject=what, hint="copy this file again")


def _sliced(pieces: Pieces) -> Generator[bytes, None, None]:
    """Small slices: at the end of each frame a decoder copies all that is left of its input."""
    for piece in pieces:
        for begin in range(0, len(piece), _SLICE_BYTES):
            yield bytes(piece[begin : begin + _SLICE_BYTES])


def _drained(frame: Any, data: bytes) -> Pieces:
    """All that a frame gives for some bytes, a piece at a time."""
    while True:
        out = frame.decompress(data, PIECE_BYTES)
        if out:
            yield out
        if frame.eof or (not out and frame.needs_input):
            return
        data = b""
        if frame.needs_input:
            return


class _GzipFrame:
    """zlib-ng's object in the manner of the others."""

    def __init__(self) -> None:
        from zlib_ng import zlib_ng

        self._frame = zlib_ng.decompressobj(_GZIP_WINDOW)

    def decompress(self, data: bytes, limit_bytes: int) -> bytes:
        return bytes(self._frame.decompress(self._frame.unconsumed_tail + data, limit_bytes))

    @property
    def eof(self) -> bool:
        return bool(self._frame.eof)

    @property
    def needs_input(self) -> bool:
        return not self._frame.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return bytes(self._frame.unused_data)


def _decompressor(kind: str) -> tuple[Callable[[], Any], tuple[type[Exception], ...]]:
    if kind == GZIP:
        from zlib_ng import zlib_ng

        return _GzipFrame, (cast(type[Exception], zlib_ng.error),)
    if kind == ZSTD:
        zstd = _zstd()
        options = {zstd.DecompressionParameter.window_log_max: ZSTD_WINDOW_LOG}
        return lambda: zstd.ZstdDecompressor(options=options), (zstd.ZstdError,)
    if kind == XZ:
        return lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=DECOMPRESSOR_BYTES), (lzma.LZMAError,)
    return bz2.BZ2Decompressor, (OSError, EOFError)


def _zstd() -> Any:
    return importlib.import_module("backports.zstd" if sys.version_info < (3, 14) else "compression.zstd")
