"""Buffers begin where copying into them is fast."""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import re
from pathlib import Path

import pytest

from bundler.system.buffers import new_buffer


@pytest.mark.parametrize("size_bytes", [64 << 10, 256 << 10, 1 << 20, (1 << 20) + 1, 2 << 20])
def test_a_large_buffer_begins_with_a_page(size_bytes):
    buffer = new_buffer(size_bytes)
    assert len(buffer) == size_bytes
    assert ctypes.addressof(ctypes.c_char.from_buffer(buffer)) % mmap.PAGESIZE == 0


@pytest.mark.skipif(not Path("/sys/kernel/mm/transparent_hugepage").exists(), reason="this kernel has no large pages")
def test_a_buffer_of_a_large_page_asks_for_one():
    buffer = new_buffer(2 << 20)
    begin = ctypes.addressof(ctypes.c_char.from_buffer(buffer))
    is_within, flags = False, ""
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if found := re.match(r"([0-9a-f]+)-([0-9a-f]+) ", line):
            is_within = int(found[1], 16) <= begin < int(found[2], 16)
        elif is_within and line.startswith("VmFlags:"):
            flags = line
    assert " hg" in flags


def test_a_kernel_without_large_pages_gives_small_ones(monkeypatch):
    def refused(*arguments):
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    class WithoutLargePages(mmap.mmap):
        madvise = refused

    monkeypatch.setattr(mmap, "mmap", WithoutLargePages)
    buffer = new_buffer(2 << 20)
    assert (len(buffer), buffer[-1]) == (2 << 20, 0)


@pytest.mark.parametrize(("wanted", "made"), [(-1, 1), (0, 1), (1, 1), (1000, 1000)])
def test_a_small_buffer_is_there_whatever_was_asked_for(wanted, made):
    buffer = new_buffer(wanted)
    assert bytes(buffer) == bytes(made)
    buffer[:1] = b"x"
    assert buffer[0] == ord("x")
