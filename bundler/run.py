"""One run of a command: how often it tries again, whom it tells, and how it is stopped.

Retries are one policy around one whole, repeatable thing; no store retries by itself, so attempts do not multiply.
All that a run tries again at one peer comes out of one budget: one that fails all the time does not keep it for days.
"""

from __future__ import annotations

import os
import random
import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from bundler.core.events import Listener, Retrying, nobody
from bundler.errors import AskedToWait, BundlerError, Busy, Unavailable
from bundler.pace import Paces
from bundler.texts import text
from bundler.workers import Cancellation

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The number of attempts, and the pauses between them.

    Attributes:
        attempts: In all, the first one included.
        first_pause_seconds: Before the second attempt; doubled before each further one, with jitter.
        longest_pause_seconds: Bound of a pause.
        refusals: How often in all something is tried that a busy host does not take; see `bundler.pace`.
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
    """The retries that are left for a peer: each retry takes one, each success gives a part of one back. Thread-safe.

    Who fails less often than one time in six is tried again without end; who fails every second time, a few hundred
    times. As gRPC throttles retries (gRFC A6), but what is used up stays so: with each failure a minute of waiting may
    be lost, and the next run starts with a full budget.
    """

    RETRIES = 100
    GIVEN_BACK = 0.2

    def __init__(self) -> None:
        self._left = float(self.RETRIES)
        self._lock = threading.Lock()
        self.is_used_up = False

    def take(self) -> bool:
        """Takes one retry; whether there was one."""
        with self._lock:
            self.is_used_up = self.is_used_up or self._left < 1
            if not self.is_used_up:
                self._left -= 1
            return not self.is_used_up

    def give_back(self, successes: int = 1) -> None:
        """Something succeeded."""
        with self._lock:
            self._left = min(float(self.RETRIES), self._left + successes * self.GIVEN_BACK)


class CircuitBreaker:
    """Notices that a registry is gone, so that 50,000 blobs do not wait for it one after the other. Thread-safe.

    After some questions in a row that were given up, each after all its attempts, the others fail at once; so they do
    when the registry's budget of retries is used up.
    """

    GIVEN_UP_IN_A_ROW = 8

    def __init__(self) -> None:
        self._given_up: dict[str, list[Unavailable]] = {}
        self._budgets: defaultdict[str, RetryBudget] = defaultdict(RetryBudget)
        self._lasts: dict[str, BundlerError] = {}

    def check(self, peer: str) -> None:
        """Returns while there is hope.

        Raises:
            Unavailable: The peer is gone, or fails too often; the error is the last one that it gave.
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
        """The peer answered, or gave as many pieces."""
        self._given_up.pop(peer, None)
        self._budgets[peer].give_back(successes)

    def gave_up(self, peer: str, error: Unavailable) -> None:
        """A question to the peer was given up."""
        self._given_up.setdefault(peer, []).append(error)

    def try_again(self, peer: str, error: BundlerError) -> None:
        """Takes a retry out of the peer's budget.

        Raises:
            BundlerError: None was left; of the error's family, and not to be retried.
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
    """As many as there are processors, but at least 2 and at most 4: more only makes disks seek."""
    return max(2, min(4, os.cpu_count() or 2))


@dataclass(frozen=True, slots=True)
class Run:
    """Shared by all parts of one run: the listener, how to stop, how to retry, and how much at a time.

    Attributes:
        listener: Receives every event, from any thread.
        cancellation: Stops the run when it is set.
        retry: How often a failed attempt is repeated, and after which pause.
        jobs: How many large blobs move at a time.
        is_fail_fast: Nothing new starts after the first failure.
    """

    listener: Listener = nobody
    cancellation: Cancellation = field(default_factory=Cancellation)
    retry: RetryPolicy = RetryPolicy()
    jobs: int = field(default_factory=default_jobs)
    circuit_breaker: CircuitBreaker = field(default_factory=CircuitBreaker)
    is_fail_fast: bool = False


def paces_of(run: Run) -> Paces:
    """The paces of all hosts that a run asks, for its stores to share."""
    return Paces(run.listener, run.cancellation.wait)


def retrying(attempt_once: Callable[[], Result], run: Run, *, subject: str, peer: str = "") -> Result:
    """Calls until it succeeds, fails for good, or the attempts are used up.

    Args:
        attempt_once: One attempt; repeatable.
        run: The run that this is part of.
        subject: The object of the attempt, for people.
        peer: Who is asked; questions to one peer fail at once when it is gone. Empty for nobody.

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
    """Waits before the next attempt, and says so.

    Raises:
        BundlerError: So much failed that there is none.
        Interrupted: The user stopped the run.
    """
    run.circuit_breaker.try_again(peer, error)
    seconds = run.retry.pause_seconds(attempt)
    run.listener(Retrying(subject, error, attempt, seconds, peer=peer))
    run.cancellation.wait(seconds)
