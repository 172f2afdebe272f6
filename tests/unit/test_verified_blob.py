"""The last piece of a blob is withheld unless its digest is right, and a read continues where it stopped."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from bundler.core.limits import PIECE_BYTES
from bundler.core.oci import Descriptor
from bundler.errors import BundlerError, Damaged, Interrupted, LocalStorage, Refused, Unavailable
from bundler.run import RetryPolicy, Run
from bundler.verified_blob import VerifiedBlob, read_blob, read_small_blob
from tests.support.errors import raises
from tests.support.tables import each_case
from tests.unit.runs import AT_ONCE, Recorder, broken, run_with
from tests.unit.sources import BLOB, CONTENT, PIECE, Script, Source, Wholes
from tests.unit.values import described


def verified(source: Source, blob: Descriptor = BLOB, run: Run | None = None) -> VerifiedBlob:
    return VerifiedBlob(blob, source, run or run_with(), label="the blob")


def read_all(stream: VerifiedBlob) -> bytes:
    return b"".join(bytes(piece) for piece in stream.pieces())


def take(stream: VerifiedBlob, taken: bytearray) -> None:
    for piece in stream.pieces():
        taken += piece


def read_until_it_fails(stream: VerifiedBlob, family: type[BundlerError]) -> tuple[bytes, BundlerError]:
    taken = bytearray()
    with pytest.raises(family) as caught:
        take(stream, taken)
    return bytes(taken), caught.value


@each_case("algorithm", ["sha256", "sha512"])
@each_case("step", [1, 7, 50, 100], ids=lambda step: f"pieces of {step}")
def test_the_bytes_arrive_as_they_are(algorithm: str, step: int) -> None:
    source = Source([[CONTENT[begin : begin + step] for begin in range(0, len(CONTENT), step)]])
    stream = verified(source, described(CONTENT, algorithm=algorithm))
    assert read_all(stream) == CONTENT
    assert (stream.is_complete, stream.handed_on_bytes) == (True, len(CONTENT))
    assert (source.offsets, source.closed) == ([0], 1)


@pytest.mark.parametrize("is_remote", [True, False], ids=["remote", "local"])
@pytest.mark.parametrize(
    "wrong", [0, 60, 99], ids=["in the first piece", "in the middle", "in the last byte"]
)  # fmt: skip
def test_the_last_piece_is_withheld_when_the_digest_is_wrong(wrong: int, is_remote: bool) -> None:
    content = bytearray(CONTENT)
    content[wrong] ^= 1
    source = Source([[bytes(content[:50]), bytes(content[50:])]], is_remote=is_remote)
    stream = verified(source)
    taken, error = read_until_it_fails(stream, Damaged)
    assert taken == content[:50]
    assert not stream.is_complete
    assert (error.exit_code, error.subject, error.expected) == (4, "the blob", str(BLOB.digest))
    assert error.actual == str(described(bytes(content)).digest)
    assert error.retryable is is_remote
    assert source.closed == 1


def test_nothing_of_a_damaged_blob_in_one_piece_is_handed_on() -> None:
    taken, _ = read_until_it_fails(verified(Source([[b"x" * len(CONTENT)]])), Damaged)
    assert taken == b""


@pytest.mark.parametrize(
    "script",
    [[CONTENT + b"x"], [CONTENT[:50], CONTENT[50:] + b"x"], [CONTENT[:99], b"9x"], [CONTENT * 5]],
    ids=["in one piece", "in the second piece", "in a small piece", "several times over"],
)
def test_a_blob_that_is_too_long_is_damage_and_never_completed(script: Script) -> None:
    stream = verified(Source([script]))
    taken, error = read_until_it_fails(stream, Damaged)
    assert "size" in error.message
    assert len(taken) < len(CONTENT)
    assert not stream.is_complete


def test_bytes_after_the_end_are_never_handed_on() -> None:
    assert read_all(verified(Source([[CONTENT, b"more"]]))) == CONTENT


def test_a_blob_that_ends_early_on_this_machine_is_damage() -> None:
    source = Source([[CONTENT[:50]]], is_remote=False)
    taken, error = read_until_it_fails(verified(source), Damaged)
    assert (taken, source.offsets) == (CONTENT[:50], [0])
    assert (error.exit_code, error.retryable) == (4, False)


def test_a_blob_that_ends_early_elsewhere_goes_on_where_it_stopped() -> None:
    source = Source([[CONTENT[:30]], [CONTENT[30:70]], [CONTENT[70:]]])
    assert read_all(verified(source)) == CONTENT
    assert (source.offsets, source.closed) == ([0, 30, 70], 3)


def test_a_connection_that_breaks_goes_on_where_it_stopped() -> None:
    recorder = Recorder()
    source = Source([[CONTENT[:10], CONTENT[10:30], broken()], [broken()], [CONTENT[30:]]])
    assert read_all(verified(source, run=run_with(recorder))) == CONTENT
    assert source.offsets == [0, 30, 30]
    assert recorder.moved == len(CONTENT)
    assert [str(event.error) for event in recorder.retries] == ["the connection broke"] * 2


def test_bytes_that_went_on_wrong_are_noticed() -> None:
    source = Source([[CONTENT[:30], broken()], [b"x" * 70]])
    taken, _ = read_until_it_fails(verified(source), Damaged)
    assert taken == CONTENT[:30]


def test_a_source_that_gives_up_is_asked_as_often_as_the_policy_says() -> None:
    source = Source([[broken()]])
    _, error = read_until_it_fails(verified(source), Unavailable)
    assert len(source.offsets) == AT_ONCE.attempts
    assert not error.retryable, "a retry of the whole blob would multiply the attempts"


def test_a_byte_at_a_time_does_not_renew_the_attempts() -> None:
    source = Source([[CONTENT[number : number + 1], broken()] for number in range(50)])
    read_until_it_fails(verified(source), Unavailable)
    assert source.offsets == [0, 1, 2]


def test_earlier_progress_does_not_renew_later_attempts() -> None:
    source = Source([[PIECE, PIECE, broken()], *[[b"p", broken()]] * 20])
    taken, _ = read_until_it_fails(verified(source, described(PIECE * 3)), Unavailable)
    assert len(source.offsets) == AT_ONCE.attempts
    assert len(taken) == 2 * PIECE_BYTES + AT_ONCE.attempts - 1


def test_real_progress_renews_the_attempts() -> None:
    source = Source([[PIECE, broken()]] * 7 + [[PIECE]])
    stream = verified(source, described(PIECE * 8))
    assert sum(len(piece) for piece in stream.pieces()) == 8 * PIECE_BYTES
    assert source.offsets == [number * PIECE_BYTES for number in range(8)]


@pytest.mark.parametrize(
    "error",
    [Refused("gone"), LocalStorage("I/O error"), Unavailable("for good"), Interrupted()],
    ids=["refused", "storage", "unavailable for good", "interrupted"],
)
def test_an_error_that_stays_is_raised_at_once(error: BundlerError) -> None:
    source = Source([[CONTENT[:10], error]])
    _, raised = read_until_it_fails(verified(source), type(error))
    assert raised is error
    assert len(source.offsets) == 1


def test_an_empty_blob_is_complete_without_asking_for_it() -> None:
    source = Source([[b"never asked for"]])
    stream = verified(source, described(b""))
    assert read_all(stream) == b""
    assert stream.is_complete
    assert source.offsets == []


def test_a_blob_of_size_zero_with_the_digest_of_something_is_damage() -> None:
    stream = verified(Source([[CONTENT]]), Descriptor("x", BLOB.digest, 0))
    taken, _ = read_until_it_fails(stream, Damaged)
    assert (taken, stream.is_complete) == (b"", False)


def test_pieces_without_bytes_change_nothing() -> None:
    assert read_all(verified(Source([[b"", CONTENT[:50], b"", CONTENT[50:], b""]]))) == CONTENT


def test_a_reused_buffer_is_handed_on_as_it_was() -> None:
    def steps() -> Iterable[memoryview]:
        buffer = bytearray(25)
        for begin in range(0, len(CONTENT), 25):
            buffer[:] = CONTENT[begin : begin + 25]
            yield memoryview(buffer)

    source = Source([steps()])  # type: ignore[list-item]
    assert read_all(verified(source)) == CONTENT


def test_a_run_that_is_stopped_hands_nothing_more_on() -> None:
    run = run_with()
    pieces = verified(Source([[CONTENT[:50], CONTENT[50:]]]), run=run).pieces()
    assert next(pieces) == CONTENT[:50]
    run.cancellation.set()
    with pytest.raises(Interrupted):
        next(pieces)


def test_a_stream_that_is_left_closes_its_source() -> None:
    source = Source([[CONTENT[:50], CONTENT[50:]]])
    pieces = verified(source).pieces()
    next(pieces)
    pieces.close()
    assert source.closed == 1


def test_a_small_blob_is_read_into_memory_silently() -> None:
    recorder = Recorder()
    source = Source([[CONTENT[:10], broken()], [CONTENT[10:]]])
    assert read_small_blob(BLOB, source, run_with(recorder)) == CONTENT
    assert recorder.events == []


def test_a_small_blob_that_is_read_at_once_is_verified_too() -> None:
    assert read_small_blob(BLOB, Wholes([], content=CONTENT), run_with()) == CONTENT
    for content in (CONTENT[:-1], CONTENT[:-1] + b"?", CONTENT + b"?"):
        with raises(Damaged, subject=str(BLOB.digest)):
            read_small_blob(BLOB, Wholes([], content=content), run_with())
    longer = replace(BLOB, size_bytes=BLOB.size_bytes + 1)
    with raises(Damaged, subject=str(BLOB.digest), actual=f"{BLOB.size_bytes} bytes"):
        read_small_blob(longer, Wholes([], content=CONTENT), run_with())


def test_failed_attempts_within_a_blob_are_counted_from_1_as_everywhere() -> None:
    recorder = Recorder()
    policy = RetryPolicy(attempts=3, first_pause_seconds=0.0)
    read_until_it_fails(verified(Source([[broken()]]), run=run_with(recorder, retry=policy)), Unavailable)
    assert [event.attempt for event in recorder.retries] == [1, 2]


def test_the_first_pause_within_a_blob_is_the_first_of_the_policy() -> None:
    recorder = Recorder()
    policy = RetryPolicy(attempts=2, first_pause_seconds=0.001)
    read_until_it_fails(verified(Source([[broken()]]), run=run_with(recorder, retry=policy)), Unavailable)
    (event,) = recorder.retries
    assert 0.0005 <= event.pause_seconds <= 0.001


# Copies of many blobs


def test_a_blob_that_is_read_back_whole_is_counted_and_given_to_nobody() -> None:
    reported = Recorder()
    read_blob(BLOB, Source([[CONTENT]]), run_with(reported), label="it", peer="host")
    assert (reported.moved, reported.outcomes) == (len(CONTENT), ["read"])


def test_a_blob_that_reads_wrong_twice_is_damaged_and_is_not_read_a_third_time() -> None:
    reported, source = Recorder(), Source([[b"x" + CONTENT[1:]]])
    with pytest.raises(Damaged):
        read_blob(BLOB, source, run_with(reported), label="it", peer="host")
    assert source.offsets == [0, 0]
    assert (reported.moved, reported.outcomes) == (0, ["failed"])


def test_a_blob_that_was_changed_on_its_way_is_read_once_more() -> None:
    reported, source = Recorder(), Source([[b"x" + CONTENT[1:]], [CONTENT]])
    read_blob(BLOB, source, run_with(reported), label="it", peer="host")
    assert (source.offsets, reported.moved, reported.outcomes) == ([0, 0], len(CONTENT), ["read"])


def test_a_blob_whose_reading_breaks_off_goes_on_where_it_was() -> None:
    source = Source([[CONTENT[:40], broken()], [CONTENT[40:]]])
    read_blob(BLOB, source, run_with(), label="it", peer="host")
    assert source.offsets == [0, 40]
