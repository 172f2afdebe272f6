"""A chunk file is right at each moment, while some of its bytes are in memory only."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from bundler.bundle.chunk import ChunkMember, members_by_chunk
from bundler.bundle.chunk_file import ChunkFile
from bundler.bundle.held_folder import HeldFolder
from bundler.system.buffers import new_buffer
from bundler.system.direct_file import DirectFile
from tests.unit.bundle.chunks import chunks_of, plan_of
from tests.unit.values import MIB

LAYERS = os.urandom(2 * MIB + 700), os.urandom(2 * MIB + 9000)
PIECE = 700_000


class Writing:
    """A chunk with two large members, the last ones of it, that is written bit by bit."""

    def __init__(self, folder: Path) -> None:
        plan = plan_of(*LAYERS)
        ((name, content),) = chunks_of(plan, *LAYERS).items()
        ((*self.small, self.first, self.second),) = members_by_chunk(plan.manifest)
        self.content, self.path = bytes(content), folder / name
        self.folder = HeldFolder(folder)
        self.file = ChunkFile(
            self.folder, name, [*self.small, self.first, self.second], is_hashed_at_once=True, has_sparse_files=True
        )
        for member in self.small:
            self.write(member)

    def write(self, member: ChunkMember, begin: int = 0, end: int = 1 << 30) -> None:
        """Writes the bytes of a member between two offsets in it."""
        stop = min(member.header_offset + end, member.end)
        for offset in range(member.header_offset + begin, stop, PIECE):
            self.file.write([self.content[offset : min(offset + PIECE, stop)]], offset)

    def hash(self) -> None:
        self.file.hash_ready(new_buffer(MIB))

    def there(self) -> bytes:
        return self.path.read_bytes()

    def close(self) -> None:
        self.file.close()
        self.folder.close()


@pytest.fixture
def direct(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the direct writes, on any file system."""
    sizes: list[int] = []
    write = DirectFile._write_directly

    def watched(file: DirectFile, buffers: Sequence[memoryview]) -> int | None:
        done = write(file, buffers)
        sizes.append(done or 0)
        return done

    monkeypatch.setattr(os, "O_DIRECT", 0)
    monkeypatch.setattr(DirectFile, "_write_directly", watched)
    return sizes


@pytest.fixture
def chunk(tmp_path: Path) -> Iterator[Writing]:
    writing = Writing(tmp_path)
    yield writing
    writing.close()


def test_what_comes_in_order_is_hashed_on_the_way_and_written_directly(chunk: Writing, direct: list[int]) -> None:
    for member in (chunk.first, chunk.second):
        for begin in range(0, 3 * PIECE, PIECE):
            chunk.write(member, begin, begin + PIECE)
            chunk.hash()
        chunk.write(member, 3 * PIECE)
    assert len(direct) == 6, "each large piece; the background hash has nothing to do, and does not stop this"
    assert all(direct)
    chunk.hash()
    assert chunk.file.digest == hashlib.sha256(chunk.content).hexdigest()
    assert chunk.there() == chunk.content


def test_bytes_in_memory_are_not_read_from_the_file(
    chunk: Writing, direct: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another thread restarts the first member, and writes it, while the second one is between its hash and its file."""
    write, interruptions = DirectFile.write, [chunk.first]

    def interrupted(file: DirectFile, *arguments: Any, is_last: bool) -> int:
        while interruptions:
            member = interruptions.pop()
            chunk.file.restart(member)
            chunk.write(member)
        return write(file, *arguments, is_last=is_last)

    chunk.write(chunk.first)
    monkeypatch.setattr(DirectFile, "write", interrupted)
    chunk.write(chunk.second, 0, PIECE)
    chunk.hash()
    assert not chunk.file.is_complete
    chunk.write(chunk.second, PIECE)
    chunk.hash()
    assert chunk.file.digest == hashlib.sha256(chunk.content).hexdigest()
    assert chunk.there() == chunk.content


@pytest.mark.parametrize("how", ["given up", "closed"])
def test_what_came_of_a_member_is_kept_for_a_later_run(chunk: Writing, direct: list[int], how: str) -> None:
    chunk.write(chunk.first, 0, 2 * PIECE)
    chunk.file.end(chunk.first) if how == "given up" else chunk.file.close()
    assert len(direct) == 2
    assert chunk.there() == chunk.content[: chunk.first.header_offset + 2 * PIECE]


@pytest.mark.parametrize("changed", ["is_hashed_at_once", "has_sparse_files"])
def test_without_lanes_or_holes_all_goes_through_the_page_cache(
    tmp_path: Path, direct: list[int], changed: str
) -> None:
    chunk = Writing(tmp_path)
    options = {"is_hashed_at_once": True, "has_sparse_files": True, changed: False}
    chunk.file.close()
    chunk.file = ChunkFile(chunk.folder, chunk.path.name, [*chunk.small, chunk.first, chunk.second], **options)
    for member in (*chunk.small, chunk.first, chunk.second):
        chunk.write(member)
    chunk.hash()
    assert direct == []
    assert chunk.file.digest == hashlib.sha256(chunk.content).hexdigest()
    chunk.close()
