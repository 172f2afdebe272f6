"""Reads a bundle: a source that knows the place of each byte. Opening a bundle: `bundler.bundle.opening`.

Plain chunks are read in place, and nothing is written. Encrypted chunks are decrypted into scratch files, which have
the same bytes at the same offsets, and are read there. Blobs that the bundle leaves out are read from other bundles, if
some were given with it: FORMAT.md, section 5.13.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import field, replace
from functools import partial
from typing import TYPE_CHECKING

from bundler.bundle import sums
from bundler.bundle.chunk import ChunkMember, members_by_chunk, members_of
from bundler.bundle.copies import ChunkState, GivenUp, begins_with, other_files, other_names
from bundler.bundle.decrypted import DecryptedChunks
from bundler.bundle.file_system import open_file
from bundler.bundle.s3.near_reads import NearReads
from bundler.bundle.sealed import Sealed
from bundler.core.archive_kind import TAR
from bundler.core.digest import Digest
from bundler.core.frozen import slotted
from bundler.core.limits import PIECE_BYTES
from bundler.core.manifest import MANIFEST, Blob, BundleManifest, Image, Stored
from bundler.core.oci import Descriptor
from bundler.core.protocols import NOT_HELD, FilePart, OpenFile, Passed, Pieces
from bundler.errors import BundlerError, Damaged, HeldElsewhere
from bundler.system.buffers import new_buffer
from bundler.system.bundle_paths import BundlePath
from bundler.texts import some, text

if TYPE_CHECKING:
    from bundler.bundle.documents import Documents
    from bundler.system.cold_reads import ColdReads


@slotted
class Bundle:
    """A bundle whose manifest matches the signed one. As a source of blobs it is thread-safe."""

    sealed: Sealed
    manifest: BundleManifest
    chunks: tuple[ChunkState, ...]
    decrypted: DecryptedChunks | None = None
    """The decrypted chunks of an encrypted bundle; None for a plain one."""
    is_remote: bool = False
    made: dict[Digest, bytes] = field(default_factory=dict)
    """Indexes that were made from signed ones when platforms were chosen: no chunk holds them."""
    others: tuple[Bundle, ...] = ()
    """Other bundles, which may have the blobs that this one leaves out. Closed with it."""
    documents: Documents | None = None
    """Remembers all documents that are read, while media are changed; None if they stay where they are."""
    cold_reads: ColdReads | None = None
    """Reads what is not in memory, and leaves it so; None to leave all that was read in memory, for the next reader."""
    _blobs: dict[Digest, Blob] = field(init=False)
    _elsewhere: dict[Digest, int] = field(init=False)
    """For the blobs that this bundle leaves out, the place in ``others`` of a bundle that has the blob."""
    _given_up: list[GivenUp] = field(init=False, default_factory=list)
    """Bad copies of plain chunks, and of chunks that were decrypted before a medium was changed."""
    _turned: dict[int, ChunkState] = field(init=False, default_factory=dict)
    """The chunks that are read from another copy than the first one."""
    _read_again: set[Digest] = field(init=False, default_factory=set)
    _near: NearReads = field(init=False, default_factory=NearReads)
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._blobs = {blob.descriptor.digest: blob for blob in self.manifest.blobs}
        left_out = (blob.descriptor for blob in self.manifest.left_out) if self.others else ()
        found = ((blob, [each.can_read(blob) for each in self.others]) for blob in left_out)
        self._elsewhere = {blob.digest: able.index(True) for blob, able in found if any(able)}

    def add_made(self, made: Mapping[Descriptor, bytes]) -> None:
        """Adds indexes that were made from signed ones; in the manifest they follow all other blobs."""
        added = (
            Blob(descriptor, MANIFEST, Stored(descriptor.digest, descriptor.size_bytes, ())) for descriptor in made
        )
        self.manifest = replace(self.manifest, blobs=(*self.manifest.blobs, *added))
        self.made |= {descriptor.digest: content for descriptor, content in made.items()}

    def turn_to(self, sealed: Sealed, chunks: tuple[ChunkState, ...], decrypted: DecryptedChunks | None = None) -> None:
        """Reads from other files from now on, because a medium was changed. Nothing is known of these files.

        Args:
            sealed: The same bundle, with the folders that are there now.
            chunks: The state of each chunk in them.
            decrypted: The decrypted chunks of an encrypted bundle.
        """
        with self._lock:
            self.sealed, self.chunks = sealed, chunks
            self._turned.clear()
            self._read_again.clear()
            if decrypted is not None:
                if self.decrypted is not None:
                    self._given_up += self.decrypted.given_up
                    self.decrypted.close()
                self.decrypted = decrypted

    @property
    def given_up(self) -> list[GivenUp]:
        """The copies of chunks that proved bad while they were read."""
        return [*self._given_up, *(self.decrypted.given_up if self.decrypted is not None else ())]

    @property
    def is_encrypted(self) -> bool:
        """True if its chunks are encrypted."""
        return self.decrypted is not None

    @property
    def needs_order(self) -> bool:
        """True if blobs are best read in the order of their chunks, because chunks are decrypted one by one."""
        return self.is_encrypted or any(each.is_encrypted for each in self.others)

    @property
    def has_few_files(self) -> bool:
        """True if its chunks are decrypted into a few files."""
        return self.is_encrypted

    @property
    def absent(self) -> frozenset[int]:
        """The numbers of the blobs that it leaves out and that no other bundle here has."""
        if not self.manifest.bases:
            return frozenset()
        numbered = enumerate(self.manifest.blobs)
        return frozenset(
            n for n, each in numbered if each.is_left_out and each.descriptor.digest not in self._elsewhere
        )

    def can_read(self, descriptor: Descriptor) -> bool:
        """True if it has a blob, with this size, in chunks that are here."""
        blob = self._blobs.get(descriptor.digest)
        if blob is None or blob.descriptor.size_bytes != descriptor.size_bytes:
            return False
        pieces = blob.stored.pieces
        return bool(pieces) and all(self.chunks[piece.chunk - 1].problem is None for piece in pieces)

    def holder(self, descriptor: Descriptor) -> Bundle:
        """The bundle that a blob is read from: this one, or another one if this one leaves the blob out."""
        number = self._elsewhere.get(descriptor.digest)
        return self if number is None else self.others[number]

    @property
    def other_names(self) -> list[tuple[str, BundlePath]]:
        """The files that hold a chunk under a name that is not its own, each with the chunk's own name."""
        return other_names(self.chunks)

    @property
    def recovered_chunks(self) -> int:
        """The number of chunks with wrong bytes for which a whole copy was found."""
        return len(self._turned) + sum(each.recovered_chunks for each in self.others)

    @property
    def scratch_bytes(self) -> int:
        """The largest scratch space that reading needs: one chunk for each worker, if the chunks are encrypted."""
        others = sum(each.scratch_bytes for each in self.others)
        if self.decrypted is None:
            return others
        return others + min(self.decrypted.at_a_time, len(self.chunks)) * self.largest_chunk_bytes

    @property
    def largest_chunk_bytes(self) -> int:
        """The size of the largest chunk."""
        return max(chunk.size_bytes for chunk in self.manifest.chunks)

    @property
    def id(self) -> str:
        """The SHA-256 of SHA256SUMS."""
        return sums.bundle_id(self.sealed.sums_content)

    @property
    def name(self) -> str:
        """The name of the bundle."""
        return self.manifest.name

    @property
    def signers(self) -> tuple[str, ...]:
        """The key ids of its trusted signers; none if it was opened without a signature."""
        return self.sealed.signers

    @property
    def images(self) -> tuple[Image, ...]:
        """The images that the bundle carries, in the order of the image list."""
        return self.manifest.images

    def __enter__(self) -> Bundle:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Frees the scratch space."""
        for each in self.others:
            each.close()
        if self.decrypted is not None:
            self.decrypted.close()
        if self.documents is not None:
            self.documents.close()

    def problems_of(self, numbers: Iterable[int]) -> list[BundlerError]:
        """The reasons for which blobs cannot be read from the chunks that are here; empty if they can.

        Args:
            numbers: The blobs of an image, by their numbers in the bundle manifest.
        """
        chunks = {piece.chunk for number in numbers for piece in self.manifest.blobs[number].stored.pieces}
        return [problem for chunk in sorted(chunks) if (problem := self.chunks[chunk - 1].problem)]

    def find_blob(self, digest: Digest) -> Blob | None:
        """The blob with a digest, if the bundle lists one."""
        return self._blobs.get(digest)

    def find_whole(self, descriptor: Descriptor, passed: Passed) -> bool:
        """Looks for whole copies of the chunks of a blob, after its bytes were wrong; then for another bundle with it.

        It looks once for each blob, because a medium may return wrong bytes every time.

        Returns:
            True if the blob is now read from another copy, or from another bundle.
        """
        holder = self.holder(descriptor)
        is_found = holder._find_whole(holder._blobs[descriptor.digest].stored, passed)
        return is_found or self._turn_to_next(descriptor)

    def _turn_to_next(self, descriptor: Descriptor) -> bool:
        """Turns to the next of the other bundles that has a blob which this one leaves out; True if there is one."""
        with self._lock:
            last = self._elsewhere.get(descriptor.digest, len(self.others))
            able = (number for number in range(last + 1, len(self.others)) if self.others[number].can_read(descriptor))
            following = next(able, None)
            if following is not None:
                self._elsewhere[descriptor.digest] = following
            return following is not None

    def find_whole_chunk(self, number: int, passed: Passed) -> bool:
        """Looks for a whole copy of a chunk that may be damaged, if it has several copies; True if there is one."""
        with self._lock:
            if number not in self._turned:
                self._turn_to_whole(number, passed)
            return number in self._turned

    def _turn_to_whole(self, number: int, passed: Passed) -> None:
        state, others = self.chunks[number - 1], self._other_files(number)
        chunk, contents = state.chunk, self.sealed.contents
        for path in (state.paths[0], *others) if others else ():
            if contents.sha256(path, chunk.size_bytes, passed) == self.sealed.sums[chunk.file]:
                self._turned[number] = replace(state, paths=(path,))
                if path != state.paths[0]:
                    self._given_up.append(GivenUp(chunk.file, state.paths[0], path))
                return

    def _find_whole(self, stored: Stored, passed: Passed) -> bool:
        with self._lock:
            if stored.digest in self._read_again:
                return False
            self._read_again.add(stored.digest)
        found = [self.find_whole_chunk(piece.chunk, passed) for piece in stored.pieces]
        return any(found)

    def _other_files(self, number: int) -> list[BundlePath]:
        """The files that may hold a chunk, without the one in use: its copies, then all others of its size."""
        state = self.chunks[number - 1]
        if self.is_encrypted or not state.paths:
            return []
        first = members_by_chunk(self.manifest)[number - 1][0].header if self.manifest.archive is TAR else b""
        others = other_files(self.sealed.listings, state)
        return [*state.paths[1:], *(path for path in others if begins_with(path, first))]

    def open_blob(self, descriptor: Descriptor, *, offset_bytes: int) -> Pieces:
        """Reads a blob, and checks the tar framing around it.

        Raises:
            Damaged: The chunk was truncated, was changed in its framing, or cannot be read.
            Incomplete: The chunk is not here, or the bundle leaves the blob out and no other bundle has it.
        """
        holder = self.holder(descriptor)
        yield from holder.read_in_turn(descriptor, lambda _: None, offset_bytes=offset_bytes)

    def read_in_turn(self, descriptor: Descriptor, before: Callable[[int], object], *, offset_bytes: int) -> Pieces:
        """Reads a blob of this bundle as `open_blob` does.

        Args:
            descriptor: The blob.
            before: Called with the number of each chunk before it is opened; no other chunk is open then.
            offset_bytes: The offset in the blob to begin at.

        Raises:
            Damaged, Incomplete: As `open_blob`.
        """
        self._check_held(descriptor.digest)
        buffer = new_buffer(min(PIECE_BYTES, descriptor.size_bytes))
        for member in members_of(self._blobs[descriptor.digest].stored, self.manifest.archive):
            if offset_bytes < member.start_bytes + member.piece.length_bytes or not descriptor.size_bytes:
                before(member.piece.chunk)
                yield from self._read_member(member, buffer, max(0, offset_bytes - member.start_bytes))

    def problem_of(self, descriptor: Descriptor) -> BundlerError | None:
        """The reason for which this bundle alone cannot give a blob; None if it can."""
        blob = self._blobs.get(descriptor.digest)
        if blob is None or blob.descriptor.size_bytes != descriptor.size_bytes:
            return HeldElsewhere("the bundle does not have the blob", subject=str(descriptor.digest), code=NOT_HELD)
        if blob.is_left_out:
            return not_held(self.manifest, blob)
        problems = (self.chunks[piece.chunk - 1].problem for piece in blob.stored.pieces)
        return next((problem for problem in problems if problem is not None), None)

    def file_parts(self, descriptor: Descriptor) -> tuple[FilePart, ...]:
        """The bytes of a blob of this bundle in its chunks, unverified, without the framing around them.

        Raises:
            Incomplete: The bundle leaves the blob out.
        """
        self._check_held(descriptor.digest)
        pieces = self._blobs[descriptor.digest].stored.pieces
        return tuple(FilePart(partial(self.opened_chunk, p.chunk), p.offset_bytes, p.length_bytes) for p in pieces)

    def read_document(self, descriptor: Descriptor) -> bytes:
        """Reads and verifies a manifest or config of the bundle.

        Raises:
            Damaged, Incomplete: As `open_blob`, or its bytes do not match the digest.
        """
        if descriptor.digest in self.made:
            return self.made[descriptor.digest]
        if self.documents is None:
            return self._read_document(descriptor)
        found = self.documents.find(descriptor.digest)
        return self.documents.add(descriptor.digest, self._read_document(descriptor)) if found is None else found

    def _read_document(self, descriptor: Descriptor) -> bytes:
        holder = self.holder(descriptor)
        holder._check_held(descriptor.digest)
        try:
            return holder.read_stored(holder._blobs[descriptor.digest].stored)
        except Damaged:
            if not self._turn_to_next(descriptor):
                raise
        return self._read_document(descriptor)

    def _check_held(self, digest: Digest) -> None:
        blob = self._blobs[digest]
        if blob.is_left_out:
            raise not_held(self.manifest, blob)

    def read_stored(self, stored: Stored) -> bytes:
        """Reads and verifies a small blob, or a file of the layout.

        Raises:
            Damaged, Incomplete: As `read_document`.
        """
        if self.decrypted is None:
            return self._read_stored(stored)
        # It is requested many times, and its chunk may not stay in scratch as long.
        return self.decrypted.remember(stored.digest, lambda: self._read_stored(stored))

    def _read_stored(self, stored: Stored) -> bytes:
        try:
            return self._read_once(stored)
        except Damaged:
            if not self._find_whole(stored, lambda _: None):
                raise
        return self._read_once(stored)

    def _read_once(self, stored: Stored) -> bytes:
        buffer = new_buffer(min(PIECE_BYTES, stored.size_bytes))
        members = members_of(stored, self.manifest.archive)
        content = b"".join(bytes(piece) for member in members for piece in self._read_member(member, buffer, 0))
        found = Digest.of(content, algorithm=stored.digest.algorithm)
        if found != stored.digest:
            chunk = stored.pieces[0].chunk
            raise Damaged(
                "the bytes do not match the digest",
                subject=self.manifest.chunks[chunk - 1].file,
                expected=str(stored.digest),
                actual=str(found),
                hint="copy this chunk to the medium again",
            )
        return content

    def place(self, descriptor: Descriptor) -> tuple[int, int, int]:
        """The place of the first byte of a blob: the bundle, the number of the chunk, and the offset in it.

        This bundle is 0, the others count from 1. A blob that no bundle here has gets the chunk 0.
        """
        pieces = self.holder(descriptor)._blobs[descriptor.digest].stored.pieces
        bundle = self._elsewhere.get(descriptor.digest, -1) + 1
        return (bundle, pieces[0].chunk, pieces[0].offset_bytes) if pieces else (bundle, 0, 0)

    def where(self, descriptor: Descriptor) -> str:
        """The place of a blob, for messages: its chunks, and the offset in the first of them."""
        holder = self.holder(descriptor)
        if holder is not self:
            return text("{place} of {bundle}", place=holder.where(descriptor), bundle=holder.name)
        pieces = self._blobs[descriptor.digest].stored.pieces
        if not pieces:
            return text("left out")
        first, last = self.manifest.chunks[pieces[0].chunk - 1].file, self.manifest.chunks[pieces[-1].chunk - 1].file
        place = {"file": first, "offset_bytes": pieces[0].offset_bytes}
        if last != first:
            return text("{file} at offset {offset_bytes}, to {last}", **place, last=last)
        return text("{file} at offset {offset_bytes}", **place)

    @contextmanager
    def opened_chunk(self, number: int, *, end: int | None = None) -> Generator[OpenFile, None, None]:
        """A chunk, open for reading.

        The chunk is opened for each use: a bundle may have more chunks than a process may have open files.

        Args:
            number: The number of the chunk, from 1.
            end: The offset in the chunk at which reading will end; None for its end.

        Raises:
            Damaged, Incomplete: The chunk cannot be used.
            LocalStorage: It is encrypted, and there is no room to decrypt it.
        """
        state = self._turned.get(number) or self.chunks[number - 1]
        if state.problem is not None:
            raise state.problem
        assert state.path is not None
        if self.decrypted is not None:
            with self.decrypted.opened(number) as decrypted:
                yield decrypted
            return
        file = open_file(state.path, end=end, near=self._near)
        try:
            yield file
        finally:
            file.close()

    def _read_member(self, member: ChunkMember, buffer: memoryview, skip_bytes: int) -> Pieces:
        name = self.manifest.chunks[member.piece.chunk - 1].file
        framing = member.header if not skip_bytes else b""
        header = bytearray(len(framing))
        offset = member.piece.offset_bytes + skip_bytes
        with self.opened_chunk(member.piece.chunk, end=member.end) as file:
            while True:
                view = buffer[: min(len(buffer), member.data_end - offset)]
                is_last = offset + len(view) == member.data_end
                padding = bytearray(len(member.padding) if is_last else 0)
                is_read = self.cold_reads is not None and self.cold_reads.read(file, view, offset)
                if not is_read:
                    file.read_into([header, view, padding], offset - len(header), what=name)
                elif header or padding:
                    file.read_into([header], offset - len(header), what=name)
                    file.read_into([padding], offset + len(view), what=name)
                if (header and header != framing) or any(padding):
                    raise Damaged(
                        "the tar framing was changed",
                        subject=text("{file} at offset {header_offset}", file=name, header_offset=member.header_offset),
                        hint=text("copy {file} to the medium again", file=name),
                    )
                yield view
                if is_last:
                    return
                offset += len(view)
                header = bytearray()


def not_held(manifest: BundleManifest, blob: Blob) -> HeldElsewhere:
    """The error for a blob that a bundle leaves out, and that no other bundle here has."""
    bases = [manifest.bases[place.base].name for place in blob.bases]
    return HeldElsewhere(
        "the bundle leaves out a blob, and no bundle that was given has it",
        subject=str(blob.descriptor.digest),
        expected=text("the blob in {bases}", bases=some(bases)),
        hint="give the bundle that has it too, or import into the registry that has it",
        code=NOT_HELD,
    )
