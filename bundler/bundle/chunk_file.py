"""One chunk file while it is written: from start to end if its writers wait for their turns, else at any place.

Bytes that follow directly on the hashed ones are hashed at once, while they are in the processor's cache, and go to
the device without the page cache where that works (`bundler.system.direct_file`). All others are hashed later by the
background hash, from the page cache. A background thread flushes the file to the device.
"""

from __future__ import annotations

import hashlib
import os
import threading
from array import array
from collections.abc import Sequence
from contextlib import suppress

from bundler.bundle.chunk import ChunkMember
from bundler.bundle.chunk_progress import ChunkProgress
from bundler.bundle.held_media import Held
from bundler.core import tar
from bundler.core.digest import Hasher
from bundler.core.limits import PIECE_BYTES
from bundler.errors import BundlerError, Damaged, LocalStorage
from bundler.system.direct_file import DirectFile
from bundler.system.durable_files import write_from
from bundler.system.files import read_into

_FLUSH_BYTES = 64 << 20
"""The number of bytes after which a flush starts. A flush at the end only would leave the device idle until then."""


class ChunkFile(ChunkProgress):
    """One chunk that is written to a file."""

    def __init__(
        self,
        folder: Held,
        name: str,
        members: Sequence[ChunkMember],
        *,
        is_hashed_at_once: bool,
        has_sparse_files: bool,
    ) -> None:
        """Plans the file; the first write creates it.

        Args:
            folder: The folder of the file.
            name: The name of the file.
            members: The members of the chunk, in the order of their places.
            is_hashed_at_once: True if writers hash as much as they can, so that fewer bytes are read again.
            has_sparse_files: True if the file system takes bytes after the end of a file.
        """
        super().__init__(name, members)
        self._folder = folder
        self.path = folder.where(name)
        self._is_hashed_at_once = is_hashed_at_once
        self._has_sparse_files = has_sparse_files
        self._growing = threading.Lock()
        self._hasher = hashlib.sha256()
        self._digest = ""
        self._hashed_bytes = 0
        self._claimed_bytes = 0
        """The offset up to which bytes are hashed, or are being hashed now."""
        self._unflushed_bytes = 0
        self._descriptor = -1
        self._direct = DirectFile(what=self.path)

    @property
    def digest(self) -> str:
        """The SHA-256 of the whole file, in hex."""
        assert self.is_hashed
        return self._digest or self._hasher.hexdigest()

    def is_done_already(self, digest: str) -> None:
        """Takes over a file that an earlier run finished and this one has read and hashed; its SHA-256 is in hex.

        Call this before any thread uses the file.
        """
        self._written_to = array("q", (member.end for member in self.members))
        self._digest = digest
        self._claimed_bytes = self._end + len(tar.END)
        self.is_hashed = self.is_flushed = True

    def end(self, member: ChunkMember) -> None:
        """As `ChunkProgress.end`. The bytes that came of the member are in the file then, for a later run."""
        self._end_direct()
        super().end(member)

    def restart(self, member: ChunkMember) -> None:
        """Discards what was written of a member, because it will be written again, perhaps with other bytes.

        If a cut blob failed in its last part, all its other parts may be complete, and their chunks with them.
        """
        number = self._number_of(member)
        self._turns.begin_again(number)
        with self._lock:
            self._written_to[number] = member.header_offset
            self._first_open = min(self._first_open, number)
            if self._claimed_bytes > member.header_offset:
                self.is_hashed = self.is_flushed = False
                self._hasher, self._digest = hashlib.sha256(), ""
                self._hashed_bytes = self._claimed_bytes = self._first_open = 0

    def write(self, buffers: Sequence[bytes | memoryview], offset_bytes: int) -> None:
        """Writes the next bytes of the member that has this place, from its header to its padding.

        Raises:
            LocalStorage: The file cannot be created, or the bytes cannot be written.
        """
        number = self._number_at(offset_bytes)
        end = in_file = offset_bytes + sum(map(len, buffers))
        hasher = self._claimed(offset_bytes, end)
        if not self._has_sparse_files:
            with self._growing:
                self._fill_up_to(offset_bytes)
                write_from(self._open(), buffers, offset_bytes, what=self.path)
        elif hasher is not None:
            is_last = end == self._end_of(number)
            in_file = self._direct.write(self._open(), buffers, offset_bytes, is_last=is_last)
        else:
            self._direct.end()
            write_from(self._open(), buffers, offset_bytes, what=self.path)
        if hasher is not None:
            for buffer in buffers:
                hasher.update(buffer)
        with self._lock:
            if hasher is not None and hasher is self._hasher:  # else it was restarted during the write
                self._hashed_bytes = end
            self._written_to[number] = in_file
            self._unflushed_bytes += end - offset_bytes
        self._note_written(number, end)

    def hash_ready(self, buffer: memoryview) -> None:
        """Hashes the bytes up to the first gap. If there is no gap, writes the end of the archive.

        Raises:
            LocalStorage: The end cannot be written, or the bytes cannot be read back.
        """
        while not self.is_hashed:
            with self._lock:
                hasher, begin = self._hasher, self._hashed_bytes
                if self._claimed_bytes > begin:
                    return  # a writer is hashing
                # Hashed bytes may be in memory only.
                end = self._claimed_bytes = max(begin, min(self._ready_bytes(), begin + len(buffer)))
                is_last = self._first_open == len(self.members)
            if begin < end:
                view = buffer[: end - begin]
                try:
                    read_into(self._open(), [view], begin, what=self.path)
                except Damaged as error:  # of our own file, which was written just now
                    raise LocalStorage(
                        error.message, subject=error.subject, hint="the medium is bad: replace it"
                    ) from error
                hasher.update(view)
                with self._lock:
                    if hasher is self._hasher:  # else it was restarted during the read, and these bytes do not count
                        self._hashed_bytes = end
            elif is_last:
                write_from(self._open(), [tar.END], self._end, what=self.path)
                hasher.update(tar.END)
                with self._lock:
                    self.is_hashed = hasher is self._hasher
            else:
                return

    def flush(self) -> None:
        """Flushes the file to the device, if much was written since the last time or all is written.

        Raises:
            LocalStorage: The device did not take the bytes.
        """
        is_last = self.is_hashed
        if self.is_flushed or not (is_last or self._unflushed_bytes >= _FLUSH_BYTES):
            return
        with self._lock:
            self._unflushed_bytes = 0
        try:
            if is_last:
                os.fsync(self._descriptor)
                # A later check must read the medium, not the page cache.
                os.posix_fadvise(self._descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            else:
                os.fdatasync(self._descriptor)
        except OSError as error:
            raise LocalStorage.unwritable(error, self.path) from error
        with self._lock:
            is_flushed = is_last and self.is_hashed and not self._unflushed_bytes
            if is_flushed:
                try:
                    self._close()  # there may be more chunks than a process may have files
                except OSError as error:  # some file systems report only now that they did not take the bytes
                    raise LocalStorage.unwritable(error, self.path) from error
            self.is_flushed = is_flushed

    def close(self) -> None:
        """Closes the file as it is. Idempotent."""
        self._end_direct()
        with suppress(OSError):  # flushed bytes are on the device, and the others are of no use
            self._close()

    def _end_direct(self) -> None:
        with suppress(BundlerError):  # of a member that is not whole: it is fetched again
            self._direct.end()

    def _close(self) -> None:
        with self._lock:
            descriptor, self._descriptor = self._descriptor, -1
            if descriptor >= 0:
                os.close(descriptor)

    def _open(self) -> int:
        with self._lock:
            if self._descriptor < 0:
                self._descriptor = self._folder.open_or_create(self.name)
            return self._descriptor

    def _claimed(self, begin: int, end: int) -> Hasher | None:
        """Returns the hash if it has reached the offset of this write and no other thread is hashing; else None."""
        with self._lock:
            if not self._is_hashed_at_once or not begin == self._hashed_bytes == self._claimed_bytes:
                return None
            self._claimed_bytes = end
            return self._hasher

    def _fill_up_to(self, offset_bytes: int) -> None:
        """Fills a gap with zeros: the blob of that place was given up, and may still come."""
        try:
            size_bytes = os.fstat(self._open()).st_size
        except OSError as error:
            raise LocalStorage.unwritable(error, self.path) from error
        for begin in range(size_bytes, offset_bytes, PIECE_BYTES):
            zeros = bytes(min(PIECE_BYTES, offset_bytes - begin))
            write_from(self._open(), [zeros], begin, what=self.path)
