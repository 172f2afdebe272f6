"""Bytes that are read once leave no trace in the page cache, where the kernel can do that; they are the same anywhere."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from bundler.errors import Damaged
from bundler.system import files
from bundler.system.files import LocalFile, forget_cached
from tests.support.errors import raises
from tests.unit.values import MIB

CONTENT = os.urandom(2 * MIB)


@pytest.fixture
def descriptor(disk_path: Path):
    (disk_path / "file").write_bytes(CONTENT)
    opened = os.open(disk_path / "file", os.O_RDONLY)
    forget_cached(opened)
    os.posix_fadvise(opened, 0, 0, os.POSIX_FADV_RANDOM)  # nothing is read ahead
    yield opened
    os.close(opened)


def read(file: LocalFile) -> bytes:
    content = bytearray(len(CONTENT))
    for offset in range(0, len(CONTENT), MIB):
        file.read_into([memoryview(content)[offset : offset + MIB]], offset, what="file")
    return bytes(content)


def is_cached(descriptor: int) -> bool:
    try:
        return os.preadv(descriptor, [bytearray(1)], MIB, os.RWF_NOWAIT) == 1
    except OSError as error:  # a file system in memory has no such question
        return error.errno != errno.EAGAIN


def is_known(descriptor: int, flag: int) -> bool:
    try:
        return os.preadv(descriptor, [bytearray(1)], 0, flag) == 1
    except OSError:
        return False


def test_pages_that_a_read_brings_leave_the_cache_again(descriptor):
    assert read(LocalFile(descriptor, is_passing=True)) == CONTENT
    assert is_cached(descriptor) != is_known(descriptor, files._WITHOUT_TRACE)


def test_pages_that_were_cached_before_stay(descriptor):
    assert read(LocalFile(descriptor)) == CONTENT
    assert read(LocalFile(descriptor, is_passing=True)) == CONTENT
    assert is_cached(descriptor)


def test_where_the_kernel_does_not_know_the_flag_files_are_read_as_others(descriptor, monkeypatch):
    unknown = 1 << 30
    assert not is_known(descriptor, unknown)
    monkeypatch.setattr(files, "_WITHOUT_TRACE", unknown)
    assert read(LocalFile(descriptor, is_passing=True)) == CONTENT
    with raises(Damaged, subject="file"):
        LocalFile(descriptor, is_passing=True).read_into([bytearray(1)], len(CONTENT), what="file")
