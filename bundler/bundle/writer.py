"""Writes a bundle of tars: a sink that knows the place of each byte in advance.

Workers write blobs straight to their final places: in lanes, if the plan has them, else in any order. Two background
threads work on the written bytes. One takes the SHA-256 of bytes that were not hashed when they were written, from the
page cache. The other flushes them to the device, and notes complete chunks in the journal. Until it is sealed, the
bundle is the folder ``NAME.partial``; sealing is one rename. An interrupted run is resumed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping

from bundler.bundle.bundle_place import ReadBack, StartedPlace
from bundler.bundle.chunk import ChunkMember, groups_of, members_by_chunk, members_of
from bundler.bundle.chunk_progress import ChunkProgress
from bundler.bundle.lanes import Lanes, in_lanes
from bundler.bundle.partial_state import PartialState
from bundler.bundle.readme import NO_PARITY, NO_RECORDS, Records, readme
from bundler.bundle.signing import PrivateKey
from bundler.bundle.tool import NO_TOOL, Tool
from bundler.core import manifest as bundle_manifest, roles
from bundler.core.digest import Digest
from bundler.core.journal import DoneChunk
from bundler.core.limits import PIECE_BYTES
from bundler.core.manifest import BundleManifest, Piece, Stored
from bundler.core.oci import Descriptor
from bundler.core.protocols import PartialBlob, Passed, Pieces
from bundler.errors import BundlerError
from bundler.system.buffers import new_buffer
from bundler.workers import BackgroundThread

_WAIT_SECONDS = 0.1
"""The pause of the background threads between two passes. A wake-up for every piece would be a thousand wake-ups a
second, which would slow the writers down."""


class BundleWriter:
    """A bundle that is being written. Thread-safe as a sink; `seal` and `close` are for one thread."""

    def __init__(
        self,
        partial: StartedPlace,
        manifest: BundleManifest,
        state: PartialState,
        lanes: Lanes | None = None,
        *,
        only: Collection[int] | None = None,
    ) -> None:
        """Starts the two background threads; does nothing else.

        Args:
            partial: The partial bundle.
            manifest: The plan.
            state: The partial state of an earlier run.
            lanes: The lanes, if callers keep to the order of `stored`; None for any order.
            only: The numbers of the chunks to write; None for all. Parts of a blob in other chunks are skipped.
        """
        self._partial = partial
        self._manifest = manifest
        self._lanes = lanes
        self._only = frozenset(range(1, len(manifest.chunks) + 1) if only is None else only)
        self._blobs = {blob.stored.digest: blob.stored for blob in manifest.blobs}
        self._whole = frozenset(state.whole)
        self._partial_blobs = dict(state.partial_blobs)
        self._chunks = _chunk_files(partial, manifest, state, lanes, self._only)
        self.resumed_bytes = sum(each.offset_bytes for each in state.partial_blobs.values()) + sum(
            self._places(digest)[0].size_bytes for digest in state.whole
        )
        """The number of bytes of blobs that an earlier run wrote."""
        self._ending = threading.Condition()
        """Notified when the last blob was put, and at `close`."""
        self._noting = threading.Lock()
        """Held while the journal and the state of a chunk are made consistent."""
        self._is_sealing = self._is_closed = False
        self._failure: BundlerError | None = None
        self._background = [
            BackgroundThread(self._hash_chunks, name="chunk-hasher"),
            BackgroundThread(self._flush_chunks, name="flusher"),
        ]

    @classmethod
    def resuming(
        cls,
        partial: StartedPlace,
        manifest: BundleManifest,
        passed: Passed,
        lanes: Lanes | None = None,
        *,
        only: Collection[int] | None = None,
    ) -> BundleWriter:
        """Returns a writer that keeps the correct bytes of an earlier run. All of them are read and hashed.

        Args:
            partial: The partial bundle.
            manifest: The plan.
            passed: Receives every number of bytes that was read; its errors pass through.
            lanes: As of the constructor.
            only: As of the constructor.

        Raises:
            Misuse: A chunk is not ours.
            LocalStorage: A chunk cannot be opened or truncated, or the journal cannot be written.
        """
        state = partial.state_of(manifest, passed, only=only)
        for number in set(partial.journal.done) - set(state.complete):
            partial.journal.take_back(number)
        return cls(partial, manifest, state, lanes, only=only)

    @property
    def size_bytes(self) -> int:
        """The size of all chunks together."""
        return self._manifest.size_bytes

    def stored(self) -> list[Stored]:
        """All blobs and files that must be put, in the order of the lanes: each waits for its turn.

        A caller takes them in this order, with as many threads as there are lanes or more. It calls `end_blob` for each
        when nothing more comes of it.
        """
        assert self._lanes is not None
        groups = sorted(groups_of(self._manifest), key=self._only.isdisjoint)  # the written ones fill all lanes
        everything = in_lanes(self._manifest, groups, self._lanes.count)
        return [each for each in everything if any(map(self._is_written, self._pieces_of(each.digest)))]

    def end_blob(self, descriptor: Descriptor) -> None:
        """Notes that nothing more comes of a blob, even if it was not put."""
        if self._lanes is not None:
            for members in self._members_of(descriptor):
                for member in filter(self._is_written_member, members):
                    self._chunk_of(member).end(member)

    def has_blob(self, descriptor: Descriptor) -> bool:
        """True if an earlier run put it."""
        return descriptor.digest in self._whole

    def partial_blob(self, descriptor: Descriptor) -> PartialBlob | None:
        """The partial state of a blob from an earlier run. Only the first call returns it."""
        return self._partial_blobs.pop(descriptor.digest, None)

    def put_blob(self, descriptor: Descriptor, pieces: Pieces) -> None:
        """Writes a blob, or a file of the layout, to its place."""
        places = self._members_of(descriptor)
        for member in filter(self._is_written_member, (member for members in places for member in members)):
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
        """Writes the rest of a blob after the bytes of an earlier run."""
        (members,) = self._members_of(descriptor)
        self._write([_Cursor(members, offset_bytes)], pieces, descriptor.size_bytes)

    def seal(
        self,
        key: PrivateKey | None,
        *,
        tool: Tool = NO_TOOL,
        read_back: ReadBack | None = None,
        parity: Mapping[str, str] = NO_PARITY,
        records: Records = NO_RECORDS,
    ) -> tuple[BundleManifest, str]:
        """Finishes the bundle: checksums, signature, everything on the device, one rename.

        Args:
            key: The key that signs; None for a bundle that is explicitly unsigned.
            tool: The tool that comes along.
            read_back: As of `StartedPlace.seal`.
            parity: The SHA-256 of the parity files that are in the folder, in hex, by name.
            records: The records that come along, by the names of their files.

        Returns:
            The bundle manifest, and the bundle's id.

        Raises:
            BundlerError: As of `StartedPlace.seal`; the bundle stays partial.
        """
        digests = self.finish()
        files = {
            roles.README.file: [readme(self._manifest, key_id=key.id if key else None, tool=tool, parity=parity)],
            roles.MANIFEST.file: bundle_manifest.json_pieces(self._manifest),
            **{name: [content] for name, content in records.items()},
        }
        return self._manifest, self._partial.seal(files, {**digests, **parity}, key, tool=tool, read_back=read_back)

    def finish(self) -> dict[str, str]:
        """Waits until every chunk is on the device; returns the SHA-256 of each that is written, in hex, by file name.

        Raises:
            LocalStorage: A chunk could not be written.
        """
        self._wait_for_background()
        return {chunk.name: chunk.digest for number, chunk in enumerate(self._chunks, start=1) if number in self._only}

    def close(self) -> None:
        """Closes all files, in any state of the bundle."""
        with self._ending:
            self._is_closed = True
            self._ending.notify_all()
        try:
            for thread in self._background:
                thread.outcome()  # `put_blob` or `seal` has raised the first error
        finally:
            for chunk in self._chunks:
                chunk.close()

    def _places(self, digest: Digest) -> list[Stored]:
        """The places of some bytes. A blob may have the same bytes as a file of the layout."""
        files = [file for file in self._manifest.files if file.digest == digest]
        return files + ([self._blobs[digest]] if digest in self._blobs else [])

    def _pieces_of(self, digest: Digest) -> list[Piece]:
        return [piece for stored in self._places(digest) for piece in stored.pieces]

    def _is_written(self, piece: Piece) -> bool:
        return piece.chunk in self._only

    def _is_written_member(self, member: ChunkMember) -> bool:
        return self._is_written(member.piece)

    def _members_of(self, descriptor: Descriptor) -> list[list[ChunkMember]]:
        return [members_of(stored, self._manifest.archive) for stored in self._places(descriptor.digest)]

    def _chunk_of(self, member: ChunkMember) -> ChunkProgress:
        return self._chunks[member.piece.chunk - 1]

    def _write(self, cursors: list[_Cursor], pieces: Pieces, size_bytes: int) -> None:
        """Writes a blob to its places. It waits for its turn at the first place only.

        A small blob is read before its turn. A large one is requested shortly before its turn.
        """
        first = cursors[0]
        is_ordered = self._lanes is not None and self._is_written_member(first.member)
        if is_ordered and size_bytes > PIECE_BYTES and first.is_at_begin:
            self._chunk_of(first.member).await_near(first.member)
        for piece in pieces:
            for cursor in cursors:
                view = memoryview(piece)
                while len(view):
                    if cursor is first:
                        self._await_turn(cursor)
                    view = self._write_some(cursor, view)

    def _await_turn(self, cursor: _Cursor) -> None:
        if self._lanes is not None and cursor.is_at_begin and cursor.chunk in self._only:
            self._chunks[cursor.chunk - 1].await_turn(cursor.member)

    def _write_some(self, cursor: _Cursor, view: memoryview) -> memoryview:
        """Writes the bytes of the member at the cursor, with its framing; returns the rest."""
        if self._failure:
            raise self._failure
        member, chunk, offset = cursor.member, cursor.chunk, cursor.offset_bytes
        now, rest = view[: cursor.left_bytes], view[cursor.left_bytes :]
        buffers: list[bytes | memoryview] = [now]
        if chunk in self._only:
            if cursor.is_at_begin:
                buffers.insert(0, member.header)
                offset = member.header_offset
            if len(now) == cursor.left_bytes:
                buffers.append(member.padding)
        cursor.pass_over(len(now))
        if chunk in self._only:
            self._chunks[chunk - 1].write(buffers, offset)
        return rest

    def _wait_for_background(self) -> None:
        if not self._failure and not all(chunk.is_complete for chunk in self._chunks):
            raise RuntimeError("sealed before every blob was put")
        with self._ending:
            self._is_sealing = True
            self._ending.notify_all()
        for thread in self._background:
            thread.join()
        if self._failure:
            raise self._failure

    def _follow(self, work: Callable[[ChunkProgress], bool]) -> None:
        """Works on all chunks, again and again as they fill, until the last blob was put and all are done."""
        left = len(self._chunks)
        try:
            while not self._is_closed and not self._failure:
                is_sealing = self._is_sealing
                unfinished = [chunk for chunk in self._chunks if not work(chunk)]
                with self._ending:
                    if len(unfinished) < left:
                        self._ending.notify_all()  # the other thread may wait for these chunks
                    left = len(unfinished)
                    if is_sealing and not unfinished:
                        return
                    if is_sealing is self._is_sealing:  # else all may be there by now
                        self._ending.wait(_WAIT_SECONDS)
        except BundlerError as error:
            self._failure = error

    def _hash_chunks(self) -> None:
        buffer = new_buffer(PIECE_BYTES)

        def work(chunk: ChunkProgress) -> bool:
            chunk.hash_ready(buffer)
            return chunk.is_hashed

        self._follow(work)

    def _flush_chunks(self) -> None:
        def work(chunk: ChunkProgress) -> bool:
            chunk.flush()
            if chunk.is_flushed and chunk.members[0].piece.chunk in self._only:
                self._note_done(chunk)
            return chunk.is_flushed

        self._follow(work)

    def _note_done(self, chunk: ChunkProgress) -> None:
        number = chunk.members[0].piece.chunk
        with self._noting:
            # The chunk may have been restarted since the flush. The journal entry is removed before a restarted
            # chunk is written, so this check under the lock is enough.
            if chunk.is_flushed and number not in self._partial.journal.done:
                self._partial.sync()
                size_bytes = self._manifest.chunks[number - 1].size_bytes
                self._partial.journal.note_done(number, DoneChunk(size_bytes, chunk.digest))


def _chunk_files(
    partial: StartedPlace,
    manifest: BundleManifest,
    state: PartialState,
    lanes: Lanes | None,
    only: Collection[int],
) -> list[ChunkProgress]:
    # With one lane there is a processor left to hash after the writer; with more, the writers hash what they can.
    is_hashed_at_once = lanes is not None and min(lanes.count, len(groups_of(manifest))) > 1
    has_sparse_files = lanes is None or lanes.has_sparse_files
    files = []
    for number, members in enumerate(members_by_chunk(manifest), start=1):
        file = partial.new_chunk(
            manifest.chunks[number - 1].file,
            members,
            is_hashed_at_once=is_hashed_at_once,
            has_sparse_files=has_sparse_files,
        )
        if number in state.complete or number not in only:
            file.is_done_already(state.complete.get(number, ""))
        else:
            file.is_there_up_to(state.written_to.get(number, {}))
        files.append(file)
    return files


class _Cursor:
    """The position in a blob that is being written, over all its members. It keeps what each piece needs."""

    def __init__(self, members: list[ChunkMember], offset_bytes: int = 0) -> None:
        self._members = members
        self._number = next(
            (n for n, m in enumerate(members) if offset_bytes < m.start_bytes + m.piece.length_bytes), 0
        )
        self._come_to(members[self._number])
        self._go_on(offset_bytes - self.member.start_bytes)

    def _come_to(self, member: ChunkMember) -> None:
        piece = member.piece
        self.member = member
        self.chunk = piece.chunk
        """The number of the chunk of the member."""
        self.left_bytes = piece.length_bytes
        self.offset_bytes = piece.offset_bytes
        """The place in the chunk of the next byte."""
        self.is_at_begin = True
        """True if nothing of the member was written yet."""

    def _go_on(self, amount_bytes: int) -> None:
        self.left_bytes -= amount_bytes
        self.offset_bytes += amount_bytes
        self.is_at_begin = self.is_at_begin and not amount_bytes

    def pass_over(self, amount_bytes: int) -> None:
        """Goes on by some bytes of the member, and after its last byte to the next member."""
        self._go_on(amount_bytes)
        if not self.left_bytes and self._number + 1 < len(self._members):
            self._number += 1
            self._come_to(self._members[self._number])
