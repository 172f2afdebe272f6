"""No sink completes a blob whose digest is wrong, and what can be tried again is, but not for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from bundler.core.events import Began, Finished
from bundler.core.limits import PIECE_BYTES
from bundler.core.oci import Descriptor
from bundler.core.protocols import BlobSink, Obtained, Pieces
from bundler.errors import Damaged, Interrupted, Refused, Unavailable
from bundler.run import Run
from bundler.transfer import (
    BlobCopy,
    Destination,
    ask_all,
    ask_each,
    copy_blobs,
    copy_groups,
    copy_wholes,
    work_through,
)
from bundler.workers import Cancellation
from tests.unit.runs import AT_ONCE, Recorder, broken, run_with
from tests.unit.sources import BLOB, CONTENT, PIECE, Script, Source
from tests.unit.values import described


@dataclass(eq=False)
class Sink:
    """Keeps blobs in memory, whole ones only."""

    blobs: dict[str, bytes] = field(default_factory=dict)
    partial: list[bytes] = field(default_factory=list)
    fails_with: list[BaseException] = field(default_factory=list)
    can_mount: bool = False
    takes: Callable[[Pieces], Iterable[bytes | memoryview]] = iter

    def has_blob(self, descriptor: Descriptor) -> bool:
        return str(descriptor.digest) in self.blobs

    def put_blob(self, descriptor: Descriptor, pieces: Pieces) -> None:
        taken = bytearray()
        try:
            for piece in self.takes(pieces):
                taken += piece
                if self.fails_with:
                    raise self.fails_with.pop(0)
        except BaseException:
            self.partial.append(bytes(taken))
            raise
        if len(taken) == descriptor.size_bytes:
            self.blobs[str(descriptor.digest)] = bytes(taken)

    def obtain_blob(self, descriptor: Descriptor, holder: BlobSink | None) -> Obtained | None:
        if self.has_blob(descriptor):
            return Obtained.PRESENT
        if self.can_mount and holder is not None:
            assert isinstance(holder, Sink)
            self.blobs[str(descriptor.digest)] = holder.blobs[str(descriptor.digest)]
            return Obtained.MOUNTED
        return None


def copy(blob: Descriptor, source: Source, *sinks: Sink, label: str = "the blob") -> BlobCopy:
    return BlobCopy(blob, source, (Destination(sinks),), label)


# The bytes of one blob


def test_a_blob_is_copied_and_reported() -> None:
    recorder, sink = Recorder(), Sink()
    copied = copy_blobs([copy(BLOB, Source([[CONTENT]]), sink)], run_with(recorder))
    assert (copied.failed, copied.bytes_by_peer.total()) == ((), len(CONTENT))
    assert sink.blobs == {str(BLOB.digest): CONTENT}
    assert recorder.events[0] == Began("the blob", len(CONTENT))
    assert (recorder.moved, recorder.outcomes) == (len(CONTENT), ["copied"])


def test_one_copy_that_fails_stops_no_other() -> None:
    contents = [f"content {number}".encode() * 10 for number in range(20)]
    sink = Sink()
    copies = [
        copy(
            described(content),
            Source([[b"x" * len(content) if number % 5 == 0 else content]], is_remote=False),
            sink,
            label=f"blob {number}",
        )
        for number, content in enumerate(contents)
    ]
    copied = copy_blobs(copies, run_with())
    assert {(each.label, type(error)) for each, error in copied.failed} == {
        (f"blob {number}", Damaged) for number in (0, 5, 10, 15)
    }
    good = [content for number, content in enumerate(contents) if number % 5]
    assert sorted(sink.blobs.values()) == sorted(good)
    assert copied.bytes_by_peer.total() == sum(map(len, good))


def test_a_blob_that_is_there_is_not_asked_for() -> None:
    recorder, source = Recorder(), Source([[CONTENT]])
    sink = Sink(blobs={str(BLOB.digest): CONTENT})
    copied = copy_blobs([copy(BLOB, source, sink)], run_with(recorder))
    assert (source.offsets, copied.bytes_by_peer.total()) == ([], 0)
    assert (recorder.moved, recorder.outcomes) == (len(CONTENT), ["present"])


@dataclass(eq=False)
class PlainSink:
    """A sink of a store that mounts nothing."""

    blobs: dict[str, bytes] = field(default_factory=dict)

    def has_blob(self, descriptor: Descriptor) -> bool:
        return str(descriptor.digest) in self.blobs

    def put_blob(self, descriptor: Descriptor, pieces: Pieces) -> None:
        self.blobs[str(descriptor.digest)] = b"".join(bytes(piece) for piece in pieces)


@pytest.mark.parametrize("is_there", [False, True])
def test_a_sink_that_mounts_nothing_is_asked_for_the_blob_and_sent_its_bytes(is_there: bool) -> None:
    source, sink = Source([[CONTENT]]), PlainSink({str(BLOB.digest): CONTENT} if is_there else {})
    copied = copy_blobs([BlobCopy(BLOB, source, (Destination((sink,), "", Sink()),), "the blob")], run_with())
    assert (sink.blobs, copied.failed) == ({str(BLOB.digest): CONTENT}, ())
    assert len(source.offsets) == (0 if is_there else 1)


class Ordered(Sink):
    """Is reported when nothing more comes of a blob."""

    def __init__(self, **how: Any) -> None:
        super().__init__(**how)
        self.over: list[str] = []

    def end_blob(self, descriptor: Descriptor) -> None:
        self.over.append(str(descriptor.digest))


@pytest.mark.parametrize("fault", [None, Refused("denied"), Damaged("bad"), ValueError("a bug")], ids=repr)
def test_a_sink_with_an_order_learns_when_nothing_more_comes(fault: BaseException | None) -> None:
    sink = Ordered(fails_with=[fault] if fault else [])
    with suppress(ValueError):
        copy_blobs([copy(BLOB, Source([HALVES]), sink)], run_with(), ordered_workers=2)
    assert sink.over == [str(BLOB.digest)]


def test_a_sink_with_an_order_learns_of_blobs_that_were_never_started() -> None:
    contents = [b"%d" % number * 9 for number in range(5)]
    sink = Ordered(fails_with=[Refused("denied")])
    copies = [copy(described(content), Source([[content]]), sink) for content in contents]
    copied = copy_blobs(copies, replace(run_with(), is_fail_fast=True), ordered_workers=1)
    assert (len(copied.failed), sink.blobs) == (1, {})
    assert sink.over == [str(described(content).digest) for content in contents]


def test_further_sinks_mount_what_the_first_one_holds() -> None:
    recorder, source = Recorder(), Source([[CONTENT]])
    sinks = [Sink(), Sink(can_mount=True), Sink(can_mount=True)]
    copied = copy_blobs([copy(BLOB, source, *sinks)], run_with(recorder))
    assert [sink.blobs for sink in sinks] == [{str(BLOB.digest): CONTENT}] * 3
    assert (source.offsets, copied.bytes_by_peer.total()) == ([0], len(CONTENT))
    assert recorder.outcomes == ["copied"]


def test_a_mount_from_a_sink_that_has_the_blob_already_moves_nothing() -> None:
    recorder, source = Recorder(), Source([[CONTENT]])
    sinks = [Sink(blobs={str(BLOB.digest): CONTENT}), Sink(can_mount=True)]
    copied = copy_blobs([copy(BLOB, source, *sinks)], run_with(recorder))
    assert (source.offsets, copied.bytes_by_peer.total()) == ([], 0)
    assert (recorder.moved, recorder.outcomes) == (len(CONTENT), ["mounted"])


def test_a_sink_that_cannot_mount_is_sent_the_bytes() -> None:
    source, sinks = Source([[CONTENT]]), [Sink(), Sink()]
    copied = copy_blobs([copy(BLOB, source, *sinks)], run_with())
    assert [sink.blobs for sink in sinks] == [{str(BLOB.digest): CONTENT}] * 2
    assert (source.offsets, copied.bytes_by_peer.total()) == ([0, 0], 2 * len(CONTENT))


def test_bytes_that_stay_in_one_sink_count_although_another_one_failed() -> None:
    sinks = [Sink(), Sink(fails_with=[Refused("quota")])]
    copied = copy_blobs([copy(BLOB, Source([[CONTENT]]), *sinks)], run_with())
    assert [type(error) for _, error in copied.failed] == [Refused]
    assert sinks[0].blobs == {str(BLOB.digest): CONTENT}
    assert copied.bytes_by_peer.total() == len(CONTENT)


def test_a_blob_that_arrives_damaged_is_fetched_again_from_its_beginning() -> None:
    recorder, sink = Recorder(), Sink()
    source = Source([[CONTENT[:50], b"x" * 50], [CONTENT]])
    copied = copy_blobs([copy(BLOB, source, sink)], run_with(recorder))
    assert copied.failed == ()
    assert (source.offsets, sink.partial, sink.blobs) == ([0, 0], [CONTENT[:50]], {str(BLOB.digest): CONTENT})
    assert recorder.moved == len(CONTENT), "what was taken back is not counted"


def test_a_blob_that_always_arrives_damaged_is_never_completed() -> None:
    recorder, sink = Recorder(), Sink()
    source = Source([[CONTENT[:50], b"x" * 50]])
    ((_, error),) = copy_blobs([copy(BLOB, source, sink)], run_with(recorder)).failed
    assert (type(error), len(source.offsets)) == (Damaged, AT_ONCE.attempts)
    assert sink.blobs == {}
    assert (recorder.moved, recorder.outcomes) == (0, ["failed"])


def test_a_blob_that_is_damaged_on_this_machine_is_read_once() -> None:
    source = Source([[b"x" * len(CONTENT)]], is_remote=False)
    ((_, error),) = copy_blobs([copy(BLOB, source, Sink())], run_with()).failed
    assert (error.exit_code, source.offsets) == (4, [0])


def test_attempts_within_a_blob_and_around_it_do_not_multiply() -> None:
    source = Source([[broken()]])
    ((_, error),) = copy_blobs([copy(BLOB, source, Sink())], run_with()).failed
    assert (error.exit_code, len(source.offsets)) == (7, AT_ONCE.attempts)


def test_a_sink_that_fails_for_a_while_gets_the_whole_blob_again() -> None:
    source, sink = Source([[CONTENT[:50], CONTENT[50:]]]), Sink(fails_with=[broken(), broken()])
    assert copy_blobs([copy(BLOB, source, sink)], run_with()).failed == ()
    assert (source.offsets, sink.blobs) == ([0, 0, 0], {str(BLOB.digest): CONTENT})


def test_a_sink_that_refuses_is_not_asked_again() -> None:
    recorder, source = Recorder(), Source([[CONTENT[:50], CONTENT[50:]]])
    sink = Sink(fails_with=[Refused("denied")])
    ((failed, error),) = copy_blobs([copy(BLOB, source, sink)], run_with(recorder)).failed
    assert (failed.label, str(error), source.offsets) == ("the blob", "denied", [0])
    assert source.closed == 1
    assert (recorder.moved, recorder.outcomes) == (0, ["failed"])


def test_a_sink_that_does_not_take_the_end_has_not_taken_the_blob() -> None:
    def only_the_first(pieces: Pieces) -> Iterable[bytes | memoryview]:
        yield next(pieces)

    source = Source([[CONTENT[:50], CONTENT[50:]]])
    ((_, error),) = copy_blobs([copy(BLOB, source, Sink(takes=only_the_first))], run_with()).failed
    assert "whole blob" in error.message


def test_a_stopped_run_copies_nothing_more() -> None:
    run = run_with()
    sink, later = Sink(fails_with=[]), Sink()

    def stop(pieces: Pieces) -> Iterable[bytes | memoryview]:
        run.cancellation.set()
        yield from pieces

    sink.takes = stop
    copies = [copy(BLOB, Source([[CONTENT]]), sink), *[copy(described(PIECE * 2), Source([[PIECE] * 2]), later)] * 5]
    with pytest.raises(Interrupted):
        copy_blobs(copies, Run(Recorder(), run.cancellation, AT_ONCE, jobs=1))
    assert sink.blobs == {}


def test_a_bug_in_a_store_is_not_taken_for_a_failed_blob() -> None:
    with pytest.raises(ZeroDivisionError):
        copy_blobs([copy(BLOB, Source([[CONTENT]]), Sink(fails_with=[ZeroDivisionError()]))], run_with())


# One blob, several stores


def copy_to_each(source: Source, *sinks: Sink, blob: Descriptor = BLOB) -> BlobCopy:
    return BlobCopy(
        blob, source, tuple(Destination((sink,), f"peer {number}") for number, sink in enumerate(sinks)), "blob"
    )


HALVES: Script = [CONTENT[:50], CONTENT[50:]]


def test_a_blob_is_read_once_for_several_stores() -> None:
    recorder, source, sinks = Recorder(), Source([HALVES]), [Sink(), Sink(), Sink()]
    copied = copy_blobs([copy_to_each(source, *sinks)], run_with(recorder))
    assert copied.failed == ()
    assert [sink.blobs for sink in sinks] == [{str(BLOB.digest): CONTENT}] * 3
    assert (source.offsets, source.closed) == ([0], 1)
    assert copied.bytes_by_peer == {f"peer {number}": len(CONTENT) for number in range(3)}
    assert (recorder.moved, recorder.outcomes) == (len(CONTENT), ["copied"])


def test_a_store_that_has_the_blob_is_not_sent_it() -> None:
    source, sinks = Source([HALVES]), [Sink(), Sink(blobs={str(BLOB.digest): CONTENT}), Sink()]
    copied = copy_blobs([copy_to_each(source, *sinks)], run_with())
    assert (copied.failed, source.offsets) == ((), [0])
    assert copied.bytes_by_peer == {"peer 0": len(CONTENT), "peer 2": len(CONTENT)}


def test_a_blob_that_all_stores_have_is_not_read() -> None:
    recorder, source = Recorder(), Source([HALVES])
    sinks = [Sink(blobs={str(BLOB.digest): CONTENT}) for _ in range(2)]
    copied = copy_blobs([copy_to_each(source, *sinks)], run_with(recorder))
    assert (copied.failed, copied.bytes_by_peer.total(), source.offsets) == ((), 0, [])
    assert (recorder.moved, recorder.outcomes) == (len(CONTENT), ["present"])


def test_one_store_that_fails_for_a_while_is_served_again_alone() -> None:
    source, sinks = Source([HALVES]), [Sink(), Sink(fails_with=[broken()]), Sink()]
    copied = copy_blobs([copy_to_each(source, *sinks)], run_with())
    assert copied.failed == ()
    assert [sink.blobs for sink in sinks] == [{str(BLOB.digest): CONTENT}] * 3
    assert [len(sink.partial) for sink in sinks] == [0, 1, 0]
    assert source.offsets == [0, 0], "once for all, once for the one that failed"
    assert copied.bytes_by_peer == {f"peer {number}": len(CONTENT) for number in range(3)}


def test_one_store_that_refuses_fails_alone() -> None:
    recorder, source = Recorder(), Source([HALVES])
    sinks = [Sink(), Sink(fails_with=[Refused("quota"), Refused("quota")]), Sink()]
    copied = copy_blobs([copy_to_each(source, *sinks)], run_with(recorder))
    ((failed, error),) = copied.failed
    assert (str(error), failed.destinations) == ("quota", (Destination((sinks[1],), "peer 1"),))
    assert [bool(sink.blobs) for sink in sinks] == [True, False, True]
    assert copied.bytes_by_peer == {"peer 0": len(CONTENT), "peer 2": len(CONTENT)}
    assert recorder.outcomes == ["failed"]


def test_damage_on_this_machine_reaches_every_store_and_none_completes_the_blob() -> None:
    recorder, sinks = Recorder(), [Sink(), Sink()]
    source = Source([[CONTENT[:50], b"x" * 50]], is_remote=False)
    copied = copy_blobs([copy_to_each(source, *sinks)], run_with(recorder))
    assert [(type(error), each.destinations[0].peer) for each, error in copied.failed] == [
        (Damaged, "peer 0"),
        (Damaged, "peer 1"),
    ]
    assert [sink.blobs for sink in sinks] == [{}, {}]
    assert copied.bytes_by_peer.total() == 0
    assert (recorder.moved, recorder.outcomes) == (0, ["failed"])


def test_a_source_that_recovers_serves_every_store_in_one_reading() -> None:
    source, sinks = Source([[CONTENT[:50], broken()], [CONTENT[50:]]]), [Sink(), Sink()]
    copied = copy_blobs([copy_to_each(source, *sinks)], run_with())
    assert (copied.failed, source.offsets) == ((), [0, 50])
    assert [sink.blobs for sink in sinks] == [{str(BLOB.digest): CONTENT}] * 2


def test_a_source_that_gave_up_is_not_asked_again_for_each_store() -> None:
    source = Source([[broken()] for _ in range(20)])
    copied = copy_blobs([copy_to_each(source, Sink(), Sink())], run_with())
    assert [type(error) for _, error in copied.failed] == [Unavailable, Unavailable]
    assert len(source.offsets) == AT_ONCE.attempts


def test_a_store_that_does_not_take_the_end_has_not_taken_the_blob_although_another_has() -> None:
    def only_the_first(pieces: Pieces) -> Iterable[bytes | memoryview]:
        yield next(pieces)

    source, sinks = Source([HALVES]), [Sink(), Sink(takes=only_the_first)]
    copied = copy_blobs([copy_to_each(source, *sinks)], run_with())
    assert [each.destinations[0].peer for each, _ in copied.failed] == ["peer 1"]
    assert copied.bytes_by_peer == {"peer 0": len(CONTENT)}


def test_the_other_sinks_of_each_store_mount_what_its_first_one_got() -> None:
    source = Source([HALVES])
    destinations = tuple(Destination((Sink(), Sink(can_mount=True)), f"peer {number}") for number in range(2))
    copied = copy_blobs([BlobCopy(BLOB, source, destinations, "blob")], run_with())
    assert (copied.failed, source.offsets) == ((), [0])
    assert all(sink.blobs == {str(BLOB.digest): CONTENT} for destination in destinations for sink in destination.sinks)


@pytest.mark.parametrize("can_mount", [True, False])
@pytest.mark.parametrize("stores", [1, 2])
def test_a_sink_mounts_what_another_one_of_its_store_is_known_to_have(stores: int, can_mount: bool) -> None:
    source, recorder = Source([HALVES]), Recorder()
    destinations = tuple(
        Destination((Sink(can_mount=can_mount), Sink()), f"peer {n}", Sink(blobs={str(BLOB.digest): CONTENT}))
        for n in range(stores)
    )
    copied = copy_blobs([BlobCopy(BLOB, source, destinations, "blob")], run_with(recorder))
    assert all(sink.blobs == {str(BLOB.digest): CONTENT} for destination in destinations for sink in destination.sinks)
    assert (copied.failed, copied.bytes_by_peer[destinations[0].peer]) == (
        (),
        len(CONTENT) if can_mount else 2 * len(CONTENT),
    )


def test_a_run_that_is_stopped_while_several_stores_are_served_says_so() -> None:
    run, sinks = run_with(), [Sink(), Sink()]

    def stops(pieces: Pieces) -> Iterable[bytes | memoryview]:
        yield next(pieces)
        run.cancellation.set()
        yield from pieces

    sinks[0].takes = stops
    script: Script = [CONTENT[at : at + 1] for at in range(len(CONTENT))]
    with pytest.raises(Interrupted):
        copy_blobs([copy_to_each(Source([script]), *sinks)], run)
    assert [sink.blobs for sink in sinks] == [{}, {}]


def test_a_bug_in_one_of_several_stores_is_not_taken_for_a_failed_blob() -> None:
    with pytest.raises(ValueError, match="bug"):
        copy_blobs([copy_to_each(Source([HALVES]), Sink(), Sink(fails_with=[ValueError("bug")]))], run_with())


def test_copies_in_order_come_one_after_the_other_as_they_are_given() -> None:
    contents = [b"%d" % number * size for number, size in enumerate([5, 3 << 20, 1, 2 << 20, 7])]
    recorder, sink = Recorder(), Sink()
    copies = [
        copy(
            described(content),
            Source([[content[at : at + PIECE_BYTES] for at in range(0, len(content), PIECE_BYTES)]]),
            sink,
            label=str(number),
        )
        for number, content in enumerate(contents)
    ]
    assert copy_blobs(copies, run_with(recorder), ordered_workers=1).failed == ()
    reported = [event for event in recorder.events if isinstance(event, (Began, Finished))]
    expected = [(kind, str(number)) for number in range(5) for kind in (Began, Finished)]
    assert [(type(event), event.subject) for event in reported] == expected
    assert list(sink.blobs.values()) == contents


PATIENCE_SECONDS = 60
"""The wait of a thread for another before the test is given up; a sound run never waits so long."""


@dataclass(eq=False)
class Storing(Sink):
    """Stores each large blob only when the bytes of the next one move."""

    moving: list[str] = field(default_factory=list)
    most_moving: int = 0
    changed: threading.Condition = field(default_factory=threading.Condition)
    seen: int = 0

    def put_blob(self, descriptor: Descriptor, pieces: Pieces) -> None:
        name = str(descriptor.digest)
        number = 0

        def counted() -> Pieces:
            nonlocal number
            for piece in pieces:
                with self.changed:
                    self.seen += 1
                    number = self.seen
                    self.moving.append(name)
                    self.most_moving = max(self.most_moving, len(self.moving))
                    self.changed.notify_all()
                with self.changed:  # time for another thread to begin, which it must not
                    self.changed.wait_for(lambda: len(self.moving) > 1, 0.2)
                yield piece
            with self.changed:
                self.moving.remove(name)

        super().put_blob(descriptor, counted())
        with self.changed:
            assert self.changed.wait_for(lambda: self.seen > number or number == 3, PATIENCE_SECONDS)


def test_large_blobs_move_while_the_sink_stores_others_and_no_more_of_them_than_jobs() -> None:
    blobs = [bytes([number]) * PIECE_BYTES for number in range(3)]
    sink, run = Storing(), replace(run_with(), jobs=1)
    copied = copy_blobs([copy(described(blob), Source([[blob]]), sink) for blob in blobs], run)
    assert copied.failed == ()
    assert len(sink.blobs) == 3
    assert sink.most_moving == 1


def test_questions_are_asked_of_all_and_failures_are_returned() -> None:
    asked: list[int] = []

    def ask(question: int) -> None:
        asked.append(question)
        if question == 7:
            raise Refused("not found")

    failed = ask_all(range(100), ask, run_with())
    assert sorted(asked) == list(range(100))
    assert [(question, str(error)) for question, error in failed] == [(7, "not found")]


@dataclass(eq=False)
class OrderedSink(Sink):
    """Takes a group in its order, from the first blob on again after a failure, as an archive does."""

    order: list[str] = field(default_factory=list)

    def put_blob(self, descriptor: Descriptor, pieces: Pieces) -> None:
        self.order.append(str(descriptor.digest))
        super().put_blob(descriptor, pieces)
        self.blobs.clear()


def group_of(sources: list[Source], sink: Sink) -> list[BlobCopy]:
    blobs = [described(b"%d" % number * 50) for number in range(len(sources))]
    return [
        BlobCopy(blob, source, (Destination((sink,)),), f"blob {n}")
        for n, (blob, source) in enumerate(zip(blobs, sources, strict=True))
    ]


def good(number: int) -> Script:
    return [b"%d" % number * 50]


def test_the_blobs_of_a_group_are_copied_in_their_order_and_one_that_fails_stops_no_other():
    sink = OrderedSink()
    group = group_of([Source([good(0)]), Source([[Refused("no")]]), Source([good(2)])], sink)
    recorder = Recorder()
    copied = copy_groups([group], Run(recorder, Cancellation(), AT_ONCE))
    assert sink.order == [str(copy.descriptor.digest) for copy in group]
    assert [copy.label for copy, _ in copied.failed] == ["blob 1"]
    assert recorder.moved == copied.bytes_by_peer.total() == 100


def test_a_group_that_must_be_whole_is_started_again_when_one_of_its_blobs_arrives_damaged():
    sink = OrderedSink()
    sources = [Source([good(0)]), Source([[b"x" * 50], good(1)]), Source([good(2)])]
    group = group_of(sources, sink)
    recorder = Recorder()
    copied = copy_wholes([group], Run(recorder, Cancellation(), AT_ONCE))
    assert not copied.failed
    names = [str(copy.descriptor.digest) for copy in group]
    assert sink.order == [*names[:2], *names]
    assert recorder.moved == copied.bytes_by_peer.total() == 150


def test_a_group_that_is_given_up_names_all_of_its_blobs_that_cannot_be_had_and_counts_none():
    sink = OrderedSink()
    sources = [Source([good(0)]), Source([[b"x" * 50]]), Source([good(2)]), Source([[Refused("gone")]])]
    recorder = Recorder()
    copied = copy_wholes([group_of(sources, sink)], Run(recorder, Cancellation(), AT_ONCE))
    assert [copy.label for copy, _ in copied.failed] == ["blob 1", "blob 3"]
    assert recorder.moved == copied.bytes_by_peer.total() == 0
    assert [source.closed for source in sources] == [3, 3, 1, 1]


def test_groups_are_independent_of_each_other():
    sink = Sink()
    bad, fine = group_of([Source([[Refused("no")]])], sink), group_of([Source([good(0)])], sink)
    copied = copy_wholes([bad, fine], Run(Recorder(), Cancellation(), AT_ONCE))
    assert len(copied.failed) == 1
    assert len(sink.blobs) == 1


# Reading without a sink


def test_what_is_worked_through_fails_one_by_one_and_goes_on() -> None:
    done: list[int] = []

    def work(size: int) -> None:
        if size == 5:
            raise Refused("no")
        done.append(size)

    failed = work_through([5 << 20, 5, 4, 1], work, run_with(), size_of=lambda size: size)
    assert sorted(done) == [1, 4, 5 << 20]
    assert [(size, str(error)) for size, error in failed] == [(5, "no")]


def test_answers_come_in_the_order_of_the_questions_and_failures_apart():
    def ask(number: int) -> str:
        if number % 3 == 0:
            raise Refused(f"not {number}")
        return str(number)

    answers = ask_each(range(50), ask, run_with())
    assert list(answers.given.items()) == [(number, str(number)) for number in range(50) if number % 3]
    assert [(number, error.message) for number, error in answers.failed.items()] == [
        (number, f"not {number}") for number in range(0, 50, 3)
    ]


def test_one_thread_answers_all_questions_to_this_machine():
    threads: dict[int, str] = {}

    def ask(number: int) -> int:
        threads[number] = threading.current_thread().name
        return number

    answers = ask_each(range(2000), ask, run_with(), is_remote=lambda number: number % 10 == 0)
    assert list(answers.given) == list(range(2000))
    assert len({name for number, name in threads.items() if number % 10}) == 1
