"""The pace of requests to each host: pauses that hold for all threads, and spaced requests after a complaint.

A host that answers 429, or 503 with ``Retry-After`` (RFC 6585 section 4, RFC 9110 section 10.2.3), is not failing. So
such an answer is no failed attempt: the request waits and is sent again, and with it all others to that host. The rate
of requests is halved with each complaint and grows by a hundredth with each answer.

The user may set a limit before any complaint: requests and bytes per second, for each host.

Spaced are the beginnings of requests, not how many run at a time: a request may wait for another one's bytes (of sinks
that take blobs in their order), and would never end if that one waited for its end.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from bundler.core.advice import problem
from bundler.core.events import Answered, Listener, Retrying, nobody
from bundler.core.frozen import frozen
from bundler.core.rate import NO_RATE, Rate
from bundler.errors import BundlerError

LONGEST_PAUSE_SECONDS = 60.0
"""A host that asks for more is not asked again in this run: people decide whether they wait so long."""

COMPLAINTS_IN_A_ROW = 10
"""After so many, with nothing but pauses between them, the host is given up: after some three minutes."""

COMPLAINTS_OF_ONE_REQUEST = 20
"""So often is one request sent again. Others may pass all the time where only this one is refused."""

_FIRST_PAUSE_SECONDS = 0.5
_JITTER = 0.25
"""Part of a pause that is added by chance, so that several machines do not come back at once."""

_FIRST_INTERVAL_SECONDS = 0.05
_LONGEST_INTERVAL_SECONDS = 5.0
_NEGLIGIBLE_INTERVAL_SECONDS = 0.005
_QUICKENING = 0.99

_LONGEST_ASKED_SECONDS = 400 * 86_400.0
"""A year and a month: dates beyond need no clock."""


class Paces:
    """The paces of all hosts that a run asks. Thread-safe."""

    def __init__(
        self,
        listener: Listener = nobody,
        wait: Callable[[float], object] = time.sleep,
        *,
        rate: Rate = NO_RATE,
        patience: int = COMPLAINTS_IN_A_ROW,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = datetime.now,
    ) -> None:
        """No host has complained yet.

        Args:
            listener: Receives an event for each pause.
            wait: Sleeps for some seconds; what it raises, such as `Interrupted`, goes through.
            rate: The limit for each host. The number of threads keeps to its connections.
            patience: How many complaints in a row are waited for.
            clock: Seconds that never go back.
            now: The time of day, for people.
        """
        self._listener = listener
        self._wait = wait
        self._rate = rate
        self._patience = patience
        self._clock = clock
        self._now = now
        self._lock = threading.Lock()
        self._hosts: dict[str, _Host] = {}

    def turn(self, host: str) -> Turn:
        """One request to a host."""
        with self._lock:
            known = self._hosts.setdefault(host, _Host(host, self._patience, self._clock, self._now, self._rate))
        return Turn(known, self._listener, self._wait)

    def settle(self) -> None:
        """Waits until each host may be asked again, so that another run goes on within the same limit.

        Raises:
            Interrupted: The run was stopped.
        """
        with self._lock:
            hosts = tuple(self._hosts.values())
        seconds = max((host.owed_seconds() for host in hosts), default=0.0)
        if seconds > 0:
            self._wait(seconds)


class Turn:
    """One request, however often it has to be sent."""

    def __init__(self, host: _Host, listener: Listener, wait: Callable[[float], object]) -> None:
        self._host = host
        self._listener = listener
        self._wait = wait
        self._pauses_before = 0
        self._complaints = 0

    def wait(self) -> None:
        """Waits until the request may be sent.

        Raises:
            Busy: Nothing is sent to this host any more.
            Interrupted: The run was stopped.
        """
        while True:
            self._pauses_before, seconds = self._host.reserve()
            if seconds > 0:
                self._wait(seconds)
            if self._host.pauses == self._pauses_before:
                return

    def answered(self, status: int) -> None:
        """The host answered, whatever it said."""
        self._listener(Answered(self._host.name, status))

    def went_well(self) -> None:
        """The host answered, and did not complain."""
        self._host.went_well()

    def moved(self, amount_bytes: int) -> None:
        """Some bytes of the request or of its answer move. Waits until they may.

        Raises:
            Interrupted: The run was stopped.
        """
        self._host.is_alive()
        seconds = self._host.reserve_bytes(amount_bytes)
        if seconds > 0:
            self._wait(seconds)

    def complained(self, error: BundlerError) -> None:
        """The host asked to come back later; `wait` waits for that.

        Args:
            error: Its answer, with `retry_after_seconds` if it named a time.

        Raises:
            Busy: The request is not to be sent again in this run.
        """
        self._complaints += 1
        pause = self._host.complained(self._pauses_before, error)
        if pause is not None:
            asked_seconds = error.retry_after_seconds
            name = self._host.name
            self._listener(Retrying(name, error, pause.number, pause.seconds, asked_seconds, peer=name))
        if self._complaints >= COMPLAINTS_OF_ONE_REQUEST:
            raise problem("too-many-requests", subject=error.subject, said=error.said, host=self._host.name)


@frozen
class _Pause:
    number: int
    seconds: float


class _Host:
    """The facts about one host. Thread-safe."""

    def __init__(
        self, name: str, patience: int, clock: Callable[[], float], now: Callable[[], datetime], rate: Rate
    ) -> None:
        self.name = name
        self._least_interval_seconds = 1 / rate.requests if rate.requests else 0.0
        self._bytes_per_second = rate.size_bytes
        self._bytes_at = 0.0
        self._patience = patience
        self.pauses = 0
        """The number of pauses. A thread that reserved before the last one reserves again."""
        self._clock = clock
        self._now = now
        self._lock = threading.Lock()
        self._next_at = 0.0
        self._interval_seconds = 0.0
        self._in_a_row = 0
        self._refusal: Callable[[], BundlerError] | None = None

    def reserve(self) -> tuple[int, float]:
        """The place of one request in time: after how many pauses, and how many seconds from now."""
        with self._lock:
            if self._refusal is not None:
                raise self._refusal()
            now = self._clock()
            begin = max(now, self._next_at)
            self._next_at = begin + max(self._interval_seconds, self._least_interval_seconds)
            return self.pauses, begin - now

    def reserve_bytes(self, amount_bytes: int) -> float:
        """The place of some bytes in time: how many seconds from now they may move."""
        if self._bytes_per_second is None:
            return 0.0
        with self._lock:
            now = self._clock()
            begin = max(now, self._bytes_at)
            self._bytes_at = begin + amount_bytes / self._bytes_per_second
            return begin - now

    def owed_seconds(self) -> float:
        """The seconds until the limit allows a request, and its bytes."""
        with self._lock:
            is_limited = self._least_interval_seconds > 0
            return max(self._next_at if is_limited else 0.0, self._bytes_at) - self._clock()

    def went_well(self) -> None:
        with self._lock:
            self._in_a_row = 0
            self._interval_seconds *= _QUICKENING
            if self._interval_seconds < _NEGLIGIBLE_INTERVAL_SECONDS:
                self._interval_seconds = 0.0

    def is_alive(self) -> None:
        self._in_a_row = 0

    def complained(self, pauses_before: int, error: BundlerError) -> _Pause | None:
        """Takes in a complaint. Returns the pause that starts with it; None if one started since the request."""
        asked_seconds = error.retry_after_seconds or 0.0
        with self._lock:
            if asked_seconds > LONGEST_PAUSE_SECONDS:
                raise self._refuse(self._asked_to_wait(asked_seconds, error.said))
            if pauses_before != self.pauses:
                self._lengthen(asked_seconds)
                return None
            self._in_a_row += 1
            if self._in_a_row > self._patience:
                raise self._refuse(self._too_many(error.said))
            if self._in_a_row == 1:  # the requests after the last pause came too fast, and not just too early
                self._interval_seconds = min(
                    _LONGEST_INTERVAL_SECONDS, max(_FIRST_INTERVAL_SECONDS, 2 * self._interval_seconds)
                )
            own_seconds = min(LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2.0 ** (self._in_a_row - 1))
            seconds = max(asked_seconds, own_seconds) * random.uniform(1.0, 1.0 + _JITTER)  # noqa: S311  # jitter
            self._next_at = self._clock() + seconds
            self.pauses += 1
            return _Pause(self._in_a_row, seconds)

    def _lengthen(self, asked_seconds: float) -> None:
        """Of several answers that came together, the longest pause counts."""
        until = self._clock() + asked_seconds
        if asked_seconds and until > self._next_at:
            self._next_at = until
            self.pauses += 1

    def _refuse(self, refusal: Callable[[], BundlerError]) -> BundlerError:
        self._refusal = self._refusal or refusal
        return self._refusal()

    def _asked_to_wait(self, seconds: float, said: str | None) -> Callable[[], BundlerError]:
        seconds = min(seconds, _LONGEST_ASKED_SECONDS)
        now = self._now()
        until = now + timedelta(seconds=seconds)
        time_of_day = until.strftime("%H:%M" if until.date() == now.date() else "%Y-%m-%d %H:%M")
        return lambda: problem(
            "asked-to-wait", subject=self.name, said=said, host=self.name, time=time_of_day, duration=duration(seconds)
        )

    def _too_many(self, said: str | None) -> Callable[[], BundlerError]:
        return lambda: problem("too-many-requests", subject=self.name, said=said, host=self.name)


def duration(seconds: float) -> str:
    """A time in its two largest units, rounded up.

    >>> duration(7_790)
    '2 h 10 min'
    """
    minutes = -(-int(seconds) // 60)
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    parts = [f"{amount} {unit}" for amount, unit in ((days, "d"), (hours, "h"), (minutes, "min")) if amount]
    return " ".join(parts[:2])
