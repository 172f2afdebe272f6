"""An encrypted bundle: the facts that anybody may know, and the opening with a passphrase.

Its files can be checked without the passphrase. They are checked first: no archive is opened whose SHA-256 differs from
SHA256SUMS. FORMAT.md, sections 5.10 and 11.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Sequence
from contextlib import contextmanager

from bundler.bundle import seven_zip_container, sums
from bundler.bundle.chunk import ChunkMember, members_by_chunk
from bundler.bundle.copies import ChunkState, GivenUp, other_files, other_names
from bundler.bundle.decrypted import DecryptedChunks, reading
from bundler.bundle.file_system import UNREADABLE, open_file
from bundler.bundle.reader import Bundle
from bundler.bundle.sealed import Sealed
from bundler.core import manifest as bundle_manifest, roles
from bundler.core.frozen import frozen
from bundler.core.limits import BUNDLE_MANIFEST_BYTES, CONTENT_BYTES, PIECE_BYTES
from bundler.core.manifest import BundleManifest, Chunk
from bundler.core.outer_manifest import OuterManifest
from bundler.errors import BundlerError, Damaged, Incomplete, LocalStorage
from bundler.system.buffers import new_buffer
from bundler.system.bundle_paths import BundlePath, local
from bundler.system.files import let_go, open_for_reading, sha256_of
from bundler.system.scratch import Scratch, ScratchFile
from bundler.texts import text
from bundler.workers import Cancellation


@frozen
class LockedBundle:
    """An encrypted bundle without its passphrase."""

    sealed: Sealed
    manifest: OuterManifest
    chunks: tuple[ChunkState, ...]

    @property
    def is_encrypted(self) -> bool:
        """True: it is encrypted."""
        return True

    @property
    def id(self) -> str:
        """The SHA-256 of SHA256SUMS."""
        return sums.bundle_id(self.sealed.sums_content)

    @property
    def other_names(self) -> list[tuple[str, BundlePath]]:
        """The files that hold a chunk under a name that is not its own, each with the chunk's own name."""
        return other_names(self.chunks)

    @property
    def given_up(self) -> list[GivenUp]:
        """An empty list: its chunks are not read."""
        return []

    def unlock(self, passphrase: str, *, scratch: Scratch, jobs: int, cancellation: Cancellation) -> Bundle:
        """Opens the bundle.

        Args:
            passphrase: The passphrase of the bundle.
            scratch: The place for decrypted chunks while they are read.
            jobs: The number of decrypted chunks that may exist at a time.
            cancellation: Checked while chunks are decrypted.

        Raises:
            WrongPassphrase: It does not open the bundle.
            Damaged, Incomplete: The content or its manifest is not as it should be.
        """
        content = bytearray()
        copy = self._whole_content(scratch)
        try:
            with reading(copy) as descriptor:
                seven_zip_container.unpack(
                    descriptor,
                    passphrase=passphrase,
                    accepts=_is_content,
                    write=content.extend,
                    what=roles.CONTENT.file,
                )
        finally:
            copy.close()
        manifest = bundle_manifest.from_json(bytes(content), what=f"{roles.MANIFEST.file} in {roles.CONTENT.file}")
        if OuterManifest.of(manifest) != self.manifest:
            raise Damaged(
                text(
                    "{manifest} differs from the one in {content}",
                    manifest=roles.MANIFEST.file,
                    content=roles.CONTENT.file,
                ),
                subject=roles.CONTENT.file,
            )
        decrypted = self.decrypting(manifest, passphrase, scratch=scratch, jobs=jobs, cancellation=cancellation)
        return Bundle(self.sealed, manifest, self.chunks, decrypted)

    def decrypting(
        self,
        manifest: BundleManifest,
        passphrase: str,
        *,
        scratch: Scratch,
        jobs: int,
        cancellation: Cancellation,
    ) -> DecryptedChunks:
        """The decrypted chunks of the bundle. Nothing is decrypted yet.

        Args:
            manifest: The manifest of its content.
            passphrase: The passphrase, which has opened the content.
            scratch: As for `unlock`.
            jobs: As for `unlock`.
            cancellation: As for `unlock`.
        """
        members = members_by_chunk(manifest)

        def decrypt(number: int, into: ScratchFile) -> GivenUp | None:
            state = self.chunks[number - 1]
            used = self._decrypt(state, members[number - 1], into, passphrase, cancellation)
            return GivenUp(state.chunk.file, state.paths[0], used) if used != state.paths[0] else None

        return DecryptedChunks(decrypt, scratch, at_a_time=jobs)

    def _whole_content(self, scratch: Scratch) -> ScratchFile:
        """Copies the first content.7z that matches SHA256SUMS."""
        problems: list[BundlerError] = []
        for path in self.sealed.copies_of(roles.CONTENT.file):
            try:
                return self._copy_of_content(path, scratch)
            except UNREADABLE as error:
                problems.append(error)
        raise problems[0]

    def _copy_of_content(self, path: BundlePath, scratch: Scratch) -> ScratchFile:
        """Copies content.7z into scratch while it compares the bytes with SHA256SUMS."""
        # It is read once: a medium may return other bytes the second time, and the checks of the chunks rely on these.
        copy = scratch.file()
        try:
            file = open_file(path)
            try:
                sha256 = hashlib.sha256()
                buffer = new_buffer(PIECE_BYTES)
                size_bytes = file.size(what=str(path))
                if size_bytes > CONTENT_BYTES:
                    raise Damaged(
                        "the file is too large",
                        subject=str(path),
                        expected=text("at most {content_bytes} bytes", content_bytes=CONTENT_BYTES),
                        actual=text("{size} bytes", size=size_bytes),
                    )
                for offset in range(0, size_bytes, PIECE_BYTES):
                    view = memoryview(buffer)[: size_bytes - offset]
                    file.read_into([view], offset, what=str(path))
                    sha256.update(view)
                    copy.write(view)
                check_sum(self.sealed, roles.CONTENT.file, sha256.hexdigest())
            finally:
                file.close()
        except BaseException:
            copy.close()
            raise
        return copy

    def _decrypt(
        self,
        state: ChunkState,
        members: list[ChunkMember],
        into: ScratchFile,
        passphrase: str,
        cancellation: Cancellation,
    ) -> BundlePath:
        """Decrypts a chunk: writes its data at their offsets in the chunk; returns the file that had them."""
        promised = [(member.name, member.piece.length_bytes) for member in members]

        def write(data: bytes | bytearray) -> None:
            cancellation.check()
            into.write(memoryview(data))

        with self._opened_whole(state, cancellation) as (path, descriptor):
            into.write(bytes(members[0].header_offset))
            try:
                seven_zip_container.unpack(
                    descriptor,
                    passphrase=passphrase,
                    accepts=lambda found: list(found) == promised,
                    write=write,
                    what=state.chunk.file,
                )
            except seven_zip_container.WrongPassphrase as error:
                message = text("encrypted with another passphrase than {content}", content=roles.CONTENT.file)
                raise Damaged(message, subject=state.chunk.file) from error
        return path

    @contextmanager
    def _opened_whole(
        self, state: ChunkState, cancellation: Cancellation
    ) -> Generator[tuple[BundlePath, int], None, None]:
        """Opens the first file with the right SHA-256 of a chunk, for reading.

        Raises:
            Damaged, Incomplete, LocalStorage: There is none; this is the fault of the first copy.
        """
        problems: list[BundlerError] = []
        for path in (*state.paths, *other_files(self.sealed.listings, state)):
            try:
                descriptor = self._open_if_whole(path, state.chunk, cancellation)
            except (Damaged, Incomplete, LocalStorage) as error:
                problems.append(error)
                continue
            try:
                yield path, descriptor
            finally:
                let_go(descriptor)
            return
        raise problems[0]

    def _open_if_whole(self, path: BundlePath, chunk: Chunk, cancellation: Cancellation) -> int:
        descriptor = open_for_reading(local(path))
        try:
            digest = sha256_of(
                descriptor,
                what=chunk.file,
                limit_bytes=chunk.size_bytes,
                passed=lambda _: cancellation.check(),
            )
            check_sum(self.sealed, chunk.file, digest)
        except BaseException:
            let_go(descriptor)
            raise
        return descriptor


def check_sum(sealed: Sealed, file: str, actual: str) -> None:
    """Compares the SHA-256 of a file with SHA256SUMS.

    Raises:
        Damaged: They differ.
    """
    if actual != sealed.sums[file]:
        raise Damaged(
            "the bytes differ from the signed ones" if sealed.signers else "the file was changed or damaged",
            subject=file,
            expected=sealed.sums[file],
            actual=actual,
            hint=text("copy {file} to the medium again", file=file),
        )


def _is_content(members: Sequence[tuple[str, int]]) -> bool:
    return [name for name, _ in members] == [roles.MANIFEST.file] and members[0][1] <= BUNDLE_MANIFEST_BYTES
