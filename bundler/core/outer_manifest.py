"""The bundle.json of an encrypted bundle: the facts for carrying and checking it, without any fact about its content.

The bundle manifest itself, with names, digests and places, is the member ``bundle.json`` of the encrypted
``content.7z``. Specification: FORMAT.md, section 5.10.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bundler import texts
from bundler.core.archive_kind import SEVEN_ZIP, ArchiveKind
from bundler.core.bundle_name import check_bundle_name
from bundler.core.frozen import frozen
from bundler.core.json_fields import boolean, size, text
from bundler.core.manifest import BundleManifest, Chunk, Medium, document_of, from_document, lines_of
from bundler.core.manifest.chunks import archive_json, archive_of, chunk_json, chunks_of
from bundler.core.manifest.document import FORMAT, FORMAT_WITH_BASES, media_lists
from bundler.core.manifest.media import media_of
from bundler.errors import BundlerError, Damaged


@frozen
class OuterManifest:
    """The public facts about an encrypted bundle."""

    name: str
    created: str
    tool: str
    signed: bool
    chunk_size_bytes: int
    chunks: tuple[Chunk, ...]
    archive: ArchiveKind = SEVEN_ZIP
    media: tuple[Medium, ...] = ()
    is_whole: bool = True
    """True if the bundle has no bases."""

    @classmethod
    def of(cls, manifest: BundleManifest) -> OuterManifest:
        """The public facts of a bundle manifest."""
        return cls(
            manifest.name,
            manifest.created,
            manifest.tool,
            manifest.signed,
            manifest.chunk_size_bytes,
            manifest.chunks,
            media=manifest.media,
            is_whole=not manifest.bases,
        )

    @property
    def size_bytes(self) -> int:
        """The size of all chunks together."""
        return sum(chunk.size_bytes for chunk in self.chunks)

    def to_json(self) -> bytes:
        """The bytes of bundle.json."""
        head = {
            "format": FORMAT if self.is_whole else FORMAT_WITH_BASES,
            "name": self.name,
            "created": self.created,
            "tool": self.tool,
            "signed": self.signed,
            "chunkSize": self.chunk_size_bytes,
            **archive_json(SEVEN_ZIP),
            "encrypted": True,
        }
        return b"".join(lines_of(head, {"chunks": map(chunk_json, self.chunks), **media_lists(self.media)}))


def read_manifest(content: bytes, *, what: str) -> BundleManifest | OuterManifest:
    """Reads the bundle.json of any bundle, encrypted or not.

    Raises:
        Damaged, Refused: As `bundler.core.manifest.from_json`.
    """
    document = document_of(content, what=what)
    del content
    if "encrypted" not in document:
        return from_document(document, what=what)
    try:
        return _outer(document)
    except (KeyError, TypeError, ValueError, AttributeError, BundlerError) as error:
        raise Damaged(
            texts.text("the bundle manifest contradicts its format: {error}", error=error), subject=what
        ) from error


def _outer(document: Mapping[str, Any]) -> OuterManifest:
    if document["encrypted"] is not True or archive_of(document) is not SEVEN_ZIP:
        raise ValueError("the kind of encryption is unknown")
    chunks = chunks_of(document, SEVEN_ZIP)
    outer = OuterManifest(
        name=check_bundle_name(text(document["name"])),
        created=text(document["created"]),
        tool=text(document["tool"]),
        signed=boolean(document["signed"]),
        chunk_size_bytes=size(document["chunkSize"]),
        chunks=chunks,
        media=media_of(document, len(chunks)),
        is_whole=document["format"] == FORMAT,
    )
    if not outer.chunks:
        raise ValueError("no chunk")
    return outer
