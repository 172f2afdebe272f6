"""Reads a bundle: a source that knows where each byte lies.

Opening goes in steps, and each step has a type of its own: folders → `UncheckedBundle` (nothing parsed) → trusted
`Sealed` (SHA256SUMS under a good signature) → `Bundle` (bundle.json as SHA256SUMS says). Nothing is written, and no
file is opened that is not named by what was checked before.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bundler.bundle import signing, sums
from bundler.bundle.chunk import Member, members_of
from bundler.bundle.files import is_there, names_in, open_for_reading, read_bounded, read_into
from bundler.core import manifest as bundle_manifest
from bundler.core.digest import Digest
from bundler.core.limits import BUNDLE_MANIFEST_BYTES, PIECE_BYTES, SIGNATURE_BYTES, SUMS_BYTES
from bundler.core.manifest import Blob, BundleManifest, Chunk, Image, Stored
from bundler.core.oci import Descriptor
from bundler.core.protocols import Pieces
from bundler.errors import BundlerError, Damaged, Incomplete, LocalStorage, Misuse, Untrusted

_CHUNK_NAME = re.compile(r"chunk-\d{4,}\.tar")


@dataclass(frozen=True, slots=True)
class UncheckedBundle:
    """The folders of one bundle and its SHA256SUMS as they were found. Nothing of it is believed.

    ``signed_by`` are the key ids that the names of signature files claim, read no further.
    """

    folders: tuple[Path, ...]
    sums_content: bytes
    signed_by: tuple[str, ...]

    def trusted_by(self, keys: Sequence[signing.PublicKey]) -> Sealed:
        """The bundle, if one of the keys signed it.

        Raises:
            Untrusted: None did.
            Damaged: What was signed is not a list of checksums.
        """
        signers = signing.signers(self.sums_content, self._signatures(keys), keys, claimed=self.signed_by)
        return Sealed(self.folders, self.sums_content, sums.parse_sums(self.sums_content), tuple(k.id for k in signers))

    def _signatures(self, keys: Sequence[signing.PublicKey]) -> dict[str, bytes]:
        """The signatures by the keys; files of strangers are not opened, however many there are."""
        found: dict[str, bytes] = {}
        for key in keys:
            path = _find_file(self.folders, sums.signature_file(key.id))
            if is_there(path):
                try:
                    found[key.id] = read_bounded(path, SIGNATURE_BYTES)
                except (Damaged, LocalStorage) as error:
                    raise Untrusted(f"not a signature: {error.message}", subject=str(path)) from error
        return found

    def taken_as_it_is(self) -> Sealed:
        """The bundle without any trust, for those who said that they want it so.

        Raises:
            Damaged: SHA256SUMS is not a list of checksums.
        """
        return Sealed(self.folders, self.sums_content, sums.parse_sums(self.sums_content), ())


@dataclass(frozen=True, slots=True)
class Sealed:
    """SHA256SUMS, parsed, and the trusted signers; none if the caller asked for no trust."""

    folders: tuple[Path, ...]
    sums_content: bytes
    sums: dict[str, str]
    signers: tuple[str, ...]

    def load(self) -> Bundle:
        """Reads the bundle manifest, and looks which chunks are there.

        Raises:
            Damaged: bundle.json is not what SHA256SUMS says, or contradicts itself.
            Incomplete: bundle.json is missing.
        """
        content = self._read(sums.MANIFEST, BUNDLE_MANIFEST_BYTES)
        manifest = bundle_manifest.from_json(content, what=sums.MANIFEST)
        unlisted = [chunk.file for chunk in manifest.chunks if chunk.file not in self.sums]
        if unlisted:
            raise Damaged(f"{sums.FILE} does not list {unlisted[0]}", subject=sums.MANIFEST)
        chunks = tuple(_find_chunk(self.folders, chunk) for chunk in manifest.chunks)
        return Bundle(self, manifest, chunks)

    def _read(self, name: str, limit_bytes: int) -> bytes:
        expected = self.sums.get(name)
        if expected is None:
            raise Damaged(f"{sums.FILE} does not list {name}", subject=sums.FILE)
        path = _find_file(self.folders, name)
        content = read_bounded(path, limit_bytes)
        actual = hashlib.sha256(content).hexdigest()
        if actual != expected:
            raise Damaged(
                "the file was changed or damaged",
                subject=str(path),
                expected=expected,
                actual=actual,
                hint="copy this file again",
            )
        return content


@dataclass(frozen=True, slots=True)
class ChunkState:
    """A chunk as it was found: its path, or why it cannot be used."""

    chunk: Chunk
    path: Path | None
    problem: BundlerError | None


@dataclass(slots=True)
class Bundle:
    """A bundle whose manifest is known to be what was signed. As a source of blobs it is thread-safe."""

    sealed: Sealed
    manifest: BundleManifest
    chunks: tuple[ChunkState, ...]
    is_remote: bool = False
    _blobs: dict[Digest, Blob] = field(init=False)

    def __post_init__(self) -> None:
        self._blobs = {blob.descriptor.digest: blob for blob in self.manifest.blobs}

    @property
    def id(self) -> str:
        """The SHA-256 of SHA256SUMS."""
        return sums.bundle_id(self.sealed.sums_content)

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
        buffer = bytearray(PIECE_BYTES)
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
        buffer = bytearray(PIECE_BYTES)
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
        """
        state = self.chunks[number - 1]
        if state.problem is not None:
            raise state.problem
        assert state.path is not None
        descriptor = open_for_reading(state.path)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def _read_member(self, member: Member, buffer: bytearray, skip_bytes: int) -> Pieces:
        file = self.manifest.chunks[member.piece.chunk - 1].file
        header = bytearray(len(member.header) if not skip_bytes else 0)
        offset = member.piece.offset_bytes + skip_bytes
        with self.opened_chunk(member.piece.chunk) as descriptor:
            while True:
                view = memoryview(buffer)[: min(len(buffer), member.data_end - offset)]
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


def find(paths: Iterable[Path]) -> UncheckedBundle:
    """Finds the bundle in some folders or media, in any order; reads SHA256SUMS and the signatures, believes nothing.

    A path may be the bundle's folder, a folder with some of its chunks, or a medium with the bundle's folder in it.

    Raises:
        Misuse: There is no bundle, or there are parts of different bundles.
        Incomplete: There is only an export that was not finished.
    """
    paths = tuple(paths)
    folders = tuple(dict.fromkeys(folder for path in paths for folder in _bundle_folders(path)))
    with_sums = [folder for folder in folders if is_there(folder / sums.FILE)]
    if not with_sums:
        _explain_absence(paths)
    content = read_bounded(with_sums[0] / sums.FILE, SUMS_BYTES)
    for other in with_sums[1:]:
        if read_bounded(other / sums.FILE, SUMS_BYTES) != content:
            raise Misuse(
                f"{with_sums[0]} and {other} are parts of different bundles, or one {sums.FILE} was changed",
                hint="give the folders of one bundle at a time",
            )
    claimed = {signer for folder in with_sums for name in names_in(folder) if (signer := sums.signer_of(name))}
    return UncheckedBundle(folders, content, tuple(sorted(claimed)))


def _bundle_folders(path: Path) -> list[Path]:
    if not is_there(path):
        raise Misuse("there is no such folder", subject=str(path))
    if not path.is_dir():
        raise Misuse("not a folder", subject=str(path), hint="give the folder of the bundle")
    names = names_in(path)
    if sums.FILE in names or any(_CHUNK_NAME.fullmatch(name) for name in names):
        return [path]
    inner = [path / name for name in names if (path / name).is_dir() and is_there(path / name / sums.FILE)]
    return inner or [path]


def _explain_absence(paths: Sequence[Path]) -> None:
    for path in paths:
        unfinished = [path] if path.name.endswith(sums.PARTIAL) else sorted(path.glob(f"*{sums.PARTIAL}"))
        if unfinished:
            raise Incomplete(
                "this export was not finished",
                subject=str(unfinished[0]),
                hint="run the same export again to finish it",
            )
        if any(path.glob("chunk-*.tar")):
            raise Incomplete(f"{sums.FILE} is missing", subject=str(path), hint=f"bring {sums.FILE} and its .sig files")
    raise Misuse(f"no bundle here: there is no {sums.FILE}", subject=", ".join(map(str, paths)))


def _find_file(folders: Iterable[Path], name: str) -> Path:
    candidates = [folder / name for folder in folders]
    return next((path for path in candidates if is_there(path)), candidates[0])


def _find_chunk(folders: Iterable[Path], chunk: Chunk) -> ChunkState:
    """The first usable copy of a chunk in the folders, or the reason why there is none."""
    problem: BundlerError = Incomplete("the chunk is missing", subject=chunk.file, hint=f"bring {chunk.file}")
    for folder in folders:
        path = folder / chunk.file
        if not is_there(path):
            continue
        try:
            descriptor = open_for_reading(path)
        except BundlerError as error:
            problem = error
            continue
        size = os.fstat(descriptor).st_size
        os.close(descriptor)
        if size == chunk.size_bytes:
            return ChunkState(chunk, path, None)
        problem = Damaged(
            "the chunk was cut short" if size < chunk.size_bytes else "the chunk has grown",
            subject=str(path),
            expected=f"{chunk.size_bytes} bytes",
            actual=f"{size} bytes",
            hint="copy this file again",
        )
    return ChunkState(chunk, None, problem)
