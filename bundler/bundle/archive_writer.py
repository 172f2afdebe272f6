"""Writes a bundle of 7z archives: one sink for each group of chunks takes the blobs in the order of their places.

An archive is written from its first byte to its last, so blobs cannot come in any order as in `bundler.bundle.writer`.
Groups of chunks are independent of each other and are written in parallel. Each byte is written once. An archive
without the end of a member is of no use: after a failure, or in a later run, its group starts again at its first blob.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from bundler.bundle.bundle_place import ReadBack
from bundler.bundle.chunk import ChunkMember, groups_of, members_by_chunk
from bundler.bundle.held_media import Held
from bundler.bundle.partial import StartedFolder
from bundler.bundle.partial_state import still_holds
from bundler.bundle.readme import NO_PARITY, NO_RECORDS, Records, encrypted_readme, readme
from bundler.bundle.seven_zip_container import ArchiveWriter, WrongPassphrase, check_passphrase
from bundler.bundle.signing import PrivateKey
from bundler.bundle.tool import NO_TOOL, Tool
from bundler.core import manifest as bundle_manifest, roles
from bundler.core.journal import DoneChunk
from bundler.core.limits import PIECE_BYTES
from bundler.core.manifest import BundleManifest, Chunk, Stored
from bundler.core.oci import Descriptor
from bundler.core.outer_manifest import OuterManifest
from bundler.core.protocols import Passed, Pieces
from bundler.errors import Incomplete, Misuse
from bundler.system.files import let_go, reading_back, sha256_of, size_of


class SevenZipWriter:
    """A bundle of 7z archives that is being written. Each group is for one thread, the rest is for one thread."""

    def __init__(
        self,
        partial: StartedFolder,
        manifest: BundleManifest,
        passphrase: str | None,
        finished: Mapping[int, DoneChunk],
        *,
        only: Collection[int] | None = None,
    ) -> None:
        """Plans the archives.

        Args:
            partial: The partial bundle.
            manifest: The plan; its chunks have their largest possible sizes.
            passphrase: Encrypts the blobs and all their names; None for a bundle that anybody can read.
            finished: The chunks, by number, that an earlier run finished; all of a group or none.
            only: The numbers of the chunks to write; None for all. Parts of a blob in other chunks are skipped.
        """
        self._partial = partial
        self._manifest = manifest
        self._passphrase = passphrase
        self.resumed_bytes = sum(chunk.size_bytes for chunk in finished.values())
        """The bytes of the chunks that an earlier run finished."""
        members = members_by_chunk(manifest)
        self._groups = [
            GroupSink(
                partial,
                [(manifest.chunks[n - 1].file, members[n - 1]) for n in numbers],
                passphrase,
                self._note_done,
                finished=[
                    (Chunk(manifest.chunks[n - 1].file, finished[n].size_bytes), finished[n].sha256)
                    for n in numbers
                    if n in finished
                ],
            )
            for group in groups_of(manifest)
            if (numbers := [number for number in group if only is None or number in only])
        ]

    @classmethod
    def resuming(
        cls, partial: StartedFolder, manifest: BundleManifest, passed: Passed, passphrase: str | None = None
    ) -> SevenZipWriter:
        """Returns a writer that keeps the groups that an earlier run finished, if all of their bytes are right.

        Args:
            partial: The partial bundle.
            manifest: The plan.
            passed: Receives every number of bytes that was read; its errors pass through.
            passphrase: As of the constructor.

        Raises:
            Misuse: A chunk is not ours, or the finished chunks were encrypted with another passphrase.
            LocalStorage: The journal cannot be written.
        """
        members = members_by_chunk(manifest)
        done, finished = dict(partial.journal.done), {}
        for numbers in groups_of(manifest):
            chunks = [(manifest.chunks[n - 1], done[n], members[n - 1]) for n in numbers if n in done]
            if len(chunks) == len(numbers) and still_holds(
                partial.folder, chunks, passed, is_encrypted=passphrase is not None
            ):
                finished.update({number: done[number] for number in numbers})
                continue
            for number in numbers:
                partial.journal.take_back(number)
        if finished and passphrase is not None:
            first = Path(partial.folder.where(manifest.chunks[min(finished) - 1].file))
            _check_passphrase(first, passphrase, partial.path)
        return cls(partial, manifest, passphrase, finished)

    @property
    def groups(self) -> list[GroupSink]:
        """The groups that are not written yet."""
        return [group for group in self._groups if not group.finished]

    def finish(self) -> dict[str, str]:
        """The SHA-256 in hex of each chunk that is complete and on the device, by file name."""
        return {chunk.file: digest for group in self._groups for chunk, digest in group.finished}

    @property
    def size_bytes(self) -> int:
        """The largest size that all chunks together may have."""
        return self._manifest.size_bytes

    def seal(
        self,
        key: PrivateKey | None,
        *,
        tool: Tool = NO_TOOL,
        read_back: ReadBack | None = None,
        parity: Mapping[str, str] = NO_PARITY,
        records: Records = NO_RECORDS,
    ) -> tuple[BundleManifest, str]:
        """Finishes the bundle, with the real sizes of its chunks.

        Args:
            key: The key that signs; None for a bundle that is explicitly unsigned.
            tool: The tool that comes along.
            read_back: As of `StartedFolder.seal`.
            parity: The SHA-256 of the parity files that are in the folder, in hex, by name.
            records: The records that come along, by the names of their files. Anyone can read them.

        Returns:
            The bundle manifest, and the bundle's id.

        Raises:
            BundlerError: As of `StartedFolder.seal`; the bundle stays partial.
        """
        finished = [chunk for group in self._groups for chunk in group.finished]
        if len(finished) != len(self._manifest.chunks):
            raise RuntimeError("sealed before every blob was put")
        manifest = replace(self._manifest, chunks=tuple(chunk for chunk, _ in finished))
        digests = {chunk.file: digest for chunk, digest in finished}
        key_id = key.id if key else None
        files: dict[str, Iterable[bytes]]
        if self._passphrase is None:
            files = {
                roles.README.file: [readme(manifest, key_id=key_id, tool=tool, parity=parity)],
                roles.MANIFEST.file: bundle_manifest.json_pieces(manifest),
            }
        else:
            outer = OuterManifest.of(manifest)
            files = {
                roles.README.file: [encrypted_readme(outer, key_id=key_id, tool=tool, parity=parity)],
                roles.MANIFEST.file: [outer.to_json()],
            }
            digests = {roles.CONTENT.file: self._write_content(manifest, self._passphrase), **digests}
        files.update((name, [content]) for name, content in records.items())
        return manifest, self._partial.seal(files, {**digests, **parity}, key, tool=tool, read_back=read_back)

    def close(self) -> None:
        """Closes all files, in any state of the bundle."""
        for group in self._groups:
            group.close()

    def _note_done(self, chunk: Chunk, digest: str) -> None:
        number = next(n for n, planned in enumerate(self._manifest.chunks, start=1) if planned.file == chunk.file)
        self._partial.journal.note_done(number, DoneChunk(chunk.size_bytes, digest))

    def _write_content(self, manifest: BundleManifest, passphrase: str) -> str:
        content = bundle_manifest.to_json(manifest)
        archive = _new_archive(self._partial.folder, roles.CONTENT.file, passphrase)
        try:
            archive.add(roles.MANIFEST.file, len(content), _slices(content))
            archive.finish()
        finally:
            archive.close()
        return _digest_of(self._partial.folder, roles.CONTENT.file)[1]


class GroupSink:
    """A group: several chunks that share cut blobs, or one chunk. It takes their blobs in order. For one thread."""

    def __init__(
        self,
        partial: StartedFolder,
        chunks: list[tuple[str, list[ChunkMember]]],
        passphrase: str | None,
        done: Callable[[Chunk, str], None],
        *,
        finished: Iterable[tuple[Chunk, str]] = (),
    ) -> None:
        """Plans the group.

        Args:
            partial: The partial bundle.
            chunks: The names and members of the chunks.
            passphrase: Encrypts the chunks, if given.
            done: Receives each chunk with its SHA-256, when all are complete and on the device.
            finished: The chunks that an earlier run finished, each with its SHA-256.
        """
        self.stored: list[Stored] = []
        """The blobs and files that must be put, in this order."""
        self.finished = list(finished)
        """The chunks that are complete and on the device, each with its SHA-256 in hex."""
        self._partial = partial
        self._chunks = chunks
        self._passphrase = passphrase
        self._done = done
        self._places: list[list[tuple[int, ChunkMember]]] = []
        for number, (_, members) in enumerate(chunks):
            for member in members:
                if not self.stored or self.stored[-1] != member.stored:
                    self.stored.append(member.stored)
                    self._places.append([])
                self._places[-1].append((number, member))
        self._next = 0
        self._archive: ArchiveWriter | None = None

    def has_blob(self, descriptor: Descriptor) -> bool:
        """Returns False: each blob is put once."""
        del descriptor
        return False

    def put_blob(self, descriptor: Descriptor, pieces: Pieces) -> None:
        """Writes the next blob. After a failure, the next one is the first of the group again.

        Raises:
            LocalStorage: The archive cannot be written.
        """
        if self._next == 0:
            self.finished.clear()
        if self.stored[self._next].digest != descriptor.digest:
            raise RuntimeError("a blob out of order")
        cutter = _Cutter(pieces)
        try:
            for number, member in self._places[self._next]:
                cutter.pass_over(member.start_bytes)
                self._write(number, member, cutter)
            cutter.pass_over(descriptor.size_bytes)
            if next(pieces, None) is not None:
                raise RuntimeError("more bytes than were planned")
        except BaseException:
            self._next = 0
            self.close()
            raise
        self._next += 1
        if self._next == len(self.stored):
            for chunk, digest in self.finished:
                self._done(chunk, digest)

    def close(self) -> None:
        """Closes the file that is being written."""
        if self._archive is not None:
            self._archive.close()
            self._archive = None

    def _write(self, number: int, member: ChunkMember, cutter: _Cutter) -> None:
        name, members = self._chunks[number]
        if self._archive is None:
            self._archive = _new_archive(self._partial.folder, name, self._passphrase)
        self._archive.add(member.name, member.piece.length_bytes, cutter.take(member.piece.length_bytes))
        if member is members[-1]:
            self._archive.finish()
            self._archive = None
            size_bytes, digest = _digest_of(self._partial.folder, name)
            if not member.kind.is_end(size_bytes - member.end, (each.name for each in members)):
                raise RuntimeError(f"the header of {name} is longer than was planned")
            self.finished.append((Chunk(name, size_bytes), digest))


class _Cutter:
    """Cuts the pieces of a blob at the ends of its members."""

    def __init__(self, pieces: Pieces) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")
        self._passed_bytes = 0

    def pass_over(self, offset_bytes: int) -> None:
        """Goes on to an offset in the blob. The bytes before it are in a chunk that is not written."""
        for _ in self.take(offset_bytes - self._passed_bytes):
            pass

    def take(self, length_bytes: int) -> Iterator[memoryview]:
        """Yields the pieces of the next member."""
        left = length_bytes
        while left:
            if not self._rest:
                piece = next(self._pieces, None)
                if piece is None:
                    return
                self._rest = memoryview(piece)
            now, self._rest = self._rest[:left], self._rest[left:]
            left -= len(now)
            self._passed_bytes += len(now)
            yield now


def _check_passphrase(archive: Path, passphrase: str, partial: Path) -> None:
    try:
        check_passphrase(archive, passphrase)
    except WrongPassphrase as error:
        raise Misuse(
            "this export was started with another passphrase",
            subject=str(partial),
            hint="give that passphrase, or start again with --restart",
        ) from error


def _slices(content: bytes) -> Iterator[memoryview]:
    view = memoryview(content)
    for begin in range(0, len(view), PIECE_BYTES):
        yield view[begin : begin + PIECE_BYTES]


def _new_archive(folder: Held, name: str, passphrase: str | None) -> ArchiveWriter:
    """Starts an archive, and removes the file of this name that an earlier run left."""
    folder.remove(name)
    return ArchiveWriter(folder.create(name), passphrase, what=folder.where(name))


def _digest_of(folder: Held, name: str) -> tuple[int, str]:
    """Returns the size of a file and its SHA-256 in hex. The file was just written, so the page cache still holds it.

    The first bytes of an archive are written last, so nothing can be hashed earlier.
    """
    what = folder.where(name)
    with reading_back(what):
        descriptor = folder.open(name)
        if descriptor is None:
            raise Incomplete("the file is missing", subject=what)
        try:
            digest = sha256_of(descriptor, what=what)
            # A later check must read the medium, not the page cache.
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            return size_of(descriptor, what=what), digest
        finally:
            let_go(descriptor)
