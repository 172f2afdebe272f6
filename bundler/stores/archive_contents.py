"""What is in an image archive: one pass, in which JSON documents are kept and the other members are shown.

A document is told from a layer by its first bytes, because archives name both as they like.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field

from bundler import texts
from bundler.core.limits import ARCHIVE_DOCUMENT_BYTES, ARCHIVE_PADDING_BYTES, LAYOUT_JSON_BYTES, PIECE_BYTES
from bundler.core.protocols import Pieces
from bundler.errors import Damaged
from bundler.stores.compression import begun
from bundler.stores.tar_reader import ByteStream, TarMember, TarReader, resolve_links

Take = Callable[[TarMember, Pieces], None]
"""Is given a member that is no document; what it does not read is passed over."""


@dataclass(slots=True)
class Contents:
    """The members of an archive by name, its links, and the documents in it."""

    what: str
    members: dict[str, TarMember] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    documents: dict[str, bytes] = field(default_factory=dict)

    def find(self, name: str) -> TarMember | None:
        """The file that a name stands for, through a link if it is one."""
        return self.members.get(self.real(name))

    def real(self, name: str) -> str:
        """The name of the member that a name stands for: its own, or that of what it is a link to."""
        return self.links.get(name, name)

    def document(self, name: str) -> bytes:
        """The content of a document.

        Raises:
            Damaged: There is none of this name.
        """
        content = self.documents.get(self.real(name))
        if content is None:
            found = texts.text("a file that is not JSON") if self.find(name) else "nothing"
            raise Damaged(
                "the archive lacks a document", subject=f"{self.what}: {name[:200]}", expected="JSON", actual=found
            )
        return content


def survey(stream: ByteStream, *, what: str, take: Take) -> Contents:
    """Reads an archive from its beginning to its end mark.

    Args:
        stream: The tar.
        what: What people call it.
        take: Is given everything that is no document.

    Raises:
        Damaged: The archive is cut, inconsistent, or holds something that no image archive holds.
        BundlerError: Whatever ``take`` raises.
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
            beginning, whole = begun(pieces)
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
    """Behind the end mark there may be zeros, as many as fill a tape's block, and nothing else.

    A stream is read to its end in any case: what it is compressed with may have a checksum there.
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
