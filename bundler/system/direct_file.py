"""Writes a file without the page cache (``O_DIRECT``), as far as its bytes come in order and the file system takes it.

The kernel then moves whole pages of the file from our memory to the device. There is no copy into the page cache, and
nothing to flush or to drop later. Two rules keep both ways of writing apart, as open(2) asks for:

- A page is written in one way only. The first and the last bytes of a piece share their pages with other pieces, so
  these go through the page cache.
- Only the end of the file is written directly. Bytes that are written again go through the page cache.

Large pieces are written from where they are in memory. Blobs begin at multiples of 512 bytes in a chunk, so their
pieces need not begin with a page; most devices take that. For the others, pieces are copied to a buffer first.

Trying decides, not the name of the file system: after a refusal, or some slow writes, the rest of the file goes through
the page cache, as `bundler.system.durable_files` writes it.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Sequence

from bundler.core.limits import PIECE_BYTES
from bundler.errors import LocalStorage
from bundler.system.buffers import new_buffer, rest_of
from bundler.system.durable_files import write_from
from bundler.system.files import let_go

_PAGE_BYTES = 4096
"""Offsets and sizes are multiples of this: no usual device has larger blocks."""

_STRAIGHT_BYTES = 256 << 10
"""Smaller pieces are collected: a write has a price of its own."""

_TRIED_BYTES = 8 << 20
_TRIED_SECONDS = 0.25
"""A device that needs more time for the first bytes is slower than 32 MiB/s. The page cache is better there: it hides
each wait from the writer, and gives the device many pieces at a time."""

_REFUSED = {errno.EINVAL, errno.ENOTSUP}


class DirectFile:
    """The writes of one file whose members each come in order. Thread-safe.

    It has a buffer and a descriptor of its own while a member is being written, and nothing in between.
    """

    def __init__(self, *, what: str) -> None:
        """Opens nothing yet.

        Args:
            what: The name of the file in errors.
        """
        self._what = what
        self._lock = threading.Lock()
        self._works = True
        """False when the file system has refused direct writes, or is slow at them."""
        self._is_straight = True
        """False when the file system has refused bytes that are not at the start of a page in memory."""
        self._written_bytes = 0
        self._written_seconds = 0.0
        self._begin = self._held_bytes = 0
        """The place in the file of the bytes in the buffer, and their number. All before them are in the file."""
        self._buffer = memoryview(b"")
        self._descriptor = self._direct = -1

    def write(self, descriptor: int, buffers: Sequence[bytes | memoryview], offset_bytes: int, *, is_last: bool) -> int:
        """Writes the next bytes of a member. Some stay in memory until more come, or `end` is called.

        Args:
            descriptor: The file, open to write.
            buffers: The bytes.
            offset_bytes: Their offset in the file.
            is_last: True if they are the last ones of the member. Then none stay in memory.

        Returns:
            The offset up to which the bytes are in the file.

        Raises:
            LocalStorage: They cannot be written.
        """
        end = offset_bytes + sum(map(len, buffers))
        with self._lock:
            if offset_bytes != self._begin + self._held_bytes:
                self._end()
                self._begin = offset_bytes
            if self._direct >= 0 or (not is_last and self._start(descriptor)):
                for buffer in buffers:
                    self._take(memoryview(buffer))
                if is_last:
                    self._end()
            else:
                write_from(descriptor, buffers, offset_bytes, what=self._what)
                self._begin = end
            return self._begin

    def end(self) -> None:
        """Writes the bytes that stayed in memory, if there are any. Call it when no more come of a member.

        Raises:
            LocalStorage: They cannot be written.
        """
        with self._lock:
            self._end()

    def _start(self, descriptor: int) -> bool:
        """Opens the file for direct writes, if the next bytes come after all others and no write was refused."""
        if not self._works:
            return False
        try:
            if self._begin < os.fstat(descriptor).st_size:
                return False
            self._direct = os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY | os.O_DIRECT | os.O_CLOEXEC)
        except OSError:  # also with too many open files, or without /proc
            self._works = False
            return False
        self._descriptor, self._buffer = descriptor, new_buffer(PIECE_BYTES)
        return True

    def _take(self, view: memoryview) -> None:
        """Writes the pages of a large piece from where they are. Collects other bytes, and writes each full buffer."""
        while len(view):
            to_page = -self._begin % _PAGE_BYTES
            if to_page:  # another piece may have the first bytes of this page
                write_from(self._descriptor, [view[:to_page]], self._begin, what=self._what)
                self._begin += min(to_page, len(view))
                view = view[to_page:]
            elif len(view) >= _STRAIGHT_BYTES and self._works and self._is_straight:
                view = self._write_straight(self._hold(view, -self._held_bytes % _PAGE_BYTES))
            else:
                view = self._hold(view, len(self._buffer) - self._held_bytes)
                if self._held_bytes == len(self._buffer):
                    self._write_collected()

    def _hold(self, view: memoryview, amount_bytes: int) -> memoryview:
        """Copies the first bytes into the buffer; returns the others."""
        now = view[:amount_bytes]
        self._buffer[self._held_bytes : self._held_bytes + len(now)] = now
        self._held_bytes += len(now)
        return view[len(now) :]

    def _write_straight(self, view: memoryview) -> memoryview:
        """Writes the pages in the buffer, and those of a piece; returns what is left of it, mostly a part of a page."""
        pages = view[: len(view) // _PAGE_BYTES * _PAGE_BYTES]
        buffers = [self._buffer[: self._held_bytes], pages]
        done = self._write_directly(buffers)
        if done is None:
            self._is_straight = False
            return view
        if done < self._held_bytes + len(pages):
            write_from(self._descriptor, rest_of(buffers, done), self._begin + done, what=self._what)
        self._begin += self._held_bytes + len(pages)
        self._held_bytes = 0
        return view[len(pages) :]

    def _write_collected(self) -> None:
        """Writes the whole buffer."""
        done = self._write_directly([self._buffer]) if self._works else 0
        if done is None:
            self._works = False
        self._write_held(done or 0)

    def _end(self) -> None:
        """Writes what is in the buffer through the page cache, and frees the buffer."""
        if self._direct < 0:
            return
        direct, self._direct = self._direct, -1
        try:
            self._write_held()
        finally:
            self._held_bytes, self._buffer = 0, memoryview(b"")
            let_go(direct)

    def _write_directly(self, buffers: Sequence[memoryview]) -> int | None:
        """Writes whole pages; returns how many bytes the file system took, None if it refuses."""
        began = time.monotonic()
        try:
            done = os.pwritev(self._direct, buffers, self._begin)
        except OSError as error:
            if error.errno not in _REFUSED:
                raise LocalStorage.unwritable(error, self._what) from error
            return None
        if self._written_bytes < _TRIED_BYTES:
            self._written_bytes += done
            self._written_seconds += time.monotonic() - began
            self._works = self._written_seconds <= _TRIED_SECONDS
        return done

    def _write_held(self, done_bytes: int = 0) -> None:
        """Writes the bytes in the buffer after the first ones, which are in the file."""
        held = self._buffer[: self._held_bytes]
        write_from(self._descriptor, [held[done_bytes:]], self._begin + done_bytes, what=self._what)
        self._begin += self._held_bytes
        self._held_bytes = 0
