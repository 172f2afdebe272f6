"""How one chunk lies on disk: members one behind the other, and what surrounds them. FORMAT.md, section 4.

Every byte of a chunk follows from the bundle manifest and the blobs, so that writer, reader and check agree by
construction, and a lost chunk can be made again.
"""

from __future__ import annotations

from dataclasses import dataclass

from bundler.core.archive_kind import ArchiveKind
from bundler.core.manifest import BundleManifest, Piece, Stored


@dataclass(frozen=True, slots=True)
class ChunkMember:
    """One member of a chunk: a piece of something stored, in its framing. Offsets are those in the chunk."""

    stored: Stored
    number: int
    """Of the piece, counted from 0."""
    start_bytes: int
    """Where the piece begins within what is stored."""
    kind: ArchiveKind

    @property
    def piece(self) -> Piece:
        """Where the data lies."""
        return self.stored.pieces[self.number]

    @property
    def name(self) -> str:
        """The member's path in the archive."""
        return self.stored.member_name(self.number)

    @property
    def header(self) -> bytes:
        """The bytes before the data."""
        return self.kind.header(self.name, self.piece.length_bytes)

    @property
    def header_offset(self) -> int:
        """Where the member begins."""
        return self.piece.offset_bytes - self.kind.header_bytes(self.name, self.piece.length_bytes)

    @property
    def data_end(self) -> int:
        """Where the data ends."""
        return self.piece.offset_bytes + self.piece.length_bytes

    @property
    def padding(self) -> bytes:
        """The zeros behind the data."""
        return bytes(self.kind.padding_bytes(self.piece.length_bytes))

    @property
    def end(self) -> int:
        """Where the next member begins."""
        return self.data_end + self.kind.padding_bytes(self.piece.length_bytes)


def members_of(stored: Stored, kind: ArchiveKind) -> list[ChunkMember]:
    """The members that something lies in, in its own order."""
    members = []
    start = 0
    for number, piece in enumerate(stored.pieces):
        members.append(ChunkMember(stored, number, start, kind))
        start += piece.length_bytes
    return members


def members_by_chunk(manifest: BundleManifest) -> list[list[ChunkMember]]:
    """The members of each chunk, in their order there."""
    chunks: list[list[ChunkMember]] = [[] for _ in manifest.chunks]
    for stored in manifest.stored():
        for member in members_of(stored, manifest.archive):
            chunks[member.piece.chunk - 1].append(member)
    for members in chunks:
        members.sort(key=lambda member: (member.header_offset, member.end))  # what is empty has no place of its own
    return chunks


def groups_of(manifest: BundleManifest) -> list[list[int]]:
    """Chunk numbers that must be worked through in their order, by one worker: a blob that is cut joins its chunks."""
    groups: list[list[int]] = []
    for number, members in enumerate(members_by_chunk(manifest), start=1):
        if groups and any(member.start_bytes for member in members):
            groups[-1].append(number)
        else:
            groups.append([number])
    return groups
