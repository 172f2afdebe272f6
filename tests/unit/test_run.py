"""How often something is tried again, and after which pause; a registry that is gone is not waited for."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from bundler.errors import BundlerError, Interrupted, Refused, Unavailable
from bundler.run import Brake, RetryPolicy, retrying
from tests.unit.runs import AT_ONCE, Recorder, broken, run_with


@pytest.mark.parametrize(
    ("attempt", "least", "most"), [(1, 0.25, 0.5), (2, 0.5, 1.0), (3, 1.0, 2.0), (4, 2.0, 4.0), (30, 60.0, 60.0)]
)
def test_pauses_double_with_jitter_up_to_a_bound(attempt: int, least: float, most: float) -> None:
    pauses = {RetryPolicy().pause_seconds(attempt, broken()) for _ in range(50)}
    assert least <= min(pauses) <= max(pauses) <= most
    assert len(pauses) > 1 or least == most, "all clients at once would come back at once"


@pytest.mark.parametrize(("asked", "pause"), [(7.0, 7.0), (0.0, 0.0), (3600.0, 60.0)], ids=["seven", "none", "an hour"])
def test_a_server_that_asks_for_a_pause_gets_it_up_to_a_bound(asked: float, pause: float) -> None:
    assert RetryPolicy().pause_seconds(1, broken(retry_after_seconds=asked)) == pause


def failing(times: int, error: BundlerError) -> tuple[Callable[[], str], list[int]]:
    calls: list[int] = []

    def attempt() -> str:
        calls.append(1)
        if len(calls) <= times:
            raise error
        return "done"

    return attempt, calls


def test_what_fails_for_a_while_succeeds_in_the_end() -> None:
    recorder = Recorder()
    attempt, calls = failing(2, broken())
    assert retrying(attempt, run_with(recorder), subject="x") == "done"
    assert len(calls) == 3
    assert [(event.subject, event.attempt) for event in recorder.retries] == [("x", 1), ("x", 2)]


def test_attempts_are_used_up() -> None:
    attempt, calls = failing(99, broken())
    with pytest.raises(Unavailable):
        retrying(attempt, run_with(), subject="x")
    assert len(calls) == AT_ONCE.attempts


def test_what_fails_for_good_is_not_tried_again() -> None:
    attempt, calls = failing(99, Refused("no"))
    with pytest.raises(Refused):
        retrying(attempt, run_with(), subject="x")
    assert len(calls) == 1


def test_a_bug_is_not_tried_again() -> None:
    calls: list[int] = []

    def attempt() -> None:
        calls.append(1)
        raise ValueError

    with pytest.raises(ValueError):
        retrying(attempt, run_with(), subject="x")
    assert len(calls) == 1


def test_a_stopped_run_does_not_wait_for_its_next_attempt() -> None:
    run = run_with(retry=RetryPolicy(attempts=5, first_pause_seconds=3600.0, longest_pause_seconds=3600.0))
    attempt, calls = failing(99, broken())
    run.cancellation.set()
    with pytest.raises(Interrupted):
        retrying(attempt, run, subject="x")
    assert len(calls) == 1


def test_a_registry_that_is_gone_is_not_waited_for_by_every_blob() -> None:
    run = run_with(retry=RetryPolicy(attempts=2, first_pause_seconds=0.0))
    calls: list[str] = []

    def ask(peer: str) -> None:
        calls.append(peer)
        raise broken()

    for _ in range(1000):
        with pytest.raises(Unavailable):
            retrying(partial(ask, "gone"), run, subject="x", peer="gone")
    assert len(calls) == 2 * Brake.GIVEN_UP_IN_A_ROW
    assert retrying(lambda: "here", run, subject="x", peer="another") == "here"


def test_a_registry_that_answers_in_between_is_not_given_up() -> None:
    run = run_with(retry=RetryPolicy(attempts=1))
    for _ in range(5 * Brake.GIVEN_UP_IN_A_ROW):
        attempt, _ = failing(1, broken())
        with pytest.raises(Unavailable):
            retrying(attempt, run, subject="x", peer="flaky")
        assert retrying(lambda: "here", run, subject="x", peer="flaky") == "here"
