"""Whose turn it is to write into a file: many bring its members at once, and each waits for those before its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

_NEAR_BYTES = 32 << 20
"""How much is still to be written before a member when it is asked for: so the line does not stand still between two,
and its server is kept waiting for a second or two, not until it ends the connection."""


class WriteOrder:
    """The members of one file, by their numbers from 0, in the order of their places. Thread-safe."""

    def __init__(self, begins: Sequence[int]) -> None:
        """It is the first one's turn.

        Args:
            begins: Where each member begins in the file, in bytes.
        """
        self._begins = begins
        self._lock = threading.Lock()
        self._over = bytearray(len(begins))
        self._turn = 0
        """The first member that may still come; those before it are there, or were given up."""
        self._written_to = 0
        """Up to where that one was written, as far as it is known."""
        self._waiting: dict[int, threading.Event] = {}
        self._nearing: dict[int, threading.Event] = {}

    def await_turn(self, number: int) -> None:
        """Waits until all members before this one are there, or were given up.

        Whoever is to write them must be at work already, or never wait for one that comes behind them.
        """
        self._await(self._waiting, number, self._is_turn)

    def await_near(self, number: int) -> None:
        """Waits until so little is to come before a member that it may be asked for: its server can wait so long."""
        self._await(self._nearing, number, self._is_near)

    def came_to(self, number: int, offset_bytes: int) -> None:
        """Says up to where in the file a member was written."""
        with self._lock:
            if number == self._turn:
                self._written_to = offset_bytes
                self._wake(self._nearing, self._is_near)

    def end(self, number: int) -> None:
        """Says that nobody is at work on a member any more; who waits for it need not. Idempotent."""
        with self._lock:
            self._over[number] = True
            while self._turn < len(self._over) and self._over[self._turn]:
                self._turn += 1
            self._wake(self._waiting, self._is_turn)
            self._wake(self._nearing, self._is_near)

    def begin_again(self, number: int) -> None:
        """Says that somebody is at work on a member again. Those whose turn it was already do not wait for it."""
        with self._lock:
            self._over[number] = False

    def _await(self, events: dict[int, threading.Event], number: int, is_so_far: Callable[[int], bool]) -> None:
        with self._lock:
            if is_so_far(number):
                return
            event = events[number] = threading.Event()
        event.wait()

    def _wake(self, events: dict[int, threading.Event], is_so_far: Callable[[int], bool]) -> None:
        """To be called under the lock, as the next ones."""
        for number in [number for number in events if is_so_far(number)]:
            events.pop(number).set()

    def _is_turn(self, number: int) -> bool:
        return number <= self._turn

    def _is_near(self, number: int) -> bool:
        if self._is_turn(number):
            return True
        written_to = max(self._begins[self._turn], self._written_to)
        return self._begins[number] - written_to <= _NEAR_BYTES
