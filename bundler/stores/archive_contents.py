"""The contents of an image archive, read in one pass: JSON documents are kept, other members are passed on.

The first bytes of a member show if it is a document or a layer, because archives choose names freely.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import field

from bundler import texts
from bundler.core.frozen import slotted
from bundler.core.limits import ARCHIVE_DOCUMENT_BYTES, ARCHIVE_PADDING_BYTES, LAYOUT_JSON_BYTES, PIECE_BYTES
from bundler.core.protocols import Pieces
from bundler.errors import Damaged
from bundler.stores.compression import peeked
from bundler.stores.tar_reader import ByteStream, TarMember, TarReader, resolve_links

Take = Callable[[TarMember, Pieces], None]
"""Receives a member that is not a document. The reader skips the bytes that it does not read."""


@slotted
class Contents:
    """The members of an archive by name, its links, and the documents in it."""

    what: str
    members: dict[str, TarMember] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    documents: dict[str, bytes] = field(default_factory=dict)

    def find(self, name: str) -> TarMember | None:
        """Returns the file of a name, through a link if it is one."""
        return self.members.get(self.real(name))

    def real(self, name: str) -> str:
        """Returns the name of the member that holds the bytes: the name itself, or the target of its link."""
        return self.links.get(name, name)

    def document(self, name: str) -> bytes:
        """Returns the content of a document.

        Raises:
            Damaged: There is no document of this name.
        """
        content = self.documents.get(self.real(name))
        if content is None:
            found = texts.text("a file that is not JSON") if self.find(name) else "nothing"
            raise Damaged(
                "the archive lacks a document", subject=f"{self.what}: {name[:200]}", expected="JSON", actual=found
            )
        return content


def survey(stream: ByteStream, *, what: str, take: Take) -> Contents:
    """Reads an archive from its start to its end mark.

    Args:
        stream: The tar.
        what: The name of the archive in errors.
        take: Receives every member that is not a document.

    Raises:
        Damaged: The archive is truncated, inconsistent, or has a member that no image archive has.
        BundlerError: An exception of ``take``.
    """
    contents = Contents(what)
    reader = TarReader(stream, what=what)
    room = ARCHIVE_DOCUMENT_BYTES
    for member in reader:
        if member.link:
            contents.links[member.name] = member.link
            continue
        contents.members[member.name] = member
        with closing(reader.pieces()) as pieces:
            beginning, whole = peeked(pieces)
            if not _is_json(beginning) or member.size_bytes > min(room, LAYOUT_JSON_BYTES):
                take(member, whole)
                continue
            content = b"".join(bytes(piece) for piece in whole)
        room -= len(content)
        contents.documents[member.name] = content
    resolve_links(contents.links, contents.members, what=what)
    _check_rest(stream, what)
    return contents


def _check_rest(stream: ByteStream, what: str) -> None:
    """Checks the bytes after the end mark: only zeros, at most as many as fill a tape's block.

    Always reads a stream to its end: its compression may have a checksum there.
    """
    left = ARCHIVE_PADDING_BYTES
    while rest := stream.read(PIECE_BYTES):
        left -= len(rest)
        if rest.strip(b"\0") or left < 0:
            raise Damaged("there is data after the end of the archive", subject=what)


def _is_json(beginning: bytes) -> bool:
    if not beginning or beginning[257:262] == b"ustar":
        return False
    text = beginning.lstrip()
    return not text or text[:1] in (b"{", b"[")
