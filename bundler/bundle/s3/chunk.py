"""One chunk while it is written to S3: a multipart upload, whose parts are sent as they fill.

A part is in memory until all of its bytes are there. Bytes for a part that was sent before, by this run or an earlier
one, are not sent again; they are hashed, and must be those that were sent. When all parts are there they become the
object, which is read back by Range: each part must have the SHA-256 that it was sent with. FORMAT.md, section 10.4.
"""

from __future__ import annotations

import hashlib
import threading
from array import array
from bisect import bisect_left
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress

from bundler.bundle.chunk import ChunkMember
from bundler.bundle.chunk_progress import ChunkProgress
from bundler.bundle.s3.botocore_errors import NoUpload, ObjectChanged
from bundler.bundle.s3.client import ObjectFacts, S3Client
from bundler.bundle.s3.part_buffers import PartBuffers
from bundler.bundle.s3.reading_back import OtherBytes, SentSpan, read_back
from bundler.bundle.s3.upload_log import SentPart, UploadLog
from bundler.core import tar
from bundler.core.digest import Hasher
from bundler.core.frozen import frozen, slotted
from bundler.core.limits import PIECE_BYTES, S3_PART_BYTES, S3_PARTS
from bundler.core.s3_path import S3Path
from bundler.errors import BundlerError, Damaged, Refused
from bundler.texts import text
from bundler.workers import BackgroundPool


@frozen
class Sending:
    """The things that the chunks of one bundle share while they are sent.

    Attributes:
        client: The client.
        log: The log of the uploads.
        pool: The threads that send parts.
        is_read_back: True to read each chunk back; False to read back only those of which an earlier run sent parts.
        buffers: The memory of parts.
    """

    client: S3Client
    log: UploadLog
    pool: BackgroundPool
    is_read_back: bool
    buffers: PartBuffers


def part_bytes(size_bytes: int) -> int:
    """The size of the parts of an object of this size, in bytes; the last one is shorter.

    >>> part_bytes(2_000_000_000) == S3_PART_BYTES
    True
    """
    needed = -(-size_bytes // S3_PARTS)
    return max(S3_PART_BYTES, -(-needed // PIECE_BYTES) * PIECE_BYTES)


def are_there(parts: Collection[int], begin: int, end: int, size_bytes: int) -> bool:
    """True if the parts of an object have all bytes between two offsets.

    Args:
        parts: The numbers of the parts that are there; the first is 1.
        begin: The first offset.
        end: The offset after the last byte.
        size_bytes: The size of the object, from which that of its parts follows.
    """
    step = part_bytes(size_bytes)
    return all(number + 1 in parts for number in range(begin // step, -(-end // step)))


@slotted
class _Filling:
    """A part that is not full yet, and the number of bytes that it lacks."""

    content: bytearray
    missing_bytes: int


class S3Chunk(ChunkProgress):
    """One chunk that is written to S3."""

    def __init__(
        self, sending: Sending, path: S3Path, members: Sequence[ChunkMember], parts: Mapping[int, SentPart]
    ) -> None:
        """Plans the object; the first full part begins its upload.

        Args:
            sending: Shared by all chunks.
            path: The object.
            members: The members of the chunk, in the order of their places.
            parts: The parts that an earlier run sent and that S3 still has.
        """
        super().__init__(path.name, members)
        self._sending = sending
        self._path = path
        self._size_bytes = self._end + len(tar.END)
        self._part_bytes = part_bytes(self._size_bytes)
        self._filling: dict[int, _Filling] = {}
        self._parts = dict(parts)
        self._taken = set(parts)
        """The numbers of the parts that are sent, or are being sent now."""
        self._rewritten: dict[int, Hasher] = {}
        """The hashes of bytes that came for parts which were taken before."""
        self._hasher: Hasher | None = None if parts else hashlib.sha256()
        """Of the bytes that came in order, so far; None if that is no use any more."""
        self._hashed_bytes = 0
        self._digest = ""
        self._failure: BaseException | None = None
        self._changed = threading.Condition(self._lock)
        """Notified when a part is sent, or has failed."""
        self._is_object = sending.log.of(self.name).etag is not None
        self._is_ours = True
        """False if the object was there when this run wanted to make it: it may be that of another writer."""

    @property
    def digest(self) -> str:
        """The SHA-256 of the whole object, in hex."""
        assert self.is_hashed
        return self._digest

    def is_done_already(self, digest: str) -> None:
        """Takes over an object that an earlier run has read back."""
        self._written_to = array("q", (member.end for member in self.members))
        self._digest = digest
        self.is_hashed = self.is_flushed = True

    def restart(self, member: ChunkMember) -> None:
        """Forgets the bytes of a member in parts that are not full; those in others are compared with what comes."""
        number = self._number_of(member)
        self._turns.begin_again(number)
        with self._lock:
            end = self._written_to[number]
            for part, begin, stop in self._spans(member.header_offset, end):
                if part in self._filling:
                    self._filling[part].missing_bytes += stop - begin
                self._rewritten.pop(part, None)
            self._written_to[number] = member.header_offset
            self._first_open = min(self._first_open, number)
            if end > member.header_offset:
                self._hasher = None
            self.is_hashed = self.is_flushed = False

    def write(self, buffers: Sequence[bytes | memoryview], offset_bytes: int) -> None:
        """Fills parts; gives full ones to the threads that send them."""
        full: list[tuple[int, bytearray]] = []
        at, place = offset_bytes, self._number_at(offset_bytes)
        with self._lock:
            self._check_failure()
            for buffer in buffers:
                full += self._fill(self.members[place], memoryview(buffer), at)
                self._hash_in_order(buffer, at)
                at += len(buffer)
            self._written_to[place] = at
        for number, content in full:
            self._send(number, content)
        self._note_written(place, at)

    def hash_ready(self, buffer: memoryview) -> None:
        """Does nothing: bytes are hashed when they come, and when the object is read back."""

    def flush(self) -> None:
        """When all members are there: waits for their parts, makes the object of them, and reads it back."""
        if self.is_flushed or not self._is_sent() or not self._is_as_sent():
            return
        if not self._is_object:
            self._make_object()
        with self._lock:
            known = self._hasher if self._hashed_bytes == self._end else None
        if known is not None:
            known.update(tar.END)
        if known is None or self._sending.is_read_back or not self._is_ours:
            known = self._read_back(known)
        self._digest = known.hexdigest()
        with self._lock:
            self.is_hashed = self.is_flushed = self._is_as_sent()

    def close(self) -> None:
        """Frees the parts that are not full. The upload stays, for the next run."""
        with self._lock:
            self._filling.clear()

    # Parts

    def _spans(self, begin: int, end: int) -> Iterator[tuple[int, int, int]]:
        """The parts between two offsets: each with its number and the offsets in the object."""
        while begin < end:
            number = begin // self._part_bytes + 1
            stop = min(end, number * self._part_bytes)
            yield number, begin, stop
            begin = stop

    def _begin_of(self, number: int) -> int:
        return (number - 1) * self._part_bytes

    def _end_of(self, number: int) -> int:
        return min(self._size_bytes, number * self._part_bytes)

    def _fill(self, member: ChunkMember, view: memoryview, at: int) -> Iterator[tuple[int, bytearray]]:
        """Puts bytes into their parts; yields those that are full now."""
        for number, begin, stop in self._spans(at, at + len(view)):
            now = view[begin - at : stop - at]
            if number in self._taken:
                if member.header_offset == self._last_member_in(number).header_offset:
                    self._rewritten.setdefault(number, hashlib.sha256()).update(now)
                continue
            part = self._filling.get(number) or self._new_part(number)
            self._filling[number] = part
            first = begin - self._begin_of(number)
            part.content[first : first + len(now)] = now
            part.missing_bytes -= len(now)
            if not part.missing_bytes:
                yield number, self._take(number)

    def _new_part(self, number: int) -> _Filling:
        """A part to fill. One with the end of the tar has zeros, because no other bytes come after the members."""
        begin, end = self._begin_of(number), self._end_of(number)
        is_filled = end <= self._end
        content = self._sending.buffers.take(end - begin) if is_filled else bytearray(end - begin)
        return _Filling(content, max(0, min(end, self._end) - begin))

    def _take(self, number: int) -> bytearray:
        self._taken.add(number)
        return self._filling.pop(number).content

    def _parts_after_members(self) -> list[tuple[int, bytearray]]:
        """The parts that only have the end of the tar."""
        count = -(-self._size_bytes // self._part_bytes)
        assert not self._filling, "all members are written"
        numbers = [number for number in range(1, count + 1) if number not in self._taken]
        self._taken.update(numbers)
        return [(number, self._new_part(number).content) for number in numbers]

    def _last_member_in(self, number: int) -> ChunkMember:
        return self.members[max(0, bisect_left(self._begins, self._end_of(number)) - 1)]

    def _tail_in(self, number: int, content: bytearray, sha256: bytes) -> bytes:
        member, begin = self._last_member_in(number), self._begin_of(number)
        first, stop = max(0, member.header_offset - begin), max(0, min(member.end - begin, len(content)))
        if (first, stop) == (0, len(content)):
            return sha256
        return hashlib.sha256(memoryview(content)[first:stop]).digest()

    def _hash_in_order(self, buffer: bytes | memoryview, at: int) -> None:
        if self._hasher is not None and at == self._hashed_bytes:
            self._hasher.update(buffer)
            self._hashed_bytes += len(buffer)

    # Sending

    def _is_sent(self) -> bool:
        """True if S3 has all parts: those that are missing are sent, and it is waited for those on their way."""
        with self._lock:
            self._check_failure()
            last = self._parts_after_members() if self.is_complete and not self._is_object else []
        for number, content in last:
            self._send(number, content)
        with self._changed:
            while self.is_complete and self._failure is None and self._taken != self._parts.keys():
                self._changed.wait()
            self._check_failure()
            return self.is_complete  # a member that failed may be written again now

    def _send(self, number: int, content: bytearray) -> None:
        def work() -> None:
            try:
                sha256 = hashlib.sha256(content).digest()
                tail = self._tail_in(number, content, sha256)
                etag = self._sending.client.upload_part(self._path, self._upload(), number, content, sha256)
                part = SentPart(etag, sha256, tail)
                self._sending.log.note_part(self.name, number, part)
                with self._changed:
                    self._parts[number] = part
                    self._changed.notify_all()
                self._sending.buffers.give_back(content)
            except BaseException as error:  # the writers and the flusher raise it
                self._note_failure(error)

        try:
            self._sending.pool.give(work)
        except BundlerError as error:  # the flusher may wait for this part
            self._note_failure(error)
            raise

    def _upload(self) -> str:
        """The id of the upload, which begins with its first part."""
        with self._lock:
            upload = self._sending.log.of(self.name).upload
            if upload is None:
                upload = self._sending.client.begin_upload(self._path)
                self._sending.log.note_upload(self.name, upload)
            return upload

    def _note_failure(self, error: BaseException) -> None:
        with self._changed:
            self._failure = error
            self._changed.notify_all()

    def _check_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _is_as_sent(self) -> bool:
        """True if all bytes that came again are those that were sent; False if some are still to come.

        Raises:
            Damaged: They are others. The chunk is sent again by the next run.
        """
        with self._lock:
            if not self.is_complete:
                return False
            for number, hasher in self._rewritten.items():
                if hasher.hexdigest() != self._parts[number].tail.hex():
                    self._give_up()
                    raise Damaged(
                        "a blob has other bytes now than when its first part was sent",
                        subject=text("{path} at offset {offset}", path=self._path, offset=self._begin_of(number)),
                        hint="run the same command again: the chunk is sent again",
                    )
            self._rewritten.clear()
            return True

    def _make_object(self) -> None:
        upload = self._upload()
        parts = {number: (part.etag, part.sha256) for number, part in self._parts.items()}
        try:
            self._sending.client.complete(self._path, upload, parts)
        except (NoUpload, ObjectChanged) as error:
            self._take_over(error)
        facts = self._sending.client.facts(self._path)
        self._sending.log.note_object(self.name, facts.etag if facts else "")
        self._is_object = True

    def _take_over(self, error: BundlerError) -> None:
        """Takes the object that is there, if an answer got lost after S3 had made it: it is read back in any case.

        Raises:
            Refused: It is the object of another writer.
        """
        facts = self._sending.client.facts(self._path)
        self._is_ours = False
        if facts is not None and facts.size_bytes == self._size_bytes:
            return
        raise self._not_ours(facts) from error

    def _not_ours(self, facts: ObjectFacts | None) -> Refused:
        return Refused(
            "there is an object that this export did not write",
            subject=str(self._path),
            expected=text("no object"),
            actual=text("{size:,} bytes", size=facts.size_bytes) if facts else text("no upload either"),
            hint="choose another -o s3://BUCKET/PREFIX or --name; nothing was overwritten",
        )

    def _read_back(self, known: Hasher | None) -> Hasher:
        """Reads the object, and compares its parts; returns the hash of the whole object, which may be known.

        Raises:
            Damaged: A part is not as it was sent. The next run sends the chunk again.
            Refused, Unavailable: It cannot be read.
        """
        sent = [
            SentSpan(self._begin_of(number), self._end_of(number), part.sha256)
            for number, part in sorted(self._parts.items())
        ]
        whole = known or hashlib.sha256()
        other = read_back(self._path, sent, whole=whole if known is None else None)
        if other is not None:
            raise self._returned_other(other)
        return whole

    def _returned_other(self, other: OtherBytes) -> BundlerError:
        if not self._is_ours:
            return self._not_ours(self._sending.client.facts(self._path))
        self._give_up()
        return Damaged(
            "S3 returns other bytes than were sent",
            subject=text("{path} at offset {offset}", path=self._path, offset=other.part.begin),
            expected=other.part.sha256.hex(),
            actual=other.actual.hex(),
            hint="run the same command again: the chunk is sent again",
        )

    def _give_up(self) -> None:
        """Forgets all that was sent, so that the next run sends it again. S3 frees it."""
        upload = self._sending.log.of(self.name).upload
        self._sending.log.forget(self.name)
        with suppress(BundlerError):  # the first error counts
            if self._is_object:
                self._sending.client.delete(self._path)
            elif upload is not None:
                self._sending.client.abort(self._path, upload)
