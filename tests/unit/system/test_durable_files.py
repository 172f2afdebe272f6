"""Files are written whole, however little the system takes at a time, and never more at a time than is good."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bundler.core.limits import WRITE_BYTES
from bundler.errors import LocalStorage
from bundler.system.durable_files import place_durably, write_at_once, write_durably, write_from
from tests.support.errors import raises

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


@pytest.mark.parametrize(
    ("write", "calls"),
    [
        (place_durably, ("open",)),
        (place_durably, ("fsync",)),
        (place_durably, ("rename",)),
        (write_at_once, ("open",)),
        (write_at_once, ("fsync",)),
        (write_at_once, ("link", "rename")),
    ],
)
def test_a_failed_write_names_the_file_that_people_asked_for(
    tmp_path: Path, monkeypatch: Any, write: Callable[[Path, bytes], None], calls: tuple[str, ...]
) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    for call in calls:
        monkeypatch.setattr(os, call, full)
    with raises(LocalStorage, subject=str(tmp_path / "slip.pdf"), code="no-space"):
        write(tmp_path / "slip.pdf", b"content")
    monkeypatch.undo()
    assert not list(tmp_path.iterdir())


def test_a_failed_write_names_the_file_as_its_caller_does(tmp_path: Path) -> None:
    with raises(LocalStorage, subject="receipt.json"):
        place_durably(tmp_path / "missing" / "receipt.json.unfinished", b"content", what="receipt.json")
