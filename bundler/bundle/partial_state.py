"""Reads the partial state that an interrupted export left in its chunks: complete blobs, and partial ones to resume.

Nothing is trusted, not even the journal: every byte is read again, from the medium and not from the page cache, and
hashed. The SHA-256 of a complete chunk is taken in the same pass, so that the chunk is read once. A partial blob ends
at its last byte that is not zero, because a blob is written from its start to its end into empty space. If a power cut
lost bytes in its middle, the digest shows it at the end; then the blob is fetched again.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from dataclasses import field

from bundler.bundle.chunk import ChunkMember, members_of
from bundler.bundle.held_media import Held
from bundler.core import tar
from bundler.core.digest import Digest, Hasher
from bundler.core.frozen import frozen
from bundler.core.journal import DoneChunk
from bundler.core.limits import PIECE_BYTES
from bundler.core.manifest import BundleManifest, Chunk, Stored
from bundler.core.protocols import PartialBlob, Passed
from bundler.errors import Damaged, LocalStorage
from bundler.system.buffers import new_buffer
from bundler.system.durable_files import write_from
from bundler.system.files import forget_cached, let_go, read_into
from bundler.texts import text


@frozen
class PartialState:
    """The state of a partial bundle.

    Attributes:
        whole: The blobs that are whole in all their places.
        partial_blobs: The partial blobs.
        written_to: The offset in its chunk up to which a member is written, by the number of the chunk and the offset
            of the member.
        complete: The SHA-256 in hex of the chunks that are as they should be from their first byte to their last.
    """

    whole: Set[Digest] = frozenset()
    partial_blobs: Mapping[Digest, PartialBlob] = field(default_factory=dict)
    written_to: Mapping[int, Mapping[int, int]] = field(default_factory=dict)
    complete: Mapping[int, str] = field(default_factory=dict)


def look(
    folder: Held, manifest: BundleManifest, passed: Passed, *, only: Collection[int] | None = None
) -> PartialState:
    """Reads the chunks of a plan, which are tars.

    Args:
        folder: The folder of the chunks. Files that are longer than planned are truncated; one that ends in the padding
            of a member gets the rest of it, because this member is not written again.
        manifest: The plan.
        passed: Receives every number of bytes that was read; its errors pass through.
        only: The numbers of the chunks that are made; None for all. A blob with a part in another one is not whole.

    Raises:
        Misuse: A chunk is not ours.
        LocalStorage: A chunk cannot be opened, truncated or padded.
    """
    everything = [each for each in manifest.stored() if only is None or any(p.chunk in only for p in each.pieces)]
    places = Counter(stored.digest for stored in everything)
    whole: set[Digest] = set()
    broken: set[Digest] = set()
    spoilt: set[int] = set()
    partial_blobs: dict[Digest, PartialBlob] = {}
    written_to: dict[int, dict[int, int]] = {}
    with _Chunks(folder, manifest) as chunks:
        for stored in sorted(everything, key=_place):
            members = members_of(stored, manifest.archive)
            found = _found(stored, members, chunks, passed)
            if found.offset_bytes == stored.size_bytes and found.hasher.hexdigest() == stored.digest.encoded:
                whole.add(stored.digest)
            else:
                broken.add(stored.digest)
                spoilt.update(member.piece.chunk for member in members)
                if places[stored.digest] > 1 or not PIECE_BYTES <= found.offset_bytes < stored.size_bytes:
                    continue
                partial_blobs[stored.digest] = found
            for member in members:
                written = written_to.setdefault(member.piece.chunk, {})
                end = _written_end(member, found.offset_bytes)
                if end is not None:
                    written[member.header_offset] = end
    complete = {number: digest for number, digest in chunks.complete.items() if number not in spoilt}
    return PartialState(whole - broken, partial_blobs, written_to, complete)


def _place(stored: Stored) -> tuple[int, int]:
    return stored.pieces[0].chunk, stored.pieces[0].offset_bytes


def _written_end(member: ChunkMember, reached_bytes: int) -> int | None:
    """The offset in the chunk up to which a member was written; None if none of it was."""
    here_bytes = reached_bytes - member.start_bytes
    if here_bytes >= member.piece.length_bytes:
        return member.end
    return member.piece.offset_bytes + here_bytes if here_bytes > 0 else None


def _found(stored: Stored, members: Sequence[ChunkMember], chunks: _Chunks, passed: Passed) -> PartialBlob:
    """Returns the written part of a blob or file: all of it, or up to its last byte that is not zero."""
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
            passed(-read_bytes)
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
    """The chunk files, one open at a time. A chunk that is read in sequence from its start is also hashed."""

    def __init__(self, folder: Held, manifest: BundleManifest) -> None:
        self.complete: dict[int, str] = {}
        """The SHA-256 in hex of the chunks that were read from their first byte to their last."""
        self._folder = folder
        self._manifest = manifest
        self._buffer = new_buffer(PIECE_BYTES)
        self._number = 0
        self._where = ""
        self._descriptor = -1
        self._size_bytes = 0
        self._hasher: Hasher = hashlib.sha256()
        self._hashed_bytes = 0

    def __enter__(self) -> _Chunks:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def has_header(self, member: ChunkMember) -> bool:
        """True if the header of a member is there."""
        self._open(member.piece.chunk)
        header = bytearray(len(member.header))
        return self._read(header, member.header_offset) and header == member.header

    def data_of(self, member: ChunkMember) -> Iterator[memoryview]:
        """The data of a member, up to the end of the file or the first read error."""
        end = min(member.data_end, self._size_bytes)
        for offset in range(member.piece.offset_bytes, end, PIECE_BYTES):
            view = self._buffer[: end - offset]
            if not self._read(view, offset):
                return
            yield view

    def has_padding(self, member: ChunkMember) -> bool:
        """True if there are only zeros after the data of a member. A file that ends among them gets the others."""
        if self._size_bytes < member.data_end:
            return True
        if self._size_bytes < member.end:
            missing = bytes(member.end - self._size_bytes)
            write_from(self._descriptor, [missing], self._size_bytes, what=self._where)
            self._size_bytes = member.end
        padding = bytearray(len(member.padding))
        return self._read(padding, member.data_end) and not any(padding)

    def _read(self, buffer: bytearray | memoryview, offset_bytes: int) -> bool:
        """Fills a buffer; False if the file ends earlier, or cannot be read there."""
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
        self._number, self._where, self._size_bytes = number, self._folder.where(chunk.file), 0
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
            raise LocalStorage.unwritable(error, self._where) from error

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
    folder: Held,
    chunks: Sequence[tuple[Chunk, DoneChunk, Sequence[ChunkMember]]],
    passed: Passed,
    *,
    is_encrypted: bool,
) -> bool:
    """True if finished 7z archives of an earlier run are unchanged: each byte is read again and hashed.

    Args:
        folder: The folder of the archives.
        chunks: The chunks of one group, in their order: each as planned, as it was finished, and its members.
        passed: As for `look`.
        is_encrypted: True if their blobs cannot be read; then only the SHA-256 of each file is compared.

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
            whole = hashlib.sha256()
            for digest, piece in _archive_pieces(descriptor, done.size_bytes, () if is_encrypted else members):
                whole.update(piece)
                if digest is not None:
                    blobs.setdefault(digest, digest.hasher()).update(piece)
                passed(len(piece))
        except (Damaged, OSError):
            return False
        finally:
            let_go(descriptor)
        if whole.hexdigest() != done.sha256:
            return False
    return all(hasher.hexdigest() == digest.encoded for digest, hasher in blobs.items())


def _archive_pieces(
    descriptor: int, size_bytes: int, members: Sequence[ChunkMember]
) -> Iterator[tuple[Digest | None, memoryview]]:
    """Yields the bytes of an archive, each piece with the blob whose data it is. A piece is valid until the next one.

    An empty blob has an empty piece.
    """
    buffer = new_buffer(PIECE_BYTES)
    spans = [(member.piece.offset_bytes, member.data_end, member.stored.digest) for member in members]
    at = 0
    for begin, end, digest in [*sorted(spans, key=lambda span: span[:2]), (size_bytes, size_bytes, None)]:
        if digest is not None and begin == end:
            yield digest, buffer[:0]
        for start, stop, blob in ((at, begin, None), (begin, end, digest)):
            for offset in range(start, stop, PIECE_BYTES):
                view = buffer[: stop - offset]
                read_into(descriptor, [view], offset, what=text("an archive"))
                yield blob, view
        at = max(at, end)
