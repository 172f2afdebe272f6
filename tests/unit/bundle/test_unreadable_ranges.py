"""A failing medium is read around its holes: nothing is lost that can be read, and little is tried in vain."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from bundler.bundle.unreadable_ranges import UnreadableRange, read_around
from bundler.core.limits import PIECE_BYTES, UNREADABLE_READS
from bundler.errors import Damaged
from bundler.system import files
from tests.support.errors import raises

SECTOR = 512
SIZE = 3 * PIECE_BYTES + 777
CONTENT = random.Random("holes").randbytes(SIZE)


class Medium:
    """A file of which some bytes cannot be read."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path.write_bytes(CONTENT)
        self.file = files.LocalFile(os.open(path, os.O_RDONLY))
        self.bad: list[range] = []
        self.failures = 0
        real = os.preadv

        def preadv(descriptor: int, buffers: list[memoryview], offset: int, *flags: int) -> int:
            end = offset + sum(map(len, buffers))
            if any(each.start < end and offset < each.stop for each in self.bad):
                self.failures += 1
                raise OSError(5, "Input/output error")
            return real(descriptor, buffers, offset, *flags)

        monkeypatch.setattr(files.os, "preadv", preadv)

    def holes(self) -> list[range]:
        """The ranges that could not be read; the bytes between them are compared."""
        found: list[range] = []
        position = 0
        for piece in read_around(self.file, SIZE, what="test"):
            if isinstance(piece, UnreadableRange):
                begin = found.pop().start if found and found[-1].stop == position else position
                position += piece.length_bytes
                found.append(range(begin, position))
            else:
                assert piece == CONTENT[position : position + len(piece)]
                position += len(piece)
        assert position == SIZE, "every byte is reported once"
        return found


@pytest.fixture
def medium(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Medium]:
    medium = Medium(tmp_path / "file", monkeypatch)
    yield medium
    medium.file.close()


def test_a_good_medium_has_no_holes(medium: Medium) -> None:
    assert medium.holes() == []


@pytest.mark.parametrize(
    ("begin", "hole"),
    [
        (0, range(4096)),
        (5000, range(4096, 8192)),
        (PIECE_BYTES - 1, range(PIECE_BYTES - 4096, PIECE_BYTES)),
        (PIECE_BYTES, range(PIECE_BYTES, PIECE_BYTES + 4096)),
        (SIZE - 1, range(3 * PIECE_BYTES, SIZE)),
    ],
    ids=["the first byte", "in a piece", "the end of a piece", "the begin of a piece", "the last byte"],
)
def test_one_bad_sector_costs_its_surroundings_and_two_reads(medium: Medium, begin: int, hole: range) -> None:
    medium.bad = [range(begin, begin + 1)]
    assert (medium.holes(), medium.failures) == ([hole], 2)


def test_a_long_hole_is_passed_in_steps_that_grow(medium: Medium) -> None:
    medium.bad = [range(100_000, 100_000 + PIECE_BYTES)]
    (hole,) = medium.holes()
    assert hole.start <= 100_000
    assert 100_000 + PIECE_BYTES <= hole.stop <= 100_000 + 2 * PIECE_BYTES
    assert medium.failures <= 12


def test_a_dead_medium_is_given_up(medium: Medium) -> None:
    medium.bad = [range(at, at + 1) for at in range(0, SIZE, 3 * 4096)]
    holes = medium.holes()
    assert medium.failures == UNREADABLE_READS
    assert holes[-1].stop == SIZE


@pytest.mark.parametrize("seed", range(12))
def test_holes_hold_every_bad_sector_and_no_good_piece(medium: Medium, seed: int) -> None:
    chance = random.Random(seed)
    starts = [chance.randrange(0, SIZE, SECTOR) for _ in range(chance.randrange(1, 8))]
    medium.bad = [range(start, min(SIZE, start + SECTOR * chance.randrange(1, 30))) for start in starts]
    holes = medium.holes()
    for bad in medium.bad:
        assert any(hole.start <= bad.start and bad.stop <= hole.stop for hole in holes)
    for hole in holes:
        inside = [bad for bad in medium.bad if bad.start < hole.stop and hole.start < bad.stop]
        assert inside, "a hole without anything bad in it"
    assert medium.failures <= UNREADABLE_READS


def test_a_file_that_ends_before_its_size_is_damaged(medium: Medium) -> None:
    with raises(Damaged, subject="test"):
        list(read_around(medium.file, SIZE + 1, what="test"))
