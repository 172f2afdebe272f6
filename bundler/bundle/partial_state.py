"""What an export that was stopped left in its chunks: blobs that stand whole, and halves that can be gone on with.

Nothing is believed, the journal included: every byte is read again, from the medium and not from memory, and hashed. A
chunk that is complete has its own SHA-256 taken on the way, so that it is read once. How far a half blob goes
is seen from its last byte that is not zero, because a blob is written from its beginning to its end into nothing. Bytes
that a power cut took from its middle show when its digest is known, at its end; then it is fetched anew.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field

from bundler.bundle.chunk import ChunkMember, members_of
from bundler.bundle.held_folder import HeldFolder
from bundler.core import tar
from bundler.core.digest import Digest, Hasher
from bundler.core.journal import DoneChunk
from bundler.core.limits import PIECE_BYTES
from bundler.core.manifest import BundleManifest, Chunk, Stored
from bundler.core.protocols import PartialBlob, Passed
from bundler.errors import Damaged, LocalStorage
from bundler.system.buffers import new_buffer
from bundler.system.files import forget_cached, let_go, read_into
from bundler.texts import text


@dataclass(frozen=True, slots=True)
class PartialState:
    """The state of a partial bundle.

    Attributes:
        whole: The blobs that are whole in all their places.
        halves: Others, as far as they have come.
        written_to: Up to which offset of its chunk a member is written, by the chunk's number and the member's begin.
        complete: The SHA-256 in hex of the chunks that are as they should be from their first byte to their last.
    """

    whole: Set[Digest] = frozenset()
    halves: Mapping[Digest, PartialBlob] = field(default_factory=dict)
    written_to: Mapping[int, Mapping[int, int]] = field(default_factory=dict)
    complete: Mapping[int, str] = field(default_factory=dict)


def look(folder: HeldFolder, manifest: BundleManifest, passed: Passed) -> PartialState:
    """Finds out what stands in the chunks of a plan, which are tars.

    Args:
        folder: Where they are. Files that are longer than planned are cut.
        manifest: The plan.
        passed: Told of every number of bytes that was looked at; what it raises goes through.

    Raises:
        Misuse: A chunk is not ours.
        LocalStorage: A chunk cannot be opened or cut.
    """
    places = Counter(stored.digest for stored in manifest.stored())
    whole: set[Digest] = set()
    broken: set[Digest] = set()
    spoilt: set[int] = set()
    halves: dict[Digest, PartialBlob] = {}
    written_to: dict[int, dict[int, int]] = {}
    with _Chunks(folder, manifest) as chunks:
        for stored in sorted(manifest.stored(), key=_place):
            members = members_of(stored, manifest.archive)
            found = _found(stored, members, chunks, passed)
            if found.offset_bytes == stored.size_bytes and found.hasher.hexdigest() == stored.digest.encoded:
                whole.add(stored.digest)
            else:
                broken.add(stored.digest)
                spoilt.update(member.piece.chunk for member in members)
                if places[stored.digest] > 1 or not PIECE_BYTES <= found.offset_bytes < stored.size_bytes:
                    continue
                halves[stored.digest] = found
            for member in members:
                _note(written_to, member, found.offset_bytes)
    complete = {number: digest for number, digest in chunks.complete.items() if number not in spoilt}
    return PartialState(whole - broken, halves, written_to, complete)


def _place(stored: Stored) -> tuple[int, int]:
    return stored.pieces[0].chunk, stored.pieces[0].offset_bytes


def _note(written_to: dict[int, dict[int, int]], member: ChunkMember, reached_bytes: int) -> None:
    here_bytes = reached_bytes - member.start_bytes
    places = written_to.setdefault(member.piece.chunk, {})
    if here_bytes >= member.piece.length_bytes:
        places[member.header_offset] = member.end
    elif here_bytes > 0:
        places[member.header_offset] = member.piece.offset_bytes + here_bytes


def _found(stored: Stored, members: Sequence[ChunkMember], chunks: _Chunks, passed: Passed) -> PartialBlob:
    """How much of something is there: all of it, or up to its last byte that is not zero."""
    hasher = stored.digest.hasher()
    read_bytes = reached_bytes = 0
    before_last, last = hasher.copy(), b""
    for member in members:
        if not chunks.has_header(member):
            break
        for piece in chunks.data_of(member):
            content = bytes(piece).rstrip(b"\0")
            if content:
                before_last, last = hasher.copy(), content
                reached_bytes = read_bytes + len(content)
            hasher.update(piece)
            read_bytes += len(piece)
            passed(len(piece))
        if not chunks.has_padding(member):
            read_bytes = reached_bytes = 0
            before_last, last = stored.digest.hasher(), b""
            break
        if read_bytes < member.start_bytes + member.piece.length_bytes:
            break
    else:
        return PartialBlob(read_bytes, hasher)
    passed(stored.size_bytes - read_bytes)
    before_last.update(last)
    return PartialBlob(reached_bytes, before_last)


class _Chunks:
    """The chunk files, one of them open at a time. What is read of one from its begin on is hashed."""

    def __init__(self, folder: HeldFolder, manifest: BundleManifest) -> None:
        self.complete: dict[int, str] = {}
        """The SHA-256 in hex of the chunks that were read from their first byte to their last."""
        self._folder = folder
        self._manifest = manifest
        self._buffer = new_buffer(PIECE_BYTES)
        self._number = 0
        self._descriptor = -1
        self._size_bytes = 0
        self._hasher: Hasher = hashlib.sha256()
        self._hashed_bytes = 0

    def __enter__(self) -> _Chunks:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def has_header(self, member: ChunkMember) -> bool:
        """Whether a member's header is there."""
        self._open(member.piece.chunk)
        header = bytearray(len(member.header))
        return self._read(header, member.header_offset) and header == member.header

    def data_of(self, member: ChunkMember) -> Iterator[memoryview]:
        """The data of a member as far as they are there and can be read."""
        end = min(member.data_end, self._size_bytes)
        for offset in range(member.piece.offset_bytes, end, PIECE_BYTES):
            view = self._buffer[: end - offset]
            if not self._read(view, offset):
                return
            yield view

    def has_padding(self, member: ChunkMember) -> bool:
        """Whether there is nothing but zeros behind a member's data, as far as the file goes."""
        padding = bytearray(len(member.padding))
        behind = memoryview(padding)[: max(0, self._size_bytes - member.data_end)]
        return self._read(behind, member.data_end) and not any(behind)

    def _read(self, buffer: bytearray | memoryview, offset_bytes: int) -> bool:
        """Fills a buffer; False if the file ends before, or cannot be read there."""
        if not len(buffer):
            return True
        if offset_bytes + len(buffer) > self._size_bytes:
            return False
        try:
            read_into(self._descriptor, [buffer], offset_bytes, what=str(self._folder.path))
        except Damaged:
            return False
        if offset_bytes == self._hashed_bytes:
            self._hasher.update(memoryview(buffer))
            self._hashed_bytes += len(buffer)
        return True

    def _open(self, number: int) -> None:
        if number == self._number:
            return
        self._close()
        chunk = self._manifest.chunks[number - 1]
        self._number, self._size_bytes = number, 0
        self._hasher, self._hashed_bytes = hashlib.sha256(), 0
        descriptor = self._folder.open(chunk.file)
        if descriptor is None:
            return
        self._descriptor = descriptor
        try:
            if os.fstat(descriptor).st_size > chunk.size_bytes:
                os.ftruncate(descriptor, chunk.size_bytes)
            forget_cached(descriptor)
            self._size_bytes = os.fstat(descriptor).st_size
        except OSError as error:
            raise LocalStorage.unwritable(error, self._folder.where(chunk.file)) from error

    def _close(self) -> None:
        if self._descriptor < 0:
            return
        chunk = self._manifest.chunks[self._number - 1]
        end = bytearray(len(tar.END))
        is_whole = self._hashed_bytes + len(end) == self._size_bytes == chunk.size_bytes
        if is_whole and self._read(end, self._hashed_bytes) and end == tar.END:
            self.complete[self._number] = self._hasher.hexdigest()
        let_go(self._descriptor)
        self._descriptor = -1


def still_holds(
    folder: HeldFolder,
    chunks: Sequence[tuple[Chunk, DoneChunk, Sequence[ChunkMember]]],
    passed: Passed,
    *,
    is_encrypted: bool,
) -> bool:
    """Whether 7z archives that an earlier run finished are what it made: each byte is read again and hashed.

    Args:
        folder: Where they are.
        chunks: Those that cut blobs join, in their order: each as planned, as it was finished, and its members.
        passed: As for `look`.
        is_encrypted: Their blobs cannot be read; then the SHA-256 of each file is all that is compared.

    Raises:
        Misuse: One of them is not ours.
    """
    blobs: dict[Digest, Hasher] = {}
    for chunk, done, members in chunks:
        descriptor = folder.open(chunk.file)
        if descriptor is None:
            return False
        try:
            forget_cached(descriptor)
            found = _archive_hash(descriptor, done.size_bytes, () if is_encrypted else members, blobs, passed)
        except (Damaged, OSError):
            return False
        finally:
            let_go(descriptor)
        if found != done.sha256:
            return False
    return all(hasher.hexdigest() == digest.encoded for digest, hasher in blobs.items())


def _archive_hash(
    descriptor: int, size_bytes: int, members: Sequence[ChunkMember], blobs: dict[Digest, Hasher], passed: Passed
) -> str:
    """The SHA-256 of an archive in hex; the data of its members go into the hashes of their blobs, too."""
    whole = hashlib.sha256()
    buffer = new_buffer(PIECE_BYTES)
    spans = [(member.piece.offset_bytes, member.data_end, member.stored.digest) for member in members]
    at = 0
    for begin, end, digest in [*sorted(spans, key=lambda span: span[:2]), (size_bytes, size_bytes, None)]:
        hasher = blobs.setdefault(digest, digest.hasher()) if digest else None
        for start, stop, blob in ((at, begin, None), (begin, end, hasher)):
            for offset in range(start, stop, PIECE_BYTES):
                view = buffer[: stop - offset]
                read_into(descriptor, [view], offset, what=text("an archive"))
                whole.update(view)
                if blob is not None:
                    blob.update(view)
                passed(len(view))
        at = max(at, end)
    return whole.hexdigest()
