"""The layout of one chunk on disk: its members in sequence, and the bytes around them. FORMAT.md, section 4.

Every byte of a chunk follows from the bundle manifest and the blobs. So writer, reader and check agree by
construction, and a lost chunk can be made again.
"""

from __future__ import annotations

from bundler.core.archive_kind import ArchiveKind
from bundler.core.frozen import frozen
from bundler.core.manifest import BundleManifest, Piece, Stored


@frozen
class ChunkMember:
    """One member of a chunk: a piece of a blob or file, in its framing. Offsets count from the start of the chunk."""

    stored: Stored
    number: int
    """The number of the piece, counted from 0."""
    start_bytes: int
    """The offset of the piece in the blob or file."""
    kind: ArchiveKind

    @property
    def piece(self) -> Piece:
        """The place of the data."""
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
        """The offset of the first byte of the member."""
        return self.piece.offset_bytes - self.kind.header_bytes(self.name, self.piece.length_bytes)

    @property
    def data_end(self) -> int:
        """The offset after the last byte of the data."""
        return self.piece.offset_bytes + self.piece.length_bytes

    @property
    def padding(self) -> bytes:
        """The zeros after the data."""
        return bytes(self.kind.padding_bytes(self.piece.length_bytes))

    @property
    def end(self) -> int:
        """The offset of the next member."""
        return self.data_end + self.kind.padding_bytes(self.piece.length_bytes)


def members_of(stored: Stored, kind: ArchiveKind) -> list[ChunkMember]:
    """The members that hold a blob or file, in its own order."""
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
        # An empty member has no data of its own, so its offset alone does not order it.
        members.sort(key=lambda member: (member.header_offset, member.end))
    return chunks


def groups_of(manifest: BundleManifest) -> list[list[int]]:
    """Groups of chunk numbers. One worker processes a group in order, because cut blobs join its chunks."""
    groups: list[list[int]] = []
    for number, members in enumerate(members_by_chunk(manifest), start=1):
        if groups and any(member.start_bytes for member in members):
            groups[-1].append(number)
        else:
            groups.append([number])
    return groups
