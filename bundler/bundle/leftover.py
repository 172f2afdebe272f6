"""What an export that was stopped left in its chunks: blobs that stand whole, and halves that can be gone on with.

Nothing is believed: every byte is read again, from the medium and not from memory, and hashed. How far a half blob goes
is seen from its last byte that is not zero, because a blob is written from its beginning to its end into nothing. Bytes
that a power cut took from its middle show when its digest is known, at its end; then it is fetched anew.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bundler.buffers import new_buffer
from bundler.bundle.chunk import Member, members_of
from bundler.bundle.files import forget_cached, is_there, let_go, read_into
from bundler.core.digest import Digest
from bundler.core.limits import PIECE_BYTES
from bundler.core.manifest import BundleManifest, Stored
from bundler.core.protocols import BegunBlob, Passed
from bundler.errors import Damaged, LocalStorage


@dataclass(slots=True)
class Leftover:
    """What is there already.

    Attributes:
        whole: The blobs that stand in all their places.
        halves: Others, up to where they have come.
        written_to: Up to which offset of its chunk a member is written, by the chunk's number and the member's begin.
    """

    whole: set[Digest] = field(default_factory=set)
    halves: dict[Digest, BegunBlob] = field(default_factory=dict)
    written_to: dict[int, dict[int, int]] = field(default_factory=dict)


def look(folder: Path, manifest: BundleManifest, done: Container[int], passed: Passed) -> Leftover:
    """Finds out what stands in the chunks of a plan.

    Args:
        folder: Where they are. Files that are longer than planned are cut.
        manifest: The plan.
        done: The numbers of the chunks that are known to be right; what lies in them as a whole is not read.
        passed: Told of every number of bytes that was looked at; what it raises goes through.

    Raises:
        LocalStorage: A chunk cannot be opened or cut.
    """
    places = Counter(stored.digest for stored in manifest.stored())
    leftover = Leftover()
    broken: set[Digest] = set()
    with _Chunks(folder, manifest) as chunks:
        for stored in manifest.stored():
            members = members_of(stored, manifest.archive)
            if all(member.piece.chunk in done for member in members):
                leftover.whole.add(stored.digest)
                passed(stored.size_bytes)
                continue
            begun = _begun(stored, members, chunks, passed)
            if begun.offset_bytes == stored.size_bytes and begun.hasher.hexdigest() == stored.digest.encoded:
                leftover.whole.add(stored.digest)
            else:
                broken.add(stored.digest)
                if places[stored.digest] > 1 or not PIECE_BYTES <= begun.offset_bytes < stored.size_bytes:
                    continue
                leftover.halves[stored.digest] = begun
            for member in members:
                _note(leftover.written_to, member, begun.offset_bytes)
    leftover.whole -= broken
    return leftover


def _note(written_to: dict[int, dict[int, int]], member: Member, reached_bytes: int) -> None:
    here_bytes = reached_bytes - member.start_bytes
    places = written_to.setdefault(member.piece.chunk, {})
    if here_bytes >= member.piece.length_bytes:
        places[member.header_offset] = member.end
    elif here_bytes > 0:
        places[member.header_offset] = member.piece.offset_bytes + here_bytes


def _begun(stored: Stored, members: Sequence[Member], chunks: _Chunks, passed: Passed) -> BegunBlob:
    """How much of something is there: all of it, or up to its last byte that is not zero."""
    hasher = stored.digest.hasher()
    read_bytes = reached_bytes = 0
    before_last, last = hasher.copy(), b""
    for member in members:
        for piece in chunks.data_of(member):
            content = bytes(piece).rstrip(b"\0")
            if content:
                before_last, last = hasher.copy(), content
                reached_bytes = read_bytes + len(content)
            hasher.update(piece)
            read_bytes += len(piece)
            passed(len(piece))
        if read_bytes < member.start_bytes + member.piece.length_bytes:
            break
    passed(stored.size_bytes - read_bytes)
    if read_bytes == stored.size_bytes and all(map(chunks.have_framing, members)):
        return BegunBlob(read_bytes, hasher)
    before_last.update(last)
    return BegunBlob(reached_bytes, before_last)


class _Chunks:
    """The chunk files, one of them open at a time."""

    def __init__(self, folder: Path, manifest: BundleManifest) -> None:
        self._folder = folder
        self._manifest = manifest
        self._buffer = new_buffer(PIECE_BYTES)
        self._number = 0
        self._descriptor = -1
        self._size_bytes = 0

    def __enter__(self) -> _Chunks:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def data_of(self, member: Member) -> Iterator[memoryview]:
        """The data of a member as far as they are there and can be read; none behind another header than its own."""
        if not self.have_framing(member):
            return
        end = min(member.data_end, self._size_bytes)
        for offset in range(member.piece.offset_bytes, end, PIECE_BYTES):
            view = self._buffer[: end - offset]
            if not self._read(view, offset):
                return
            yield view

    def have_framing(self, member: Member) -> bool:
        """Whether a member's header is there, and nothing but zeros behind its data."""
        self._open(member.piece.chunk)
        header, padding = bytearray(len(member.header)), bytearray(len(member.padding))
        if not self._read(header, member.header_offset) or header != member.header:
            return False
        behind = memoryview(padding)[: max(0, self._size_bytes - member.data_end)]
        return self._read(behind, member.data_end) and not any(behind)

    def _read(self, buffer: bytearray | memoryview, offset_bytes: int) -> bool:
        """Fills a buffer; False if the file ends before, or cannot be read there."""
        if not len(buffer):
            return True
        if offset_bytes + len(buffer) > self._size_bytes:
            return False
        try:
            read_into(self._descriptor, [buffer], offset_bytes, what=str(self._folder))
        except Damaged:
            return False
        return True

    def _open(self, number: int) -> None:
        if number == self._number:
            return
        self._close()
        chunk = self._manifest.chunks[number - 1]
        path = self._folder / chunk.file
        self._number, self._size_bytes = number, 0
        if not is_there(path):
            return
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
            if os.fstat(self._descriptor).st_size > chunk.size_bytes:
                os.ftruncate(self._descriptor, chunk.size_bytes)
            forget_cached(self._descriptor)
            self._size_bytes = os.fstat(self._descriptor).st_size
        except OSError as error:
            raise LocalStorage.unwritable(error, str(path)) from error

    def _close(self) -> None:
        if self._descriptor >= 0:
            let_go(self._descriptor)
            self._descriptor = -1
