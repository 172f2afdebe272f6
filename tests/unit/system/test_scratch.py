"""Scratch files vanish with the process, take no space longer than needed, and are counted where nothing is kept."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bundler.errors import LocalStorage
from bundler.system.scratch import Scratch
from tests.support.errors import raises


def content_of(descriptor: int) -> bytes:
    return os.pread(descriptor, 1 << 20, 0)


def test_a_file_has_no_name_from_its_first_byte_on(tmp_path: Path) -> None:
    file = Scratch(tmp_path).file()
    file.write(b"secret layers")
    assert list(tmp_path.iterdir()) == []
    assert content_of(file.descriptor) == b"secret layers"
    file.close()


def test_bytes_are_in_the_order_in_which_they_came(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path)
    file, other = scratch.file(), scratch.file()
    file.write(b"one ")
    other.write(b"another file")
    file.write(memoryview(b"xx two")[2:])
    file.write(b"")
    assert (content_of(file.descriptor), file.size_bytes) == (b"one  two", 8)
    assert content_of(other.descriptor) == b"another file"
    file.close()
    other.close()


def test_the_peak_is_the_most_that_was_there_at_a_time(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path)
    first, second, third = scratch.file(), scratch.file(), scratch.file()
    first.write(b"1" * 100)
    second.write(b"2" * 50)
    assert scratch.peak_bytes == 150
    first.close()
    third.write(b"3" * 99)
    assert scratch.peak_bytes == 150
    third.write(b"3" * 2)
    assert scratch.peak_bytes == 151
    second.close()
    third.close()


def test_a_file_that_is_closed_twice_gives_its_room_back_once(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path)
    file, other = scratch.file(), scratch.file()
    file.write(b"x" * 100)
    other.write(b"y" * 100)
    file.close()
    file.close()
    other.write(b"y" * 50)
    assert scratch.peak_bytes == 200
    other.close()


def test_a_closed_file_gives_its_descriptor_back(tmp_path: Path) -> None:
    file = Scratch(tmp_path).file()
    descriptor = file.descriptor
    file.close()
    with pytest.raises(OSError):
        os.fstat(descriptor)
    assert file.descriptor == -1


def test_a_plan_counts_what_would_be_there_and_keeps_nothing(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path / "is not there", is_measuring=True)
    file = scratch.file()
    file.write(b"x" * 1000)
    file.write(b"x" * 234)
    assert (file.size_bytes, scratch.peak_bytes) == (1234, 1234)
    file.close()
    scratch.file().write(b"x" * 1000)
    assert scratch.peak_bytes == 1234
    assert not (tmp_path / "is not there").exists()


def test_a_folder_that_takes_no_files_is_named_with_the_flag_that_chooses_another(tmp_path: Path) -> None:
    with pytest.raises(LocalStorage) as caught:
        Scratch(tmp_path / "is not there").file()
    assert str(tmp_path / "is not there") in str(caught.value)
    assert "--scratch" in (caught.value.hint or "")


def test_a_device_without_room_is_reported_with_the_flag_that_chooses_another(tmp_path: Path) -> None:
    file = Scratch(tmp_path).file()
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, file.descriptor)
    os.close(full)
    with raises(LocalStorage, code="no-space") as caught:
        file.write(b"x")
    assert "--scratch" in (caught.value.hint or "")
    file.close()


def test_the_room_of_bytes_that_were_read_is_given_back_before_the_rest(tmp_path: Path) -> None:
    """For file systems that can do it; for others, nothing is counted that did not happen."""
    scratch = Scratch(tmp_path)
    file, other = scratch.file(), scratch.file()
    file.write(b"a" * 8192 + b"b" * 8192)
    for end in (8192, 8192, 4096):
        file.release(end)
    is_able = os.fstat(file.descriptor).st_blocks * 512 < 2 * 8192
    other.write(b"x" * 16_384)
    assert scratch.peak_bytes == (16_384 + 8192 if is_able else 2 * 16_384)
    assert content_of(file.descriptor)[8192:] == b"b" * 8192
    assert file.size_bytes == 16_384
    file.close()
    file.release(16_384)
    other.write(b"x" * 16_384)
    assert scratch.peak_bytes == 2 * 16_384
    other.close()
