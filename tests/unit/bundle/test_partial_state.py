"""An export goes on only with bytes that are on the medium and have the digests of the plan."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from bundler.bundle import partial_state
from bundler.bundle.chunk import ChunkMember, members_by_chunk
from bundler.bundle.held_folder import HeldFolder
from bundler.bundle.partial_state import PartialState, look, still_holds
from bundler.core.digest import Digest
from bundler.core.journal import DoneChunk
from bundler.core.manifest import Chunk
from bundler.core.protocols import Passed
from bundler.errors import Damaged
from tests.unit.bundle.chunks import CUT, LARGE, SMALL, chunks_of, plan_of
from tests.unit.values import MIB

LAYERS = (LARGE, SMALL, CUT)
PLAN = plan_of(*LAYERS)
EVERYTHING = {each.digest for each in PLAN.manifest.stored()}
LARGE_DIGEST, SMALL_DIGEST, CUT_DIGEST = map(Digest.of, LAYERS)


@pytest.fixture
def chunks() -> dict[str, bytearray]:
    return chunks_of(PLAN, *LAYERS)


def member_of(digest: Digest) -> ChunkMember:
    """The first member with a blob."""
    return next(each for members in members_by_chunk(PLAN.manifest) for each in members if each.stored.digest == digest)


def file_of(digest: Digest) -> str:
    return PLAN.manifest.chunks[member_of(digest).piece.chunk - 1].file


def found(folder: Path, chunks: dict[str, bytearray], passed: Passed = lambda _: None) -> PartialState:
    """Writes some chunks, and looks what is there of the plan."""
    folder.mkdir(exist_ok=True)
    for name, content in chunks.items():
        (folder / name).write_bytes(content)
    held = HeldFolder(folder)
    try:
        return look(held, PLAN.manifest, passed)
    finally:
        held.close()


def sha256(content: bytes | bytearray) -> str:
    return hashlib.sha256(content).hexdigest()


def test_complete_chunks_are_read_once_for_their_blobs_and_for_their_own_sums(tmp_path, chunks):
    state = found(tmp_path, chunks)
    assert state.whole == EVERYTHING
    assert state.partial_blobs == {}
    assert [state.complete[number] for number in sorted(state.complete)] == [sha256(each) for each in chunks.values()]


def test_a_chunk_that_is_longer_than_planned_is_cut(tmp_path, chunks):
    name = file_of(LARGE_DIGEST)
    planned = bytes(chunks[name])
    chunks[name] += b"more"
    state = found(tmp_path, chunks)
    assert (tmp_path / name).read_bytes() == planned
    assert state.complete[member_of(LARGE_DIGEST).piece.chunk] == sha256(planned)


def test_of_a_chunk_that_is_missing_nothing_is_there(tmp_path, chunks):
    del chunks[file_of(LARGE_DIGEST)]
    state = found(tmp_path, chunks)
    assert LARGE_DIGEST not in state.whole
    assert LARGE_DIGEST not in state.partial_blobs
    assert member_of(LARGE_DIGEST).piece.chunk not in state.complete


@pytest.mark.parametrize("part", ["header", "padding"])
def test_a_blob_in_other_framing_is_not_there_and_its_chunk_is_not_complete(tmp_path, chunks, part):
    member = member_of(LARGE_DIGEST)
    chunks[file_of(LARGE_DIGEST)][member.header_offset if part == "header" else member.data_end] ^= 1
    state = found(tmp_path, chunks)
    assert state.whole == EVERYTHING - {LARGE_DIGEST}
    assert state.partial_blobs == {}
    assert member.piece.chunk not in state.complete


@pytest.mark.parametrize("digest", [LARGE_DIGEST, SMALL_DIGEST], ids=["large", "small"])
@pytest.mark.parametrize("kept_bytes", [0, 1])
def test_a_file_that_a_power_cut_ended_in_padding_gets_the_rest_of_it(tmp_path, chunks, digest, kept_bytes):
    member = member_of(digest)
    assert kept_bytes < len(member.padding)
    planned = bytes(chunks[file_of(digest)][: member.end])
    del chunks[file_of(digest)][member.data_end + kept_bytes :]
    state = found(tmp_path, chunks)
    assert digest in state.whole
    assert state.written_to[member.piece.chunk][member.header_offset] == member.end
    assert (tmp_path / file_of(digest)).read_bytes() == planned


def test_progress_counts_each_byte_once_also_where_the_padding_is_wrong(tmp_path, chunks):
    chunks[file_of(LARGE_DIGEST)][member_of(LARGE_DIGEST).data_end] ^= 1
    whole: list[int] = []
    found(tmp_path / "whole", chunks_of(PLAN, *LAYERS), whole.append)
    damaged: list[int] = []
    found(tmp_path / "damaged", chunks, damaged.append)
    assert sum(damaged) == sum(whole) > 0


def test_a_blob_goes_on_after_its_last_byte(tmp_path, chunks):
    member = member_of(LARGE_DIGEST)
    reached_bytes = 2 * MIB + 7
    while not LARGE[reached_bytes - 1]:
        reached_bytes -= 1
    del chunks[file_of(LARGE_DIGEST)][member.piece.offset_bytes + reached_bytes :]
    half = found(tmp_path, chunks).partial_blobs[LARGE_DIGEST]
    assert half.offset_bytes == reached_bytes
    assert half.hasher.hexdigest() == sha256(LARGE[:reached_bytes])


def test_a_blob_goes_on_where_the_medium_cannot_be_read(tmp_path, chunks, monkeypatch):
    member = member_of(LARGE_DIGEST)
    read_into = partial_state.read_into

    def fails(descriptor, buffers, offset, *, what):
        if offset == member.piece.offset_bytes + 2 * MIB:
            raise Damaged("the medium cannot be read")
        return read_into(descriptor, buffers, offset, what=what)

    monkeypatch.setattr(partial_state, "read_into", fails)
    state = found(tmp_path, chunks)
    half = state.partial_blobs[LARGE_DIGEST]
    assert half.hasher.hexdigest() == sha256(LARGE[: half.offset_bytes])
    assert 2 * MIB - 8 < half.offset_bytes <= 2 * MIB
    assert member.piece.chunk not in state.complete


def test_small_blobs_are_fetched_again_as_a_whole(tmp_path, chunks):
    member = member_of(SMALL_DIGEST)
    chunks[file_of(SMALL_DIGEST)][member.piece.offset_bytes + 5] ^= 1
    state = found(tmp_path, chunks)
    assert SMALL_DIGEST not in state.whole | set(state.partial_blobs)


class Finished:
    """The chunks of the blob that is cut, as an earlier run finished them."""

    def __init__(self, folder: Path, chunks: dict[str, bytearray]) -> None:
        self.folder, self.contents = folder, chunks
        self.numbers = [piece.chunk for piece in member_of(CUT_DIGEST).stored.pieces]
        assert len(self.numbers) > 1
        self.done = {
            number: DoneChunk(len(self.of(number)), sha256(self.of(number))) for number in range(1, len(chunks) + 1)
        }

    def of(self, number: int) -> bytearray:
        return self.contents[PLAN.manifest.chunks[number - 1].file]

    def still_hold(self, *, is_encrypted: bool = False) -> bool:
        for name, content in self.contents.items():
            (self.folder / name).write_bytes(content)
        members = members_by_chunk(PLAN.manifest)
        chunks: list[tuple[Chunk, DoneChunk, list[ChunkMember]]] = [
            (PLAN.manifest.chunks[number - 1], self.done[number], members[number - 1]) for number in self.numbers
        ]
        held = HeldFolder(self.folder)
        try:
            return still_holds(held, chunks, lambda _: None, is_encrypted=is_encrypted)
        finally:
            held.close()


@pytest.fixture
def finished(tmp_path: Path, chunks: dict[str, bytearray]) -> Finished:
    return Finished(tmp_path, chunks)


@pytest.mark.parametrize("is_encrypted", [False, True])
def test_finished_chunks_are_kept_while_their_bytes_are_the_same(finished, is_encrypted):
    assert finished.still_hold(is_encrypted=is_encrypted)
    finished.of(finished.numbers[0])[3] ^= 1
    assert not finished.still_hold(is_encrypted=is_encrypted)


def test_a_finished_chunk_that_is_missing_is_made_again(finished):
    del finished.contents[PLAN.manifest.chunks[finished.numbers[0] - 1].file]
    assert not finished.still_hold()


def test_a_finished_chunk_that_was_cut_short_is_made_again(finished):
    del finished.of(finished.numbers[-1])[-1:]
    assert not finished.still_hold()


def test_finished_chunks_with_another_blob_are_made_again_whatever_the_journal_says(finished):
    number = finished.numbers[0]
    finished.of(number)[member_of(CUT_DIGEST).piece.offset_bytes] ^= 1
    finished.done[number] = DoneChunk(len(finished.of(number)), sha256(finished.of(number)))
    assert not finished.still_hold()
    assert finished.still_hold(is_encrypted=True)
