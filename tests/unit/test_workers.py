"""Every task is worked on once, one that fails stops no other, and a request to stop is heard."""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Generator, Iterator

import pytest

from bundler.errors import BundlerError, Damaged, Interrupted, LocalStorage, Refused
from bundler.workers import (
    BackgroundHash,
    BackgroundPool,
    BackgroundThread,
    Cancellation,
    Channel,
    Consumer,
    Places,
    Poured,
    pour,
    run_all,
)
from tests.support.errors import raises
from tests.support.watching import within

PATIENCE_SECONDS = 60
"""The time that a thread waits for another before the test is given up; a sound run never waits."""


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


@pytest.mark.parametrize("back", [0, 3])
def test_tasks_are_made_as_they_are_worked_on(back: int) -> None:
    """There may be a million of them; only so many are looked through for one of the other kind."""
    made, most_ahead, done = 0, 0, 0
    lock = threading.Lock()

    def tasks() -> Iterator[int]:
        nonlocal made, most_ahead
        for number in range(20_000):
            made += 1
            most_ahead = max(most_ahead, made - done)
            yield 100 if number % 5000 == 0 else 1

    def work(task: int) -> None:
        nonlocal done
        with lock:
            done += 1

    run_all(tasks(), work, front_workers=2, back_workers=back, is_for_back=is_small, cancellation=Cancellation())
    assert (made, done) == (20_000, 20_000)
    assert most_ahead < 2000


def test_an_error_while_tasks_are_made_is_a_bug_that_is_reported() -> None:
    def tasks() -> Iterator[int]:
        yield 1
        raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        run_all(tasks(), lambda task: None, front_workers=2, cancellation=Cancellation())


def test_a_place_that_was_freed_is_taken_by_a_thread_that_waits_for_it() -> None:
    places, cancellation, taken = Places(1), Cancellation(), threading.Event()
    leave = places.take(cancellation)

    def wait() -> None:
        places.take(cancellation)
        taken.set()

    thread = BackgroundThread(wait, name="waiting")
    assert not taken.is_set()
    leave()
    thread.join()
    assert taken.is_set()


def test_a_place_that_was_freed_twice_is_free_once() -> None:
    places, stopped = Places(1), Cancellation()
    leave = places.take(stopped)
    leave()
    leave()
    places.take(stopped)
    stopped.set()
    with pytest.raises(Interrupted):
        places.take(stopped)


def test_a_background_hash_does_its_part_with_each_piece() -> None:
    taken: list[bytes] = []
    buffer = bytearray(3)
    with BackgroundHash(lambda view: taken.append(bytes(view)), name="hash") as hashing:
        for number in range(100):
            buffer[:] = b"%03d" % number
            hashing.give(memoryview(buffer))
            hashing.wait()
    assert taken == [b"%03d" % number for number in range(100)]


def test_an_error_of_the_owner_is_raised_while_the_background_still_works() -> None:
    ended: list[bytes] = []

    def own() -> None:
        with BackgroundHash(lambda view: ended.append(bytes(view)), name="hash") as hashing:
            hashing.give(memoryview(b"its part"))
            raise ValueError("a bug")

    for _ in range(300):
        with pytest.raises(ValueError, match="a bug"):
            own()
    assert len(ended) == 300


def test_an_error_in_the_background_is_raised_and_blocks_nobody() -> None:
    def work(view: memoryview) -> None:
        raise ValueError("a bug")

    hashing = BackgroundHash(work, name="hash")
    for _ in range(3):
        hashing.give(memoryview(b"x"))
        hashing.wait()
    with pytest.raises(ValueError, match="a bug"):
        hashing.__exit__()


def test_a_thread_that_hangs_does_not_keep_the_process_alive() -> None:
    kinds: list[bool] = []
    run_all(
        [1], lambda task: kinds.append(threading.current_thread().daemon), front_workers=1, cancellation=Cancellation()
    )
    BackgroundThread(lambda: kinds.append(threading.current_thread().daemon), name="background").join()
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
    with pytest.raises(Interrupted):
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

    with pytest.raises(Interrupted):
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


def test_a_background_thread_runs_until_it_is_done() -> None:
    go, done = threading.Event(), threading.Event()

    def run() -> None:
        assert go.wait(PATIENCE_SECONDS)
        done.set()

    background = BackgroundThread(run, name="background")
    assert not done.is_set()
    go.set()
    background.join()
    assert done.is_set()


@pytest.mark.parametrize("error", [Damaged("x"), ValueError("x")], ids=["a finding", "a bug"])
def test_what_ends_a_background_thread_is_raised_where_it_is_joined(error: Exception) -> None:
    def run() -> None:
        raise error

    background = BackgroundThread(run, name="background")
    with pytest.raises((BundlerError, ValueError)) as caught:
        background.join()
    assert caught.value is error


@pytest.mark.parametrize("error", [None, Damaged("x"), ValueError("x")], ids=["nothing", "a finding", "a bug"])
def test_the_outcome_of_a_background_thread_is_returned_and_not_raised(error: Exception | None) -> None:
    def run() -> None:
        if error is not None:
            raise error

    background = BackgroundThread(run, name="background")
    assert background.outcome() is error
    assert background.outcome() is error


# Bytes from thread to thread

PIECES = [b"%d" % number * 7 for number in range(100)]

Take = Callable[[Generator[bytes, None, None]], object]


def test_what_is_put_into_a_channel_comes_out_in_its_order() -> None:
    channel = Channel()

    def put() -> None:
        for piece in PIECES:
            assert channel.put(piece)
        channel.end()

    background = BackgroundThread(put, name="puts")
    assert list(channel.pieces()) == PIECES
    background.join()


def test_what_was_put_before_the_end_comes_out_before_the_error() -> None:
    channel, taken = Channel(), list[bytes]()
    channel.put(b"one")
    channel.end(Refused("denied"))
    with pytest.raises(Refused, match="denied"):
        taken.extend(channel.pieces())
    assert taken == [b"one"]


def test_the_first_end_of_a_channel_counts() -> None:
    channel = Channel()
    channel.end()
    channel.end(Refused("too late"))
    assert list(channel.pieces()) == []


def test_a_channel_that_nobody_asks_any_more_takes_nothing() -> None:
    channel = Channel()
    assert channel.put(b"one")
    channel.abandon()
    assert not channel.put(b"two")


def test_a_writer_that_waits_for_a_slow_reader_learns_when_it_gives_up() -> None:
    channel, answers = Channel(), []

    def put() -> None:
        for piece in PIECES:
            answers.append(channel.put(piece))
            if not answers[-1]:
                return

    background = BackgroundThread(put, name="puts")
    assert next(channel.pieces()) == PIECES[0]
    channel.abandon()
    background.join()
    assert answers[-1] is False
    assert len(answers) < len(PIECES), "a channel holds a few pieces and no more"


def test_a_consumer_takes_what_is_written_and_returns_what_it_makes_of_it() -> None:
    consumer = Consumer(lambda pieces: b"".join(pieces), name="joins")
    for piece in PIECES:
        consumer.write(piece)
    assert consumer.finish() == b"".join(PIECES)


def test_a_buffer_may_be_reused_once_it_was_written() -> None:
    consumer, buffer = Consumer(lambda pieces: b"".join(pieces), name="joins"), bytearray(b"one")
    consumer.write(memoryview(buffer))
    buffer[:] = b"two"
    consumer.write(memoryview(buffer))
    buffer[:] = b"xxx"
    assert consumer.finish() == b"onetwo"


def write_until_it_fails(consumer: Consumer[object]) -> None:
    for piece in PIECES:
        consumer.write(piece)
    consumer.finish()


@pytest.mark.parametrize("error", [Refused("the daemon says no"), ValueError("x")], ids=["a finding", "a bug"])
@pytest.mark.parametrize("after", [0, 3, len(PIECES)], ids=["at once", "in the middle", "at the end"])
def test_what_ends_a_consumer_is_raised_where_it_is_written_to(error: Exception, after: int) -> None:
    def take(pieces: Generator[bytes, None, None]) -> None:
        for _ in range(after):
            next(pieces)
        raise error

    with pytest.raises((Refused, ValueError)) as caught:
        write_until_it_fails(Consumer(take, name="fails"))
    assert caught.value is error


def test_a_consumer_that_ends_early_without_an_error_is_noticed() -> None:
    with pytest.raises(BrokenPipeError):
        write_until_it_fails(Consumer(lambda pieces: next(pieces), name="ends early"))


def test_an_aborted_consumer_meets_the_error_and_has_ended_then() -> None:
    met: list[BaseException] = []

    def take(pieces: Generator[bytes, None, None]) -> None:
        try:
            for _ in pieces:
                pass
        except Damaged as error:
            met.append(error)
            raise

    error = Damaged("the last piece is withheld")
    consumer = Consumer(take, name="aborted")
    consumer.write(b"one")
    consumer.abort(error)
    assert met == [error]


def counted(pieces: list[bytes], log: list[str], error: BaseException | None = None) -> Generator[bytes, None, None]:
    try:
        for piece in pieces:
            log.append("read")
            yield piece
        if error is not None:
            raise error
    finally:
        log.append("closed")


def destination(into: list[bytes]) -> Take:
    return into.extend


def test_the_same_pieces_reach_all_who_take_them_and_are_read_once() -> None:
    log: list[str] = []
    taken: list[list[bytes]] = [[], [], []]
    assert pour(counted(PIECES, log), [destination(each) for each in taken]) == Poured((None, None, None), None)
    assert taken == [PIECES] * 3
    assert log == ["read"] * len(PIECES) + ["closed"]


def test_one_who_fails_stops_no_other() -> None:
    taken: list[bytes] = []
    error = Refused("quota")

    def fail(pieces: Generator[bytes, None, None]) -> None:
        next(pieces)
        raise error

    assert pour(counted(PIECES, []), [fail, destination(taken)]) == Poured((error, None), None)
    assert taken == PIECES


def test_when_all_have_failed_nothing_more_is_read() -> None:
    log: list[str] = []

    def fail(pieces: Generator[bytes, None, None]) -> None:
        next(pieces)
        raise Refused("quota")

    errors = pour(counted(PIECES, log), [fail, fail]).failures
    assert [type(error) for error in errors] == [Refused, Refused]
    assert log[-1] == "closed"
    assert len(log) < len(PIECES)


@pytest.mark.parametrize("error", [Damaged("wrong digest"), ValueError("x")], ids=["a finding", "a bug"])
def test_the_error_of_the_pieces_reaches_all_who_take_them(error: Exception) -> None:
    log: list[str] = []
    taken: list[list[bytes]] = [[], []]

    assert pour(counted(PIECES[:3], log, error), [destination(each) for each in taken]) == Poured((error, error), error)
    assert taken == [PIECES[:3]] * 2
    assert log[-1] == "closed"


def test_pieces_are_lost_only_if_they_failed_and_nobody_failed_before_for_another_reason() -> None:
    error, own = Damaged("wrong digest"), Refused("quota")
    assert Poured((error, error), error).is_lost
    assert not Poured((own, error), error).is_lost, "the one that failed by itself is served again"
    assert not Poured((own, own), None).is_lost


def test_a_buffer_that_is_reused_reaches_all_as_it_was() -> None:
    buffer = bytearray(1)

    def reused() -> Generator[memoryview, None, None]:
        for number in range(50):
            buffer[0] = number
            yield memoryview(buffer)

    taken: list[list[bytes]] = [[], []]
    pour(reused(), [destination(each) for each in taken])
    assert taken == [[bytes([number]) for number in range(50)]] * 2


def test_pouring_for_nobody_reads_no_more_than_it_must_and_closes() -> None:
    log: list[str] = []
    assert pour(counted(PIECES, log), []) == Poured((), None)
    assert log[-1] == "closed"


def test_a_pool_without_threads_takes_no_work_and_makes_nobody_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    pool, done = BackgroundPool(2, name="pool"), threading.Semaphore(0)

    def start(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with within(30):
        with monkeypatch.context() as limited:
            limited.setattr(threading.Thread, "start", start)
            for _ in range(4):
                with raises(LocalStorage):
                    pool.give(done.release)
        assert not done.acquire(blocking=False)
        pool.give(done.release)
        assert done.acquire(timeout=30)
        with monkeypatch.context() as limited:  # one thread does the work of two
            limited.setattr(threading.Thread, "start", start)
            for _ in range(3):
                pool.give(done.release)
        pool.close()
    assert all(done.acquire(blocking=False) for _ in range(3))
