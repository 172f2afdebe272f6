"""Compressed streams: image files and layers. Only this module imports zlib-ng and zstd.

The layers that we compress must be the same on every machine, so that the same image has the same digests everywhere.
The output of zlib-ng does not depend on the processor, that of ISA-L does. See docs/decisions/0005.
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
"""The header of a tar; the magic numbers of compressed streams are shorter."""

_SLICE_BYTES = 16 << 10

_GZIP_LEVEL = 2
_ZSTD_LEVEL = 3
_GZIP_WINDOW = 31
"""zlib's number for a window of 32 KiB in a gzip frame."""


class Compressor(Protocol):
    """Compresses a stream."""

    def compress(self, data: bytes | memoryview, /) -> bytes:
        """Returns the compressed bytes that are ready."""

    def flush(self) -> bytes:
        """Returns the rest of the compressed bytes."""


class _Plain:
    """No compression."""

    def compress(self, data: bytes | memoryview, /) -> bytes:
        return bytes(data)

    def flush(self) -> bytes:
        return b""


def kind_of(beginning: bytes) -> str:
    """Returns the compression of a stream with these first bytes; `NONE` for any other stream."""
    return next((kind for kind, magic in _MAGIC.items() if beginning.startswith(magic)), NONE)


def peeked(pieces: Pieces) -> tuple[bytes, Pieces]:
    """Returns the first bytes of a stream, enough for `kind_of`, and the whole stream."""
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
    """Returns a compressor for a layer: `GZIP`, `ZSTD` or `NONE`. The sizes of the pieces do not change its output."""
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
    """Yields the decompressed bytes of a stream. The memory in use does not grow with the stream.

    Args:
        pieces: The compressed bytes; several frames may follow each other.
        kind: One of the constants; `NONE` passes the bytes through.
        what: The name of the stream in errors.

    Raises:
        Damaged: The stream is truncated or damaged, or needs a larger window than any image does.
    """
    if kind == NONE:
        yield from pieces
        return
    make, errors = _decompressor(kind)
    frame = make()
    has_started = False
    empty_frames = 0
    try:
        for data in _sliced(pieces):
            while data:
                if frame.eof:
                    if kind != ZSTD:
                        data = data.lstrip(b"\0")  # padding of tapes and `dd`
                    if not data:
                        break
                    frame, has_started = make(), False
                    empty_frames += 1
                    if empty_frames > EMPTY_FRAMES:
                        raise Damaged(text("the {kind} stream has too many empty parts", kind=kind), subject=what)
                has_started = True
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
    if has_started and not frame.eof:
        raise Damaged(text("the {kind} stream is truncated", kind=kind), subject=what, hint="copy this file again")


def _sliced(pieces: Pieces) -> Generator[bytes, None, None]:
    """Yields small slices: at the end of each frame, a decoder copies all the rest of its input."""
    for piece in pieces:
        for begin in range(0, len(piece), _SLICE_BYTES):
            yield bytes(piece[begin : begin + _SLICE_BYTES])


def _drained(frame: Any, data: bytes) -> Pieces:
    """Yields all output of a frame for some bytes, in pieces."""
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
    """zlib-ng's decompressor with the interface of the others."""

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
