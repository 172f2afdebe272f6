"""Buffers that bytes are read into, from files and sockets, again and again."""

from __future__ import annotations

import mmap
from collections.abc import Sequence

from bundler.core.limits import PIECE_BYTES
from bundler.core.protocols import Pieces

_WORTHWHILE_BYTES = 64 << 10


def new_buffer(size_bytes: int) -> memoryview:
    """A buffer of zeros. Unless it is small, it begins where a page of memory does.

    Linux copies with one instruction, and AMD's processors run that at a quarter of its speed into a buffer that begins
    16 bytes behind a page's begin. There `malloc`, and so `bytearray`, puts all large ones.

    Args:
        size_bytes: At least one is made.
    """
    if size_bytes < _WORTHWHILE_BYTES:
        return memoryview(bytearray(max(1, size_bytes)))
    return memoryview(mmap.mmap(-1, size_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))


def rest_of(
    buffers: Sequence[bytes | bytearray | memoryview], done_bytes: int, limit_bytes: int | None = None
) -> list[memoryview]:
    """Returns the rest of buffers after their first bytes, or the beginning of that rest."""
    rest = []
    for buffer in buffers:
        view = memoryview(buffer)[done_bytes:]
        done_bytes = max(0, done_bytes - len(buffer))
        if limit_bytes is not None:
            view = view[:limit_bytes]
            limit_bytes -= len(view)
        if len(view):
            rest.append(view)
    return rest


def pieces_in(content: bytes, offset_bytes: int) -> Pieces:
    """The bytes of something in memory, from an offset on."""
    for begin in range(offset_bytes, len(content), PIECE_BYTES):
        yield memoryview(content)[begin : begin + PIECE_BYTES]
