"""Files are written whole, however little the system takes at a time, and never more at a time than is good."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from bundler.core.limits import WRITE_BYTES
from bundler.errors import LocalStorage
from bundler.system.durable_files import write_durably, write_from

CONTENT = os.urandom(3 * WRITE_BYTES + 77)


@pytest.mark.parametrize("taken_bytes", [1 << 30, 1000], ids=["all", "little"])
def test_buffers_are_written_a_piece_at_a_time(tmp_path: Path, monkeypatch: Any, taken_bytes: int) -> None:
    plain, sizes = os.pwritev, []

    def watched(descriptor: int, buffers: list[memoryview], offset: int) -> int:
        sizes.append(sum(map(len, buffers)))
        return plain(descriptor, [buffers[0][:taken_bytes]], offset)

    monkeypatch.setattr(os, "pwritev", watched)
    with open(tmp_path / "file", "w+b") as file:
        write_from(file.fileno(), [b"head", memoryview(CONTENT), b"", b"end"], 10, what="file")
        assert file.read() == bytes(10) + b"head" + CONTENT + b"end"
    assert max(sizes) == WRITE_BYTES


def test_a_file_that_is_there_is_not_written_again(tmp_path: Path) -> None:
    write_durably(tmp_path / "file", [b"one ", CONTENT])
    assert (tmp_path / "file").read_bytes() == b"one " + CONTENT
    with pytest.raises(LocalStorage):
        write_durably(tmp_path / "file", [b"another"])
    assert (tmp_path / "file").read_bytes() == b"one " + CONTENT
