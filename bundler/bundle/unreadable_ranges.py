"""Reads a file from a failing medium: every byte that can be read, around the unreadable ranges."""

from __future__ import annotations

from collections.abc import Iterator

from bundler.core.frozen import frozen
from bundler.core.limits import PIECE_BYTES, UNREADABLE_READS
from bundler.core.protocols import OpenFile
from bundler.system.buffers import new_buffer
from bundler.system.files import Unreadable

_STEP_BYTES = 4096
"""The size of the small steps: sectors of discs and sticks are not larger, pages of memory are not smaller."""


@frozen
class UnreadableRange:
    """Bytes that cannot be read."""

    length_bytes: int
    error: Unreadable


def read_around(file: OpenFile, size_bytes: int, *, what: str) -> Iterator[memoryview | UnreadableRange]:
    """Reads a file from its first byte to its last, as pieces and unreadable ranges.

    After a failed read, the steps become small, so that few good bytes are given up. They grow again while reads
    fail, so that few reads are tried in vain. After `UNREADABLE_READS` failures, the rest of the file is one range.

    Args:
        file: The open file.
        size_bytes: The size of the file.
        what: Names it in errors.

    Yields:
        Pieces, each valid until the next one, and unreadable ranges.

    Raises:
        Damaged: The file is shorter than its size.
    """
    buffer = new_buffer(min(PIECE_BYTES, size_bytes))
    position = failures = 0
    step = PIECE_BYTES
    is_in_hole = False
    while position < size_bytes:
        view = buffer[: min(step, size_bytes - position)]
        try:
            file.read_into([view], position, what=what)
        except Unreadable as error:
            failures += 1
            if step == PIECE_BYTES and not is_in_hole:
                step = _STEP_BYTES
                continue
            length = len(view) if failures < UNREADABLE_READS else size_bytes - position
            yield UnreadableRange(length, error)
            is_in_hole = True
            step = min(2 * step, PIECE_BYTES)
        else:
            length = len(view)
            yield view
            if is_in_hole:
                is_in_hole, step = False, _STEP_BYTES
            if (position + length) % PIECE_BYTES == 0:
                step = PIECE_BYTES
        position += length
