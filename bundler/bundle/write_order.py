"""The write order of one file: many threads write its members, and each waits for the members before its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

_NEAR_BYTES = 32 << 20
"""The number of bytes before a member at which it is requested. So the connection is busy between two members, and its
server waits for a second or two, not so long that it ends the connection."""


class WriteOrder:
    """The members of one file, by their numbers from 0, in the order of their places. Thread-safe."""

    def __init__(self, begins: Sequence[int]) -> None:
        """Gives the turn to the first member.

        Args:
            begins: The offset of each member in the file, in bytes.
        """
        self._begins = begins
        self._lock = threading.Lock()
        self._over = bytearray(len(begins))
        self._turn = 0
        """The first member that may still be written; all before it are written, or were given up."""
        self._written_to = 0
        """The offset up to which that member was written, as far as it is known."""
        self._waiting: dict[int, threading.Event] = {}
        self._nearing: dict[int, threading.Event] = {}

    def await_turn(self, number: int) -> None:
        """Waits until all members before this one are written, or were given up.

        The threads that write the earlier members must be at work already, or must never wait for a later member. Else
        nobody would ever wake up.
        """
        self._await(self._waiting, number, self._is_turn)

    def await_near(self, number: int) -> None:
        """Waits until a member is near its turn and can be requested: its server must wait only a short time."""
        self._await(self._nearing, number, self._is_near)

    def came_to(self, number: int, offset_bytes: int) -> None:
        """Notes the offset in the file up to which a member was written."""
        with self._lock:
            if number == self._turn:
                self._written_to = offset_bytes
                self._wake(self._nearing, self._is_near)

    def end(self, number: int) -> None:
        """Notes that no thread works on a member any more, and wakes the threads that wait for it. Idempotent."""
        with self._lock:
            self._over[number] = True
            while self._turn < len(self._over) and self._over[self._turn]:
                self._turn += 1
            self._wake(self._waiting, self._is_turn)
            self._wake(self._nearing, self._is_near)

    def begin_again(self, number: int) -> None:
        """Notes that a thread works on a member again. Members that had their turn already do not wait for it."""
        with self._lock:
            self._over[number] = False

    def _await(self, events: dict[int, threading.Event], number: int, is_so_far: Callable[[int], bool]) -> None:
        with self._lock:
            if is_so_far(number):
                return
            event = events[number] = threading.Event()
        event.wait()

    def _wake(self, events: dict[int, threading.Event], is_so_far: Callable[[int], bool]) -> None:
        """Wakes threads. This method and those below are called under the lock."""
        for number in [number for number in events if is_so_far(number)]:
            events.pop(number).set()

    def _is_turn(self, number: int) -> bool:
        return number <= self._turn

    def _is_near(self, number: int) -> bool:
        if self._is_turn(number):
            return True
        written_to = max(self._begins[self._turn], self._written_to)
        return self._begins[number] - written_to <= _NEAR_BYTES
