"""Buffers begin where copying into them is fast."""

from __future__ import annotations

import ctypes
import mmap

import pytest

from bundler.system.buffers import new_buffer


@pytest.mark.parametrize("size_bytes", [64 << 10, 256 << 10, 1 << 20, (1 << 20) + 1])
def test_a_large_buffer_begins_with_a_page(size_bytes):
    buffer = new_buffer(size_bytes)
    assert len(buffer) == size_bytes
    assert ctypes.addressof(ctypes.c_char.from_buffer(buffer)) % mmap.PAGESIZE == 0


@pytest.mark.parametrize(("wanted", "made"), [(-1, 1), (0, 1), (1, 1), (1000, 1000)])
def test_a_small_buffer_is_there_whatever_was_asked_for(wanted, made):
    buffer = new_buffer(wanted)
    assert bytes(buffer) == bytes(made)
    buffer[:1] = b"x"
    assert buffer[0] == ord("x")
