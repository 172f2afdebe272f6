"""Reads untrusted tar archives from a file or from a stream, strictly and without unpacking.

Every byte must have a meaning: known headers only, each name once, the end mark at the end. A link is a second name of
another member of the archive, in one hop. `tarfile` is not used: a crafted header makes it loop forever, and it accepts
an archive that was truncated between two members (CVE-2025-8194, CVE-2025-4517).
"""

from __future__ import annotations

import posixpath
from collections.abc import Container, Iterator, Mapping
from typing import Protocol

from bundler.core import tar
from bundler.core.frozen import frozen
from bundler.core.limits import (
    ARCHIVE_MEMBERS,
    ARCHIVE_NAMES_CHARACTERS,
    MEMBER_NAME_CHARACTERS,
    PAX_HEADER_BYTES,
    PIECE_BYTES,
)
from bundler.core.protocols import Pieces
from bundler.errors import Damaged
from bundler.texts import text

_FOLDER = b"5"


class ByteStream(Protocol):
    """A stream of bytes."""

    def read(self, size_bytes: int) -> bytes:
        """Returns the next bytes, at most as many as requested; none at the end."""

    def skip(self, size_bytes: int) -> bool:
        """Skips some bytes. False if the stream ends before."""


@frozen
class TarMember:
    """A file in an archive, or a link to one.

    Attributes:
        name: The normalised name: without ``./`` in front.
        size_bytes: The size of its data; 0 for a link.
        offset_bytes: The start of its data in the archive.
        link: The name of the link's target; None for a file.
    """

    name: str
    size_bytes: int
    offset_bytes: int
    link: str | None = None


class TarReader:
    """One pass over an archive. Iterate, and call `pieces` at most once for the current member."""

    def __init__(self, stream: ByteStream, *, what: str) -> None:
        self._stream = stream
        self._what = what
        self._position = 0
        self._unread = self._data_left = 0

    def __iter__(self) -> Iterator[TarMember]:
        """Yields the members in order, without folders.

        Raises:
            Damaged: The archive is truncated, inconsistent, or has a member that no image archive has.
        """
        names = _Names(self._what)
        extended: dict[str, str] = {}
        kinds: tuple[bytes, ...] = ()
        for _ in range(ARCHIVE_MEMBERS):
            self._skip_rest()
            header = self._read_header()
            if header is None:
                self._read_second_end(is_expecting=bool(kinds))
                return
            size = tar.pax_size(extended, header.size_bytes, what=self._here())
            if header.type in (tar.PAX, tar.PAX_GLOBAL, tar.GNU_LONG_NAME, tar.GNU_LONG_LINK):
                kinds = self._with_kind(header.type, kinds)
                extended = self._read_extended(header.type, header.size_bytes, extended)
                continue
            name = names.add(extended.get("path", header.name), is_folder=header.type == _FOLDER)
            link_name = extended.get("linkpath", header.link_name)
            extended, kinds = {}, ()
            if header.type != _FOLDER:
                yield self._member(header.type, name, size, link_name)
        raise Damaged(
            "too many members",
            subject=self._what,
            expected=text("at most {archive_members}", archive_members=ARCHIVE_MEMBERS),
            actual="more",
        )

    def pieces(self) -> Pieces:
        """Yields the data of the current member.

        Raises:
            Damaged: The archive ends too early.
        """
        while self._data_left:
            piece = self._stream.read(min(PIECE_BYTES, self._data_left))
            if not piece:
                raise self._cut()
            self._advance(len(piece))
            self._data_left -= len(piece)
            yield piece

    def _member(self, kind: bytes, name: str, size: int, link_name: str) -> TarMember:
        if kind == tar.REGULAR:
            self._data_left = size
            self._unread = size + tar.padding_bytes(size)
            return TarMember(name, size, self._position)
        if kind not in (tar.HARD_LINK, tar.SOFT_LINK):
            raise Damaged("a member that is neither a file nor a folder", subject=f"{self._what}: {name[:100]!r}")
        self._data_left = 0
        base = posixpath.dirname(name) if kind == tar.SOFT_LINK else ""
        target = posixpath.normpath(posixpath.join(base, link_name))
        if target.startswith(("/", "..")) or target == name:
            raise Damaged("a link that leads out of the archive", subject=f"{self._what}: {name[:100]!r}")
        return TarMember(name, 0, self._position, target)

    def _read_header(self) -> tar.Header | None:
        is_first = self._position == 0
        block = self._read_exactly(tar.BLOCK_BYTES)
        try:
            return tar.parse_header(block, what=self._here())
        except Damaged as error:
            if not is_first:
                raise
            raise self._other_file() from error

    def _read_second_end(self, *, is_expecting: bool) -> None:
        """Checks for the second block of zeros of the end mark. One block may be the rest of a truncated archive."""
        if is_expecting:
            raise Damaged("an extended tar header without a member", subject=self._here())
        if self._read_exactly(tar.BLOCK_BYTES).strip(b"\0"):
            raise Damaged("half of an end mark inside the archive", subject=self._here())

    def _with_kind(self, kind: bytes, kinds: tuple[bytes, ...]) -> tuple[bytes, ...]:
        """Allows one extended header of each kind for a member: readers interpret several ones in different ways."""
        if kind == tar.PAX_GLOBAL:
            return kinds
        if kind in kinds or (kinds and (kind == tar.PAX) != (kinds[0] == tar.PAX)):
            raise Damaged("several extended headers for one member", subject=self._here())
        return (*kinds, kind)

    def _read_extended(self, kind: bytes, size: int, before: dict[str, str]) -> dict[str, str]:
        if size > PAX_HEADER_BYTES:
            raise Damaged("an extended tar header is too long", subject=self._here())
        content = self._read_exactly(size + tar.padding_bytes(size))[:size]
        if kind in (tar.GNU_LONG_NAME, tar.GNU_LONG_LINK):
            key = "path" if kind == tar.GNU_LONG_NAME else "linkpath"
            return {**before, key: self._text(content.rstrip(b"\0"))}
        records = tar.parse_pax(content, what=self._here())
        used = {key: value for key, value in records.items() if key in ("path", "linkpath", "size")}
        if any(key.startswith("GNU.sparse") for key in records) or not all(used.values()):
            raise Damaged("an extended tar header that is ambiguous", subject=self._here())
        if kind == tar.PAX_GLOBAL:
            if used:
                raise Damaged("an extended tar header gives all members one name", subject=self._here())
            return before
        return {**before, **used}

    def _text(self, content: bytes) -> str:
        try:
            return content.decode("utf-8")
        except UnicodeDecodeError as error:
            raise Damaged("a member's name is not UTF-8", subject=self._here()) from error

    def _read_exactly(self, size_bytes: int) -> bytes:
        content = bytearray()
        while len(content) < size_bytes:
            piece = self._stream.read(size_bytes - len(content))
            if not piece:
                is_text = self._position == 0 and content and b"\0" not in content  # a header is padded with zeros
                raise self._other_file() if is_text else self._cut()
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

    def _other_file(self) -> Damaged:
        return Damaged(
            "not an image archive: it does not start like a tar",
            subject=self._what,
            hint="image files are tars, plain or as .gz, .xz, .zst, .bz2, .7z",
        )

    def _cut(self) -> Damaged:
        return Damaged("the archive is truncated", subject=self._here(), hint="copy this file again")

    def _here(self) -> str:
        return text("{what} at offset {position}", what=self._what, position=self._position)


def resolve_links(links: Mapping[str, str], files: Container[str], *, what: str) -> None:
    """Checks that each link leads to a file of the archive.

    Raises:
        Damaged: A link leads to another link or to a missing member.
    """
    for name, target in links.items():
        if target not in files:
            raise Damaged("a link to something that is not a file of the archive", subject=f"{what}: {name[:100]!r}")


class _Names:
    """The names of an archive's members so far: each once, none that leads out, with a limit on their total length."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._files: set[str] = set()
        self._folders: set[str] = set()
        self._characters = 0

    def add(self, name: str, *, is_folder: bool) -> str:
        """Adds a name and returns it normalised: without ``./`` in front.

        Raises:
            Damaged: The name is not valid, or a duplicate.
        """
        subject = f"{self._what}: {name[:100]!r}"
        normal = posixpath.normpath(name) if name else ""
        is_root = is_folder and normal == "."
        if not is_root and (normal in ("", ".") or normal.startswith(("/", "..")) or "\0" in name):
            raise Damaged("a member with an invalid name", subject=subject)
        self._characters += len(normal)
        if len(normal) > MEMBER_NAME_CHARACTERS or self._characters > ARCHIVE_NAMES_CHARACTERS:
            raise Damaged("names of members that are too long", subject=subject)
        if normal in self._files or (not is_folder and normal in self._folders):
            raise Damaged("a duplicate member", subject=subject)
        (self._folders if is_folder else self._files).add(normal)
        return normal
