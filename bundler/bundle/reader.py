"""Reads a bundle: a source that knows where each byte lies. How it is opened: `bundler.bundle.opening`.

Plain chunks are read where they lie, and nothing is written. Encrypted ones are decrypted into scratch files, which
have the same bytes at the same offsets, and are read there.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bundler.buffers import new_buffer
from bundler.bundle import sums
from bundler.bundle.chunk import Member, members_of
from bundler.bundle.decrypted import DecryptedChunks
from bundler.bundle.files import is_there, let_go, open_for_reading, read_into, unreadable
from bundler.core.digest import Digest
from bundler.core.limits import PIECE_BYTES, STUB_BYTES
from bundler.core.manifest import Blob, BundleManifest, Chunk, Image, Stored
from bundler.core.oci import Descriptor
from bundler.core.protocols import Pieces
from bundler.errors import BundlerError, Damaged, Incomplete

if TYPE_CHECKING:
    from bundler.bundle.opening import Sealed


@dataclass(frozen=True, slots=True)
class ChunkState:
    """A chunk as it was found: its path, or why it cannot be used.

    Attributes:
        chunk: What it should be.
        path: The copy that is used; None if there is a problem.
        problem: Why there is none.
        copies: Further ones of the right size, on other media.
        bad_copies: Why further ones cannot be used.
    """

    chunk: Chunk
    path: Path | None
    problem: BundlerError | None
    copies: tuple[Path, ...] = ()
    bad_copies: tuple[BundlerError, ...] = ()


@dataclass(slots=True)
class Bundle:
    """A bundle whose manifest is known to be what was signed. As a source of blobs it is thread-safe."""

    sealed: Sealed
    manifest: BundleManifest
    chunks: tuple[ChunkState, ...]
    decrypted: DecryptedChunks | None = None
    """Where the chunks of an encrypted bundle are read."""
    is_remote: bool = False
    _blobs: dict[Digest, Blob] = field(init=False)

    def __post_init__(self) -> None:
        self._blobs = {blob.descriptor.digest: blob for blob in self.manifest.blobs}

    @property
    def is_encrypted(self) -> bool:
        """Whether its chunks are encrypted."""
        return self.decrypted is not None

    @property
    def scratch_bytes(self) -> int:
        """The room in scratch that reading it takes at the most: one chunk for each worker, if they are encrypted."""
        if self.decrypted is None:
            return 0
        return min(self.decrypted.at_a_time, len(self.chunks)) * self.largest_chunk_bytes

    @property
    def largest_chunk_bytes(self) -> int:
        """The size of the largest chunk."""
        return max(chunk.size_bytes for chunk in self.manifest.chunks)

    @property
    def id(self) -> str:
        """The SHA-256 of SHA256SUMS."""
        return sums.bundle_id(self.sealed.sums_content)

    def close(self) -> None:
        """Gives scratch space back."""
        if self.decrypted is not None:
            self.decrypted.close()

    def problems_of(self, image: Image) -> list[BundlerError]:
        """Why an image cannot be read from the chunks that are here; empty if it can."""
        numbers = {piece.chunk for number in image.needs for piece in self.manifest.blobs[number].stored.pieces}
        return [problem for number in sorted(numbers) if (problem := self.chunks[number - 1].problem)]

    def open_blob(self, descriptor: Descriptor, *, offset_bytes: int) -> Pieces:
        """The bytes of a blob; the tar framing around them is checked on the way.

        Raises:
            Damaged: The chunk was cut, changed in its framing, or cannot be read.
            Incomplete: The chunk is not here.
        """
        buffer = new_buffer(min(PIECE_BYTES, descriptor.size_bytes))
        for member in members_of(self._blobs[descriptor.digest].stored, self.manifest.archive):
            if offset_bytes < member.start_bytes + member.piece.length_bytes or not descriptor.size_bytes:
                yield from self._read_member(member, buffer, max(0, offset_bytes - member.start_bytes))

    def read_document(self, descriptor: Descriptor) -> bytes:
        """A manifest of the bundle, verified.

        Raises:
            Damaged, Incomplete: As `open_blob`, or its bytes are not those of the digest.
        """
        return self.read_stored(self._blobs[descriptor.digest].stored)

    def read_stored(self, stored: Stored) -> bytes:
        """A small blob, or a file of the layout, verified.

        Raises:
            Damaged, Incomplete: As `read_document`.
        """
        if self.decrypted is None:
            return self._read_stored(stored)
        # It is asked for again and again, and its chunk may not stay in scratch as long.
        return self.decrypted.remember(stored.digest, lambda: self._read_stored(stored))

    def _read_stored(self, stored: Stored) -> bytes:
        buffer = new_buffer(min(PIECE_BYTES, stored.size_bytes))
        members = members_of(stored, self.manifest.archive)
        content = b"".join(bytes(piece) for member in members for piece in self._read_member(member, buffer, 0))
        found = Digest.of(content, algorithm=stored.digest.algorithm)
        if found != stored.digest:
            chunk = stored.pieces[0].chunk
            raise Damaged(
                "the bytes are not those of the digest",
                subject=self.manifest.chunks[chunk - 1].file,
                expected=str(stored.digest),
                actual=str(found),
                hint="bring this chunk again",
            )
        return content

    def place(self, descriptor: Descriptor) -> tuple[int, int]:
        """Where a blob begins: the chunk's number, and the offset in it."""
        piece = self._blobs[descriptor.digest].stored.pieces[0]
        return piece.chunk, piece.offset_bytes

    def where(self, descriptor: Descriptor) -> str:
        """Where a blob lies, for messages: the chunks and the offset in the first of them."""
        pieces = self._blobs[descriptor.digest].stored.pieces
        first, last = self.manifest.chunks[pieces[0].chunk - 1].file, self.manifest.chunks[pieces[-1].chunk - 1].file
        return f"{first} at offset {pieces[0].offset_bytes}" + (f", to {last}" if last != first else "")

    @contextmanager
    def opened_chunk(self, number: int) -> Generator[int, None, None]:
        """A file descriptor of a chunk, numbered from 1. Opened for each use: a bundle may have more chunks than
        a process may have files.

        Raises:
            Damaged, Incomplete: The chunk cannot be used.
            LocalStorage: It is encrypted, and there is no room to decrypt it.
        """
        state = self.chunks[number - 1]
        if state.problem is not None:
            raise state.problem
        assert state.path is not None
        if self.decrypted is not None:
            with self.decrypted.opened(number) as descriptor:
                yield descriptor
            return
        descriptor = open_for_reading(state.path)
        try:
            yield descriptor
        finally:
            let_go(descriptor)

    def _read_member(self, member: Member, buffer: memoryview, skip_bytes: int) -> Pieces:
        file = self.manifest.chunks[member.piece.chunk - 1].file
        header = bytearray(len(member.header) if not skip_bytes else 0)
        offset = member.piece.offset_bytes + skip_bytes
        with self.opened_chunk(member.piece.chunk) as descriptor:
            while True:
                view = buffer[: min(len(buffer), member.data_end - offset)]
                is_last = offset + len(view) == member.data_end
                padding = bytearray(len(member.padding) if is_last else 0)
                read_into(descriptor, [header, view, padding], offset - len(header), what=file)
                if (header and header != member.header) or any(padding):
                    raise Damaged(
                        "the tar framing was changed",
                        subject=f"{file} at offset {member.header_offset}",
                        hint=f"bring {file} again",
                    )
                yield view
                if is_last:
                    return
                offset += len(view)
                header = bytearray()


def find_chunk(folders: Iterable[Path], chunk: Chunk) -> ChunkState:
    """The copies of a chunk in the folders: the first usable one is used; the reason if there is none."""
    usable: dict[tuple[int, int], Path] = {}
    problems: list[BundlerError] = []
    for folder in folders:
        path = folder / chunk.file
        try:
            if not is_there(path):
                continue
            descriptor = open_for_reading(path)
            try:
                state = os.fstat(descriptor)
            finally:
                let_go(descriptor)
        except OSError as error:
            problems.append(unreadable(error, str(path)))
            continue
        except BundlerError as error:
            problems.append(error)
            continue
        if state.st_size == chunk.size_bytes:
            usable.setdefault((state.st_dev, state.st_ino), path)  # a folder that was given twice has one copy
        else:
            problems.append(_of_another_size(path, chunk, state.st_size))
    if usable:
        path, *copies = usable.values()
        return ChunkState(chunk, path, None, tuple(copies), tuple(problems))
    if problems:
        return ChunkState(chunk, None, problems[0], (), tuple(problems[1:]))
    hint = f"bring {chunk.file}; if it was here, a virus scanner may have removed it"
    return ChunkState(chunk, None, Incomplete("the chunk is missing", subject=chunk.file, hint=hint, code="incomplete"))


def _of_another_size(path: Path, chunk: Chunk, size_bytes: int) -> Damaged:
    is_cut = size_bytes < chunk.size_bytes
    why = "; a virus scanner may have put this in its place" if is_cut and size_bytes <= STUB_BYTES else ""
    return Damaged(
        "the chunk was cut short" if is_cut else "the chunk has grown",
        subject=str(path),
        expected=f"{chunk.size_bytes} bytes",
        actual=f"{size_bytes} bytes",
        hint=f"copy {chunk.file} again{why}",
    )
