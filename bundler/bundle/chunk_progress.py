"""The progress of one chunk while it is written: whose turn it is, and which members are in place.

Subclasses have the file or the object: `bundler.bundle.chunk_file`, `bundler.bundle.s3.chunk`.
"""

from __future__ import annotations

import threading
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence

from bundler.bundle.chunk import ChunkMember
from bundler.bundle.write_order import WriteOrder


class ChunkProgress:
    """The members of a chunk that is written. `hash_ready` and `flush` are for one thread each, the rest for many."""

    is_hashed = False
    """True if the SHA-256 of the whole chunk is known."""
    is_flushed = False
    """True if the whole chunk is where it stays."""

    def __init__(self, name: str, members: Sequence[ChunkMember]) -> None:
        """Plans the chunk; the first write creates it.

        Args:
            name: The name of its file.
            members: Its members, in the order of their places.
        """
        self.name = name
        self.members = members
        # Arrays: there may be a million members.
        self._begins = array("q", (member.header_offset for member in members))
        self._end = members[-1].end
        """The offset after the last member."""
        self._written_to = self._begins[:]
        self._first_open = 0
        self._turns = WriteOrder(self._begins)
        self._lock = threading.RLock()
        """Held while the state of the chunk is read or changed."""

    @property
    def digest(self) -> str:
        """The SHA-256 of the whole chunk, in hex."""
        raise NotImplementedError

    @property
    def is_complete(self) -> bool:
        """True if every member is in place."""
        with self._lock:
            return self._ready_bytes() == self._end and self._first_open == len(self.members)

    def is_done_already(self, digest: str) -> None:
        """Takes over a chunk that an earlier run finished and this one has read and hashed; its SHA-256 is in hex.

        Call this before any thread uses the chunk.
        """
        raise NotImplementedError

    def is_there_up_to(self, places: Mapping[int, int]) -> None:
        """Takes over the partial state of an earlier run. Call this before any thread uses the chunk.

        Args:
            places: The offset up to which each member is written, by the offset of the member.
        """
        self._written_to = array("q", (places.get(begin, begin) for begin in self._begins))
        for number, member in enumerate(self.members):
            if self._written_to[number] == member.end:
                self._turns.end(number)

    def await_near(self, member: ChunkMember) -> None:
        """Waits until this member is near its turn and can be requested: its server must wait only a short time."""
        self._turns.await_near(self._number_of(member))

    def await_turn(self, member: ChunkMember) -> None:
        """Waits until all members before this one are written, or were given up.

        The threads that write the earlier members must be at work already, or must never wait for a later member. Else
        nobody would ever wake up.
        """
        self._turns.await_turn(self._number_of(member))

    def end(self, member: ChunkMember) -> None:
        """Says that no thread works on a member any more; threads that wait for it go on."""
        self._turns.end(self._number_of(member))

    def restart(self, member: ChunkMember) -> None:
        """Discards what was written of a member, because it will be written again, perhaps with other bytes.

        If a cut blob failed in its last part, all its other parts may be complete, and their chunks with them.
        """
        raise NotImplementedError

    def write(self, buffers: Sequence[bytes | memoryview], offset_bytes: int) -> None:
        """Writes the next bytes of the member that has this place, from its header to its padding.

        Raises:
            LocalStorage, Refused, Unavailable: They cannot be written.
        """
        raise NotImplementedError

    def hash_ready(self, buffer: memoryview) -> None:
        """Hashes what can be hashed now.

        Raises:
            LocalStorage, Damaged, Refused, Unavailable: The bytes cannot be read back, or are others than were written.
        """
        raise NotImplementedError

    def flush(self) -> None:
        """Sees to it that written bytes stay, if there is something to do.

        Raises:
            LocalStorage, Damaged, Refused, Unavailable: They do not.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Frees what the chunk holds, in any state. Idempotent."""
        raise NotImplementedError

    def _note_written(self, number: int, end: int) -> None:
        """Tells the members that wait that one is written up to an offset."""
        if end == self._end_of(number):
            self._turns.end(number)
        else:
            self._turns.came_to(number, end)

    def _number_of(self, member: ChunkMember) -> int:
        return bisect_left(self._begins, member.header_offset)

    def _number_at(self, offset_bytes: int) -> int:
        """The number of the member of the byte at an offset; it takes less time than by the member, for each piece."""
        return bisect_right(self._begins, offset_bytes) - 1

    def _end_of(self, number: int) -> int:
        """The offset after a member: nothing is between two members."""
        return self._begins[number + 1] if number + 1 < len(self._begins) else self._end

    def _ready_bytes(self) -> int:
        while self._first_open < len(self.members):
            written_to = self._written_to[self._first_open]
            if written_to < self.members[self._first_open].end:
                return written_to
            self._first_open += 1
        return self._end
