"""All threads of the program: pools that work through a queue, single background threads, and their end on Ctrl-C.

Threads are daemons: a thread that hangs in a system call does not keep the process alive after an interruption.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from functools import partial
from typing import Generic, NamedTuple, TypeVar

from bundler.errors import BundlerError, Interrupted, LocalStorage

Task = TypeVar("Task")
Result = TypeVar("Result")

_POLL_SECONDS = 0.2
_GRACE_SECONDS = 0.5
"""The time that the threads of a pool have to end after a stop was requested."""
_LOOK_AHEAD = 1000
"""Tasks that a pool takes in before they are worked on, while it looks for one of the other kind."""
_PATIENCE_SECONDS = 1.5
"""The time that a command has to end, receipts included: Ctrl-C ends it within two seconds."""


class Cancellation:
    """Tells all threads of a run to stop. Thread-safe."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        """Asks all threads to stop."""
        self._event.set()

    @property
    def is_set(self) -> bool:
        """True if a stop was requested."""
        return self._event.is_set()

    def check(self) -> None:
        """Returns if no stop was requested.

        Raises:
            Interrupted: A stop was requested.
        """
        if self._event.is_set():
            raise Interrupted()

    def wait(self, seconds: float) -> None:
        """Sleeps until the time is over or a stop is requested.

        Raises:
            Interrupted: A stop was requested.
        """
        self._event.wait(seconds)
        self.check()


class Places:
    """A limited number of places: a thread that finds none free waits for one. Thread-safe."""

    def __init__(self, count: int) -> None:
        self._free = threading.Semaphore(count)

    def take(self, cancellation: Cancellation) -> Callable[[], None]:
        """Waits for a place. Returns the function that frees it; further calls of it have no effect.

        Raises:
            Interrupted: A stop was requested.
        """
        while not self._free.acquire(timeout=_POLL_SECONDS):
            cancellation.check()
        held = [self._free]

        def leave() -> None:
            if held:
                held.pop().release()

        return leave


class BackgroundThread:
    """One thread in the background, for work that follows that of the workers. `join` raises its error again."""

    def __init__(self, run: Callable[[], None], *, name: str) -> None:
        self._run = run
        self._error: BaseException | None = None
        self._ended = threading.Event()
        try:
            threading.Thread(target=self._guarded, name=name, daemon=True).start()
        except RuntimeError as error:
            raise LocalStorage(
                "this machine cannot start another thread",
                hint="raise the limits (ulimit -u, ulimit -v, the pids of the container), or use fewer --jobs",
            ) from error

    def join(self) -> None:
        """Waits for its end.

        Raises:
            Exception: The error that ended it.
        """
        error = self.outcome()
        if error is not None:
            raise error

    def outcome(self) -> BaseException | None:
        """Waits for its end. Returns the error that ended it, or None."""
        while not self.ends_within(_POLL_SECONDS):
            pass
        return self._error

    def ends_within(self, seconds: float) -> bool:
        """Waits for its end, but not longer than this. Returns True if it has ended.

        `Thread.join` cannot be used here: before Python 3.13, after an interruption, it takes a running thread for an
        ended one (python/cpython#90882).
        """
        return self._ended.wait(seconds)

    def _guarded(self) -> None:
        try:
            self._run()
        except BaseException as error:  # carried over to the thread that joins
            self._error = error
        finally:
            self._ended.set()


class BackgroundHash:
    """A thread that hashes bytes while its owner does something else with the same bytes. A context manager.

    The owner gives the bytes, does its own work, and calls `wait` before it changes them.
    """

    def __init__(self, work: Callable[[memoryview], object], *, name: str) -> None:
        self._work = work
        self._given: memoryview | None = None
        self._is_pending = False
        # One side acquires these locks and the other releases them: the cheapest way to wait for each other.
        self._is_given, self._is_done = threading.Lock(), threading.Lock()
        self._is_given.acquire()
        self._is_done.acquire()
        self._thread = BackgroundThread(self._serve, name=name)

    def give(self, view: memoryview) -> None:
        """Gives it some bytes, which must not change before `wait` returns."""
        self._given, self._is_pending = view, True
        self._is_given.release()

    def wait(self) -> None:
        """Waits until the bytes that were given last are hashed. To be called once for each `give`."""
        self._is_done.acquire()
        self._is_pending = False

    def __enter__(self) -> BackgroundHash:
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_pending:  # the owner's part went wrong
            self.wait()
        self._given = None
        self._is_given.release()
        self._thread.join()

    def _serve(self) -> None:
        error: BaseException | None = None
        while self._is_given.acquire() and (given := self._given) is not None:
            try:
                self._work(given)
            except BaseException as raised:  # raised at the end; until then no thread may wait in vain
                error = error or raised
            self._is_done.release()
        if error is not None:
            raise error


class BackgroundPool:
    """A few threads in the background that do the work they are given; `give` waits while all of them are busy."""

    def __init__(self, count: int, *, name: str) -> None:
        """Starts no thread yet.

        Args:
            count: The largest number of threads.
            name: Their name.
        """
        self._count = count
        self._name = name
        self._threads: list[BackgroundThread] = []
        self._given: deque[Callable[[], None]] = deque()
        self._unfinished = 0
        self._is_closed = False
        self._changed = threading.Condition()

    def give(self, work: Callable[[], None]) -> None:
        """Gives some work to the next free thread. The work keeps its own errors; one that is raised ends the thread.

        Raises:
            LocalStorage: No thread can be started.
        """
        with self._changed:
            while self._unfinished >= self._count:
                self._changed.wait()
            if len(self._threads) <= self._unfinished:
                try:
                    self._threads.append(BackgroundThread(self._serve, name=self._name))
                except LocalStorage:
                    if not self._threads:
                        raise  # the work does not count as given, or `give` would wait for it for ever
            self._unfinished += 1
            self._given.append(work)
            self._changed.notify_all()

    def close(self) -> None:
        """Waits until all given work is done, and ends the threads. Idempotent."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _serve(self) -> None:
        while True:
            with self._changed:
                while not self._given and not self._is_closed:
                    self._changed.wait()
                if not self._given:
                    return
                work = self._given.popleft()
            try:
                work()
            finally:
                with self._changed:
                    self._unfinished -= 1
                    self._changed.notify_all()


class Channel:
    """A queue of a few pieces of bytes from one thread to another."""

    _PIECES = 4

    def __init__(self) -> None:
        self._pieces: deque[bytes] = deque()
        self._changed = threading.Condition()
        self._is_ended = False
        self._is_abandoned = False
        self._error: BaseException | None = None

    def put(self, piece: bytes) -> bool:
        """Adds a piece, and waits while the queue is full. Returns False if the reader has given up."""
        with self._changed:
            while len(self._pieces) >= self._PIECES and not self._is_abandoned:
                self._changed.wait()
            if not self._is_abandoned:
                self._pieces.append(piece)
                self._changed.notify_all()
            return not self._is_abandoned

    def end(self, error: BaseException | None = None) -> None:
        """Ends the queue, perhaps with an error. Only the first call counts."""
        with self._changed:
            if not self._is_ended:
                self._is_ended, self._error = True, error
                self._changed.notify_all()

    def abandon(self) -> None:
        """Notes that the reader has given up."""
        with self._changed:
            self._is_abandoned = True
            self._pieces.clear()
            self._changed.notify_all()

    def pieces(self) -> Generator[bytes, None, None]:
        """The pieces, until the end.

        Raises:
            BaseException: The error that was given to `end`.
        """
        while True:
            with self._changed:
                while not self._pieces and not self._is_ended:
                    self._changed.wait()
                if not self._pieces:
                    if self._error is not None:
                        raise self._error
                    return
                piece = self._pieces.popleft()
                self._changed.notify_all()
            yield piece


class Consumer(Generic[Result]):
    """A function in a thread of its own that takes the pieces which are written here."""

    def __init__(self, take: Callable[[Generator[bytes, None, None]], Result], *, name: str) -> None:
        self._channel = Channel()
        self._results: list[Result] = []

        def run() -> None:
            try:
                self._results.append(take(self._channel.pieces()))
            finally:
                self._channel.abandon()

        self._thread = BackgroundThread(run, name=name)

    def write(self, piece: bytes | memoryview) -> None:
        """Passes a piece on. The caller may reuse its memory afterwards.

        Raises:
            BaseException: The error that ended the function, if it has ended.
        """
        if not self._channel.put(bytes(piece)):
            self._thread.join()
            raise BrokenPipeError("the function ended before its input did")

    def finish(self) -> Result:
        """Ends the pieces, and waits for the result of the function.

        Raises:
            BaseException: The error of the function.
        """
        self._channel.end()
        self._thread.join()
        return self._results[0]

    def abort(self, error: BaseException) -> None:
        """Raises an error in the function in place of its next piece, and waits until it has ended."""
        self._channel.end(error)
        self._thread.outcome()


class Poured(NamedTuple):
    """The end of a `pour`.

    Attributes:
        failures: The error of each function, in their order.
        source_error: The error of ``pieces``; a function that took it to its end has it in ``failures``, too.
    """

    failures: tuple[BaseException | None, ...]
    source_error: BaseException | None

    @property
    def is_lost(self) -> bool:
        """True if no function got the pieces, for no other reason than that there were no more."""
        return self.source_error is not None and all(failure is self.source_error for failure in self.failures)


def pour(
    pieces: Generator[bytes | memoryview, None, None],
    takes: Sequence[Callable[[Generator[bytes | memoryview, None, None]], None]],
) -> Poured:
    """Gives the same pieces to several functions at once, each in its own thread, as fast as the slowest one reads.

    One that fails stops no other.

    Args:
        pieces: Read in the calling thread, once.
        takes: Functions that take pieces to their end.
    """
    channels = [Channel() for _ in takes]
    threads = [
        BackgroundThread(_taking(take, channel), name=f"pour-{number}")
        for number, (take, channel) in enumerate(zip(takes, channels, strict=True))
    ]
    error: BaseException | None = None
    try:
        for piece in pieces:
            content = bytes(piece)
            alive = [channel.put(content) for channel in channels]
            if not any(alive):
                break
    except BaseException as raised:
        error = raised
    finally:
        pieces.close()
        for channel in channels:
            channel.end(error)
    return Poured(tuple(thread.outcome() for thread in threads), error)


def _taking(take: Callable[[Generator[bytes | memoryview, None, None]], None], channel: Channel) -> Callable[[], None]:
    def run() -> None:
        try:
            take(channel.pieces())
        finally:
            channel.abandon()

    return run


def run_all(
    tasks: Iterable[Task],
    work: Callable[[Task], None],
    *,
    front_workers: int,
    back_workers: int = 0,
    is_for_back: Callable[[Task], bool] = lambda _task: True,
    cancellation: Cancellation,
) -> list[tuple[Task, BundlerError]]:
    """Works through tasks with threads in front and at the back.

    Workers in front take the tasks for the front, then help at the back; workers at the back take only those for it.
    So few threads move the large blobs while many hide the round trips of the small ones, each kind in its order.

    Args:
        tasks: In order of preference. They are made as they are worked on: there may be a million.
        work: Called once for each task, from many threads.
        front_workers: Threads in front; at least one.
        back_workers: Threads at the back.
        is_for_back: Returns True for a task for the back.
        cancellation: Set here on Ctrl-C, and watched.

    Returns:
        The tasks that failed, with their errors, in no order.

    Raises:
        Interrupted: Ctrl-C, or the cancellation was set.
        Exception: Any error that is not a `BundlerError`, after all threads stopped: a bug.
    """
    pool = _Pool(tasks, work, is_for_back)
    workers: list[BackgroundThread] = []
    try:
        for number, at_back in enumerate([False] * front_workers + [True] * back_workers):
            try:
                workers.append(BackgroundThread(partial(pool.serve, at_back, cancellation), name=f"worker-{number}"))
            except LocalStorage:
                if not workers:
                    raise
                break  # fewer do the same
        for worker in workers:
            while not worker.ends_within(_POLL_SECONDS) and not cancellation.is_set:
                pass
    except KeyboardInterrupt:
        cancellation.set()
    _wait_a_moment(workers)
    if pool.bug is not None:
        raise pool.bug
    cancellation.check()
    return pool.failures


def _wait_a_moment(workers: Iterable[BackgroundThread]) -> None:
    """Waits a moment for threads to end. A thread that hangs in a system call stays."""
    until = time.monotonic() + _GRACE_SECONDS
    for worker in workers:
        worker.ends_within(max(0.0, until - time.monotonic()))


def interruptible(work: Callable[[], Result], cancellation: Cancellation) -> Result:
    """Works in a separate thread, so that Ctrl-C has an effect even while that thread hangs in a system call.

    On Ctrl-C all threads are asked to stop. They get a moment to finish their present work and the receipt. A thread
    that has not ended then is abandoned, as if the process had been killed. No file is harmed by that.

    Args:
        work: The work to do.
        cancellation: Of the run; set here on Ctrl-C.

    Returns:
        The result of ``work``, also if it ended in that moment.

    Raises:
        BaseException: The error of ``work``.
        Interrupted: It did not end in time, or Ctrl-C came a second time.
    """
    results: list[Result] = []
    thread = BackgroundThread(lambda: results.append(work()), name="command")
    try:
        while not thread.ends_within(_POLL_SECONDS):
            _questions.answer()
    except KeyboardInterrupt:
        cancellation.set()
        try:
            if not thread.ends_within(_PATIENCE_SECONDS):
                raise Interrupted() from None
        except KeyboardInterrupt:
            raise Interrupted() from None
    thread.join()
    return results[0]


def in_front(question: Callable[[], Result]) -> Result:
    """Calls a function in the thread that receives Ctrl-C, because a user may answer a question with Ctrl-C.

    Raises:
        BaseException: The error of ``question``.
    """
    if threading.current_thread() is threading.main_thread():
        return question()
    return _questions.ask(question)


class _Questions:
    """Functions that threads hand to the thread in front."""

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()

    def ask(self, question: Callable[[], Result]) -> Result:
        """Waits for the answer."""
        answered = threading.Event()
        results: list[Result] = []
        errors: list[BaseException] = []

        def answer() -> None:
            try:
                results.append(question())
            except BaseException as error:  # carried over to the thread that asked
                errors.append(error)
            answered.set()

        self._waiting.put(answer)
        answered.wait()
        if errors:
            raise errors[0]
        return results[0]

    def answer(self) -> None:
        """Answers the questions that have arrived."""
        while not self._waiting.empty():
            self._waiting.get()()


_questions = _Questions()


class _Pool(Generic[Task]):
    def __init__(
        self, tasks: Iterable[Task], work: Callable[[Task], None], is_for_back: Callable[[Task], bool]
    ) -> None:
        self._coming = iter(tasks)
        self._front: deque[Task] = deque()
        self._back: deque[Task] = deque()
        self._is_for_back = is_for_back
        self._work = work
        self._lock = threading.Lock()
        self.failures: list[tuple[Task, BundlerError]] = []
        self.bug: BaseException | None = None

    def serve(self, is_at_back: bool, cancellation: Cancellation) -> None:
        try:
            while not cancellation.is_set and self.bug is None:
                with self._lock:
                    queue = self._filled(is_at_back)
                    if not queue:
                        return
                    task = queue.popleft()
                try:
                    self._work(task)
                except BundlerError as error:
                    with self._lock:
                        self.failures.append((task, error))
        except BaseException as error:  # raised again by run_all
            self.bug = error
            cancellation.set()

    def _filled(self, is_at_back: bool) -> deque[Task]:
        """The queue that a worker takes its next task from; empty if there is nothing more for it.

        A worker at the back waits for no other one; so all tasks before one for the back are read. A worker in front
        looks through a limited number, because the tasks at the back keep the workers there busy.
        """
        wanted = self._back if is_at_back else self._front
        while not wanted and (is_at_back or len(self._back) < _LOOK_AHEAD):
            try:
                task = next(self._coming)
            except StopIteration:
                break
            (self._back if self._is_for_back(task) else self._front).append(task)
        return wanted or self._back
