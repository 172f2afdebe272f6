"""Every task is worked on once, one that fails stops no other, and whoever asks to stop is heard."""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator

import pytest

from bundler.errors import BundlerError, Damaged, Interrupted, Refused
from bundler.workers import Cancellation, Follower, run_all

PATIENCE_SECONDS = 60
"""How long a thread waits for another before the test is given up; a sound run never waits."""


def is_small(task: int) -> bool:
    return task < 10


@pytest.mark.parametrize(
    ("front", "back"), [(1, 0), (4, 0), (1, 7), (2, 6)], ids=["one", "four", "one and seven", "two and six"]
)
def test_every_task_is_worked_on_exactly_once(front: int, back: int) -> None:
    done: list[int] = []
    tasks = sorted(range(1000), reverse=True)
    failed = run_all(
        tasks,
        done.append,
        front_workers=front,
        back_workers=back,
        is_for_back=is_small,
        cancellation=Cancellation(),
    )
    assert failed == []
    assert Counter(done) == Counter(tasks)


def test_one_worker_keeps_the_order() -> None:
    done: list[int] = []
    run_all(iter(range(50)), done.append, front_workers=1, cancellation=Cancellation())
    assert done == list(range(50))


def test_nothing_to_do_is_done() -> None:
    assert run_all([], lambda task: None, front_workers=2, back_workers=2, cancellation=Cancellation()) == []


def test_tasks_that_fail_are_returned_with_their_errors_and_stop_no_other() -> None:
    done: list[int] = []

    def work(task: int) -> None:
        if task % 3 == 0:
            raise Refused(f"no {task}")
        done.append(task)

    failed = run_all(range(30), work, front_workers=3, cancellation=Cancellation())
    assert sorted(done) == [task for task in range(30) if task % 3]
    assert sorted((task, str(error)) for task, error in failed) == [(task, f"no {task}") for task in range(0, 30, 3)]


def test_a_thread_that_hangs_does_not_keep_the_process_alive() -> None:
    kinds: list[bool] = []
    run_all(
        [1], lambda task: kinds.append(threading.current_thread().daemon), front_workers=1, cancellation=Cancellation()
    )
    Follower(lambda: kinds.append(threading.current_thread().daemon), name="follower").join()
    assert kinds == [True, True]


def test_workers_work_side_by_side() -> None:
    together = threading.Barrier(4)
    run_all(range(4), lambda task: together.wait(PATIENCE_SECONDS), front_workers=4, cancellation=Cancellation())
    assert not together.broken


def test_the_front_takes_large_tasks_while_the_back_takes_small_ones() -> None:
    together = threading.Barrier(2)
    taken: dict[int, str] = {}

    def work(task: int) -> None:
        taken[task] = threading.current_thread().name
        together.wait(PATIENCE_SECONDS)

    run_all([100, 1], work, front_workers=1, back_workers=1, is_for_back=is_small, cancellation=Cancellation())
    assert taken == {100: "worker-0", 1: "worker-1"}


def test_the_back_leaves_large_tasks_to_the_front() -> None:
    taken: set[str] = set()
    run_all(
        range(100, 200),
        lambda task: taken.add(threading.current_thread().name),
        front_workers=1,
        back_workers=7,
        is_for_back=is_small,
        cancellation=Cancellation(),
    )
    assert taken == {"worker-0"}


@pytest.mark.parametrize(
    "bug", [ValueError("x"), AssertionError("x"), SystemExit(1)], ids=["ValueError", "AssertionError", "SystemExit"]
)
def test_a_bug_is_raised_and_ends_the_run(bug: BaseException) -> None:
    done: list[int] = []

    def work(task: int) -> None:
        if task == 3:
            raise bug
        done.append(task)

    with pytest.raises(type(bug)) as caught:
        run_all(range(10), work, front_workers=1, cancellation=Cancellation())
    assert caught.value is bug
    assert done == [0, 1, 2]


def test_a_run_that_was_stopped_before_it_began_does_nothing() -> None:
    cancellation = Cancellation()
    cancellation.set()
    done: list[int] = []
    with pytest.raises(Interrupted, match="stopped"):
        run_all(range(10), done.append, front_workers=2, cancellation=cancellation)
    assert done == []


def test_a_run_that_is_stopped_finishes_the_task_at_hand_and_begins_no_other() -> None:
    cancellation = Cancellation()
    done: list[int] = []

    def work(task: int) -> None:
        if task == 3:
            cancellation.set()
        done.append(task)

    with pytest.raises(Interrupted) as caught:
        run_all(range(10), work, front_workers=1, cancellation=cancellation)
    assert done == [0, 1, 2, 3]
    assert caught.value.exit_code == 130


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Makes SIGINT what it is in a terminal, also where the test runner has hidden it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_stops_all_workers_and_says_so() -> None:
    cancellation = Cancellation()
    stopped = threading.Event()

    def work(task: int) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        try:
            cancellation.wait(PATIENCE_SECONDS)
        except Interrupted:
            stopped.set()
            raise

    with pytest.raises(Interrupted, match="stopped"):
        run_all([1], work, front_workers=1, cancellation=cancellation)
    assert cancellation.is_set
    assert stopped.wait(PATIENCE_SECONDS)


def test_ctrl_c_while_the_workers_begin_stops_the_run_too(monkeypatch: pytest.MonkeyPatch) -> None:
    start = threading.Thread.start

    def interrupted_at_the_second(thread: threading.Thread) -> None:
        if thread.name == "worker-1":
            raise KeyboardInterrupt
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", interrupted_at_the_second)
    cancellation = Cancellation()
    with pytest.raises(Interrupted):
        run_all([], lambda task: None, front_workers=3, cancellation=cancellation)
    assert cancellation.is_set


def test_a_cancellation_is_heard_once_it_is_set() -> None:
    cancellation = Cancellation()
    cancellation.check()
    cancellation.wait(0)
    assert not cancellation.is_set
    cancellation.set()
    with pytest.raises(Interrupted):
        cancellation.check()
    with pytest.raises(Interrupted):
        cancellation.wait(PATIENCE_SECONDS)


def test_a_follower_runs_beside_us_until_it_is_done() -> None:
    go, done = threading.Event(), threading.Event()

    def run() -> None:
        assert go.wait(PATIENCE_SECONDS)
        done.set()

    follower = Follower(run, name="follower")
    assert not done.is_set()
    go.set()
    follower.join()
    assert done.is_set()


@pytest.mark.parametrize("error", [Damaged("x"), ValueError("x")], ids=["a finding", "a bug"])
def test_what_ends_a_follower_is_raised_where_it_is_joined(error: Exception) -> None:
    def run() -> None:
        raise error

    follower = Follower(run, name="follower")
    with pytest.raises((BundlerError, ValueError)) as caught:
        follower.join()
    assert caught.value is error
