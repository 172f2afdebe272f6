"""Runs tasks on a Dask cluster that exists (the extra ``image-bundler[dask]``). Only this module imports distributed.

A scheduler gives a task to the next free worker, and to another one if its worker dies. So a task may run twice, and is
idempotent. A request without secrets goes over the network; results and amounts come back. Dask prints the arguments
of tasks that fail, so a task shows its number only.

Everyone who can connect to a scheduler can run code on its workers. Dask's own TLS keeps strangers out: ``tls://``,
with the certificates of Dask's configuration.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from dataclasses import field
from queue import Empty, SimpleQueue
from threading import Lock
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from bundler.core.events import Event, ImagesDone, Listener, Moved, Noticed, PhaseBegan, PhaseEnded, Retrying
from bundler.core.frozen import frozen
from bundler.core.rate import NO_RATE, Rate
from bundler.errors import BundlerError, Misuse, Unavailable
from bundler.run import Run
from bundler.texts import text
from bundler.workers import Cancellation

if TYPE_CHECKING:
    from distributed import Client, Future

Result = TypeVar("Result")

_CONNECT_SECONDS = 30
_POLL_SECONDS = 0.5
_RESULT_SECONDS = 30
_NEWS_SECONDS = 0.2
_REASON_CHARACTERS = 300
_DESERTED = text("the scheduler or its workers are gone")
_LONELY_SECONDS = 60.0
"""The time without any worker after which no result is expected any more."""


@frozen
class Task(Generic[Result]):
    """One task.

    Attributes:
        number: Identifies it among the tasks of one call.
        work: A function of a module; it gets the request and a run on the worker.
        request: The request, without secrets.
        size_bytes: The bytes that it moves at most, for progress.
        images: The images that it completes, for progress.
        version: The version of bundler that made the request.
        jobs: The number of large blobs that move at a time.
        rate: The limit for what each registry gets from it.
    """

    number: int
    work: Callable[[Any, Run], Result] = field(repr=False)
    request: Any = field(repr=False)
    size_bytes: int
    images: int
    version: str
    jobs: int
    rate: Rate = NO_RATE

    def __repr__(self) -> str:
        return f"shard {self.number}"


@frozen
class Done(Generic[Result]):
    """The end of a task: its result, or the reason why there is none."""

    task: Task[Result]
    result: Result | None = None
    reason: str = ""


@contextmanager
def connected(address: str) -> Generator[Cluster, None, None]:
    """Connects to the scheduler at an address, ``tcp://HOST:PORT`` or ``tls://HOST:PORT``.

    Raises:
        Misuse: Dask is not installed, or the address is none.
        Unavailable: The scheduler does not answer, or has no workers.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise Misuse(
            "--dask needs Dask, which is not installed", hint="install it with: pip install 'image-bundler[dask]'"
        ) from error
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # our own errors and notices tell the user
    try:
        client = Client(address, timeout=_CONNECT_SECONDS, set_as_default=False, name="bundler")
    except (OSError, ValueError, TypeError, RuntimeError) as error:  # TimeoutError is an OSError
        raise Unavailable(
            "the scheduler of Dask does not answer",
            subject=address,
            said=str(error)[:300],
            hint="start it with: dask scheduler, and its workers with: dask worker",
        ) from error
    try:
        yield Cluster(client, address)
    finally:
        client.close(timeout=2)


class Cluster:
    """The workers of a scheduler."""

    def __init__(self, client: Client, address: str) -> None:
        self._client = client
        self._address = address
        self._lonely_since: float | None = None
        self.patience_seconds = _LONELY_SECONDS

    def threads(self) -> int:
        """The number of tasks that its workers run at a time.

        Raises:
            Unavailable: It has no workers.
        """
        number: int = sum(self._client.nthreads().values())
        if not number:
            raise Unavailable(
                "the scheduler of Dask has no workers", subject=self._address, hint="start some with: dask worker"
            )
        return number

    def perform(self, tasks: Iterable[Task[Result]], run: Run, at_once: int | None = None) -> list[Done[Result]]:
        """Runs tasks, each on any worker, and returns their ends in any order.

        A task whose workers died several times, and all tasks after the last worker is gone, end with a reason.

        Args:
            tasks: The tasks.
            run: Receives the progress of all of them; stops them when it is cancelled.
            at_once: The number of tasks that run at a time, also if workers join; None for no limit.

        Raises:
            Interrupted: The user stopped the run. Running tasks end at their next event.
        """
        topic = f"bundler-{uuid.uuid4().hex}"
        heard, ready = Heard(run.listener), SimpleQueue[Any]()
        waiting: dict[Any, Task[Result]] = {}
        left = deque(tasks)
        done: list[Done[Result]] = []
        self._client.subscribe_topic(topic, lambda event: heard.take(*event[1]))
        try:
            while left or waiting:
                while left and (at_once is None or len(waiting) < at_once):
                    task = left.popleft()
                    future = self._client.submit(performed, task, topic, key=f"{topic}-{task.number}", pure=False)
                    waiting[future] = task
                    future.add_done_callback(ready.put)
                run.cancellation.check()
                future = self._next(ready)
                if future is not None:
                    done.append(_ended(future, waiting.pop(future)))
                    heard.end(done[-1])
                elif self._is_deserted():
                    return done + [Done(task, reason=str(_DESERTED)) for task in (*waiting.values(), *left)]
            return done
        finally:
            with suppress(OSError):
                self._client.unsubscribe_topic(topic)
                self._client.cancel(list(waiting))

    def _next(self, ready: SimpleQueue[Any]) -> Future[Any] | None:
        """The next future that has ended; None if there is none for a moment."""
        try:
            return ready.get(timeout=_POLL_SECONDS)
        except Empty:
            return None

    def _is_deserted(self) -> bool:
        """True if there was no worker for a while."""
        try:
            has_workers = bool(self._client.nthreads())
        except OSError:
            has_workers = False
        now = time.monotonic()
        self._lonely_since = None if has_workers else self._lonely_since or now
        return self._lonely_since is not None and now - self._lonely_since > self.patience_seconds


def _ended(future: Future[Any], task: Task[Result]) -> Done[Result]:
    """The end of a task, by the state of its future. An error is a bug on the worker, or its death in Dask's words.

    The result stays on the worker until it is fetched. If that worker is gone, Dask waits for others without an end.
    """
    from distributed import KilledWorker

    try:
        if future.status == "finished":
            result, reason = future.result(timeout=_RESULT_SECONDS)
            return Done(task, result, reason)
        if future.status == "error":
            error = future.exception(timeout=_RESULT_SECONDS)
            return Done(task, reason=f"{type(error).__name__}: {error}"[:_REASON_CHARACTERS])
    except (OSError, asyncio.TimeoutError, CancelledError, KilledWorker):
        pass  # this host sends what the task may have sent: nothing is sent twice
    return Done(task, reason=str(_DESERTED))


class Heard:
    """Adds up what the workers tell, and tells it to the listener of the run. Thread-safe."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._moved: dict[int, tuple[str, int]] = {}
        """The bytes of each task, with the worker that moved them."""
        self._ended: set[int] = set()
        self._lock = Lock()

    def take(self, number: int, worker: str, kind: str, value: Any) -> None:
        """One piece of news of a task."""
        with self._lock:
            if number in self._ended:
                return
            if kind == "moved":
                before, moved = self._moved.get(number, (worker, 0))
                if before != worker:  # that one died: this one does all of it
                    self._listener(Moved(-moved))
                    moved = 0
                self._moved[number] = worker, moved + value
                self._listener(Moved(value))
            elif kind == "noticed":
                self._listener(Noticed(text("{worker}: {notice}", worker=worker, notice=value)))
            else:
                subject, reason, attempt, seconds, peer = value
                self._listener(Retrying(subject, Unavailable(reason), attempt, seconds, peer=peer))

    def end(self, done: Done[Any]) -> None:
        """Notes the end of a task: bytes that were at the target already count as moved."""
        task = done.task
        with self._lock:
            self._ended.add(task.number)
            _, moved = self._moved.get(task.number, ("", 0))
            self._listener(Moved(task.size_bytes - moved))
            if done.result is not None:
                self._listener(ImagesDone(task.images))


def performed(task: Task[Result], topic: str) -> tuple[Result | None, str]:
    """Does a task, on a worker. Returns its result, or None and the reason why there is none."""
    from bundler import __version__

    if task.version != __version__:
        return None, f"the worker has bundler {__version__}, and the host that asked {task.version}"
    teller = _Teller(task.number, topic)
    run = Run(teller.take, teller.cancellation, jobs=task.jobs, rate=task.rate)
    try:
        return task.work(task.request, run), ""
    except BundlerError as error:
        return None, str(error)
    finally:
        teller.tell_moved()


class _Teller:
    """The listener of a task on a worker. Thread-safe."""

    def __init__(self, number: int, topic: str) -> None:
        from distributed import get_worker

        self._worker = get_worker()
        self._key = self._worker.get_current_task()
        self._number, self._topic = number, topic
        self._in_bytes = False
        self._amount = 0
        self._reported = 0.0
        self._lock = Lock()
        self.cancellation = Cancellation()

    def take(self, event: Event) -> None:
        if self._is_given_up():
            self.cancellation.set()
        if isinstance(event, PhaseBegan):
            self._in_bytes = event.in_bytes
        elif isinstance(event, PhaseEnded):
            self.tell_moved()
        elif isinstance(event, Moved) and self._in_bytes:
            self._move(event.amount)
        elif isinstance(event, Noticed):
            self._tell("noticed", str(event.text))
        elif isinstance(event, Retrying):
            subject = str(event.subject)  # a `Text` is no string of msgpack
            self._tell("retrying", [subject, str(event.error), event.attempt, event.pause_seconds, event.peer])

    def tell_moved(self) -> None:
        """Tells the bytes that were not reported yet."""
        with self._lock:
            amount, self._amount, self._reported = self._amount, 0, time.monotonic()
        if amount:
            self._tell("moved", amount)

    def _move(self, amount: int) -> None:
        with self._lock:
            self._amount += amount
            is_due = time.monotonic() - self._reported >= _NEWS_SECONDS
        if is_due:
            self.tell_moved()

    def _tell(self, kind: str, value: object) -> None:
        self._worker.log_event(self._topic, [self._number, self._worker.address, kind, value])

    def _is_given_up(self) -> bool:
        """True if the scheduler wants no result any more: the user stopped the run, or its process is gone."""
        state = self._worker.state.tasks.get(self._key)
        return state is None or state.state in ("cancelled", "resumed")
