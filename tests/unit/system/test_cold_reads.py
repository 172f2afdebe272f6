"""Data outside the page cache is read without a place in it, data in it comes from there, and slow media are left alone."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bundler.core.limits import PIECE_BYTES
from bundler.system import cold_reads
from bundler.system.buffers import new_buffer
from bundler.system.cold_reads import ColdReads, cached_bytes
from bundler.system.files import LocalFile, forget_cached

BEGIN = 512
PIECES = 9
CONTENT = os.urandom(BEGIN + PIECES * PIECE_BYTES + 100)


def forget(file: LocalFile) -> None:
    """Drops the file from memory; skips the test if this file system or kernel cannot."""
    forget_cached(file.descriptor)
    if cached_bytes(file.descriptor, 0, len(CONTENT)):
        pytest.skip("the file stays in memory here, or the kernel does not say (cachestat(2), Linux 6.5)")


@pytest.fixture
def file(disk_path: Path) -> Iterator[LocalFile]:
    path = disk_path / "chunk"
    path.write_bytes(CONTENT)
    opened = LocalFile(os.open(path, os.O_RDONLY))
    yield opened
    opened.close()


@pytest.fixture
def view() -> memoryview:
    return new_buffer(PIECE_BYTES)


def piece(number: int) -> tuple[int, bytes]:
    begin = BEGIN + number * PIECE_BYTES
    return begin, CONTENT[begin : begin + PIECE_BYTES]


def test_bytes_that_are_not_in_memory_are_read_and_stay_out_of_it(
    file: LocalFile, view: memoryview, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget(file)
    monkeypatch.setattr(cold_reads.time, "monotonic", lambda: 0.0)  # a busy machine reads as slowly as a stick
    reads = ColdReads()
    for number in range(PIECES):
        begin, content = piece(number)
        assert reads.read(file, view, begin)
        assert view == content
    assert cached_bytes(file.descriptor, 0, len(CONTENT)) == 0


def test_bytes_in_memory_come_from_there(file: LocalFile, view: memoryview) -> None:
    os.pread(file.descriptor, len(CONTENT), 0)
    assert not ColdReads().read(file, view, piece(0)[0])


@pytest.mark.parametrize("offset_bytes", [BEGIN + 1, BEGIN + (PIECES - 1) * PIECE_BYTES + 512])
def test_bytes_between_blocks_and_after_the_end_are_left_to_the_usual_way(
    file: LocalFile, view: memoryview, offset_bytes: int
) -> None:
    forget(file)
    assert not ColdReads().read(file, view, offset_bytes)


def test_a_piece_that_is_not_whole_is_left_to_the_usual_way(file: LocalFile, view: memoryview) -> None:
    forget(file)
    assert not ColdReads().read(file, view[:-512], BEGIN)


def test_a_file_system_that_refuses_is_asked_once(
    file: LocalFile, view: memoryview, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget(file)
    asked = []

    def refuse(*_: object) -> int:
        asked.append(1)
        raise OSError(errno.EINVAL, "refused")

    monkeypatch.setattr(os, "preadv", refuse)
    reads = ColdReads()
    assert [reads.read(file, view, piece(number)[0]) for number in range(2)] == [False, False]
    assert len(asked) == 1


def test_a_slow_medium_is_read_through_the_cache_after_its_first_bytes(
    file: LocalFile, view: memoryview, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget(file)
    now = iter(range(100))
    monkeypatch.setattr(cold_reads.time, "monotonic", lambda: next(now) / 20)
    reads = ColdReads()
    assert [reads.read(file, view, piece(number)[0]) for number in range(4)] == [True, True, True, False]


def test_a_kernel_that_does_not_say_what_is_in_memory_is_taken_to_have_it(view: memoryview) -> None:
    assert cached_bytes(-1, 0, 4096) == 4096
    assert not ColdReads().read(LocalFile(-1), view, 0)
