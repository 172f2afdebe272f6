"""The places of a bundle's files on several media: whole, in order, and recovery data apart from what they repair."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from bundler.core.manifest import Chunk, Medium
from bundler.core.media import (
    MediaFile,
    Places,
    Room,
    may_be_lost,
    media_plan,
    media_with,
    medium_of,
    place,
    place_on_equal,
)
from bundler.core.parity import ParityGroup
from bundler.errors import LocalStorage, Misuse
from tests.property.strategies import law
from tests.support.errors import raises
from tests.support.tables import each_case


def chunks(*sizes: int, group: str = "") -> list[MediaFile]:
    return [MediaFile(f"chunk-{number:04d}.tar", size, group) for number, size in enumerate(sizes, start=1)]


def parity(*sizes: int, group: str = "1") -> list[MediaFile]:
    """Parity files with blocks of one byte, and nothing else."""
    return [
        MediaFile(f"parity-{group:0>2}.vol{number:03d}+{size}.par2", size, group, is_recovery=True)
        for number, size in enumerate(sizes)
    ]


def lost(places: Places, block_bytes: int = 1) -> tuple[int, ...]:
    """The media that may be lost, with blocks of a size."""
    files = [file for medium in places for file in medium if not file.is_recovery]
    of = {group: [Chunk(file.name, file.size_bytes) for file in files if file.group == group] for group in "12"}
    groups = [ParityGroup(int(group), tuple(part), block_bytes, 0, 4) for group, part in of.items()]
    return may_be_lost(media_plan(places), groups)


def numbers(places: Places) -> list[list[int]]:
    return [list(medium.chunks) for medium in media_plan(places)]


@each_case(
    "sizes, rooms, wanted",
    [
        ([10, 10, 5], [Room(25)], [[1, 2, 3]]),
        ([10, 10, 5], [Room(20), Room(20)], [[1, 2], [3]]),
        ([10, 10, 5], [Room(19), Room(10), Room(10)], [[1], [2], [3]]),
        ([10, 10, 5], [Room(0), Room(100)], [[], [1, 2, 3]]),
        ([5, 10, 10], [Room(10), Room(15)], [[2], [1, 3]]),  # in order, chunk 3 would be left over
        ([10, 5], [Room(100, largest_file_bytes=9), Room(10)], [[2], [1]]),
        ([1, 1, 1], [Room(8, unit_bytes=4), Room(4, unit_bytes=4)], [[1, 2], [3]]),
    ],
)
def test_given_media_are_filled_in_order(sizes, rooms, wanted):
    assert numbers(place(chunks(*sizes), rooms)) == wanted


@each_case(
    "sizes, rooms, words",
    [
        ([10, 30], [Room(20), Room(25)], "chunk-0002.tar: no medium has room for this file"),
        ([10], [Room(20, largest_file_bytes=9)], "at most 9 bytes"),
        ([10], [Room(-5)], "at most 0 bytes"),
        ([10, 10, 10], [Room(19), Room(19)], "the media have not enough room"),
    ],
)
def test_what_does_not_fit_is_refused(sizes, rooms, words):
    with pytest.raises(LocalStorage) as caught:
        place(chunks(*sizes), rooms)
    assert words in str(caught.value)


def test_equal_media_are_as_many_as_the_files_need():
    assert numbers(place_on_equal(chunks(10, 10, 5, 20, 1), Room(20))) == [[1, 2], [3], [4], [5]]
    assert numbers(place_on_equal(chunks(1), Room(20))) == [[1]]
    with pytest.raises(Misuse, match="does not fit on the medium") as caught:
        place_on_equal(chunks(10, 21), Room(20))
    assert (caught.value.subject, "--chunk-size" in str(caught.value.hint)) == ("chunk-0002.tar", True)
    with raises(Misuse, subject="--medium-size", expected="at least 31 bytes", actual="25 bytes"):
        place_on_equal(chunks(1), Room(-5, common_bytes=30))


def test_the_medium_that_is_advised_is_the_smallest_one_that_takes_all_files():
    with pytest.raises(Misuse) as caught:
        place_on_equal(chunks(10, 21), Room(20, unit_bytes=4, common_bytes=7))
    assert "--medium-size of at least 31 bytes" in str(caught.value.hint)
    assert numbers(place_on_equal(chunks(10, 21), Room(31 - 7, unit_bytes=4))) == [[1], [2]]


def test_too_many_equal_media_are_refused():
    with pytest.raises(Misuse, match="too many media"):
        place_on_equal([MediaFile(f"tool/{number}", 2) for number in range(100_001)], Room(3))


@each_case(
    "places",
    [
        place_on_equal([*chunks(10, 10, 10, group="1"), *parity(10)], Room(10)),
        place_on_equal([*chunks(10, 10, 5, group="1"), *parity(5, 5)], Room(12)),
        place([*chunks(10, 10, group="1"), *parity(10, 10)], [Room(40), Room(40)]),
    ],
)
def test_recovery_data_lie_apart_from_what_they_repair(places):
    assert lost(places) == tuple(range(1, len(places) + 1))


def test_recovery_data_of_a_bundle_on_one_medium_lie_there_too():
    """It repairs bytes that rot. Nothing repairs the only medium."""
    places = place_on_equal([*chunks(10, 10, group="1"), *parity(3, 3)], Room(30))
    assert [len(files) for files in places] == [4]
    assert lost(places) == ()
    assert lost(place_on_equal([*chunks(3, group="1"), *parity(3)], Room(30))) == (), "it is lost too"


def test_recovery_data_of_several_groups_cross():
    files = [
        MediaFile("chunk-0001.tar", 11, "1"),
        MediaFile("chunk-0002.tar", 11, "2"),
        *parity(9, group="1"),
        *parity(9, group="2"),
    ]
    places = place(files, [Room(20), Room(20)])
    assert [[file.name for file in files] for files in places] == [
        ["chunk-0001.tar", "parity-02.vol000+9.par2"],
        ["chunk-0002.tar", "parity-01.vol000+9.par2"],
    ]
    assert lost(places) == (), "9 blocks do not replace 11"


def test_a_block_that_is_not_full_costs_a_whole_one():
    places = place_on_equal([*chunks(10, 1, group="1"), *parity(2)], Room(11))
    assert lost(places, block_bytes=10) == (1, 2)
    places = place_on_equal([*chunks(10, 1, group="1"), *parity(1)], Room(11))
    assert lost(places, block_bytes=11) == (2,), "there are two blocks on the first medium, and one replaces one"


@law
@given(st.lists(st.integers(0, 50), min_size=1, max_size=30), st.integers(50, 120), st.sampled_from([1, 4, 7]))
def test_law_each_file_has_one_medium_and_no_medium_is_too_full(sizes, room_bytes, unit_bytes):
    room = Room(room_bytes + unit_bytes, unit_bytes=unit_bytes)
    files = chunks(*sizes)
    places = place_on_equal(files, room)
    assert [file for medium in places for file in medium] == files
    assert all(sum(map(room.taken_by, medium)) <= room.size_bytes for medium in places)
    assert place(files, [room] * len(places)) == places
    assert place_on_equal(files, room) == places


def test_the_plan_of_the_bundle_manifest():
    files = [MediaFile("tool/bundler.pyz", 1), *chunks(10, 10, 10), *parity(5)]
    places = place_on_equal(files, Room(21))
    media = media_plan(places, [20, 20, 20])
    assert media == (
        Medium((1, 2), ("tool/bundler.pyz",), 20),
        Medium((3,), ("parity-01.vol000+5.par2",), 20),
    )
    assert (medium_of(media, 1), medium_of(media, 3), medium_of((), 3)) == (1, 2, None)
    assert media_with(media, [2, 3, 1]) == {1: (1, 2), 2: (3,)}
    assert media_with(media, [3]) == {2: (3,)}
