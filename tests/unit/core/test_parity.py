"""The amount of parity that a bundle gets, and what may be lost then."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from bundler.core.manifest import Chunk
from bundler.core.parity import (
    ParityChoice,
    blocks_of,
    group_number,
    parse_parity,
    plan_parity,
    recovery_blocks_in,
    whole_chunks,
)
from bundler.errors import Misuse

GB = 1_000_000_000


def chunks(*sizes: int) -> tuple[Chunk, ...]:
    return tuple(Chunk(f"chunk-{number:04d}.tar", size) for number, size in enumerate(sizes, start=1))


def test_amounts_are_read_and_written():
    for text in ("10%", "1%", "50%", "1chunk", "2chunks", "9chunks", "1medium", "1medium:25000000000"):
        assert str(parse_parity(text)) == text
    assert str(parse_parity("1medium:bd25")) == "1medium:25000000000"
    for text in (
        "",
        "0%",
        "51%",
        "100%",
        "5",
        "%",
        "0chunks",
        "10chunks",
        "1 chunk",
        "-1%",
        "1medium:",
        "1medium:-1",
        "2medium:cd",
        "٣%",
    ):
        with pytest.raises(Misuse):
            parse_parity(text)


@given(
    st.lists(st.integers(1, 3 * GB), min_size=1, max_size=100),
    st.one_of(st.builds(ParityChoice, percent=st.integers(1, 50)), st.builds(ParityChoice, chunks=st.integers(1, 9))),
)
def test_each_chunk_is_in_one_group_and_the_promise_holds(sizes, choice):
    given_chunks = chunks(*sizes)
    groups = plan_parity(given_chunks, choice, largest_file_bytes=max(sizes))
    assert tuple(chunk for group in groups for chunk in group.chunks) == given_chunks
    for number, group in enumerate(groups, start=1):
        assert group.number == number
        assert len(group.chunks) <= 32
        assert group.data_blocks <= 1000
        assert group.block_bytes % 4 == 0
        assert 1 <= group.volumes <= min(31, group.recovery_blocks)
        if choice.chunks:
            assert group.whole_chunks >= min(choice.chunks, len(group.chunks))
        else:
            assert group.recovery_blocks * 100 >= group.data_blocks * choice.percent


def test_groups_are_small_enough_and_volumes_no_larger_than_chunks():
    groups = plan_parity(chunks(*[2 * GB] * 70), ParityChoice(chunks=1), largest_file_bytes=2 * GB)
    assert [len(group.chunks) for group in groups] == [23, 23, 24]
    for group in groups:
        assert group.data_bytes <= 64 << 30
        assert -(-group.recovery_blocks // group.volumes) * group.block_bytes < 2 * GB
        assert group.size_bytes < 2.1 * GB + group.block_bytes


@given(st.lists(st.integers(1, 2 * GB), min_size=2, max_size=80), st.integers(1, 30 * GB))
def test_any_chunks_of_one_medium_may_be_lost(sizes, medium_bytes):
    given_chunks = chunks(*sizes)
    if sum(sizes) <= medium_bytes:
        with pytest.raises(Misuse):
            plan_parity(given_chunks, ParityChoice(medium_bytes=medium_bytes), largest_file_bytes=max(sizes))
        return
    groups = plan_parity(given_chunks, ParityChoice(medium_bytes=medium_bytes), largest_file_bytes=max(sizes))
    assert sorted(chunk.file for group in groups for chunk in group.chunks) == [chunk.file for chunk in given_chunks]
    for begin in range(len(sizes)):
        end = begin + 1
        while end < len(sizes) and sum(sizes[begin : end + 1]) <= medium_bytes:
            end += 1
        lost = {chunk.file for chunk in given_chunks[begin:end]}
        for group in groups:
            blocks = sum(blocks_of(each.size_bytes, group.block_bytes) for each in group.chunks if each.file in lost)
            assert blocks <= group.recovery_blocks


def test_a_medium_without_a_size_is_for_the_media_to_decide():
    assert parse_parity("1medium").needs_media
    with pytest.raises(Misuse, match="1medium needs the size"):
        plan_parity(chunks(1, 2, 3), ParityChoice(), largest_file_bytes=3)


def test_groups_take_turns_so_that_a_medium_costs_its_share_of_all():
    groups = plan_parity(chunks(*[2 * GB] * 60), ParityChoice(medium_bytes=25 * GB), largest_file_bytes=2 * GB)
    assert [len(group.chunks) for group in groups] == [30, 30]
    assert [chunk.file for chunk in groups[1].chunks][:2] == ["chunk-0002.tar", "chunk-0004.tar"]
    for group in groups:
        assert group.recovery_blocks * group.block_bytes < 12.5 * GB  # 6 of 30 chunks


def test_what_is_counted():
    assert [blocks_of(size, 10) for size in (1, 10, 11)] == [1, 1, 2]
    assert [whole_chunks([30, 20, 10], 10, blocks) for blocks in (2, 3, 4, 5, 6)] == [0, 1, 1, 2, 3]
    assert group_number("parity-07.vol000+52.par2") == group_number("parity-07.par2") == 7
    assert group_number("chunk-0001.tar") is None
    assert recovery_blocks_in("parity-07.vol000+52.par2") == 52
    assert recovery_blocks_in("parity-07.par2") == recovery_blocks_in("parity-07.vol0.par2") == 0
