"""How one chunk lies on disk: tar members one behind the other, then two blocks of zeros. FORMAT.md, section 4.

Every byte of a chunk follows from the bundle manifest and the blobs, so that writer, reader and check agree by
construction, and a lost chunk can be made again.
"""

from __future__ import annotations

from dataclasses import dataclass

from bundler.core import tar
from bundler.core.manifest import BundleManifest, Piece, Stored


@dataclass(frozen=True, slots=True)
class Member:
    """One member of a chunk: a piece of something stored, in its tar framing. Offsets are those in the chunk."""

    name: str
    stored: Stored
    piece: Piece
    start_bytes: int
    """Where the piece begins within what is stored."""

    @property
    def header(self) -> bytes:
        """The bytes before the data."""
        return tar.header(self.name, self.piece.length_bytes)

    @property
    def header_offset(self) -> int:
        """Where the member begins."""
        return self.piece.offset_bytes - tar.header_bytes(self.name, self.piece.length_bytes)

    @property
    def data_end(self) -> int:
        """Where the data ends."""
        return self.piece.offset_bytes + self.piece.length_bytes

    @property
    def padding(self) -> bytes:
        """The zeros behind the data."""
        return bytes(tar.padding_bytes(self.piece.length_bytes))

    @property
    def end(self) -> int:
        """Where the next member begins."""
        return self.data_end + tar.padding_bytes(self.piece.length_bytes)


def members_of(stored: Stored) -> list[Member]:
    """The members that something lies in, in its own order."""
    members = []
    start = 0
    for number, piece in enumerate(stored.pieces):
        members.append(Member(stored.member_name(number), stored, piece, start))
        start += piece.length_bytes
    return members


def members_by_chunk(manifest: BundleManifest) -> list[list[Member]]:
    """The members of each chunk, in their order there."""
    chunks: list[list[Member]] = [[] for _ in manifest.chunks]
    for stored in manifest.stored():
        for member in members_of(stored):
            chunks[member.piece.chunk - 1].append(member)
    for members in chunks:
        members.sort(key=lambda member: member.header_offset)
    return chunks
