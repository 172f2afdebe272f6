"""The place in S3 where a bundle is written: objects under their final keys, SHA256SUMS last.

S3 has no rename. So the bundle is unfinished as long as there is no SHA256SUMS: no reader takes it for a bundle before
that, and one request that must not find an object of that key seals it. No object is ever overwritten. The journal,
the log of the uploads and the lock are files of the builder's state folder: FORMAT.md, section 10.4.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

from bundler.bundle import sums
from bundler.bundle.bundle_place import MediaFolders, ReadBack, finished_already
from bundler.bundle.chunk import ChunkMember, members_of
from bundler.bundle.journal_file import JournalFile, OpenJournal
from bundler.bundle.journal_key import JournalKey
from bundler.bundle.partial_state import PartialState
from bundler.bundle.restore_script import restore_script
from bundler.bundle.s3.botocore_errors import NoUpload, ObjectChanged
from bundler.bundle.s3.chunk import S3Chunk, Sending, are_there
from bundler.bundle.s3.client import S3Client, s3_client
from bundler.bundle.s3.part_buffers import PartBuffers
from bundler.bundle.s3.upload_log import SentPart, UploadLog
from bundler.bundle.s3.writing import check_content, has_content
from bundler.bundle.signing import PrivateKey
from bundler.bundle.tool import NO_TOOL, Tool
from bundler.core import roles
from bundler.core.digest import Digest
from bundler.core.journal import ExportStart, Journal
from bundler.core.manifest import BundleManifest, Chunk
from bundler.core.protocols import Passed
from bundler.core.s3_path import S3Path
from bundler.errors import BundlerError, Damaged, LocalStorage, Misuse
from bundler.system.lock import Lock
from bundler.system.ownership import make_folder
from bundler.texts import some, text
from bundler.workers import BackgroundPool, Cancellation, run_all

_SENDERS = 6
"""Parts that are sent at a time; each is in memory."""


class S3Partial:
    """The place in S3 where an export writes its bundle. For one thread."""

    def __init__(self, parent: S3Path, name: str, *, state: Path | None, is_read_back: bool = True) -> None:
        """Computes the names; does nothing else.

        Args:
            parent: The place that will contain the bundle.
            name: The name of the bundle.
            state: The builder's folder for what is kept between runs.
            is_read_back: As of `bundler.bundle.s3.chunk.Sending`.

        Raises:
            Misuse: There is no such folder.
        """
        if state is None:
            raise Misuse(
                "an export to S3 needs a folder for its state",
                subject=str(parent),
                hint="set HOME or XDG_STATE_HOME to a folder of yours",
            )
        self.final_path = parent / name
        self.path = self.final_path
        place = state / f"s3-{hashlib.sha256(str(self.final_path).encode()).hexdigest()[:32]}"
        self._state = state
        self._journal_file = JournalFile(place.with_suffix(".journal"), JournalKey(state, place))
        self._lock = Lock(place.with_suffix(".lock"))
        self._log = UploadLog(place.with_suffix(".uploads"))
        self._is_read_back = is_read_back

    def hold(self) -> None:
        """Locks the bundle on this machine. On another one the last step of an export fails: nothing is overwritten."""
        try:
            make_folder(self._state, mode=0o700)
        except OSError as error:
            raise LocalStorage.unwritable(error, str(self._state)) from error
        self._lock.take(str(self.path))

    def release(self) -> None:
        """As `BundlePlace.release`."""
        self._lock.release()

    def read_journal(self) -> Journal | None:
        """As `BundlePlace.read_journal`."""
        try:
            return self._journal_file.read()
        except Damaged:
            return None

    @property
    def is_finished(self) -> bool:
        """True if SHA256SUMS is there."""
        return s3_client().facts(self.final_path / roles.SUMS.file) is not None

    @property
    def final_paths(self) -> tuple[S3Path, ...]:
        """The place of the bundle."""
        return (self.final_path,)

    @property
    def has_partial(self) -> bool:
        """True if there are objects, and no SHA256SUMS."""
        found = s3_client().objects_in(self.final_path)
        names = {name for name, _ in found.files}
        return bool(names or found.folders) and roles.SUMS.file not in names

    def forget_start(self) -> None:
        """As `BundlePlace.forget_start`."""
        with suppress(BundlerError):  # a file that is left does no harm
            self._journal_file.remove()
            self._log.remove()

    def discard(self) -> None:
        """Aborts the uploads of earlier runs and removes their objects.

        Raises:
            Misuse: There are other objects, or a finished bundle.
            LocalStorage, Refused, Unavailable: They cannot be removed.
        """
        client = s3_client()
        if self.is_finished:
            raise finished_already(self.final_path)
        self._log.read()
        for file, upload in self._log.uploads():
            client.abort(self.final_path / file, upload)
        paths = self._own_objects(client)
        if any(path.name == roles.SUMS.file for path in paths):  # another machine has sealed it just now
            raise finished_already(self.final_path)
        for path in paths:
            client.delete(path)
        self._journal_file.remove()
        self._log.remove()

    def start(
        self,
        chunks: Sequence[Chunk],
        start: ExportStart,
        journal: Journal | None,
        *,
        media: MediaFolders | None = None,
        more_bytes: int = 0,
    ) -> StartedS3:
        """Begins the journal and the log, or goes on with those of an earlier run.

        Raises:
            Misuse: There are objects that no export of this machine wrote.
            LocalStorage, Refused, Unavailable: The bucket or the state folder cannot be used.
        """
        del more_bytes  # buckets have room
        assert media is None, "media are folders"
        client = s3_client()
        if journal is None:
            self._refuse_others(client)
            for file, upload in self._log.uploads():
                client.abort(self.final_path / file, upload)
            self._log.remove()
            self._log = UploadLog(self._log.path)
        else:
            self._log.read()
        self._log.open()
        opened = self._journal_file.resume(journal) if journal else self._journal_file.start(start)
        sizes = dict(client.objects_in(self.final_path).files)
        for number, chunk in enumerate(chunks, start=1):
            self._look_at(client, chunk, sizes.get(chunk.file))
            if self._log.of(chunk.file).etag is None:
                opened.take_back(number)
        remarks = tuple(self._strange_uploads(client))
        pool = BackgroundPool(_SENDERS, name="s3-sender")
        sending = Sending(client, self._log, pool, self._is_read_back, PartBuffers())
        return StartedS3(self, sending, opened, remarks)

    def _refuse_others(self, client: S3Client) -> None:
        """Refuses to write where there are objects already.

        Raises:
            Misuse: There are some.
        """
        names = [path.name for path in self._own_objects(client)]
        if names:
            raise Misuse(
                text(
                    "there is an unfinished export that was not started by this user here: {files}", files=some(names)
                ),
                subject=str(self.final_path),
                hint="finish it where it was started; or remove it with --restart, or choose another --name",
            )
        self._log.read()

    def _own_objects(self, client: S3Client) -> list[S3Path]:
        """The objects that exports left.

        Raises:
            Misuse: There are others.
        """
        found = client.objects_in(self.final_path)
        names = [name for name, _ in found.files]
        for folder in found.folders:
            if folder != roles.TOOL_FOLDER:
                raise _stranger(self.final_path / folder)
            names += [f"{folder}/{name}" for name, _ in client.objects_in(self.final_path / folder).files]
        for name in names:
            if roles.role_of(name) is roles.UNKNOWN:
                raise _stranger(self.final_path / name)
        return [self.final_path / name for name in names]

    def _look_at(self, client: S3Client, chunk: Chunk, size_bytes: int | None) -> None:
        """Forgets what the log has of a chunk and S3 has not.

        Raises:
            Misuse: There is an object that this export did not write.
        """
        logged, path = self._log.of(chunk.file), self.final_path / chunk.file
        facts = client.facts(path) if size_bytes is not None else None
        if facts is not None:
            is_ours = logged.upload is not None and logged.etag in (None, facts.etag)
            if not is_ours or facts.size_bytes != chunk.size_bytes:
                raise _not_ours(path)
            if logged.etag is None:  # the run ended after S3 had made the object
                self._log.note_object(chunk.file, facts.etag)
        elif logged.etag is not None:
            self._log.forget(chunk.file)  # it was removed
        elif logged.upload is not None:
            self._keep_parts(client, path, logged.upload, logged.parts)

    def _keep_parts(self, client: S3Client, path: S3Path, upload: str, sent: Mapping[int, SentPart]) -> None:
        """Forgets the parts of an upload that S3 does not have as they were sent."""
        try:
            there = client.parts(path, upload)
        except NoUpload:
            self._log.forget(path.name)
            return
        kept = {n: part for n, part in sent.items() if n in there and there[n].etag == part.etag}
        if len(kept) < len(sent):
            self._log.note_upload(path.name, upload)
            for number, part in kept.items():
                self._log.note_part(path.name, number, part)

    def _strange_uploads(self, client: S3Client) -> Iterator[str]:
        """Tells of uploads there that this export did not begin. A store that does not list them tells nothing."""
        known = {upload for _, upload in self._log.uploads()}
        try:
            below = client.uploads_below(self.final_path)
            found = [each for each in below if each.path.parent == self.final_path and each.id not in known]
        except BundlerError:
            return
        if found:
            yield text(
                "{place} has {count} multipart uploads that this export did not begin; if no other machine writes "
                "there, clear them: bundler doctor {place} --clear-uploads DAYS",
                place=self.final_path,
                count=len(found),
            )


class StartedS3:
    """An open unfinished bundle in S3 with its journal. `seal` turns it into a bundle. For one thread."""

    reads_back_chunks: ClassVar[bool] = True
    folder = None

    def __init__(self, place: S3Partial, sending: Sending, journal: OpenJournal, remarks: tuple[str, ...]) -> None:
        """Takes over the open log and journal.

        Args:
            place: The place of the bundle.
            sending: Shared by the chunks; `close` closes it.
            journal: The journal; `close` closes it.
            remarks: Remarks for the user.
        """
        self.path = place.final_path
        self.journal = journal
        self.remarks = remarks
        self._place = place
        self._sending = sending

    def state_of(
        self, manifest: BundleManifest, passed: Passed, *, only: Collection[int] | None = None
    ) -> PartialState:
        """The blobs in parts that S3 has. Nothing is read: a chunk is read back when it is complete."""
        assert only is None, "all chunks of an export are written"
        whole: set[Digest] = set()
        broken: set[Digest] = set()
        written_to: dict[int, dict[int, int]] = {}
        for stored in manifest.stored():
            members = members_of(stored, manifest.archive)
            there = [member for member in members if self._has(manifest, member)]
            for member in there:
                written_to.setdefault(member.piece.chunk, {})[member.header_offset] = member.end
            (whole if len(there) == len(members) else broken).add(stored.digest)
            passed(stored.size_bytes)
        done = {number: each.sha256 for number, each in self.journal.done.items()}
        return PartialState(whole - broken, {}, written_to, done)

    def _has(self, manifest: BundleManifest, member: ChunkMember) -> bool:
        chunk = manifest.chunks[member.piece.chunk - 1]
        parts = self._sending.log.of(chunk.file).parts
        return are_there(parts, member.header_offset, member.end, chunk.size_bytes)

    def new_chunk(
        self, name: str, members: Sequence[ChunkMember], *, is_hashed_at_once: bool, has_sparse_files: bool
    ) -> S3Chunk:
        """An object of the bundle."""
        del is_hashed_at_once, has_sparse_files
        return S3Chunk(self._sending, self.path / name, members, self._sending.log.of(name).parts)

    def sync(self) -> None:
        """Does nothing: S3 keeps what it has acknowledged."""

    def seal(
        self,
        files: Mapping[str, Iterable[bytes]],
        digests: Mapping[str, str],
        key: PrivateKey | None,
        *,
        tool: Tool = NO_TOOL,
        read_back: ReadBack | None = None,
    ) -> str:
        """Finishes the bundle: tool, small files, signature, and SHA256SUMS, whose object makes it a bundle."""
        del read_back  # each object is read back by itself
        for file in tool.files:
            self._write(f"{roles.TOOL_FOLDER}/{file.path.name}", file.pieces())
        written = self._write_together({**files, roles.RESTORE.file: [restore_script()]})
        content = sums.format_sums({**written, **digests, **tool.sums})
        if key:
            self._write(roles.signature_file(key.id), [key.sign(content)])
        self._write(roles.SUMS.file, [content], is_seal=True)
        self.journal.close()
        self._place.forget_start()
        return sums.bundle_id(content)

    def close(self) -> None:
        """Closes the journal and the log, and waits for parts that are being sent. Idempotent."""
        self._sending.pool.close()
        self._sending.log.close()
        self.journal.close()

    def _write_together(self, files: Mapping[str, Iterable[bytes]]) -> dict[str, str]:
        """Writes a few small files at a time: a request takes longer than its bytes. As `_write`."""
        written: dict[str, str] = {}

        def work(name: str) -> None:
            written[name] = self._write(name, files[name])

        for _, error in run_all(files, work, front_workers=len(files), cancellation=Cancellation()):
            raise error
        return {name: written[name] for name in files}  # SHA256SUMS has this order

    def _write(self, name: str, pieces: Iterable[bytes], *, is_seal: bool = False) -> str:
        """Writes a small file, and reads it back; returns its SHA-256 in hex.

        One that an earlier run of this export wrote may have other bytes, for example of an older version of bundler:
        it is removed first. The file of another writer is not: it may belong to a bundle that is sealed now.

        Raises:
            Damaged: S3 returns other bytes.
            Misuse: Another writer writes here, or has sealed the bundle.
        """
        content, path = b"".join(pieces), self.path / name
        sha256 = hashlib.sha256(content)
        client, log = self._sending.client, self._sending.log
        try:
            etag = client.put(path, content, sha256.digest())
        except ObjectChanged as error:
            if has_content(path, content):
                return sha256.hexdigest()
            if is_seal or self._place.is_finished:
                raise finished_already(self.path) from error
            found = client.facts(path)
            if found is not None and found.etag != log.of(name).etag:
                raise _not_ours(path) from error
            client.delete(path)
            etag = client.put(path, content, sha256.digest())
        log.note_object(name, etag)
        check_content(path, content)
        return sha256.hexdigest()


def _not_ours(path: S3Path) -> Misuse:
    return Misuse(
        "there is an object that this export did not write",
        subject=str(path),
        hint="find out who writes there; start again with --restart, or choose another --name",
    )


def _stranger(path: S3Path) -> Misuse:
    return Misuse(
        "this does not belong to an export", subject=str(path), hint="choose another --name, or another prefix with -o"
    )
