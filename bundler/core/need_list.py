"""The need-list: the parts of a bundle that its receiver lacks, as a file or as one line, for the builder.

A need-list is a request and proves nothing, signed or not. It names chunks and blobs of one bundle. The reader takes
only the bundle's id, numbers, and names of listed files from it, and compares all other statements with the signed
bundle. No host, path or source in it is ever used. docs/json.md describes the fields.

The short form is one line: `bundler.core.need_line`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bundler import texts
from bundler.core import json_fields, roles, strict_json
from bundler.core.archive_kind import ARCHIVE_KINDS
from bundler.core.bundle_name import check_bundle_name
from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.limits import (
    BASE_NAME_CHARACTERS,
    BASES,
    NEED_LIST_CONTAINERS,
    NEED_LIST_LINE_BYTES,
    NEED_LIST_NUMBERS,
    NEED_LIST_PIECES,
)
from bundler.core.manifest import Blob, BundleManifest, Chunk
from bundler.core.need_line import Wanted, is_line, parse_line, unknown_version
from bundler.core.own_documents import refuse_no_object
from bundler.core.patterns import lazy_pattern
from bundler.core.reference import Reference
from bundler.errors import BundlerError, Damaged

DOCUMENT = "bundler.need/1"
MISSING, DAMAGED = "missing", "damaged"

_SHA256 = lazy_pattern(r"[0-9a-f]{64}")
_SOURCE_CHARACTERS = 4096


@frozen
class NeededImage:
    """An image that needs something: its reference in the bundle, and its source as the builder wrote it."""

    reference: Reference
    source: str


@frozen
class HeldPiece:
    """A piece of a blob, or of a file of the layout, in a chunk.

    Attributes:
        digest: The digest of the blob.
        size_bytes: The size of the blob.
        media_type: Its media type; empty for a file of the layout.
        part: The number of the piece in the blob, from 1.
        parts: The number of pieces of the blob.
        offset_bytes: The offset of the piece in the chunk.
        length_bytes: The length of the piece.
    """

    digest: Digest
    size_bytes: int
    media_type: str
    part: int
    parts: int
    offset_bytes: int
    length_bytes: int


@frozen
class NeededChunk:
    """A chunk that is missing or damaged.

    Attributes:
        number: Its number, from 1.
        file: Its file name.
        size_bytes: Its size.
        sha256: Its SHA-256 in hex, from SHA256SUMS.
        state: ``missing`` or ``damaged``.
        images: The places in the list of images of those that need it.
        holds: Its content; empty for an encrypted chunk, and cut where there is too much of it.
        held: The number of all pieces in it; 0 for an encrypted chunk.
    """

    number: int
    file: str
    size_bytes: int
    sha256: str
    state: str
    images: tuple[int, ...] = ()
    holds: tuple[HeldPiece, ...] = ()
    held: int = 0


@frozen
class NeededFile:
    """Another file of the bundle that is missing or damaged."""

    file: str
    sha256: str
    state: str


@frozen
class NeededBlob:
    """A blob that the bundle leaves out and that was found nowhere.

    Attributes:
        number: Its number in bundle.json, from 0.
        digest: Its digest.
        size_bytes: Its size.
        media_type: Its media type.
        images: The places in the list of images of those that need it.
        bases: The names of the bases that should have it.
    """

    number: int
    digest: Digest
    size_bytes: int
    media_type: str
    images: tuple[int, ...] = ()
    bases: tuple[str, ...] = ()


@frozen
class NeededBundle:
    """The bundle that parts are asked of.

    Attributes:
        id: The SHA-256 of its SHA256SUMS.
        name: Its name.
        archive: The kind of its chunks: ``tar`` or ``7z``.
        is_encrypted: True if its content is encrypted. Then the need-list says nothing of its content.
        chunk_size_bytes: The largest size of a chunk.
        chunks: The number of its chunks.
    """

    id: str
    name: str
    archive: str
    is_encrypted: bool
    chunk_size_bytes: int
    chunks: int


@frozen
class NeedList:
    """A list of the parts of a bundle that its receiver lacks.

    Attributes:
        created: When it was written: ISO 8601, UTC.
        tool: Name and version of the program that wrote it.
        bundle: The bundle.
        images: The images that need something of it.
        chunks: The chunks, by their numbers.
        files: Other files.
        blobs: The blobs that bases lacked, by their numbers.
    """

    created: str
    tool: str
    bundle: NeededBundle
    images: tuple[NeededImage, ...] = ()
    chunks: tuple[NeededChunk, ...] = ()
    files: tuple[NeededFile, ...] = ()
    blobs: tuple[NeededBlob, ...] = ()

    @property
    def wanted(self) -> Wanted:
        """The request in it, without all statements about it."""
        return Wanted(
            self.bundle.id,
            tuple(chunk.number for chunk in self.chunks),
            tuple(blob.number for blob in self.blobs),
            tuple(file.file for file in self.files),
        )

    @property
    def size_bytes(self) -> int:
        """The bytes of its chunks and blobs."""
        return sum(chunk.size_bytes for chunk in self.chunks) + sum(blob.size_bytes for blob in self.blobs)

    @property
    def bare(self) -> NeedList:
        """The same without the words for people: images, and the content of chunks. They may take much memory."""
        return replace(
            self,
            images=(),
            chunks=tuple(replace(chunk, images=(), holds=()) for chunk in self.chunks),
            blobs=tuple(replace(blob, images=(), bases=()) for blob in self.blobs),
        )

    def to_json(self) -> bytes:
        """The bytes of the document. The same need-list gives the same bytes."""
        return strict_json.canonical(_document(self))

    def contradiction(
        self, chunks: Sequence[Chunk], blobs: Sequence[Blob] | None, sums: Mapping[str, str]
    ) -> str | None:
        """The first statement that does not fit the signed bundle, in words; None if all of them fit.

        Args:
            chunks: The chunks of the bundle.
            blobs: Its blobs; None if they are encrypted.
            sums: SHA-256 in hex by file name, as it was signed.
        """
        listed = {each.file: each.sha256 for each in self.chunks} | {each.file: each.sha256 for each in self.files}
        for file, sha256 in listed.items():
            if sums.get(file) != sha256:
                return texts.text("{file} has another SHA-256 in the bundle", file=file)
        for chunk in self.chunks:
            if chunk.number > len(chunks) or chunks[chunk.number - 1].size_bytes != chunk.size_bytes:
                return texts.text("{file} has another size in the bundle", file=chunk.file)
        for blob in self.blobs:
            if blobs is None or blob.number >= len(blobs) or blobs[blob.number].descriptor.digest != blob.digest:
                return texts.text("{digest} has another number in the bundle", digest=blob.digest)
        return None


def parse_need_list(content: bytes, *, what: str) -> NeedList | Wanted:
    """Reads a need-list: the document, or the short form.

    Args:
        content: The bytes of the file; their number is bounded by the caller.
        what: The name of the file, for messages.

    Raises:
        Damaged: It is no need-list, or contradicts itself.
        Refused: This version does not know its format.
    """
    head = content[:64].lstrip()
    if is_line(head.decode("ascii", "replace")):
        return parse_line(content[: NEED_LIST_LINE_BYTES + 1].decode("ascii", "replace"), what=what)
    refuse_no_object(content, "this is not a need-list", what=what, document=DOCUMENT)
    document = strict_json.loads(content, what=what, containers=NEED_LIST_CONTAINERS)
    if not isinstance(document, dict) or not isinstance(document.get("document"), str):
        raise Damaged("this is not a need-list", subject=what)
    if document["document"] != DOCUMENT:
        if document["document"].startswith("bundler.need/"):
            raise unknown_version(document["document"], what)
        raise Damaged("this is not a need-list", subject=what, expected=DOCUMENT, actual=document["document"][:60])
    try:
        return _checked(_need_list(document))
    except (KeyError, TypeError, ValueError, BundlerError) as error:
        raise Damaged(texts.text("not a need-list of bundler: {error}", error=error), subject=what) from error


def _document(need: NeedList) -> dict[str, Any]:
    bundle = need.bundle
    return {
        "document": DOCUMENT,
        "created": need.created,
        "tool": need.tool,
        "bundle": {
            "id": bundle.id,
            "name": bundle.name,
            "archive": bundle.archive,
            "encrypted": bundle.is_encrypted,
            "chunkSize": bundle.chunk_size_bytes,
            "chunks": bundle.chunks,
        },
        "line": need.wanted.line,
        "images": [{"reference": str(image.reference), "source": image.source} for image in need.images],
        "chunks": [_chunk_json(chunk) for chunk in need.chunks],
        "files": [{"file": file.file, "sha256": file.sha256, "state": file.state} for file in need.files],
        "blobs": [
            {
                "number": blob.number,
                "digest": str(blob.digest),
                "size": blob.size_bytes,
                "mediaType": blob.media_type,
                "images": list(blob.images),
                "bases": list(blob.bases),
            }
            for blob in need.blobs
        ],
    }


def _chunk_json(chunk: NeededChunk) -> dict[str, Any]:
    return {
        "number": chunk.number,
        "file": chunk.file,
        "size": chunk.size_bytes,
        "sha256": chunk.sha256,
        "state": chunk.state,
        "images": list(chunk.images),
        "held": chunk.held,
        "holds": [
            {
                "digest": str(piece.digest),
                "size": piece.size_bytes,
                **({"mediaType": piece.media_type} if piece.media_type else {}),
                "part": [piece.part, piece.parts],
                "offset": piece.offset_bytes,
                "length": piece.length_bytes,
            }
            for piece in chunk.holds
        ],
    }


def _need_list(document: Mapping[str, Any]) -> NeedList:
    bundle = document["bundle"]
    return NeedList(
        created=json_fields.text(document["created"])[:64],
        tool=json_fields.text(document["tool"])[:256],
        bundle=NeededBundle(
            id=_sha256(bundle["id"]),
            name=check_bundle_name(json_fields.text(bundle["name"])),
            archive=_one_of(bundle["archive"], ARCHIVE_KINDS),
            is_encrypted=json_fields.boolean(bundle["encrypted"]),
            chunk_size_bytes=json_fields.size(bundle["chunkSize"]),
            chunks=json_fields.size(bundle["chunks"]),
        ),
        images=tuple(map(_image, json_fields.list_of(document["images"]))),
        chunks=tuple(map(_chunk, json_fields.list_of(document["chunks"]))),
        files=tuple(map(_file, json_fields.list_of(document["files"]))),
        blobs=tuple(map(_blob, json_fields.list_of(document["blobs"]))),
    )


def _image(entry: Mapping[str, Any]) -> NeededImage:
    source = json_fields.text(entry["source"])
    if len(source) > _SOURCE_CHARACTERS or not source.isprintable():
        raise ValueError(texts.text("not a source: {source:.60}", source=repr(source)))
    return NeededImage(Reference.parse(json_fields.text(entry["reference"])), source)


def _chunk(entry: Mapping[str, Any]) -> NeededChunk:
    return NeededChunk(
        number=json_fields.size(entry["number"]),
        file=json_fields.text(entry["file"]),
        size_bytes=json_fields.size(entry["size"]),
        sha256=_sha256(entry["sha256"]),
        state=_one_of(entry["state"], (MISSING, DAMAGED)),
        images=_places(entry["images"]),
        holds=tuple(map(_piece, json_fields.list_of(entry["holds"]))),
        held=json_fields.size(entry["held"]),
    )


def _piece(entry: Mapping[str, Any]) -> HeldPiece:
    part, parts = map(json_fields.size, json_fields.list_of(entry["part"]))
    if not 1 <= part <= parts:
        raise ValueError(texts.text("a part out of range: {part} of {parts}", part=part, parts=parts))
    return HeldPiece(
        digest=Digest.parse(json_fields.text(entry["digest"])),
        size_bytes=json_fields.size(entry["size"]),
        media_type=_short(entry.get("mediaType", "")),
        part=part,
        parts=parts,
        offset_bytes=json_fields.size(entry["offset"]),
        length_bytes=json_fields.size(entry["length"]),
    )


def _file(entry: Mapping[str, Any]) -> NeededFile:
    name = json_fields.text(entry["file"])
    if not roles.is_listable(name) or roles.role_of(name) is roles.CHUNK:
        raise ValueError(texts.text("not a file that a bundle lists: {name:.60}", name=repr(name)))
    return NeededFile(name, _sha256(entry["sha256"]), _one_of(entry["state"], (MISSING, DAMAGED)))


def _blob(entry: Mapping[str, Any]) -> NeededBlob:
    bases = tuple(map(_short, json_fields.list_of(entry["bases"])))
    if len(bases) > BASES:
        raise ValueError(texts.text("more than {count} bases", count=BASES))
    return NeededBlob(
        number=json_fields.size(entry["number"]),
        digest=Digest.parse(json_fields.text(entry["digest"])),
        size_bytes=json_fields.size(entry["size"]),
        media_type=_short(entry["mediaType"]),
        images=_places(entry["images"]),
        bases=bases,
    )


def _checked(need: NeedList) -> NeedList:
    bundle = need.bundle
    _check_order("chunks", (chunk.number for chunk in need.chunks))
    _check_order("blobs", (blob.number for blob in need.blobs))
    for chunk in need.chunks:
        if not 1 <= chunk.number <= bundle.chunks or chunk.file != roles.chunk_file(chunk.number, bundle.archive):
            raise ValueError(texts.text("{file:.60} is no chunk of the bundle", file=chunk.file))
    if len({file.file for file in need.files}) != len(need.files):
        raise ValueError("a file is listed twice")
    if sum(len(chunk.holds) for chunk in need.chunks) > NEED_LIST_PIECES:
        raise ValueError(texts.text("more than {count:,} pieces", count=NEED_LIST_PIECES))
    places = [*(each.images for each in need.chunks), *(each.images for each in need.blobs)]
    if any(place >= len(need.images) for each in places for place in each):
        raise ValueError("an image that is not in the list")
    if not places and not need.files:
        raise ValueError("it asks for nothing")
    return need


def _check_order(what: str, numbers: Iterable[int]) -> None:
    before = -1
    for count, number in enumerate(numbers, start=1):
        if number <= before:
            raise ValueError(texts.text("the {what} are not in their order, or one is there twice", what=what))
        if count > NEED_LIST_NUMBERS:
            raise ValueError(texts.text("more than {count:,} numbers", count=NEED_LIST_NUMBERS))
        before = number


def _sha256(value: object) -> str:
    found = json_fields.text(value)
    if _SHA256.fullmatch(found) is None:
        raise ValueError(texts.text("not a SHA-256: {found:.80}", found=repr(found)))
    return found


def _one_of(value: object, known: Iterable[str]) -> str:
    found = json_fields.text(value)
    if found not in tuple(known):
        raise ValueError(texts.text("an unknown value: {found:.60}", found=repr(found)))
    return found


def _short(value: object) -> str:
    found = json_fields.text(value)
    if len(found) > BASE_NAME_CHARACTERS or not found.isprintable():
        raise ValueError(texts.text("a text that is too long or cannot be printed: {found:.60}", found=repr(found)))
    return found


def _places(value: object) -> tuple[int, ...]:
    places = tuple(map(json_fields.size, json_fields.list_of(value)))
    _check_order("images", places)
    return places


def pieces_of_chunks(manifest: BundleManifest, numbers: Iterable[int]) -> Iterator[tuple[int, HeldPiece]]:
    """The pieces in some chunks, each with the number of its chunk, in the order of the bundle manifest."""
    wanted = frozenset(numbers)
    types = {blob.descriptor.digest: blob.descriptor.media_type for blob in manifest.blobs}
    for stored in manifest.stored():
        for part, piece in enumerate(stored.pieces, start=1):
            if piece.chunk in wanted:
                yield (
                    piece.chunk,
                    HeldPiece(
                        stored.digest,
                        stored.size_bytes,
                        "" if stored.file else types[stored.digest],
                        part,
                        len(stored.pieces),
                        piece.offset_bytes,
                        piece.length_bytes,
                    ),
                )
