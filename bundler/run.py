"""One run of a command: its retries, its listener, and its cancellation.

One policy repeats a whole operation. No store retries by itself, so attempts do not multiply. All retries of a run at
one peer come out of one budget, so that a peer that fails all the time does not keep a run busy for days.
"""

from __future__ import annotations

import os
import random
import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import field
from typing import TYPE_CHECKING, TypeVar

from bundler.core.events import Listener, Retrying, nobody
from bundler.core.frozen import frozen
from bundler.core.rate import NO_RATE, Rate
from bundler.errors import AskedToWait, BundlerError, Busy, Unavailable
from bundler.pace import Paces
from bundler.texts import text
from bundler.workers import Cancellation

if TYPE_CHECKING:
    from bundler.core.media_changer import MediaChanger

Result = TypeVar("Result")


@frozen
class RetryPolicy:
    """The number of attempts, and the pauses between them.

    Attributes:
        attempts: In all, the first one included.
        first_pause_seconds: Before the second attempt; doubled before each further one, with jitter.
        longest_pause_seconds: Bound of a pause.
        refusals: The number of attempts, in all, at a host that answers that it is busy; see `bundler.pace`.
    """

    attempts: int = 5
    first_pause_seconds: float = 0.5
    longest_pause_seconds: float = 60.0
    refusals: int = 20

    def pause_seconds(self, attempt: int) -> float:
        """The pause after a failed attempt, counted from 1."""
        pause: float = self.first_pause_seconds * 2.0 ** (attempt - 1) * random.uniform(0.5, 1.0)  # noqa: S311  # jitter
        return min(pause, self.longest_pause_seconds)


class RetryBudget:
    """The retries that are left for a peer: a retry takes one, a success adds a part of one. Thread-safe.

    A peer that fails less often than one time in six is tried again without end, one that fails every second time a few
    hundred times. gRPC throttles retries in this way (gRFC A6). A used-up budget stays used up here, because each
    failure may cost a minute of waiting. The next run starts with a full budget.
    """

    RETRIES = 100
    GIVEN_BACK = 0.2

    def __init__(self) -> None:
        self._left = float(self.RETRIES)
        self._lock = threading.Lock()
        self.is_used_up = False

    def take(self) -> bool:
        """Takes one retry. Returns True if there was one."""
        with self._lock:
            self.is_used_up = self.is_used_up or self._left < 1
            if not self.is_used_up:
                self._left -= 1
            return not self.is_used_up

    def give_back(self, successes: int = 1) -> None:
        """Adds to the budget after successes."""
        with self._lock:
            self._left = min(float(self.RETRIES), self._left + successes * self.GIVEN_BACK)


class CircuitBreaker:
    """Notices that a registry does not answer any more, so that 50,000 blobs do not each wait for it. Thread-safe.

    After some requests in a row that failed in all their attempts, further requests fail at once. So they do when the
    registry's budget of retries is used up.
    """

    GIVEN_UP_IN_A_ROW = 8

    def __init__(self) -> None:
        self._given_up: dict[str, list[Unavailable]] = {}
        self._budgets: defaultdict[str, RetryBudget] = defaultdict(RetryBudget)
        self._lasts: dict[str, BundlerError] = {}

    def check(self, peer: str) -> None:
        """Returns if the peer may be asked.

        Raises:
            Unavailable: The peer does not answer any more, or fails too often. The message has its last error.
        """
        errors = self._given_up.get(peer, [])
        if len(errors) >= self.GIVEN_UP_IN_A_ROW:
            last = errors[-1]
            raise Unavailable(
                text("no longer tried: {reason}", reason=last.message), subject=last.subject, hint=last.hint
            )
        if self._budgets[peer].is_used_up:
            raise _spent(self._lasts[peer], Unavailable)

    def succeeded(self, peer: str, successes: int = 1) -> None:
        """Notes that the peer answered, or sent this many pieces."""
        self._given_up.pop(peer, None)
        self._budgets[peer].give_back(successes)

    def gave_up(self, peer: str, error: Unavailable) -> None:
        """Notes a request to the peer that failed in all its attempts."""
        self._given_up.setdefault(peer, []).append(error)

    def try_again(self, peer: str, error: BundlerError) -> None:
        """Takes a retry out of the peer's budget.

        Raises:
            BundlerError: No retry is left. The error is of the same family, and not retryable.
        """
        self._lasts[peer] = error
        if not self._budgets[peer].take():
            raise _spent(error, type(error)) from error


def _spent(last: BundlerError, family: type[BundlerError]) -> BundlerError:
    return family(
        text("it failed too often and is not tried again in this run; last: {reason}", reason=last.message),
        subject=last.subject,
        said=last.said,
        hint="run the same command again; it does not repeat finished work",
    )


def default_jobs() -> int:
    """The number of processors, but at least 2 and at most 4: more threads only make disks seek."""
    return max(2, min(4, os.cpu_count() or 2))


@frozen
class Run:
    """The objects that all parts of one run share.

    Attributes:
        listener: Receives every event, from any thread.
        cancellation: Stops the run when it is set.
        retry: The number of attempts, and the pauses between them.
        jobs: The number of large blobs that move at a time.
        is_fail_fast: Nothing new starts after the first failure.
        changer: Changes media while the run waits for them; None to use only the media that are there.
        rate: The limit for what each registry gets from this run.
    """

    listener: Listener = nobody
    cancellation: Cancellation = field(default_factory=Cancellation)
    retry: RetryPolicy = RetryPolicy()
    jobs: int = field(default_factory=default_jobs)
    circuit_breaker: CircuitBreaker = field(default_factory=CircuitBreaker)
    is_fail_fast: bool = False
    changer: MediaChanger | None = None
    rate: Rate = NO_RATE

    def at_most(self, threads: int) -> int:
        """The number of threads, each with one connection, if so many connections are allowed."""
        return threads if self.rate.connections is None else min(threads, self.rate.connections)


def paces_of(run: Run) -> Paces:
    """The paces of all hosts that a run asks. Its stores share them."""
    return Paces(run.listener, run.cancellation.wait, rate=run.rate)


def retrying(attempt_once: Callable[[], Result], run: Run, *, subject: str, peer: str = "") -> Result:
    """Repeats an attempt until it succeeds, fails with an error that is not retryable, or no attempt is left.

    Args:
        attempt_once: One attempt; repeatable.
        run: The run that this is part of.
        subject: The object of the attempt, for people.
        peer: The host that is asked, for `CircuitBreaker`; empty for none.

    Raises:
        BundlerError: The last error.
    """
    attempt = refusals = 1
    while True:
        run.circuit_breaker.check(peer)
        try:
            result = attempt_once()
        except AskedToWait:
            raise
        except BundlerError as error:
            if isinstance(error, Busy) and error.retryable and refusals < run.retry.refusals:
                refusals += 1  # the pace of the host waits
                continue
            if not error.retryable or attempt >= run.retry.attempts:
                if peer and isinstance(error, Unavailable):
                    run.circuit_breaker.gave_up(peer, error)
                raise
            pause(attempt, error, run, subject, peer=peer)
            attempt += 1
        else:
            run.circuit_breaker.succeeded(peer)
            return result


def pause(attempt: int, error: BundlerError, run: Run, subject: str, *, peer: str = "") -> None:
    """Waits before the next attempt, and reports the wait.

    Raises:
        BundlerError: The budget has no retry left.
        Interrupted: The user stopped the run.
    """
    run.circuit_breaker.try_again(peer, error)
    seconds = run.retry.pause_seconds(attempt)
    run.listener(Retrying(subject, error, attempt, seconds, peer=peer))
    run.cancellation.wait(seconds)
