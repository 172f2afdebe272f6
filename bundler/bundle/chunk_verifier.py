"""Verifies the bytes of one chunk, from first to last, and reports the place of each damage.

The bytes of a blob go through the blob's hash; framing is compared with the expected bytes. It takes bytes and reads
no file. FORMAT.md, section 4.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bundler.bundle.chunk import ChunkMember
from bundler.core import seven_zip_format, tar
from bundler.core.archive_kind import TAR
from bundler.core.digest import Digest, Hasher
from bundler.core.frozen import frozen
from bundler.texts import text


@frozen
class Damage:
    """Damage in a chunk and its place: in a member, or in the framing around the members."""

    message: str
    offset_bytes: int
    length_bytes: int
    member: ChunkMember | None = None
    expected: str | None = None
    actual: str | None = None


class CutBlobs:
    """Blobs that are larger than a chunk, while their chunks are read one after the other.

    The digest of a blob can be compared only after its last part. So the SHA-256 of a chunk shows damage in an earlier
    part, and the digest is compared only if no part was reported as damaged or unreadable.
    """

    def __init__(self) -> None:
        self._hashers: dict[Digest, Hasher] = {}
        self._settled: set[Digest] = set()

    def hasher(self, digest: Digest) -> Hasher:
        """The hash of the parts of the blob that were read so far."""
        return self._hashers.setdefault(digest, digest.hasher())

    def note_reported(self, members: Iterable[ChunkMember]) -> None:
        """Notes parts that could not be read. The caller reports them, so their blobs are reported no more."""
        self._settled.update(member.stored.digest for member in members)

    def is_settled(self, digest: Digest) -> bool:
        """True if the damage of the blob was reported already."""
        return digest in self._settled

    def suspects(self, members: Iterable[ChunkMember]) -> Iterator[Damage]:
        """The parts of cut blobs in a chunk whose SHA-256 is wrong although everything else in it is right."""
        for member in members:
            if len(member.stored.pieces) > 1:
                self._settled.add(member.stored.digest)
                yield _damage(member, None)


class ChunkVerifier:
    """Verifies the framing and the blobs of one chunk."""

    def __init__(self, members: list[ChunkMember], cut: CutBlobs, *, size_bytes: int) -> None:
        """Starts before the first byte.

        Args:
            members: The members of the chunk, in their order.
            cut: The cut blobs of all chunks that are read one after the other.
            size_bytes: The size of the chunk; at the end of its last member, the end of the archive is not checked.
        """
        self.damages: list[Damage] = []
        self._steps = _steps(members, cut, size_bytes)
        self._step = next(self._steps)
        self._position = 0

    def take(self, view: memoryview) -> None:
        """Verifies the next bytes of the chunk."""
        while len(view):
            now = view[: self._step.end - self._position]
            self._step.take(now)
            view = view[len(now) :]
            if self._is_over_after(len(now)):
                return

    def skip(self, length_bytes: int) -> None:
        """Skips the next bytes of the chunk, which cannot be read. Nothing is reported of the member that has them."""
        while length_bytes:
            now = min(length_bytes, self._step.end - self._position)
            self._step.skip(now)
            length_bytes -= now
            if self._is_over_after(now):
                return

    def _is_over_after(self, length_bytes: int) -> bool:
        self._position += length_bytes
        while self._position == self._step.end:
            damage = self._step.finish()
            if damage is not None:
                self.damages.append(damage)
            following = next(self._steps, None)
            if following is None:
                return True
            self._step = following
        return False


def _steps(members: list[ChunkMember], cut: CutBlobs, size_bytes: int) -> Iterator[_Framing | _Data | _Start | _Header]:
    end = members[-1].end
    if members[0].kind is TAR:
        for member in members:
            yield _Framing(member.header, member.header_offset, member)
            yield _Data(member, cut)
            yield _Framing(bytes(member.kind.padding_bytes(member.piece.length_bytes)), member.data_end, member)
        yield _Framing(tar.END, end, None)
        return
    start = _Start()
    yield start
    for member in members:
        yield _Data(member, cut)
    if end < size_bytes:
        yield _Header(start, end, size_bytes)


class _Framing:
    """Bytes that are known in advance."""

    def __init__(self, expected: bytes, begin: int, member: ChunkMember | None) -> None:
        self._expected = expected
        self._begin = begin
        self._member = member
        self._taken = 0
        self._is_damaged = False
        self.end = begin + len(expected)

    def take(self, view: memoryview) -> None:
        self._is_damaged |= view != self._expected[self._taken : self._taken + len(view)]
        self._taken += len(view)

    def skip(self, length_bytes: int) -> None:
        self._taken += length_bytes

    def finish(self) -> Damage | None:
        if not self._is_damaged:
            return None
        what = (
            text("the tar framing of {member} was changed", member=self._member.name)
            if self._member
            else "the end of the tar archive was changed"
        )
        return Damage(what, self._begin, len(self._expected), self._member)


class _Start:
    """The first bytes of a 7z archive. They depend on the last bytes, so they are compared there."""

    def __init__(self) -> None:
        self.content = b""
        self.is_known = True
        self.end = seven_zip_format.START_BYTES

    def take(self, view: memoryview) -> None:
        self.content += view

    def skip(self, length_bytes: int) -> None:
        del length_bytes
        self.is_known = False

    def finish(self) -> Damage | None:
        return None


class _Header:
    """The header at the end of a 7z archive. CRCs cover it and the start of the archive."""

    def __init__(self, start: _Start, begin: int, end: int) -> None:
        self._start = start
        self._begin = begin
        self._content = b""
        self._is_known = True
        self.end = end

    def take(self, view: memoryview) -> None:
        self._content += view

    def skip(self, length_bytes: int) -> None:
        del length_bytes
        self._is_known = False

    def finish(self) -> Damage | None:
        if not self._is_known or not self._start.is_known:
            return None
        return header_damage(self._start.content, self._content, self._begin)


class _Data:
    """A blob, or a part of one."""

    def __init__(self, member: ChunkMember, cut: CutBlobs) -> None:
        self._member = member
        self._cut = cut
        self._is_cut = len(member.stored.pieces) > 1
        digest = member.stored.digest
        self._hasher = cut.hasher(digest) if self._is_cut else digest.hasher()
        self._is_known = True
        self.end = member.data_end

    def take(self, view: memoryview) -> None:
        self._hasher.update(view)

    def skip(self, length_bytes: int) -> None:
        del length_bytes
        self._is_known = False
        self._cut.note_reported([self._member])

    def finish(self) -> Damage | None:
        stored = self._member.stored
        is_at_end = self._member.start_bytes + self._member.piece.length_bytes == stored.size_bytes
        if (
            not self._is_known
            or not is_at_end
            or self._cut.is_settled(stored.digest)
            or self._hasher.hexdigest() == stored.digest.encoded
        ):
            return None
        return _damage(self._member, f"{stored.digest.algorithm}:{self._hasher.hexdigest()}")


def header_damage(start: bytes, header: bytes, offset_bytes: int) -> Damage | None:
    """Returns the damage in the start of a 7z archive or in the header at its end; None if there is none."""
    if seven_zip_format.is_framed(start, header, offset_bytes):
        return None
    if seven_zip_format.header_place(start) != (offset_bytes, len(header)):
        return Damage("the start of the 7z archive is damaged", 0, len(start))
    return Damage("the 7z header is damaged", offset_bytes, len(header))


def _damage(member: ChunkMember, actual: str | None) -> Damage:
    return Damage(
        text("the bytes of {member} are damaged", member=member.name),
        member.piece.offset_bytes,
        member.piece.length_bytes,
        member,
        str(member.stored.digest) if actual else None,
        actual,
    )
