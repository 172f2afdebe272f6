"""The rate of requests to a host after a complaint: for whom a pause holds, how the rate falls and grows, when it ends."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import pytest

from bundler import pace
from bundler.core.advice import problem
from bundler.core.rate import Rate
from bundler.core.registry_answers import RegistryAnswer
from bundler.errors import AskedToWait, BundlerError, Busy, Interrupted
from bundler.pace import Paces, duration
from bundler.run import RetryPolicy, paces_of, retrying
from bundler.transfer import ask_all, ask_each
from tests.support.errors import raises
from tests.unit.runs import AT_ONCE, Recorder, run_with

HOST = "registry.example.com"


@dataclass
class Clock:
    """Time that passes only while a thread waits."""

    seconds: float = 1000.0
    waits: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.seconds

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.seconds += seconds


def paced(clock: Clock, recorder: Recorder | None = None) -> Paces:
    return Paces(recorder or Recorder(), clock.wait, clock=clock, now=lambda: datetime(2026, 11, 29, 1, 30))


def busy(asked_seconds: float | None = None, status: int = 429) -> BundlerError:
    answer = RegistryAnswer("GET", status, message="slow down", retry_after_seconds=asked_seconds)
    return answer.error(subject=HOST, host=HOST, repository="")


def ask(paces: Paces, *answers: BundlerError | None, host: str = HOST) -> None:
    """One request, which gets these answers, one after the other."""
    turn = paces.turn(host)
    for answer in answers:
        turn.wait()
        if answer is None:
            turn.went_well()
        else:
            turn.complained(answer)


def test_a_host_that_does_not_complain_is_asked_at_once() -> None:
    clock = Clock()
    for _ in range(100):
        ask(paced(clock), None)
    assert clock.waits == []


@pytest.mark.parametrize("asked", [1.0, 7.0, 60.0])
def test_C1_jitter_comes_on_top_of_what_was_asked_for(asked: float) -> None:
    pauses = set()
    for _ in range(30):
        clock = Clock()
        ask(paced(clock), busy(asked), None)
        [pause] = clock.waits
        pauses.add(pause)
    assert asked <= min(pauses) <= max(pauses) <= asked * 1.25
    assert len(pauses) > 1, "all clients at once would come back at once"


@pytest.mark.parametrize("asked", [None, 0.0], ids=["nothing", "no seconds"])
def test_C1_who_tells_no_time_gets_a_pause_that_doubles(asked: float | None) -> None:
    clock = Clock()
    ask(paced(clock), *[busy(asked)] * 5, None)
    for number, waited in enumerate(clock.waits):
        assert 0.5 * 2**number <= waited <= 0.5 * 2**number * 1.25


def test_C1_a_pause_holds_for_every_request_to_the_host_and_for_no_other_host() -> None:
    clock = Clock()
    paces = paced(clock)
    turn = paces.turn(HOST)
    turn.wait()
    turn.complained(busy(9.0))
    paces.turn("another.example.com").wait()
    assert clock.waits == []
    paces.turn(HOST).wait()
    assert 9.0 <= clock.waits[0] <= 9.0 * 1.25


def test_C1_a_request_that_waits_for_its_place_waits_for_a_pause_that_comes_in_between() -> None:
    clock = Clock()
    paces = paced(clock)
    sent = paces.turn(HOST)
    sent.wait()
    sent.complained(busy(1.0))
    late = paces.turn(HOST)
    late.wait()

    def wait(seconds: float) -> None:
        clock.wait(seconds)
        if len(clock.waits) == 2:  # while this one waits for its place, another one is put off
            late.complained(busy(30.0))

    paces._wait = wait
    paces.turn(HOST).wait()
    assert clock.waits[-1] >= 25.0


def test_C1_answers_that_were_on_their_way_together_are_one_complaint() -> None:
    clock, recorder = Clock(), Recorder()
    paces = paced(clock, recorder)
    turns = [paces.turn(HOST) for _ in range(8)]
    for turn in turns:
        turn.wait()
    for number, turn in enumerate(turns):
        turn.complained(busy(number / 2))
    assert len(recorder.retries) == 1
    turns[0].wait()
    assert clock.waits[-1] >= 3.5, "the longest of them counts"


def test_C1_requests_are_spaced_after_a_complaint_and_the_space_shrinks_with_each_answer() -> None:
    clock = Clock()
    paces = paced(clock)
    ask(paces, busy(1.0), None)
    spaces = []
    for _ in range(400):
        before = clock.seconds
        ask(paces, None)
        spaces.append(clock.seconds - before)
    assert 0.04 <= spaces[0] <= 0.05
    assert spaces == sorted(spaces, reverse=True)
    assert spaces[-1] == 0.0


def test_C1_each_complaint_halves_the_rate() -> None:
    clock = Clock()
    paces = paced(clock)
    spaces = []
    for _ in range(4):
        ask(paces, None, busy(1.0), None)
        before = clock.seconds
        ask(paces, None)
        spaces.append(clock.seconds - before)
    for slower, faster in zip(spaces[1:], spaces, strict=False):
        assert 1.8 <= slower / faster <= 2.0


@pytest.mark.parametrize("asked", [None, 1.0])
@pytest.mark.parametrize("per_second", [1, 5, 50])
def test_C1_all_requests_of_eight_threads_get_through_a_limit(per_second: int, asked: float | None) -> None:
    """The host takes one request in so many milliseconds, and no more."""
    clock, recorder = Clock(), Recorder()
    paces = paced(clock, recorder)
    free_at = 0.0
    refused = 0
    for _ in range(40):  # rounds in which eight threads send at the same moment
        waiting = [paces.turn(HOST) for _ in range(8)]
        while waiting:
            turn = waiting.pop(0)
            turn.wait()
            if clock() >= free_at:
                free_at = clock() + 1 / per_second
                turn.went_well()
            else:
                refused += 1
                turn.complained(busy(asked))
                waiting.append(turn)
    assert refused <= 320 / 10, "nearly all requests are sent when the host takes them"


def test_C1_a_host_that_only_complains_is_given_up_for_all() -> None:
    clock = Clock()
    paces = paced(clock)
    with pytest.raises(Busy) as caught:
        ask(paces, *[busy(1.0)] * 99)
    assert len(clock.waits) == pace.COMPLAINTS_IN_A_ROW
    assert sum(clock.waits) < 300
    assert (caught.value.exit_code, caught.value.retryable) == (7, False)
    with pytest.raises(Busy):
        paces.turn(HOST).wait()
    paces.turn("another.example.com").wait()


def test_C1_bytes_that_move_are_a_sign_of_life() -> None:
    clock = Clock()
    paces = paced(clock)
    transfer = paces.turn(HOST)
    transfer.wait()
    transfer.went_well()
    turn = paces.turn(HOST)
    for _ in range(pace.COMPLAINTS_OF_ONE_REQUEST - 1):
        turn.wait()
        turn.complained(busy())
        transfer.moved(1)
    turn.wait()
    assert max(clock.waits) < 1.0


def test_C1_one_request_that_is_always_put_off_while_others_pass_ends() -> None:
    clock = Clock()
    paces = paced(clock)
    turn = paces.turn(HOST)

    def be_put_off() -> None:
        for _ in range(99):
            turn.wait()
            turn.complained(busy())
            ask(paces, None)

    with pytest.raises(Busy) as caught:
        be_put_off()
    assert not caught.value.retryable
    ask(paces, None)


@pytest.mark.parametrize(
    ("asked", "reported"),
    [
        (61.0, "docker.io: the registry asks to wait until 01:31 (2 min)"),
        (7_800.0, "docker.io: the registry asks to wait until 03:40 (2 h 10 min)"),
        (86_400.0, "docker.io: the registry asks to wait until 2026-11-30 01:30 (1 d)"),
        (9e99, "docker.io: the registry asks to wait until 2028-01-03 01:30 (400 d)"),
    ],
)
def test_C1_a_pause_longer_than_we_wait_is_reported_as_a_time_of_day_at_once(asked: float, reported: str) -> None:
    clock = Clock()
    paces = paced(clock)
    for _ in range(2):
        with pytest.raises(AskedToWait) as caught:
            ask(paces, busy(asked), host="docker.io")
        assert str(caught.value).startswith(reported)
        assert caught.value.exit_code == 7
        assert not caught.value.retryable
    assert clock.waits == []


def test_C1_a_pause_is_reported_once_and_with_the_words_of_the_host() -> None:
    clock, recorder = Clock(), Recorder()
    ask(paced(clock, recorder), busy(3.0), None)
    [event] = recorder.retries
    assert (event.subject, event.attempt, event.asked_seconds) == (HOST, 1, 3.0)
    assert "429: slow down" in str(event.error)
    assert event.pause_seconds == pytest.approx(clock.waits[0])


def test_a_stopped_run_does_not_wait() -> None:
    run = run_with()
    turn = paces_of(run).turn(HOST)
    turn.wait()
    turn.complained(busy(30.0))
    run.cancellation.set()
    with pytest.raises(Interrupted):
        turn.wait()


@pytest.mark.parametrize(("seconds", "reported"), [(1, "1 min"), (90, "2 min"), (3600, "1 h"), (90_000, "1 d 1 h")])
def test_a_duration_has_its_two_largest_units(seconds: float, reported: str) -> None:
    assert duration(seconds) == reported


# Retries around it


def refusing(times: int, error: Callable[[], BundlerError]) -> Callable[[], str]:
    left = [times]

    def attempt() -> str:
        if left[0]:
            left[0] -= 1
            raise error()
        return "done"

    return attempt


def test_C1_a_host_that_is_busy_takes_no_attempt_and_nothing_of_the_budget() -> None:
    run = run_with(retry=RetryPolicy(attempts=1, first_pause_seconds=3600.0))
    for _ in range(200):
        assert retrying(refusing(10, lambda: busy(1.0)), run, subject="x", peer=HOST) == "done"


def test_C1_what_a_busy_host_never_takes_ends() -> None:
    with pytest.raises(Busy):
        retrying(refusing(99, lambda: busy(1.0)), run_with(retry=AT_ONCE), subject="x", peer=HOST)


def test_C1_a_host_that_asks_for_hours_is_reported_as_such_for_every_image() -> None:
    run = run_with(retry=AT_ONCE)

    def closed() -> BundlerError:
        return problem("asked-to-wait", subject=None, host=HOST, time="03:40", duration="2 h 10 min")

    for _ in range(20):
        with raises(AskedToWait, code="asked-to-wait", values={"time": "03:40"}):
            retrying(refusing(99, closed), run, subject="x", peer=HOST)


def test_many_threads_wait_for_the_same_moment() -> None:
    """With real threads and real time: none is sent before the pause is over."""
    paces = Paces()
    first = paces.turn(HOST)
    first.wait()
    over = pace.time.monotonic() + 0.45
    first.complained(busy())
    moments: list[float] = []

    def send() -> None:
        turn = paces.turn(HOST)
        turn.wait()
        moments.append(pace.time.monotonic())

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert min(moments) >= over


# A limit of the user


def test_requests_keep_to_the_rate_of_each_host() -> None:
    clock = Clock()
    paces = Paces(Recorder(), clock.wait, rate=Rate(requests=4), clock=clock)
    for _ in range(9):
        ask(paces, None)
        ask(paces, None, host="other.example.com")
    assert clock.seconds - 1000 == pytest.approx(2.0)


def test_bytes_keep_to_the_rate_both_ways_together() -> None:
    clock = Clock()
    paces = Paces(Recorder(), clock.wait, rate=Rate(size_bytes=2_000_000), clock=clock)
    first, second = paces.turn(HOST), paces.turn(HOST)
    for _ in range(5):
        first.moved(1_000_000)
        second.moved(1_000_000)
    assert clock.seconds - 1000 == pytest.approx(4.5)  # the last piece moves when the others have had their time


def test_a_complaint_makes_a_host_slower_than_the_rate() -> None:
    clock = Clock()
    paces = Paces(Recorder(), clock.wait, rate=Rate(requests=1000), clock=clock)
    ask(paces, busy(), None)
    before = clock.seconds
    ask(paces, None)
    ask(paces, None)
    assert clock.seconds - before > 0.04


def test_no_more_threads_than_connections_ask_at_a_time() -> None:
    run = run_with(rate=Rate(connections=2), jobs=4)
    at_work, most, lock = [0], [0], threading.Lock()

    def ask_one(_: int) -> None:
        with lock:
            at_work[0] += 1
            most[0] = max(most[0], at_work[0])
        threading.Event().wait(0.001)
        with lock:
            at_work[0] -= 1

    assert ask_all(list(range(40)), ask_one, run) == []
    assert ask_each(list(range(40)), ask_one, run).failed == {}
    assert most[0] <= 2


def test_runs_that_follow_each_other_keep_to_one_limit() -> None:
    clock = Clock()
    for amount_bytes in (0, 3_000_000, 0):
        paces = Paces(wait=clock.wait, clock=clock, rate=Rate(requests=0.5, size_bytes=1_000_000))
        turn = paces.turn(HOST)
        turn.wait()
        turn.moved(amount_bytes)
        paces.settle()
    assert clock.waits == [2.0, 3.0, 2.0]
    without = Paces(wait=clock.wait, clock=clock)
    without.turn(HOST).wait()
    without.settle()
    assert len(clock.waits) == 3
