"""The bundle manifest, ``bundle.json``: what a bundle holds and where each byte of it lies.

It is the plan of an export (made before any blob is moved, see `bundler.core.plan`) and the map of an import.
Specification: FORMAT.md, section 5. Unknown fields are ignored, an unknown ``format`` is refused.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bundler import texts
from bundler.core import strict_json
from bundler.core.archive_kind import ARCHIVE_KINDS, TAR, ArchiveKind
from bundler.core.bundle_name import check_bundle_name
from bundler.core.digest import Digest
from bundler.core.json_fields import boolean, list_of, size, text
from bundler.core.limits import BUNDLE_MANIFEST_CONTAINERS, LAYOUT_JSON_BYTES, MANIFEST_BYTES
from bundler.core.oci import Descriptor, ImageConfig, is_media_type, one_text
from bundler.core.platform import Platform
from bundler.core.reference import Reference
from bundler.errors import BundlerError, Damaged, Refused

FORMAT = "bundler/1"
MANIFEST, CONFIG, LAYER = "manifest", "config", "layer"
_KINDS = frozenset({MANIFEST, CONFIG, LAYER})
_HEAD_BYTES = 4096
"""Of bundle.json: more than its first fields take."""
_ENCODER = json.JSONEncoder(separators=(", ", ": "))


@dataclass(frozen=True, slots=True)
class Piece:
    """Some consecutive bytes of a chunk: chunk number from 1, offset of the data and length, in bytes."""

    chunk: int
    offset_bytes: int
    length_bytes: int


@dataclass(frozen=True, slots=True)
class Stored:
    """Bytes of the bundle under a path of the OCI layout: in one piece or, if larger than a chunk, in parts.

    ``file`` is the path of a file of the layout; a blob's follows from its digest, and is not kept: there are many.
    """

    digest: Digest
    size_bytes: int
    pieces: tuple[Piece, ...]
    file: str = ""

    @property
    def path(self) -> str:
        """Where the bytes are in the layout."""
        return self.file or self.digest.path

    def member_name(self, number: int) -> str:
        """The name in its chunk of the piece with this number, counted from 0."""
        return self.path if len(self.pieces) == 1 else f"{self.path}.part-{number + 1:04d}"


@dataclass(frozen=True, slots=True)
class Blob:
    """A blob of the bundle: what it is, what it serves as, and where it lies."""

    descriptor: Descriptor
    kind: str
    stored: Stored


@dataclass(frozen=True, slots=True)
class Variant:
    """One runnable image within an image: its manifest, and what ``docker inspect`` would show."""

    digest: Digest
    config: ImageConfig
    size_bytes: int
    """Of the layers, as they are carried."""


@dataclass(frozen=True, slots=True)
class Image:
    """An image of the bundle.

    Attributes:
        reference: Its name.
        source: Where it came from.
        root: The descriptor that its name stands for.
        manifests: Numbers of its manifests in `BundleManifest.blobs`, children before parents, the root last.
        blobs: Numbers of its configs and layers there.
        variants: Its runnable images.
        made_from: The digest of the source's index, when platforms were chosen and the root is another one.
        repacked: What the exporter compressed its layers with, when the source had no manifest: the digest is the
            exporter's then. None for an image that is carried byte for byte.
    """

    reference: Reference
    source: str
    root: Descriptor
    manifests: tuple[int, ...]
    blobs: tuple[int, ...]
    variants: tuple[Variant, ...]
    made_from: Digest | None = None
    repacked: str | None = None

    @property
    def source_digest(self) -> Digest:
        """What its name stood for at its source."""
        return self.made_from or self.root.digest

    @property
    def needs(self) -> tuple[int, ...]:
        """Numbers of everything that the image consists of."""
        return self.blobs + self.manifests


@dataclass(frozen=True, slots=True)
class MissingImage:
    """An image that a bundle lacks although it was asked for, because its source does not have it or refuses it.

    Attributes:
        reference: The name that it would have.
        source: Where it was looked for.
        code: Why, as `bundler.core.advice` has it.
        reason: Why, in words.
    """

    reference: Reference
    source: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """One file of the bundle."""

    file: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class BundleManifest:
    """All that bundle.json says. ``files`` are those of the OCI layout that are no blobs."""

    name: str
    created: str
    tool: str
    signed: bool
    chunk_size_bytes: int
    images: tuple[Image, ...]
    blobs: tuple[Blob, ...]
    files: tuple[Stored, ...]
    chunks: tuple[Chunk, ...]
    archive: ArchiveKind = TAR
    missing: tuple[MissingImage, ...] = ()
    """What was asked for and is not in the bundle."""

    def stored(self) -> Iterable[Stored]:
        """Everything that lies in the chunks."""
        yield from self.files
        for blob in self.blobs:
            yield blob.stored

    @property
    def size_bytes(self) -> int:
        """Of all chunks together."""
        return sum(chunk.size_bytes for chunk in self.chunks)

    def size_of(self, image: Image) -> int:
        """Of all that an image needs, in bytes, shared or not."""
        return sum(self.blobs[number].descriptor.size_bytes for number in image.needs)

    def users(self) -> dict[Digest, list[str]]:
        """The references of the images that need each blob."""
        users: dict[Digest, list[str]] = {}
        for image in self.images:
            for number in image.needs:
                users.setdefault(self.blobs[number].descriptor.digest, []).append(str(image.reference))
        return users


def chunk_file(number: int, archive: ArchiveKind) -> str:
    """The file name of a chunk, numbered from 1."""
    return f"chunk-{number:04d}.{archive.name}"


def to_json(manifest: BundleManifest) -> bytes:
    """The bytes of bundle.json, all at once."""
    document = io.BytesIO()  # of which the bytes are no copy
    document.writelines(json_pieces(manifest))
    return document.getvalue()


def plan_digest(manifest: BundleManifest) -> str:
    """The SHA-256 of bundle.json as it is planned, in hex."""
    hasher = hashlib.sha256()
    for piece in json_pieces(manifest):
        hasher.update(piece)
    return hasher.hexdigest()


def is_plan_of(content: bytes, planned: BundleManifest) -> bool:
    """Whether a bundle.json is what this plan would be sealed with, but for when it was made, and by which version.

    Nothing of it is parsed: a document of another making is another plan.

    Args:
        content: Of bundle.json.
        planned: The plan.
    """
    made = re.search(rb'^"created": ("[^"\\]*"),\n"tool": ("[^"\\]*"),$', content[:_HEAD_BYTES], re.MULTILINE)
    if made is None:
        return False
    created, tool = (json.loads(text) for text in made.groups())
    return plan_digest(replace(planned, created=created, tool=tool)) == hashlib.sha256(content).hexdigest()


def json_pieces(manifest: BundleManifest) -> Iterator[bytes]:
    """The bytes of bundle.json: one line for each image, blob and chunk, so that people and diff can read it.

    Each piece is one of these lines or less: nobody who writes or hashes them has to hold them all.
    """
    head = {
        "format": FORMAT,
        "name": manifest.name,
        "created": manifest.created,
        "tool": manifest.tool,
        "signed": manifest.signed,
        "chunkSize": manifest.chunk_size_bytes,
        **archive_json(manifest.archive),
    }
    lists = {
        "images": map(_image_json, manifest.images),
        **({"missing": map(_missing_json, manifest.missing)} if manifest.missing else {}),
        "blobs": map(_blob_json, manifest.blobs),
        "files": map(_stored_json, manifest.files),
        "chunks": map(chunk_json, manifest.chunks),
    }
    return lines_of(head, lists)


def lines_of(head: Mapping[str, Any], lists: Mapping[str, Iterable[Mapping[str, Any]]]) -> Iterator[bytes]:
    """A document with a line for each field and each entry of a list, piece by piece."""
    fields = "{\n"
    for name, value in head.items():
        yield f"{fields}{json.dumps(name)}: {json.dumps(value)}".encode("ascii")
        fields = ",\n"
    for name, entries in lists.items():
        yield f"{fields}{json.dumps(name)}: [\n".encode("ascii")
        separator = ""
        for entry in entries:
            yield f"{separator}  {_ENCODER.encode(entry)}".encode("ascii")
            separator = ",\n"
        yield b"\n]"
    yield b"\n}\n"


def archive_json(archive: ArchiveKind) -> dict[str, str]:
    """The field ``archive``, which is absent for tars."""
    return {} if archive is TAR else {"archive": archive.name}


def chunk_json(chunk: Chunk) -> dict[str, Any]:
    """An entry of ``chunks``."""
    return {"file": chunk.file, "size": chunk.size_bytes}


def from_json(content: bytes, *, what: str) -> BundleManifest:
    """Reads bundle.json. The caller has checked its digest against the signed list.

    Raises:
        Damaged: It contradicts itself: a number that is out of range, pieces that overlap or leave their chunk.
        Refused: It is of a format that this version does not know.
    """
    return from_document(document_of(content, what=what), what=what)


def document_of(content: bytes, *, what: str) -> dict[str, Any]:
    """The document, if it is of a format that this version reads; none of its fields is believed yet.

    Raises:
        Damaged, Refused: As `from_json`.
    """
    document = strict_json.loads(content, what=what, containers=BUNDLE_MANIFEST_CONTAINERS)
    if not isinstance(document, dict) or not isinstance(document.get("format"), str):
        raise Damaged("not a bundle manifest", subject=what)
    if document["format"] != FORMAT:
        raise Refused(
            "this version of bundler does not read the bundle's format",
            subject=what,
            expected=FORMAT,
            actual=document["format"][:60],
            hint="import it with a newer bundler",
        )
    return document


def from_document(document: Mapping[str, Any], *, what: str) -> BundleManifest:
    """The bundle manifest that a document is.

    Raises:
        Damaged: As `from_json`.
    """
    try:
        manifest = _manifest(document)
        _check(manifest)
    except (KeyError, TypeError, ValueError, AttributeError, BundlerError) as error:
        raise Damaged(
            texts.text("the bundle manifest contradicts its format: {error}", error=error), subject=what
        ) from error
    return manifest


def archive_of(document: Mapping[str, Any]) -> ArchiveKind:
    """What the chunks are.

    Raises:
        ValueError: They are of a kind that this version does not know.
    """
    name = text(document.get("archive", TAR.name))
    if name not in ARCHIVE_KINDS:
        raise ValueError(texts.text("unknown kind of archive {name}", name=repr(name[:40])))
    return ARCHIVE_KINDS[name]


def chunks_of(document: Mapping[str, Any], archive: ArchiveKind) -> tuple[Chunk, ...]:
    """The chunks; their names follow from their numbers.

    Raises:
        ValueError, TypeError, KeyError: They do not.
    """
    chunks = tuple(Chunk(text(chunk["file"]), size(chunk["size"])) for chunk in list_of(document["chunks"]))
    for number, chunk in enumerate(chunks, start=1):
        if chunk.file != chunk_file(number, archive):
            raise ValueError(texts.text("chunk {number} is called {file}", number=number, file=repr(chunk.file[:60])))
    return chunks


def _image_json(image: Image) -> dict[str, Any]:
    result: dict[str, Any] = {
        "reference": str(image.reference),
        "source": image.source,
        "root": image.root.to_json(),
        "manifests": image.manifests,
        "blobs": image.blobs,
        "variants": [_variant_json(variant) for variant in image.variants],
    }
    if image.made_from:
        result["madeFrom"] = str(image.made_from)
    if image.repacked:
        result["repacked"] = image.repacked
    return result


def _missing_json(image: MissingImage) -> dict[str, Any]:
    return {
        "reference": str(image.reference),
        "source": image.source,
        "code": image.code,
        "reason": image.reason,
    }


def _variant_json(variant: Variant) -> dict[str, Any]:
    config = variant.config
    optional = {
        "created": config.created,
        "env": config.env,
        "entrypoint": config.entrypoint,
        "cmd": config.cmd,
        "workingDir": config.working_dir,
        "user": config.user,
        "labels": dict(config.labels),
    }
    return {
        "digest": str(variant.digest),
        "os": config.platform.os,
        "architecture": config.platform.architecture,
        **({"variant": config.platform.variant} if config.platform.variant else {}),
        **({"osVersion": config.platform.os_version} if config.platform.os_version else {}),
        **({"osFeatures": config.platform.os_features} if config.platform.os_features else {}),
        "size": variant.size_bytes,
        **{name: value for name, value in optional.items() if value},
    }


def _blob_json(blob: Blob) -> dict[str, Any]:
    return {**blob.descriptor.to_json(), "kind": blob.kind, "pieces": _pieces_json(blob.stored.pieces)}


def _stored_json(stored: Stored) -> dict[str, Any]:
    return {
        "path": stored.path,
        "digest": str(stored.digest),
        "size": stored.size_bytes,
        "pieces": _pieces_json(stored.pieces),
    }


def _pieces_json(pieces: Sequence[Piece]) -> list[list[int]]:
    return [[piece.chunk, piece.offset_bytes, piece.length_bytes] for piece in pieces]


def _manifest(document: Mapping[str, Any]) -> BundleManifest:
    archive = archive_of(document)
    return BundleManifest(
        name=check_bundle_name(text(document["name"])),
        created=text(document["created"]),
        tool=text(document["tool"]),
        signed=boolean(document["signed"]),
        chunk_size_bytes=size(document["chunkSize"]),
        images=tuple(map(_image, _drained(list_of(document["images"])))),
        blobs=tuple(map(_blob, _drained(list_of(document["blobs"])))),
        files=tuple(map(_file, list_of(document["files"]))),
        chunks=chunks_of(document, archive),
        archive=archive,
        missing=tuple(map(_missing, list_of(document.get("missing", [])))),
    )


def _missing(entry: Mapping[str, Any]) -> MissingImage:
    return MissingImage(
        Reference.parse(text(entry["reference"])), text(entry["source"]), text(entry["code"]), text(entry["reason"])
    )


def _drained(entries: list[Any]) -> Iterator[Any]:
    """The entries of a list, each let go when the next one is asked for: of 20,000 images they take 100 MiB."""
    entries.reverse()
    while entries:
        yield entries.pop()


def _image(entry: Mapping[str, Any]) -> Image:
    return Image(
        reference=Reference.parse(text(entry["reference"])),
        source=text(entry["source"]),
        root=_descriptor(entry["root"]),
        manifests=tuple(map(size, entry["manifests"])),
        blobs=tuple(map(size, entry["blobs"])),
        variants=tuple(map(_variant, entry["variants"])),
        made_from=Digest.parse(entry["madeFrom"]) if "madeFrom" in entry else None,
        repacked=text(entry["repacked"]) if "repacked" in entry else None,
    )


def _variant(entry: Mapping[str, Any]) -> Variant:
    return Variant(
        digest=Digest.parse(entry["digest"]),
        config=ImageConfig(
            platform=Platform(
                text(entry["os"]),
                text(entry["architecture"]),
                text(entry.get("variant", "")),
                text(entry.get("osVersion", "")),
                tuple(map(text, entry.get("osFeatures", ()))),
            ),
            created=text(entry.get("created", "")),
            env=tuple(map(text, entry.get("env", ()))),
            entrypoint=tuple(map(text, entry.get("entrypoint", ()))),
            cmd=tuple(map(text, entry.get("cmd", ()))),
            working_dir=text(entry.get("workingDir", "")),
            user=text(entry.get("user", "")),
            labels={name: text(value) for name, value in entry.get("labels", {}).items()},
        ),
        size_bytes=size(entry["size"]),
    )


def _blob(entry: Mapping[str, Any]) -> Blob:
    descriptor = _descriptor(entry)
    kind = text(entry["kind"])
    if kind not in _KINDS:
        raise ValueError(texts.text("unknown kind of blob {kind}", kind=repr(kind[:40])))
    pieces = _pieces(entry["pieces"])
    return Blob(descriptor, kind, Stored(descriptor.digest, descriptor.size_bytes, pieces))


def _file(entry: Mapping[str, Any]) -> Stored:
    digest, pieces = Digest.parse(entry["digest"]), _pieces(entry["pieces"])
    return Stored(digest, size(entry["size"]), pieces, text(entry["path"]))


def _descriptor(entry: Mapping[str, Any]) -> Descriptor:
    media_type = text(entry["mediaType"])
    if not is_media_type(media_type):
        raise ValueError(texts.text("not a media type: {media_type:.60}", media_type=repr(media_type)))
    return Descriptor(one_text(media_type), Digest.parse(entry["digest"]), size(entry["size"]))


def _pieces(entries: Sequence[Sequence[Any]]) -> tuple[Piece, ...]:
    return tuple(Piece(size(chunk), size(offset), size(length)) for chunk, offset, length in entries)


def _check(manifest: BundleManifest) -> None:
    if not manifest.images:
        raise ValueError("no image")
    allowed = {"oci-layout", "index.json", "manifest.json"}
    if any(file.file not in allowed for file in manifest.files):
        raise ValueError("an unknown file of the layout")
    if len({file.file for file in manifest.files}) != len(allowed):
        raise ValueError("not every file of the layout once")
    if any(file.size_bytes > LAYOUT_JSON_BYTES for file in manifest.files):
        raise ValueError("a file of the layout that is too large")
    if any(blob.kind == MANIFEST and blob.descriptor.size_bytes > MANIFEST_BYTES for blob in manifest.blobs):
        raise ValueError("a manifest that is too large")
    if len({image.reference for image in manifest.images}) != len(manifest.images):
        raise ValueError("two images of one name")
    if {image.reference for image in manifest.images} & {image.reference for image in manifest.missing}:
        raise ValueError("an image that is in the bundle and missing")
    if len({blob.descriptor.digest for blob in manifest.blobs}) != len(manifest.blobs):
        raise ValueError("a blob that is listed twice")
    for image in manifest.images:
        _check_image(manifest, image)
    _check_pieces(manifest)


def _check_image(manifest: BundleManifest, image: Image) -> None:
    count = len(manifest.blobs)
    if any(number >= count for number in image.needs) or not image.manifests:
        raise ValueError(texts.text("{reference} needs a blob that is not listed", reference=image.reference))
    if any(manifest.blobs[number].kind != MANIFEST for number in image.manifests):
        raise ValueError(texts.text("{reference} has a manifest that is none", reference=image.reference))
    if any(manifest.blobs[number].kind == MANIFEST for number in image.blobs):
        raise ValueError(texts.text("{reference} has a manifest among its layers", reference=image.reference))
    if len(set(image.needs)) != len(image.needs):
        raise ValueError(texts.text("{reference} needs a blob twice", reference=image.reference))
    if image.reference.digest not in (None, image.root.digest):
        raise ValueError(
            texts.text("{reference} is named after another digest than its root's", reference=image.reference)
        )
    if manifest.blobs[image.manifests[-1]].descriptor != image.root:
        raise ValueError(texts.text("the last manifest of {reference} is not its root", reference=image.reference))


def _check_pieces(manifest: BundleManifest) -> None:
    """Every byte of every chunk is framing or data: members follow each other without gap or overlap."""
    kind = manifest.archive
    members: list[list[tuple[int, int, str]]] = [[] for _ in manifest.chunks]
    for stored in manifest.stored():
        _check_parts(stored, len(manifest.chunks), manifest.archive)
        for number, piece in enumerate(stored.pieces):
            member = (piece.offset_bytes, piece.length_bytes, stored.member_name(number))
            members[piece.chunk - 1].append(member)
    for chunk, inside in zip(manifest.chunks, members, strict=True):
        end = kind.start_bytes
        for offset, length, name in sorted(inside):
            begin = offset - kind.header_bytes(name, length)
            if begin != end:
                raise ValueError(
                    texts.text(
                        "{name} does not begin where the member before it in {file} ends", name=name, file=chunk.file
                    )
                )
            end = begin + kind.member_bytes(name, length)
        if not inside or not kind.is_end(chunk.size_bytes - end, (name for _, _, name in inside)):
            raise ValueError(texts.text("the members of {file} do not make up its size", file=chunk.file))


def _check_parts(stored: Stored, chunk_count: int, kind: ArchiveKind) -> None:
    if sum(piece.length_bytes for piece in stored.pieces) != stored.size_bytes or not stored.pieces:
        raise ValueError(texts.text("the pieces of {path} do not add up to its size", path=stored.path))
    first = stored.pieces[0].chunk
    for number, piece in enumerate(stored.pieces):
        if piece.chunk != first + number or not 1 <= piece.chunk <= chunk_count:
            raise ValueError(
                texts.text("the pieces of {path} do not lie in chunks that follow each other", path=stored.path)
            )
        if not number:
            continue
        header = kind.header_bytes(stored.member_name(number), piece.length_bytes)
        if piece.offset_bytes != kind.start_bytes + header:
            raise ValueError(texts.text("a part of {path} does not begin its chunk", path=stored.path))
