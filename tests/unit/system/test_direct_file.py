"""Bytes that come in order reach the file without the page cache, and the file is the same where that does not work."""

from __future__ import annotations

import ctypes
import errno
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from bundler.errors import LocalStorage
from bundler.system.buffers import new_buffer
from bundler.system.direct_file import DirectFile
from tests.unit.values import MIB

CONTENT = new_buffer(6 * MIB)
CONTENT[:] = os.urandom(6 * MIB)
PAGE = 4096
PIECE = 300_001
Failing = Callable[[int], "int | None"]
"""Given the number of a direct write, from 1: how many bytes it takes; None for all. It may raise."""


def address_of(view: memoryview) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(view))


class Watched:
    """The file of a test, and the direct writes to it. They are aligned in the file as the strictest device wants it."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self.path = path
        self.direct: list[tuple[int, int]] = []
        """The begin and the end of each direct write."""
        self.cached: list[tuple[int, int]] = []
        self.tried = 0
        self.alignment = PAGE
        """The addresses of buffers in memory must be multiples of this."""
        self.refused = 0
        self.opened: list[int] = []
        self.fails: Failing = lambda number: None
        self.written = DirectFile(what="the file")
        plain_open, plain_pwritev = os.open, os.pwritev

        def open_(path: str, flags: int) -> int:
            assert flags & os.O_DIRECT
            self.opened.append(plain_open(path, flags & ~os.O_DIRECT))  # every file system takes that
            return self.opened[-1]

        def pwritev(descriptor: int, buffers: Sequence[memoryview], offset: int) -> int:
            if descriptor not in self.opened:
                self.cached.append((offset, offset + sum(map(len, buffers))))
                return plain_pwritev(descriptor, buffers, offset)
            assert [each % PAGE for each in (offset, *map(len, buffers))] == [0] * (1 + len(buffers))
            if any(address_of(view) % self.alignment for view in buffers if len(view)):
                self.refused += 1
                raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
            self.tried += 1
            taken = self.fails(self.tried)
            done = plain_pwritev(descriptor, [b"".join(buffers)[:taken]], offset)
            self.direct.append((offset, offset + done))
            return done

        monkeypatch.setattr(os, "open", open_)
        monkeypatch.setattr(os, "pwritev", pwritev)

    def write_large(self, begin: int, size: int, piece_bytes: int = MIB) -> None:
        """Writes a member in large pieces, each of which begins with a page of memory."""
        for offset in range(0, size, piece_bytes):
            piece = new_buffer(piece_bytes)[: min(piece_bytes, size - offset)]
            piece[:] = CONTENT[begin + offset : begin + offset + len(piece)]
            is_last = offset + len(piece) == size
            reached = self.written.write(self.descriptor, [piece], begin + offset, is_last=is_last)
            piece[:] = bytes(len(piece))  # the next piece comes in the same memory
            assert self.has(begin, reached)

    def write(self, begin: int, size: int, *, stop: int | None = None) -> None:
        """Writes a member of the test's content, or its first bytes, in pieces."""
        checked = begin
        for offset in range(begin, begin + size if stop is None else stop, PIECE):
            end = min(offset + PIECE, begin + size)
            middle = (offset + end) // 2
            buffers = [bytes(CONTENT[offset:middle]), CONTENT[middle:end]]
            reached = self.written.write(self.descriptor, buffers, offset, is_last=end == begin + size)
            assert end - MIB < reached <= end
            assert self.has(checked, reached)
            checked = reached
        if not size:
            assert self.written.write(self.descriptor, [b""], begin, is_last=True) == begin

    def has(self, begin: int, end: int) -> bool:
        return os.pread(self.descriptor, end - begin, begin) == CONTENT[begin:end]

    def content(self) -> bytes:
        return self.path.read_bytes()

    def pages(self, spans: list[tuple[int, int]]) -> set[int]:
        """The pages that some writes have changed."""
        return {page for begin, end in spans for page in range(begin // PAGE, -(-end // PAGE))}


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    watched = Watched(tmp_path / "file", monkeypatch)
    yield watched
    watched.written.end()
    os.close(watched.descriptor)
    for descriptor in watched.opened:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(descriptor)


@pytest.mark.parametrize("begin", [0, 512, PAGE - 1])
@pytest.mark.parametrize("size", [0, 1, PAGE - 1, PAGE, PAGE + 1, MIB - 1, MIB, MIB + 1, 2 * MIB, 2 * MIB + PAGE + 5])
def test_members_of_any_size_are_written_and_no_page_is_written_both_ways(file: Watched, begin: int, size: int) -> None:
    file.write(0, begin)
    file.write(begin, size)
    file.write(begin + size, MIB + 3 * PAGE)
    file.write(begin + size + MIB + 3 * PAGE, 700)
    assert file.content() == CONTENT[: begin + size + MIB + 3 * PAGE + 700]
    assert not file.pages(file.direct) & file.pages(file.cached)
    assert len(file.direct) == max(0, size - (-begin % PAGE)) // MIB + 1, "all that fills a buffer"


def test_a_member_goes_on_after_what_an_earlier_run_left(file: Watched) -> None:
    left = MIB + 777
    os.pwrite(file.descriptor, CONTENT[:left], 0)
    file.write(left, 2 * MIB + 9)
    assert file.content() == CONTENT[: left + 2 * MIB + 9]
    assert file.direct == [(MIB + PAGE, 2 * MIB + PAGE)]


def test_bytes_that_are_there_are_written_again_through_the_page_cache(file: Watched) -> None:
    os.pwrite(file.descriptor, b"x" * (3 * MIB), 0)
    file.write(0, 3 * MIB)
    assert file.content() == CONTENT[: 3 * MIB]
    assert file.direct == []


def test_a_member_that_was_given_up_is_written_as_far_as_it_came_and_others_go_on(file: Watched) -> None:
    file.write(0, 3 * MIB, stop=2 * MIB)
    file.written.end()
    assert file.content() == CONTENT[: len(file.content())]
    assert len(file.content()) >= 2 * MIB
    file.write(3 * MIB, 2 * MIB)
    file.write(0, 3 * MIB)
    assert file.content() == CONTENT[: 5 * MIB]
    assert file.direct == [(number * MIB, (number + 1) * MIB) for number in (0, 1, 3, 4)]


def test_two_members_in_turns_are_both_written(file: Watched) -> None:
    for offset in range(0, 2 * MIB, PIECE):
        size = min(PIECE, 2 * MIB - offset)
        for begin in (0, 2 * MIB):
            at = begin + offset
            buffers = [CONTENT[at : at + size]]
            file.written.write(file.descriptor, buffers, at, is_last=offset + size == 2 * MIB)
    assert file.content() == CONTENT[: 4 * MIB]


@pytest.mark.parametrize("taken", [0, PAGE, 1000], ids=["nothing", "a page", "a part of a page"])
@pytest.mark.parametrize("number", [1, 2])
def test_what_the_file_system_does_not_take_goes_through_the_page_cache(file: Watched, number: int, taken: int) -> None:
    def fails(count: int) -> int | None:
        if count >= number and not taken:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        return taken if count == number else None

    file.fails = fails
    file.write(0, 3 * MIB + 5)
    file.write(3 * MIB + 5, 2 * MIB)
    assert file.content() == CONTENT[: 5 * MIB + 5]
    assert file.tried == (4 if taken else number)


def test_a_file_system_that_refuses_to_open_is_asked_once(file: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def refused(path: str, flags: int) -> int:
        asked.append(path)
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    monkeypatch.setattr(os, "open", refused)
    file.write(0, 2 * MIB)
    file.write(2 * MIB, 2 * MIB)
    assert file.content() == CONTENT[: 4 * MIB]
    assert len(asked) == 1


def test_a_slow_device_gets_the_rest_through_the_page_cache(file: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(1000))
    monkeypatch.setattr(time, "monotonic", lambda: next(clock) / 10)
    file.write(0, 5 * MIB)
    file.write(5 * MIB, MIB)
    assert file.content() == CONTENT
    assert file.direct == [(0, MIB), (MIB, 2 * MIB), (2 * MIB, 3 * MIB)], "0.3 s are too long"


@pytest.mark.parametrize("begin", [0, 512, PAGE - 512, PAGE])
@pytest.mark.parametrize("piece_bytes", [512 << 10, MIB, MIB + 700])
def test_large_pieces_are_written_from_where_they_are(file: Watched, begin: int, piece_bytes: int) -> None:
    file.alignment = 4 if piece_bytes % 512 else 512
    file.write(0, begin)
    file.write_large(begin, 3 * MIB + 5, piece_bytes)
    file.write(begin + 3 * MIB + 5, MIB)
    assert file.content() == CONTENT[: begin + 4 * MIB + 5]
    assert not file.pages(file.direct) & file.pages(file.cached)
    assert file.refused == 0
    sizes = [last - first for first, last in file.direct if last <= begin + 3 * MIB + 5]
    assert sum(sizes) > 3 * MIB - 2 * PAGE, "also the last piece"
    assert max(sizes) < piece_bytes + PAGE, "nothing is collected"


def test_a_device_that_wants_whole_pages_of_memory_gets_copies(file: Watched) -> None:
    file.write(0, 512)
    file.write_large(512, 3 * MIB)
    file.write_large(3 * MIB + 512, 2 * MIB)
    assert file.content() == CONTENT[: 5 * MIB + 512]
    assert file.refused == 1
    assert {last - first for first, last in file.direct} == {MIB}
    assert not file.pages(file.direct) & file.pages(file.cached)


@pytest.mark.parametrize("taken", [PAGE, 1000], ids=["a page", "a part of a page"])
def test_the_rest_of_a_large_piece_goes_through_the_page_cache(file: Watched, taken: int) -> None:
    file.alignment = 512
    file.fails = lambda number: taken if number == 2 else None
    file.write(0, 512)
    file.write_large(512, 4 * MIB)
    assert file.content() == CONTENT[: 4 * MIB + 512]
    assert file.tried == 4


@pytest.mark.parametrize("cause", [errno.ENOSPC, errno.EIO])
def test_a_full_or_broken_device_is_an_error_and_the_member_can_be_written_again(
    file: Watched, monkeypatch: pytest.MonkeyPatch, cause: int
) -> None:
    def fails(count: int) -> None:
        if count == 2:
            raise OSError(cause, os.strerror(cause))

    file.fails = fails
    with pytest.raises(LocalStorage, match="the file"):
        file.write(0, 4 * MIB)
    assert file.content() == CONTENT[:MIB]
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwritev", lambda *_: fails(2))
        with pytest.raises(LocalStorage, match="the file"):
            file.written.end()
    file.write(0, 4 * MIB)
    file.write(4 * MIB, 2 * MIB)
    assert file.content() == CONTENT
    assert [begin // MIB for begin, _ in file.direct] == [0, 1, 2, 4, 5], "also what is after the first bytes"


def test_real_direct_writes_come_out_the_same(tmp_path: Path) -> None:
    """Without a watch: on the file system of the tests, and on that of the project."""
    for folder in (tmp_path, Path(__file__).parent):
        with open(folder / ".direct.tmp", "w+b") as file:
            os.unlink(file.name)
            written = DirectFile(what="file")
            for begin, end in ((0, 700), (700, 3 * MIB + 1), (3 * MIB + 1, 6 * MIB)):
                for offset in range(begin, end, MIB):
                    stop = min(offset + MIB, end)
                    written.write(file.fileno(), [CONTENT[offset:stop]], offset, is_last=stop == end)
            assert file.read() == CONTENT
