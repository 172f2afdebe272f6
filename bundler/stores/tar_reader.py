"""Reads tar archives that somebody gave us, from a file or from a stream, strictly and without unpacking.

Every byte must be accounted for: known headers only, each name once, the end mark at the end. Links are names
for other members, one hop, and lead nowhere else. `tarfile` is not used: a crafted header sends it into
endless loops, and it takes an archive that was cut between two members for a whole one (CVE-2025-8194, CVE-2025-4517).
"""

from __future__ import annotations

import posixpath
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from bundler.core import tar
from bundler.core.limits import ARCHIVE_MEMBERS, MEMBER_NAME_CHARACTERS, PAX_HEADER_BYTES, PIECE_BYTES
from bundler.core.protocols import Pieces
from bundler.errors import Damaged

_FOLDER = b"5"


class ByteStream(Protocol):
    """Bytes that come one after the other."""

    def read(self, size_bytes: int) -> bytes:
        """The next bytes, as many as there are but not more than asked for; none at the end."""

    def skip(self, size_bytes: int) -> bool:
        """Passes over some bytes; whether there were as many."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive, or a name for one.

    Attributes:
        name: Normalised: no ``./`` in front.
        size_bytes: Of its data; 0 for a link.
        offset_bytes: Where its data begins in the archive.
        link: The name of the member that this is another name for.
    """

    name: str
    size_bytes: int
    offset_bytes: int
    link: str | None = None


class TarReader:
    """One pass over an archive. Iterate, and call `pieces` at most once for the member that came last."""

    def __init__(self, stream: ByteStream, *, what: str) -> None:
        self._stream = stream
        self._what = what
        self._position = 0
        self._unread = self._data_left = 0

    def __iter__(self) -> Iterator[Member]:
        """The members in their order; folders are passed over.

        Raises:
            Damaged: The archive is cut, inconsistent, or holds something that no image archive holds.
        """
        names: set[str] = set()
        extended: dict[str, str] = {}
        for _ in range(ARCHIVE_MEMBERS):
            self._skip_rest()
            header = self._read_header()
            if header is None:
                return
            size = tar.pax_size(extended, header.size_bytes, what=self._here())
            if header.type in (tar.PAX, tar.PAX_GLOBAL, tar.GNU_LONG_NAME, tar.GNU_LONG_LINK):
                extended = self._read_extended(header.type, size, extended)
                continue
            name = _normalised(extended.get("path", header.name))
            link_name = extended.get("linkpath", header.link_name)
            extended = {}
            if header.type == _FOLDER:
                continue
            if len(name) > MEMBER_NAME_CHARACTERS or "\0" in name:
                raise Damaged("a member with an impossible name", subject=self._here())
            if name in names:
                raise Damaged("a member that is there twice", subject=f"{self._what}: {name[:100]!r}")
            names.add(name)
            yield self._member(header.type, name, size, link_name)
        raise Damaged("too many members", subject=self._what, expected=f"at most {ARCHIVE_MEMBERS}", actual="more")

    def pieces(self) -> Pieces:
        """The data of the member that came last.

        Raises:
            Damaged: The archive ends before.
        """
        while self._data_left:
            piece = self._stream.read(min(PIECE_BYTES, self._data_left))
            if not piece:
                raise self._cut()
            self._advance(len(piece))
            self._data_left -= len(piece)
            yield piece

    def _member(self, kind: bytes, name: str, size: int, link_name: str) -> Member:
        if kind == tar.REGULAR:
            self._data_left = size
            self._unread = size + tar.padding_bytes(size)
            return Member(name, size, self._position)
        if kind not in (tar.HARD_LINK, tar.SOFT_LINK):
            raise Damaged("a member that is neither a file nor a folder", subject=f"{self._what}: {name[:100]!r}")
        self._data_left = 0
        base = posixpath.dirname(name) if kind == tar.SOFT_LINK else ""
        target = posixpath.normpath(posixpath.join(base, link_name))
        if target.startswith(("/", "..")) or target == name:
            raise Damaged("a link that leads out of the archive", subject=f"{self._what}: {name[:100]!r}")
        return Member(name, 0, self._position, target)

    def _read_header(self) -> tar.Header | None:
        is_first = self._position == 0
        try:
            return tar.parse_header(self._read_exactly(tar.BLOCK_BYTES), what=self._here())
        except Damaged as error:
            if not is_first:
                raise
            raise Damaged(
                "not an image archive: it does not begin as a tar does",
                subject=self._what,
                hint="image files are tars, plain or as .gz, .xz, .zst, .bz2, .7z",
            ) from error

    def _read_extended(self, kind: bytes, size: int, before: dict[str, str]) -> dict[str, str]:
        if size > PAX_HEADER_BYTES:
            raise Damaged("an extended tar header is too long", subject=self._here())
        content = self._read_exactly(size + tar.padding_bytes(size))[:size]
        if kind == tar.PAX_GLOBAL:
            return before  # comments and the like; no tool that makes images puts sizes or names there
        if kind in (tar.GNU_LONG_NAME, tar.GNU_LONG_LINK):
            key = "path" if kind == tar.GNU_LONG_NAME else "linkpath"
            return {**before, key: content.rstrip(b"\0").decode("utf-8", "replace")}
        return {**before, **tar.parse_pax(content, what=self._here())}

    def _read_exactly(self, size_bytes: int) -> bytes:
        content = bytearray()
        while len(content) < size_bytes:
            piece = self._stream.read(size_bytes - len(content))
            if not piece:
                raise self._cut()
            content += piece
        self._position += size_bytes
        return bytes(content)

    def _advance(self, amount_bytes: int) -> None:
        self._position += amount_bytes
        self._unread -= amount_bytes

    def _skip_rest(self) -> None:
        if self._unread:
            if not self._stream.skip(self._unread):
                raise self._cut()
            self._advance(self._unread)

    def _cut(self) -> Damaged:
        return Damaged("the archive was cut short", subject=self._here(), hint="copy this file again")

    def _here(self) -> str:
        return f"{self._what} at offset {self._position}"


def resolve_links(links: Mapping[str, str], files: Container[str], *, what: str) -> None:
    """Makes sure that each link leads to a file of the archive.

    Raises:
        Damaged: One leads to another link or to nothing.
    """
    for name, target in links.items():
        if target not in files:
            raise Damaged("a link to something that is no file of the archive", subject=f"{what}: {name[:100]!r}")


def _normalised(name: str) -> str:
    return posixpath.normpath(name).removeprefix("./") if name else ""
