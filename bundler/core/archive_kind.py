"""The kinds of archive that a chunk can be: the framing before, between and after the data of its members.

Planner, bundle manifest, writer, reader and check use this interface, so each of them is written once for all kinds.
It is pure arithmetic on names and sizes. FORMAT.md, section 4.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable

from bundler.core import seven_zip_format, tar


class ArchiveKind(ABC):
    """The layout of a chunk: its members and the framing around them."""

    name: str
    """The name in bundle.json and on the command line, and the extension of the chunk's file name."""
    start_bytes: int
    """The length of the framing before the first member."""
    _end_bytes: int

    def header(self, name: str, size_bytes: int) -> bytes:
        """The bytes before the data of a member."""
        del name, size_bytes
        return b""

    def header_bytes(self, name: str, size_bytes: int) -> int:
        """The length of `header`."""
        del name, size_bytes
        return 0

    def padding_bytes(self, size_bytes: int) -> int:
        """The number of zeros after the data of a member."""
        del size_bytes
        return 0

    def member_bytes(self, name: str, size_bytes: int) -> int:
        """The length of a member's header, data and padding together."""
        return self.header_bytes(name, size_bytes) + size_bytes + self.padding_bytes(size_bytes)

    def end_bytes(self, names: Iterable[str]) -> int:
        """The largest length that the end of a chunk with these members may have."""
        return self._end_bytes + sum(map(self.end_bytes_for, names))

    def end_bytes_for(self, name: str) -> int:
        """The length that one more member adds to the end."""
        del name
        return 0

    @abstractmethod
    def is_end(self, length_bytes: int, names: Iterable[str]) -> bool:
        """True if the end of a chunk with these members can have that length."""

    @abstractmethod
    def largest_data(self, name: str, room_bytes: int) -> int:
        """The size of the largest member that fits into some room together with the end of its chunk."""


class _Tar(ArchiveKind):
    name = "tar"
    start_bytes = 0
    _end_bytes = len(tar.END)

    def header(self, name: str, size_bytes: int) -> bytes:
        return tar.header(name, size_bytes)

    def header_bytes(self, name: str, size_bytes: int) -> int:
        return tar.header_bytes(name, size_bytes)

    def padding_bytes(self, size_bytes: int) -> int:
        return tar.padding_bytes(size_bytes)

    def is_end(self, length_bytes: int, names: Iterable[str]) -> bool:
        return length_bytes == self.end_bytes(names)

    def largest_data(self, name: str, room_bytes: int) -> int:
        capacity = room_bytes - len(tar.END)
        return capacity // tar.BLOCK_BYTES * tar.BLOCK_BYTES - tar.header_bytes(name, capacity)


TAR = _Tar()
"""Plain tar archives, which any system can unpack."""


class _SevenZip(ArchiveKind):
    """7z in store mode: the data of all members without framing between them, then a header that names them all."""

    name = "7z"
    start_bytes = seven_zip_format.START_BYTES
    _end_bytes = seven_zip_format.HEADER_BYTES

    def end_bytes_for(self, name: str) -> int:
        return seven_zip_format.header_bytes(name)

    def is_end(self, length_bytes: int, names: Iterable[str]) -> bool:
        return 0 < length_bytes <= self.end_bytes(names)

    def largest_data(self, name: str, room_bytes: int) -> int:
        return room_bytes - self.end_bytes([name])


SEVEN_ZIP = _SevenZip()
"""7z archives that store their members uncompressed, encrypted or not."""

ARCHIVE_KINDS: dict[str, ArchiveKind] = {kind.name: kind for kind in (TAR, SEVEN_ZIP)}
