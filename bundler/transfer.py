"""Copies blobs and manifests from any source to any sink, and verifies them during the copy.

The bytes that are hashed are the bytes that the sink gets: `bundler.verified_blob` hands on the last piece of a blob
only if the digest is right, so a sink never completes a damaged blob. A failed blob is copied again, from an offset if
its source can do that. `bundler.run` has the number of attempts.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing, contextmanager
from dataclasses import field, replace
from functools import partial
from typing import Generic, TypeVar

from bundler.core.events import COPIED, FAILED, Began, Event, Finished, ImagesDone, Listener, Moved
from bundler.core.frozen import frozen
from bundler.core.oci import Descriptor
from bundler.core.protocols import (
    BlobSink,
    BlobSource,
    Obtained,
    Pieces,
    can_mount,
    can_resume,
    is_ordered,
    may_have_copies,
)
from bundler.core.tally import Tally
from bundler.errors import BundlerError, Damaged, Interrupted, Refused, Unavailable
from bundler.run import Run, retrying
from bundler.verified_blob import VerifiedBlob
from bundler.workers import Places, pour, run_all

Question = TypeVar("Question")
Result = TypeVar("Result")

MOUNTED, PRESENT = Obtained.MOUNTED.value, Obtained.PRESENT.value

SMALL_BLOB_BYTES = 1 << 20
"""Smaller blobs cost more time for round trips than for bytes."""

SMALL_WORKERS = 8
"""Threads for small blobs and single questions."""

WAITING_WORKERS = 2
"""Threads for large blobs that wait for answers while others move bytes: each blob has round trips before and after its
bytes, and without these threads a slow line would be idle then."""


@frozen
class Destination:
    """Sinks of one store that need a blob. The first one gets the bytes; the others may mount it."""

    sinks: tuple[BlobSink, ...]
    peer: str = ""
    """The registry that is asked, see `CircuitBreaker`; of a source, where the destinations are this machine."""
    holder: BlobSink | None = None
    """A sink of the same store that probably has the blob, for the first one to mount it from."""


@frozen
class BlobCopy:
    """One blob with its source and its destinations. It is read once for all stores.

    Attributes:
        descriptor: The blob.
        source: The source of its bytes.
        destinations: The sinks that need it.
        label: The name of the blob in errors.
        image: The image that it is for, of several the first; for progress.
    """

    descriptor: Descriptor
    source: BlobSource
    destinations: tuple[Destination, ...]
    label: str
    image: str = ""

    @property
    def called(self) -> str:
        """The name of the blob in progress."""
        return self.image or self.label


@frozen
class Copied:
    """The results of some copies.

    Attributes:
        failed: The copies that failed, each with those of its sinks that do not have the blob, and why.
        bytes_by_peer: The bytes that the sinks of each peer received and kept.
    """

    failed: tuple[tuple[BlobCopy, BundlerError], ...] = ()
    bytes_by_peer: Counter[str] = field(default_factory=Counter)


class _Gathered:
    """The results of copies so far, while threads work on them."""

    def __init__(self) -> None:
        self._failed: list[tuple[BlobCopy, BundlerError]] = []
        self._bytes_by_peer: Counter[str] = Counter()
        self._lock = threading.Lock()

    @property
    def has_failures(self) -> bool:
        return bool(self._failed)

    def add(self, copied: Copied) -> None:
        with self._lock:
            self._failed.extend(copied.failed)
            self._bytes_by_peer.update(copied.bytes_by_peer)

    def copied(self) -> Copied:
        return Copied(tuple(self._failed), self._bytes_by_peer)


def copy_blobs(copies: Iterable[BlobCopy], run: Run, *, ordered_workers: int | None = None) -> Copied:
    """Copies blobs in parallel; one that fails stops no other.

    Args:
        copies: In order of preference: large ones before small ones, unless a sink wants another order.
        run: The run that this is part of.
        ordered_workers: Threads that take them in just this order, for such a sink; None for a few that take large ones
            and more that take small ones.

    Raises:
        Interrupted: The user stopped the run.
    """
    gathered = _Gathered()
    places = None if ordered_workers else Places(run.jobs)
    front_workers = run.at_most(ordered_workers or run.jobs + WAITING_WORKERS)
    bugs = run_all(
        copies,
        lambda copy: _copy_into(gathered, copy, run, places),
        front_workers=front_workers,
        back_workers=0 if ordered_workers else max(0, run.at_most(SMALL_WORKERS + WAITING_WORKERS) - front_workers),
        is_for_back=lambda copy: not ordered_workers and copy.descriptor.size_bytes < SMALL_BLOB_BYTES,
        cancellation=run.cancellation,
    )
    assert not bugs, "what fails is noted with its sinks"
    return gathered.copied()


def copy_groups(groups: Iterable[Sequence[BlobCopy]], run: Run) -> Copied:
    """Copies groups of blobs in parallel, the blobs of each one after the other; one that fails stops no other.

    Args:
        groups: Each in its order, for sources that are best read so.
        run: The run that this is part of.

    Raises:
        Interrupted: The user stopped the run.
    """
    gathered = _Gathered()

    def work(group: Sequence[BlobCopy]) -> None:
        for copy in group:
            _copy_into(gathered, copy, run)

    bugs = run_all(groups, work, front_workers=run.at_most(run.jobs), cancellation=run.cancellation)
    assert not bugs, "what fails is noted with its sinks"
    return gathered.copied()


def _copy_into(gathered: _Gathered, copy: BlobCopy, run: Run, places: Places | None = None) -> None:
    """Copies one blob, unless one has failed and the run is to end then."""
    try:
        if not (run.is_fail_fast and gathered.has_failures):
            gathered.add(_BlobCopying(copy, run, places).copied())
    finally:
        for sink in (sink for destination in copy.destinations for sink in destination.sinks):
            if is_ordered(sink):
                sink.end_blob(copy.descriptor)


def copy_wholes(groups: Iterable[Sequence[BlobCopy]], run: Run) -> Copied:
    """Copies groups of blobs in parallel, into sinks that need each group as a whole and in its order.

    A group in which a blob fails is repeated from its first blob. After the last attempt the other blobs of the group
    are still requested, so that one run reports all blobs that cannot be read.

    Raises:
        Interrupted: The user stopped the run.
    """
    gathered = _Gathered()

    def work(group: Sequence[BlobCopy]) -> None:
        whole = _Whole(group, run)
        peer = group[0].destinations[0].peer
        try:
            sent_bytes = retrying(whole.copy, run, subject=group[0].label, peer=peer)
            gathered.add(Copied(bytes_by_peer=Counter({peer: sent_bytes})))
        except Interrupted:
            raise
        except BundlerError as error:
            gathered.add(Copied(((whole.current, error), *whole.also_absent())))

    bugs = run_all(groups, work, front_workers=run.at_most(run.jobs), cancellation=run.cancellation)
    assert not bugs, "what fails is noted with its sinks"
    return gathered.copied()


class _Whole:
    """A group of blobs on its way into one sink, all or nothing."""

    def __init__(self, group: Sequence[BlobCopy], run: Run) -> None:
        self._group = group
        self._run = run
        self.current = group[0]

    def copy(self) -> int:
        """Copies all from the first one on; returns their bytes."""
        done = 0
        try:
            for copy in self._group:
                self.current = copy
                _BlobCopying(copy, self._run).bring_once()
                done += copy.descriptor.size_bytes
        except BaseException:
            self._run.listener(Moved(-done))
            raise
        return done

    def also_absent(self) -> Iterable[tuple[BlobCopy, BundlerError]]:
        """The blobs after the failed one that their source does not give either."""
        for copy in self._group[self._group.index(self.current) + 1 :]:
            try:
                with closing(copy.source.open_blob(copy.descriptor, offset_bytes=0)) as pieces:
                    next(pieces, None)
            except Interrupted:
                raise
            except BundlerError as error:
                yield copy, error


def counting(listener: Listener, tally: Tally) -> Listener:
    """A listener that also reports when all parts of an image are done. Thread-safe."""
    lock = threading.Lock()

    def heard(event: Event) -> None:
        listener(event)
        if isinstance(event, Finished) and event.outcome != FAILED:
            with lock:
                complete = tally.done(event.item)
            if complete:
                listener(ImagesDone(complete))

    return heard


def work_through(
    tasks: Iterable[Question], work: Callable[[Question], None], run: Run, *, size_of: Callable[[Question], int]
) -> list[tuple[Question, BundlerError]]:
    """Works on blobs in parallel: few threads for the large ones, more for the small ones.

    Args:
        tasks: In order of preference, large ones before small ones.
        work: The work for each.
        run: The run that this is part of.
        size_of: The size of a task's blob in bytes.

    Returns:
        The tasks that failed, with their errors.

    Raises:
        Interrupted: The user stopped the run.
    """
    return run_all(
        tasks,
        work,
        front_workers=run.at_most(run.jobs),
        back_workers=max(0, run.at_most(SMALL_WORKERS) - run.jobs),
        is_for_back=lambda task: size_of(task) < SMALL_BLOB_BYTES,
        cancellation=run.cancellation,
    )


def ask_all(
    questions: Sequence[Question], ask: Callable[[Question], None], run: Run, *, workers: int = SMALL_WORKERS
) -> list[tuple[Question, BundlerError]]:
    """Does something for each of many objects, in parallel, each with retries of its own. Small things by default."""
    if not questions:
        return []
    at_once = min(run.at_most(workers), len(questions))
    return run_all(questions, ask, front_workers=at_once, cancellation=run.cancellation)


@frozen
class Answers(Generic[Question, Result]):
    """The answers to many questions, in the order of the questions.

    Attributes:
        given: The answers, by question.
        failed: The errors of the questions that have none.
    """

    given: dict[Question, Result]
    failed: dict[Question, BundlerError]


def ask_each(
    questions: Sequence[Question],
    ask: Callable[[Question], Result],
    run: Run,
    *,
    is_remote: Callable[[Question], bool] = lambda _question: True,
) -> Answers[Question, Result]:
    """Asks many questions in parallel, each with retries of its own.

    Args:
        questions: Each once; hashable.
        ask: Answers one question; called from many threads.
        run: The run that this is part of.
        is_remote: Returns True for a question to another machine. One thread answers the others: there is no round
            trip to hide, and several threads would take turns at the interpreter's lock.

    Raises:
        Interrupted: The user stopped the run.
    """
    given: dict[int, Result] = {}  # by number: the hash of a question takes as long as a small answer

    def keep(number: int) -> None:
        given[number] = ask(questions[number])

    failed = dict(
        run_all(
            range(len(questions)),
            keep,
            front_workers=1,
            back_workers=max(0, run.at_most(SMALL_WORKERS) - 1),
            is_for_back=lambda number: is_remote(questions[number]),
            cancellation=run.cancellation,
        )
    )
    return Answers(
        {questions[number]: given[number] for number in sorted(given)},
        {questions[number]: failed[number] for number in sorted(failed)},
    )


class _BlobCopying:
    """Copies one blob to all its destinations. To be used once, in one thread."""

    def __init__(self, copy: BlobCopy, run: Run, places: Places | None = None) -> None:
        """Copies nothing yet; ``places`` are those of large blobs whose bytes move, None for as many as there are."""
        self._copy = copy
        self._places = places
        self._size_bytes = copy.descriptor.size_bytes
        self._run = run
        self._steps: list[str] = []
        self._failed: list[tuple[BlobCopy, BundlerError]] = []
        self._bytes_by_peer: Counter[str] = Counter()
        self._poured: set[BlobSink] = set()
        """Sinks that have the blob already."""
        self._lost: dict[Destination, BundlerError] = {}
        """Destinations that will never have it, because the source gave up."""

    def copied(self) -> Copied:
        """Copies the blob. Raises only `Interrupted` and bugs."""
        self._run.listener(Began(self._copy.called, self._size_bytes))
        if len(self._copy.destinations) > 1:
            self._pour()
        results = [self._serve(destination) for destination in self._copy.destinations]
        if self._steps and COPIED not in self._steps:
            self._run.listener(Moved(self._size_bytes))
        known = (COPIED, MOUNTED, PRESENT) if all(results) else ()
        outcome = next((outcome for outcome in known if outcome in self._steps), FAILED)
        self._run.listener(Finished(self._copy.called, outcome, self._copy.descriptor.digest, self._size_bytes))
        return Copied(tuple(self._failed), self._bytes_by_peer)

    def bring_once(self) -> None:
        """Copies the blob to its one sink, without retries.

        Raises:
            BundlerError: It did not work.
        """
        self._run.listener(Began(self._copy.called, self._size_bytes))
        destination = self._copy.destinations[0]
        self._bring(destination.sinks[0], None, destination.peer)
        self._run.listener(Finished(self._copy.called, COPIED, self._copy.descriptor.digest, self._size_bytes))

    def _pour(self) -> None:
        """Reads the blob once for the first sinks of several destinations.

        A sink that fails is served again by itself, with retries. A source that fails for good ends the copy.
        """
        wanting = [destination for destination in self._copy.destinations if self._lacks(destination)]
        if len(wanting) < 2:
            return
        stream = VerifiedBlob(self._copy.descriptor, self._copy.source, self._run, label=self._copy.label)
        with self._in_place(stream) as pieces:
            poured = pour(pieces, [partial(self._put_whole, destination.sinks[0]) for destination in wanting])
        self._run.cancellation.check()
        for error in poured.failures:
            if error is not None and not isinstance(error, BundlerError):
                raise error
        source_error = poured.source_error if poured.is_lost else None
        is_elsewhere = isinstance(source_error, Damaged) and self._has_another_copy()
        if isinstance(source_error, BundlerError) and not source_error.retryable and not is_elsewhere:
            self._lost = dict.fromkeys(wanting, source_error)
        if all(poured.failures):
            self._run.listener(Moved(-stream.handed_on_bytes))
        for destination, error in zip(wanting, poured.failures, strict=True):
            if error is None:
                self._poured.add(destination.sinks[0])
                self._note_copied(destination)

    def _lacks(self, destination: Destination) -> bool:
        """True if the first sink of a destination wants the bytes. A sink that cannot be asked is reported later."""
        obtain = partial(_obtained, destination.sinks[0], self._copy.descriptor, destination.holder)
        try:
            return self._ask(destination, obtain) is None
        except Interrupted:
            raise
        except BundlerError:
            return False

    def _put_whole(self, sink: BlobSink, pieces: Pieces) -> None:
        taken = 0

        def counted() -> Pieces:
            nonlocal taken
            for piece in pieces:
                taken += len(piece)
                yield piece

        sink.put_blob(self._copy.descriptor, counted())
        if taken != self._size_bytes:
            raise Unavailable("the registry did not take the whole blob", subject=self._copy.label, retryable=True)

    def _serve(self, destination: Destination) -> bool:
        """Copies the blob to all sinks of one destination. Returns True if all of them have it."""
        if destination in self._lost:
            self._note_failed(destination, self._lost[destination])
            return False
        holder = destination.holder
        is_served = True
        for number, sink in enumerate(destination.sinks):
            try:
                if sink not in self._poured:
                    step = self._ask(destination, partial(self._bring, sink, holder, destination.peer))
                    if step == COPIED:
                        self._note_copied(destination)
                    else:
                        self._steps.append(step)
                holder = sink
            except Interrupted:
                raise
            except (Refused, Unavailable) as error:  # this sink has no use for the blob; the others may
                self._note_failed(replace(destination, sinks=(sink,)), error)
                is_served = False
            except BundlerError as error:  # the bytes are not to be had, or not to be kept
                self._note_failed(replace(destination, sinks=destination.sinks[number:]), error)
                return False
        return is_served

    def _bring(self, sink: BlobSink, holder: BlobSink | None, peer: str) -> str:
        """Makes sure that one sink has the blob. Returns the way that it got it."""
        obtained = _obtained(sink, self._copy.descriptor, holder)
        if obtained is not None:
            return obtained.value
        try:
            self._put(sink, peer)
        except Damaged:
            if not self._has_another_copy():
                raise
            self._put(sink, peer)
        return COPIED

    def _has_another_copy(self) -> bool:
        """True if the source, which gave wrong bytes, has found the right ones elsewhere."""
        source = self._copy.source
        return may_have_copies(source) and source.find_whole(
            self._copy.descriptor, lambda _: self._run.cancellation.check()
        )

    def _put(self, sink: BlobSink, peer: str) -> None:
        """Copies the bytes of the blob to one sink that lacks them."""
        descriptor = self._copy.descriptor
        partial = sink.partial_blob(descriptor) if can_resume(sink) else None
        stream = VerifiedBlob(
            descriptor, self._copy.source, self._run, label=self._copy.label, peer=peer, partial=partial
        )
        try:
            with self._in_place(stream) as pieces:
                if partial is not None and can_resume(sink):
                    self._run.listener(Moved(partial.offset_bytes))
                    sink.resume_blob(descriptor, pieces, offset_bytes=partial.offset_bytes)
                else:
                    sink.put_blob(descriptor, pieces)
            if not stream.is_complete:
                raise Unavailable("the registry did not take the whole blob", subject=self._copy.label, retryable=True)
        except Damaged as error:
            self._run.listener(Moved(-stream.handed_on_bytes))
            if partial is None:
                raise
            # The bytes that the earlier run left may be the wrong ones.
            raise error.but(retryable=True) from error.__cause__
        except BaseException:
            self._run.listener(Moved(-stream.handed_on_bytes))
            raise

    @contextmanager
    def _in_place(self, stream: VerifiedBlob) -> Generator[Pieces, None, None]:
        """The pieces of the blob, after a wait for a place if it is large. The last piece frees the place.

        So the sink stores the blob and answers while another blob moves. The connection is chosen after the wait,
        because a server closes those that are silent.
        """
        is_large = self._size_bytes >= SMALL_BLOB_BYTES
        leave = self._places.take(self._run.cancellation) if self._places and is_large else _do_nothing
        try:
            with closing(_followed(stream.pieces(), leave)) as pieces:
                yield pieces
        finally:
            leave()

    def _ask(self, destination: Destination, attempt_once: Callable[[], Result]) -> Result:
        return retrying(attempt_once, self._run, subject=self._copy.label, peer=destination.peer)

    def _note_copied(self, destination: Destination) -> None:
        self._steps.append(COPIED)
        self._bytes_by_peer[destination.peer] += self._size_bytes

    def _note_failed(self, destination: Destination, error: BundlerError) -> None:
        self._failed.append((replace(self._copy, destinations=(destination,)), error))


def _do_nothing() -> None:
    """Does nothing."""


def _followed(pieces: Pieces, then: Callable[[], None]) -> Pieces:
    """Yields pieces, and calls a function after the last one."""
    with closing(pieces):
        yield from pieces
    then()


def _obtained(sink: BlobSink, descriptor: Descriptor, holder: BlobSink | None) -> Obtained | None:
    """The way a sink got a blob without receiving its bytes; None if it lacks the blob."""
    if can_mount(sink):
        return sink.obtain_blob(descriptor, holder)
    return Obtained.PRESENT if sink.has_blob(descriptor) else None
