"""A chunk file on its way: written from its begin to its end if its writers wait for their turn, else at any place.

What is written where the hash has come to is hashed at once, while it lies in the processor's cache; everything else is
hashed behind the writers, from the page cache. A follower brings the file to the device.
"""

from __future__ import annotations

import hashlib
import os
import threading
from array import array
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from bundler.bundle.chunk import Member
from bundler.bundle.files import read_into, write_from
from bundler.core import tar
from bundler.core.digest import Hasher
from bundler.core.limits import PIECE_BYTES
from bundler.errors import Damaged, LocalStorage

_FLUSH_BYTES = 64 << 20
"""How much is written before the device is told to begin; waiting for the end would leave it idle until then."""


_NEAR_BYTES = 32 << 20
"""How much is still to be written when the next blob is asked for: lines do not stand still between two, and no server
waits longer than servers do."""


class ChunkFile:
    """One chunk that is being made. `hash_ready` and `flush` are for a follower each, the rest is for many threads."""

    def __init__(self, path: Path, members: Sequence[Member], moved: threading.Condition) -> None:
        """Plans the file; it is made with its first bytes.

        Args:
            path: Where; nothing may be there.
            members: All that belongs into it, in the order of their places.
            moved: Held while the state of the file is read or changed.
        """
        self.path = path
        self.members = members
        self._moved = moved
        # Arrays: there may be a million members.
        self._begins = array("q", (member.header_offset for member in members))
        self._written_to = self._begins[:]
        self._first_open = 0
        self._turn = 0
        """The first member that may still come; those before it are there, or were given up."""
        self._over = bytearray(len(members))
        self._waiting: dict[int, threading.Event] = {}
        self._nearing: dict[int, threading.Event] = {}
        self.is_hashed_at_once = False
        """Whether writers hash what they can, so that it need not be read again."""
        self.has_holes = True
        """Whether the file system takes bytes behind the end of a file."""
        self._growing = threading.Lock()
        self._hasher = hashlib.sha256()
        self._digest = ""
        self._hashed_bytes = 0
        self._claimed_bytes = 0
        """Up to where bytes are hashed, or are being hashed right now."""
        self._unflushed_bytes = 0
        self.is_hashed = False
        self.is_flushed = False
        self._descriptor = -1

    @property
    def digest(self) -> str:
        """The SHA-256 of the whole file, in hex."""
        assert self.is_hashed
        return self._digest or self._hasher.hexdigest()

    @property
    def is_complete(self) -> bool:
        """Whether every member is in place."""
        with self._moved:
            return self._ready_bytes() == self._end and self._first_open == len(self.members)

    def is_done_already(self, digest: str) -> None:
        """Takes over a file that an earlier run finished; its SHA-256 is in hex. Before any thread comes."""
        self._written_to = array("q", (member.end for member in self.members))
        self._digest = digest
        self._claimed_bytes = self._end + len(tar.END)
        self.is_hashed = self.is_flushed = True

    def is_there_up_to(self, places: Mapping[int, int]) -> None:
        """Takes over what an earlier run wrote: by the begin of a member, up to where it is there. As above."""
        self._written_to = array("q", (places.get(begin, begin) for begin in self._begins))
        self._over = bytearray(end == member.end for end, member in zip(self._written_to, self.members, strict=True))

    def await_near(self, member: Member) -> None:
        """Waits until so little is to come before this member that it may be asked for: its server can wait so long."""
        number = self._number_of(member)
        with self._moved:
            self._pass_turn()
            if self._is_near(number):
                return
            near = self._nearing[number] = threading.Event()
        near.wait()

    def await_turn(self, member: Member) -> None:
        """Waits until all members before this one are there, or were given up.

        Whoever is to write them must be at work already, or never wait for one that comes behind them.
        """
        number = self._number_of(member)
        with self._moved:
            self._pass_turn()
            if number <= self._turn:
                return
            turn = self._waiting[number] = threading.Event()
        turn.wait()

    def is_over(self, member: Member) -> None:
        """Says that nobody is at work on a member any more; who waits for it need not."""
        with self._moved:
            self._over[self._number_of(member)] = True
            self._pass_turn()

    def restart(self, member: Member) -> None:
        """Forgets what was written of a member, because it will be written again and may come out otherwise.

        Of a blob that is cut, all parts but the last may have been complete, and their chunks with them.
        """
        number = self._number_of(member)
        with self._moved:
            self._written_to[number] = member.header_offset
            self._first_open = min(self._first_open, number)
            if self._claimed_bytes > member.header_offset:
                self.is_hashed = self.is_flushed = False
                self._hasher, self._digest = hashlib.sha256(), ""
                self._hashed_bytes = self._claimed_bytes = self._first_open = 0

    def write(self, member: Member, buffers: Sequence[bytes | memoryview], offset_bytes: int) -> None:
        """Puts the next bytes of a member into place.

        Raises:
            LocalStorage: The file cannot be made, or they cannot be written.
        """
        end = offset_bytes + sum(map(len, buffers))
        hasher = self._claimed(offset_bytes, end)
        if self.has_holes:
            write_from(self._open(), buffers, offset_bytes, what=str(self.path))
        else:
            with self._growing:
                self._fill_up_to(offset_bytes)
                write_from(self._open(), buffers, offset_bytes, what=str(self.path))
        if hasher is not None:
            for buffer in buffers:
                hasher.update(buffer)
        number = self._number_of(member)
        with self._moved:
            if hasher is not None and hasher is self._hasher:  # else it was restarted meanwhile
                self._hashed_bytes = end
            self._written_to[number] = end
            self._unflushed_bytes += end - offset_bytes
            self._over[number] = self._over[number] or end == member.end
            self._pass_turn()

    def hash_ready(self, buffer: memoryview) -> None:
        """Hashes what is in place up to the first gap, and ends the file when there is none.

        Raises:
            LocalStorage: The end cannot be written, or the bytes cannot be read back.
        """
        while not self.is_hashed:
            with self._moved:
                hasher, begin = self._hasher, self._hashed_bytes
                if self._claimed_bytes > begin:
                    return  # a writer is at it
                end = self._claimed_bytes = min(self._ready_bytes(), begin + len(buffer))
                is_last = self._first_open == len(self.members)
            if begin < end:
                view = buffer[: end - begin]
                try:
                    read_into(self._open(), [view], begin, what=str(self.path))
                except Damaged as error:  # of our own file, which was written just now
                    raise LocalStorage(
                        error.message, subject=error.subject, hint="the medium is bad: replace it"
                    ) from error
                hasher.update(view)
                with self._moved:
                    if hasher is self._hasher:  # else it was restarted meanwhile, and these bytes do not count
                        self._hashed_bytes = end
            elif is_last:
                write_from(self._open(), [tar.END], self._end, what=str(self.path))
                hasher.update(tar.END)
                with self._moved:
                    self.is_hashed = hasher is self._hasher
            else:
                return

    def flush(self) -> None:
        """Brings to the device what was written, when it is much or all there will be.

        Raises:
            LocalStorage: The device did not take it.
        """
        is_last = self.is_hashed
        if self.is_flushed or not (is_last or self._unflushed_bytes >= _FLUSH_BYTES):
            return
        with self._moved:
            self._unflushed_bytes = 0
        try:
            if is_last:
                os.fsync(self._descriptor)
                # A later check shall read the medium, not what memory remembers of it.
                os.posix_fadvise(self._descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            else:
                os.fdatasync(self._descriptor)
        except OSError as error:
            raise LocalStorage.unwritable(error, str(self.path)) from error
        with self._moved:
            is_flushed = is_last and self.is_hashed and not self._unflushed_bytes
            if is_flushed:
                try:
                    self._close()  # there may be more chunks than a process may have files
                except OSError as error:  # some file systems tell only then that they did not take it
                    raise LocalStorage.unwritable(error, str(self.path)) from error
            self.is_flushed = is_flushed

    def close(self) -> None:
        """Lets go of the file as it is. Idempotent."""
        with suppress(OSError):  # what was flushed is on the device, and the rest is of no use
            self._close()

    def _close(self) -> None:
        with self._moved:
            descriptor, self._descriptor = self._descriptor, -1
            if descriptor >= 0:
                os.close(descriptor)

    def _open(self) -> int:
        with self._moved:
            if self._descriptor < 0:
                try:
                    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
                    self._descriptor = os.open(self.path, flags, 0o644)
                except OSError as error:
                    raise LocalStorage.unwritable(error, str(self.path)) from error
            return self._descriptor

    def _claimed(self, begin: int, end: int) -> Hasher | None:
        """The hash, if it has come to just where somebody is about to write, and waits for nobody else."""
        with self._moved:
            if not self.is_hashed_at_once or not begin == self._hashed_bytes == self._claimed_bytes:
                return None
            self._claimed_bytes = end
            return self._hasher

    def _fill_up_to(self, offset_bytes: int) -> None:
        """Writes zeros where nothing was written: the blob that belongs there was given up, and may come yet."""
        try:
            size_bytes = os.fstat(self._open()).st_size
        except OSError as error:
            raise LocalStorage.unwritable(error, str(self.path)) from error
        for begin in range(size_bytes, offset_bytes, PIECE_BYTES):
            zeros = bytes(min(PIECE_BYTES, offset_bytes - begin))
            write_from(self._open(), [zeros], begin, what=str(self.path))

    def _pass_turn(self) -> None:
        """Lets the next one write. To be called under the lock."""
        while self._turn < len(self._over) and self._over[self._turn]:
            self._turn += 1
        if self._turn in self._waiting:
            self._waiting.pop(self._turn).set()
        for number in [number for number in self._nearing if self._is_near(number)]:
            self._nearing.pop(number).set()

    def _is_near(self, number: int) -> bool:
        """Whether little is to be written before a member. To be called under the lock."""
        return number <= self._turn or self._begins[number] - self._written_to[self._turn] <= _NEAR_BYTES

    def _number_of(self, member: Member) -> int:
        return bisect_left(self._begins, member.header_offset)

    @property
    def _end(self) -> int:
        return self.members[-1].end

    def _ready_bytes(self) -> int:
        while self._first_open < len(self.members):
            written_to = self._written_to[self._first_open]
            if written_to < self.members[self._first_open].end:
                return written_to
            self._first_open += 1
        return self._end
