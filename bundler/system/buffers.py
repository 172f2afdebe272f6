"""Reusable buffers for bytes that are read from files and sockets."""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from contextlib import suppress

from bundler.core.limits import PIECE_BYTES
from bundler.core.protocols import Pieces

_WORTHWHILE_BYTES = 64 << 10

_LARGE_PAGE_BYTES = 2 << 20
"""The size of a large page on most processors. A buffer of one large page is one entry for the kernel, not 512."""


def new_buffer(size_bytes: int) -> memoryview:
    """Returns a buffer of zeros. A large one starts at the start of a memory page.

    Linux copies with one instruction. AMD's processors run it at a quarter of its speed if the buffer starts 16 bytes
    after the start of a page. `malloc`, and so `bytearray`, puts all large buffers there.

    Args:
        size_bytes: At least one is made.
    """
    if size_bytes < _WORTHWHILE_BYTES:
        return memoryview(bytearray(max(1, size_bytes)))
    pages = mmap.mmap(-1, size_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if size_bytes >= _LARGE_PAGE_BYTES and hasattr(mmap, "MADV_HUGEPAGE"):
        with suppress(OSError):  # a kernel without large pages
            pages.madvise(mmap.MADV_HUGEPAGE)
    return memoryview(pages)


def rest_of(
    buffers: Sequence[bytes | bytearray | memoryview], done_bytes: int, limit_bytes: int | None = None
) -> list[memoryview]:
    """Returns what is left of buffers after their first bytes, or the first bytes of what is left."""
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
    """Yields bytes in memory, in pieces, from an offset on."""
    for begin in range(offset_bytes, len(content), PIECE_BYTES):
        yield memoryview(content)[begin : begin + PIECE_BYTES]
