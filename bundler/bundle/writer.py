"""Writes a bundle of tars: a sink that knows beforehand where each byte belongs.

Workers write blobs straight to their final places: in lanes, where they were given that order, else in any. Two
followers come behind them: one takes the SHA-256 of what was not hashed on its way into its chunk, from the page cache;
the other brings what is written to the device, and notes in the journal which chunks are there. Until it is sealed the
bundle is the folder ``NAME.partial``; sealing is one rename. What an earlier run left is gone on with.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from bundler.bundle.chunk import ChunkMember, groups_of, members_by_chunk, members_of
from bundler.bundle.chunk_file import ChunkFile
from bundler.bundle.lanes import Lanes, in_lanes
from bundler.bundle.partial import ReadBack, StartedFolder
from bundler.bundle.partial_state import PartialState, look
from bundler.bundle.readme import readme
from bundler.bundle.signing import PrivateKey
from bundler.core import manifest as bundle_manifest, roles
from bundler.core.digest import Digest
from bundler.core.journal import DoneChunk
from bundler.core.limits import PIECE_BYTES
from bundler.core.manifest import BundleManifest, Stored
from bundler.core.oci import Descriptor
from bundler.core.protocols import PartialBlob, Passed, Pieces
from bundler.errors import BundlerError
from bundler.system.buffers import new_buffer
from bundler.workers import BackgroundThread

_WAIT_SECONDS = 0.1
"""How often the followers look what has got into place: told of every piece, they would wake up for it a thousand times
a second, and stand in the way of those who write."""


class BundleWriter:
    """A bundle that is being made. Thread-safe as a sink; `seal` and `close` are for one thread."""

    def __init__(
        self, partial: StartedFolder, manifest: BundleManifest, state: PartialState, lanes: Lanes | None = None
    ) -> None:
        """Starts the two followers; nothing else is done yet.

        Args:
            partial: The partial bundle.
            manifest: The plan.
            state: The state of what is there.
            lanes: How many chunks are written side by side, by callers who keep to `stored`; None for any order.
        """
        self._partial = partial
        self._manifest = manifest
        self._lanes = lanes
        self._blobs = {blob.stored.digest: blob.stored for blob in manifest.blobs}
        self._whole = frozenset(state.whole)
        self._halves = dict(state.halves)
        self._chunks = _chunk_files(partial, manifest, state, lanes)
        self.resumed_bytes = sum(half.offset_bytes for half in state.halves.values()) + sum(
            self._places(digest)[0].size_bytes for digest in state.whole
        )
        """The bytes of blobs that an earlier run left."""
        self._ending = threading.Condition()
        """Notified when the last blob was put, and when nothing more is wanted."""
        self._noting = threading.Lock()
        """Held while the journal and the state of a chunk are brought together."""
        self._is_sealing = self._is_closed = False
        self._failure: BundlerError | None = None
        self._followers = [
            BackgroundThread(self._hash_chunks, name="chunk-hasher"),
            BackgroundThread(self._flush_chunks, name="flusher"),
        ]

    @classmethod
    def resuming(
        cls, partial: StartedFolder, manifest: BundleManifest, passed: Passed, lanes: Lanes | None = None
    ) -> BundleWriter:
        """A writer that keeps what an earlier run left, as far as it is right: all of it is read and hashed.

        Args:
            partial: The partial bundle.
            manifest: The plan.
            passed: Receives every number of bytes that was looked at; what it raises goes through.
            lanes: As of the constructor.

        Raises:
            Misuse: A chunk is not ours.
            LocalStorage: A chunk cannot be opened or cut, or the journal cannot be written.
        """
        state = look(partial.folder, manifest, passed) if partial.was_there else PartialState()
        for number in set(partial.journal.done) - set(state.complete):
            partial.journal.take_back(number)
        return cls(partial, manifest, state, lanes)

    @property
    def size_bytes(self) -> int:
        """Of all chunks together."""
        return self._manifest.size_bytes

    def stored(self) -> list[Stored]:
        """All that is to be put, in the order of the lanes: each waits for its turn.

        A caller takes one after the other in this order, with as many threads as there are lanes or more, and says of
        each by `end_blob` when nothing more comes of it.
        """
        assert self._lanes is not None
        return in_lanes(self._manifest, groups_of(self._manifest), self._lanes.count)

    def end_blob(self, descriptor: Descriptor) -> None:
        """Says that nothing more comes of a blob, whether it was put or not."""
        if self._lanes is not None:
            for members in self._members_of(descriptor):
                for member in members:
                    self._chunk_of(member).end(member)

    def has_blob(self, descriptor: Descriptor) -> bool:
        """Whether an earlier run put it."""
        return descriptor.digest in self._whole

    def partial_blob(self, descriptor: Descriptor) -> PartialBlob | None:
        """How far an earlier run came with it. Told once."""
        return self._halves.pop(descriptor.digest, None)

    def put_blob(self, descriptor: Descriptor, pieces: Pieces) -> None:
        """Writes a blob, or a file of the layout, to its place."""
        places = self._members_of(descriptor)
        for member in (member for members in places for member in members):
            with self._noting:
                self._chunk_of(member).restart(member)
                self._partial.journal.take_back(member.piece.chunk)
        cursors = [_Cursor(members) for members in places]
        self._write(cursors, pieces, descriptor.size_bytes)
        if not descriptor.size_bytes:
            self._await_turn(cursors[0])
            for cursor in cursors:
                self._write_some(cursor, memoryview(b""))

    def resume_blob(self, descriptor: Descriptor, pieces: Pieces, *, offset_bytes: int) -> None:
        """Writes the rest of a blob behind what an earlier run left."""
        (members,) = self._members_of(descriptor)
        self._write([_Cursor(members, offset_bytes)], pieces, descriptor.size_bytes)

    def seal(self, key: PrivateKey | None, *, read_back: ReadBack | None = None) -> tuple[BundleManifest, str]:
        """Finishes the bundle: checksums, signature, everything on the device, one rename.

        Args:
            key: Signs; None for a bundle that is said to be unsigned.
            read_back: As of `StartedFolder.seal`.

        Returns:
            The bundle manifest, and the bundle's id.

        Raises:
            LocalStorage: Something could not be written; the bundle stays partial.
        """
        self._wait_for_followers()
        files = {
            roles.README.file: [readme(self._manifest, key_id=key.id if key else None)],
            roles.MANIFEST.file: bundle_manifest.json_pieces(self._manifest),
        }
        digests = {chunk.name: chunk.digest for chunk in self._chunks}
        return self._manifest, self._partial.seal(files, digests, key, read_back=read_back)

    def close(self) -> None:
        """Lets go of all files, whatever state the bundle is in."""
        with self._ending:
            self._is_closed = True
            self._ending.notify_all()
        try:
            for follower in self._followers:
                follower.outcome()  # the first error is told by who put or sealed
        finally:
            for chunk in self._chunks:
                chunk.close()

    def _places(self, digest: Digest) -> list[Stored]:
        """Where some bytes belong. A blob may have those of a file of the layout."""
        files = [file for file in self._manifest.files if file.digest == digest]
        return files + ([self._blobs[digest]] if digest in self._blobs else [])

    def _members_of(self, descriptor: Descriptor) -> list[list[ChunkMember]]:
        return [members_of(stored, self._manifest.archive) for stored in self._places(descriptor.digest)]

    def _chunk_of(self, member: ChunkMember) -> ChunkFile:
        return self._chunks[member.piece.chunk - 1]

    def _write(self, cursors: list[_Cursor], pieces: Pieces, size_bytes: int) -> None:
        """Writes a blob to its places. It waits for its turn at the first; where else it lies, nobody is waited for.

        A small blob is there when its turn comes. A large one is asked for shortly before.
        """
        first = cursors[0]
        if self._lanes is not None and size_bytes > PIECE_BYTES and first.is_at_begin:
            self._chunk_of(first.member).await_near(first.member)
        for piece in pieces:
            for cursor in cursors:
                view = memoryview(piece)
                while len(view):
                    if cursor is first:
                        self._await_turn(cursor)
                    view = self._write_some(cursor, view)

    def _await_turn(self, cursor: _Cursor) -> None:
        if self._lanes is not None and cursor.is_at_begin:
            self._chunk_of(cursor.member).await_turn(cursor.member)

    def _write_some(self, cursor: _Cursor, view: memoryview) -> memoryview:
        """Writes as much as belongs to the member at the cursor, with its framing; returns the rest."""
        if self._failure:
            raise self._failure
        member = cursor.member
        now, rest = view[: cursor.left_bytes], view[cursor.left_bytes :]
        buffers: list[bytes | memoryview] = [now]
        offset = member.data_end - cursor.left_bytes
        if offset == member.piece.offset_bytes:
            buffers.insert(0, member.header)
            offset = member.header_offset
        cursor.advance(len(now))
        if not cursor.left_bytes:
            buffers.append(member.padding)
            cursor.next_member()
        self._chunk_of(member).write(member, buffers, offset)
        return rest

    def _wait_for_followers(self) -> None:
        if not self._failure and not all(chunk.is_complete for chunk in self._chunks):
            raise RuntimeError("sealed before every blob was put")
        with self._ending:
            self._is_sealing = True
            self._ending.notify_all()
        for follower in self._followers:
            follower.join()
        if self._failure:
            raise self._failure

    def _follow(self, work: Callable[[ChunkFile], bool]) -> None:
        """Does some work on all chunks, again and again as they fill, until the last blob was put and all is done."""
        try:
            while not self._is_closed and not self._failure:
                is_sealing = self._is_sealing
                unfinished = [chunk for chunk in self._chunks if not work(chunk)]
                if is_sealing and not unfinished:
                    return
                with self._ending:
                    self._ending.wait(_WAIT_SECONDS)
        except BundlerError as error:
            self._failure = error

    def _hash_chunks(self) -> None:
        buffer = new_buffer(PIECE_BYTES)

        def work(chunk: ChunkFile) -> bool:
            chunk.hash_ready(buffer)
            return chunk.is_hashed

        self._follow(work)

    def _flush_chunks(self) -> None:
        def work(chunk: ChunkFile) -> bool:
            chunk.flush()
            if chunk.is_flushed:
                self._note_done(chunk)
            return chunk.is_flushed

        self._follow(work)

    def _note_done(self, chunk: ChunkFile) -> None:
        number = chunk.members[0].piece.chunk
        with self._noting:
            # It may have been restarted meanwhile; then nothing is written to it before that stands in the journal.
            if chunk.is_flushed and number not in self._partial.journal.done:
                self._partial.folder.sync()
                size_bytes = self._manifest.chunks[number - 1].size_bytes
                self._partial.journal.note_done(number, DoneChunk(size_bytes, chunk.digest))


def _chunk_files(
    partial: StartedFolder, manifest: BundleManifest, state: PartialState, lanes: Lanes | None
) -> list[ChunkFile]:
    # With one lane there is a processor left to hash after the writer; with more, the writers hash what they can.
    is_hashed_at_once = lanes is not None and min(lanes.count, len(groups_of(manifest))) > 1
    has_sparse_files = lanes is None or lanes.has_sparse_files
    files = []
    for number, members in enumerate(members_by_chunk(manifest), start=1):
        file = ChunkFile(
            partial.folder,
            manifest.chunks[number - 1].file,
            members,
            is_hashed_at_once=is_hashed_at_once,
            has_sparse_files=has_sparse_files,
        )
        if number in state.complete:
            file.is_done_already(state.complete[number])
        else:
            file.is_there_up_to(state.written_to.get(number, {}))
        files.append(file)
    return files


class _Cursor:
    """How far a blob has been written, over all members that it lies in."""

    def __init__(self, members: list[ChunkMember], offset_bytes: int = 0) -> None:
        self._members = members
        self._number = next(
            (n for n, m in enumerate(members) if offset_bytes < m.start_bytes + m.piece.length_bytes), 0
        )
        self.left_bytes = self.member.start_bytes + self.member.piece.length_bytes - offset_bytes

    @property
    def member(self) -> ChunkMember:
        return self._members[min(self._number, len(self._members) - 1)]

    @property
    def is_at_begin(self) -> bool:
        """Whether nothing of the member was written yet."""
        return self.left_bytes == self.member.piece.length_bytes

    def advance(self, amount_bytes: int) -> None:
        self.left_bytes -= amount_bytes

    def next_member(self) -> None:
        self._number += 1
        if self._number < len(self._members):
            self.left_bytes = self.member.piece.length_bytes
