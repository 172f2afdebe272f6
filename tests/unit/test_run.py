"""The number of attempts, and the pauses between them; a registry that is gone is not waited for."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import given, strategies as st

from bundler.errors import BundlerError, Damaged, Interrupted, Refused, Unavailable
from bundler.run import CircuitBreaker, RetryBudget, RetryPolicy, retrying
from tests.support.errors import raises
from tests.unit.runs import AT_ONCE, Recorder, broken, run_with


@pytest.mark.parametrize(
    ("attempt", "least", "most"), [(1, 0.25, 0.5), (2, 0.5, 1.0), (3, 1.0, 2.0), (4, 2.0, 4.0), (30, 60.0, 60.0)]
)
def test_pauses_double_with_jitter_up_to_a_bound(attempt: int, least: float, most: float) -> None:
    pauses = {RetryPolicy().pause_seconds(attempt) for _ in range(50)}
    assert least <= min(pauses) <= max(pauses) <= most
    assert len(pauses) > 1 or least == most, "all clients at once would come back at once"


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
    assert len(calls) == 2 * CircuitBreaker.GIVEN_UP_IN_A_ROW
    assert retrying(lambda: "here", run, subject="x", peer="another") == "here"


def test_a_registry_that_answers_in_between_is_not_given_up() -> None:
    run = run_with(retry=RetryPolicy(attempts=1))
    for _ in range(5 * CircuitBreaker.GIVEN_UP_IN_A_ROW):
        attempt, _ = failing(1, broken())
        with pytest.raises(Unavailable):
            retrying(attempt, run, subject="x", peer="flaky")
        assert retrying(lambda: "here", run, subject="x", peer="flaky") == "here"


# The budget of retries


@given(st.lists(st.booleans(), max_size=2000))
def test_a_budget_is_never_more_than_it_was_and_stays_used_up(is_success: list[bool]) -> None:
    budget = RetryBudget()
    refused_at = None
    for number, success in enumerate(is_success):
        if success:
            budget.give_back()
        elif not budget.take():
            refused_at = number if refused_at is None else refused_at
        assert budget.is_used_up is (refused_at is not None)
    retries = is_success.count(False)
    given_back = is_success.count(True) * RetryBudget.GIVEN_BACK
    if retries <= RetryBudget.RETRIES:
        assert refused_at is None, "so many are always there"
    if retries > RetryBudget.RETRIES + given_back:
        assert refused_at is not None


@pytest.mark.parametrize("every", [10, 20, 100])
def test_N16_a_registry_that_fails_now_and_then_is_tried_again_without_end(every: int) -> None:
    run = run_with(retry=RetryPolicy(attempts=5, first_pause_seconds=0.0))
    counter = itertools.count(1)

    def ask() -> str:
        if next(counter) % every == 0:
            raise broken()
        return "here"

    assert {retrying(ask, run, subject="x", peer="flaky") for _ in range(20_000)} == {"here"}


def test_N16_a_registry_that_fails_every_second_time_is_given_up_after_a_few_hundred() -> None:
    recorder = Recorder()
    run = run_with(recorder, retry=RetryPolicy(attempts=5, first_pause_seconds=0.0))
    asked = itertools.count(1)
    outcomes = Counter[str]()

    def ask() -> str:
        if next(asked) % 2:
            raise broken()
        return "here"

    for _ in range(50_000):
        try:
            outcomes[retrying(ask, run, subject="x", peer="bad")] += 1
        except Unavailable as error:
            outcomes[f"{error.message}, to be retried: {error.retryable}"] += 1
    [(message, failed)] = [found for found in outcomes.items() if found[0] != "here"]
    assert message == (
        "it failed too often and is not tried again in this run; last: the connection broke, to be retried: False"
    )
    assert failed > 49_800
    assert next(asked) < 400, "and what is left is not even asked for"
    assert len(recorder.retries) < 200
    assert retrying(lambda: "here", run, subject="x", peer="another") == "here", "another one has its own"


def test_N16_fifty_retries_among_a_hundred_blobs_get_through() -> None:
    run = run_with(retry=RetryPolicy(attempts=2, first_pause_seconds=0.0))
    for number in range(100):
        attempt, _ = failing(number % 2, broken())
        assert retrying(attempt, run, subject="x", peer="flaky") == "done"


def test_damage_that_uses_the_budget_up_stays_damage_and_others_are_not_said_to_be_damaged() -> None:
    run = run_with(retry=RetryPolicy(attempts=999, first_pause_seconds=0.0))

    def ask() -> None:
        raise Damaged("other bytes", retryable=True)

    with raises(Damaged, values={"reason": "other bytes"}):
        retrying(ask, run, subject="x", peer="bad")
    with raises(Unavailable, values={"reason": "other bytes"}):
        retrying(lambda: None, run, subject="y", peer="bad")
