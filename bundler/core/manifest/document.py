"""The document ``bundle.json``: the content of a bundle and the place of each byte.

It is the plan of an export (made before any blob is moved, see `bundler.core.plan`) and the map of an import.
Specification: FORMAT.md, section 5. Unknown fields are ignored; an unknown ``format`` is refused.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bundler import texts
from bundler.core import strict_json
from bundler.core.archive_kind import TAR, ArchiveKind
from bundler.core.bundle_name import check_bundle_name
from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.json_fields import boolean, drained, list_of, size, text
from bundler.core.limits import BASES, BUNDLE_MANIFEST_CONTAINERS, LAYOUT_JSON_BYTES, MANIFEST_BYTES
from bundler.core.manifest.attachments import Attachment
from bundler.core.manifest.blobs import MANIFEST, Blob, InBase, Stored, blob_json, file_json, read_blob, read_file
from bundler.core.manifest.chunks import Chunk, archive_json, archive_of, check_pieces, chunk_json, chunks_of
from bundler.core.manifest.images import Image, MissingImage, image_json, missing_json, read_image, read_missing
from bundler.core.manifest.media import Medium, media_of, medium_json
from bundler.core.manifest.series import (
    BUNDLE,
    Base,
    Series,
    base_json,
    read_base,
    read_id,
    read_series,
    series_json,
)
from bundler.core.reference import Reference
from bundler.errors import BundlerError, Damaged, Refused

FORMAT = "bundler/1"
FORMAT_WITH_BASES = "bundler/1+base"
"""The format of a bundle that leaves blobs out, so that no reader takes it for a whole one."""
_HEAD_BYTES = 4096
"""The beginning of bundle.json that is searched for its first fields, which are shorter."""
_ENCODER = json.JSONEncoder(separators=(", ", ": "))


@frozen
class BundleManifest:
    """The content of bundle.json. ``files`` are the files of the OCI layout that are not blobs."""

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
    """The images that were asked for and are not in the bundle."""
    series: Series | None = None
    bases: tuple[Base, ...] = ()
    """The statements by which blobs are left out."""
    completes: str = ""
    """The id of the bundle that this one is a supplement to; empty if it is none."""
    media: tuple[Medium, ...] = ()
    """The media that the export planned the files for; empty if it planned none."""

    @property
    def format(self) -> str:
        """The value of the field ``format``."""
        return FORMAT_WITH_BASES if self.bases else FORMAT

    def stored(self) -> Iterable[Stored]:
        """All files and blobs that are in the chunks."""
        yield from self.files
        for blob in self.blobs:
            if not blob.is_left_out:
                yield blob.stored

    @property
    def left_out(self) -> tuple[Blob, ...]:
        """The blobs that the bundle leaves out, because the receiver has them."""
        return tuple(blob for blob in self.blobs if blob.is_left_out) if self.bases else ()

    @property
    def attachments(self) -> tuple[Attachment, ...]:
        """The attachments of all images, each once."""
        return tuple(dict.fromkeys(each for image in self.images for each in image.attachments))

    @property
    def size_bytes(self) -> int:
        """The size of all chunks together."""
        return sum(chunk.size_bytes for chunk in self.chunks)

    def size_of(self, image: Image) -> int:
        """The size in bytes of all blobs that an image needs, shared or not."""
        return sum(self.blobs[number].descriptor.size_bytes for number in image.needs)

    def users(self) -> dict[Digest, list[str]]:
        """The references of the images that need each blob."""
        users: dict[Digest, list[str]] = {}
        for image in self.images:
            for number in image.needs_with_attachments:
                users.setdefault(self.blobs[number].descriptor.digest, []).append(str(image.reference))
        return users


def to_json(manifest: BundleManifest) -> bytes:
    """The bytes of bundle.json, all at once."""
    document = io.BytesIO()  # its getvalue() makes no copy
    document.writelines(json_pieces(manifest))
    return document.getvalue()


def plan_digest(manifest: BundleManifest) -> str:
    """The SHA-256 of the planned bundle.json, in hex."""
    hasher = hashlib.sha256()
    for piece in json_pieces(manifest):
        hasher.update(piece)
    return hasher.hexdigest()


def is_plan_of(content: bytes, planned: BundleManifest) -> bool:
    """True if a bundle.json is the one of this plan, apart from its time and the version of the tool.

    It compares bytes and parses nothing else: a document that another writer formatted counts as another plan.

    Args:
        content: The bytes of bundle.json.
        planned: The plan.
    """
    made = re.search(rb'^"created": ("[^"\\]*"),\n"tool": ("[^"\\]*"),$', content[:_HEAD_BYTES], re.MULTILINE)
    if made is None:
        return False
    created, tool = (json.loads(text) for text in made.groups())
    return plan_digest(replace(planned, created=created, tool=tool)) == hashlib.sha256(content).hexdigest()


def json_pieces(manifest: BundleManifest) -> Iterator[bytes]:
    """The bytes of bundle.json: one line for each image, blob and chunk, so that people and diff can read it.

    Each piece is at most one line, so that writing or hashing the document needs little memory.
    """
    head = {
        "format": manifest.format,
        "name": manifest.name,
        "created": manifest.created,
        "tool": manifest.tool,
        "signed": manifest.signed,
        "chunkSize": manifest.chunk_size_bytes,
        **archive_json(manifest.archive),
        **({"series": series_json(manifest.series)} if manifest.series else {}),
        **({"completes": manifest.completes} if manifest.completes else {}),
    }
    lists = {
        "images": map(image_json, manifest.images),
        **({"missing": map(missing_json, manifest.missing)} if manifest.missing else {}),
        **({"bases": map(base_json, manifest.bases)} if manifest.bases else {}),
        "blobs": map(blob_json, manifest.blobs),
        "files": map(file_json, manifest.files),
        "chunks": map(chunk_json, manifest.chunks),
        **media_lists(manifest.media),
    }
    return lines_of(head, lists)


def media_lists(media: tuple[Medium, ...]) -> dict[str, Iterable[dict[str, Any]]]:
    """The field ``media``, which is absent if no media were planned."""
    return {"media": map(medium_json, media)} if media else {}


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


def from_json(content: bytes, *, what: str) -> BundleManifest:
    """Reads bundle.json. The caller has checked its digest against the signed list.

    Raises:
        Damaged: The document is not valid: a number is out of range, or pieces overlap or leave their chunk.
        Refused: This version does not know the format.
    """
    return from_document(document_of(content, what=what), what=what)


def document_of(content: bytes, *, what: str) -> dict[str, Any]:
    """The document, if this version reads its format; no other field is checked yet.

    Raises:
        Damaged, Refused: As `from_json`.
    """
    document = strict_json.loads(content, what=what, containers=BUNDLE_MANIFEST_CONTAINERS)
    if not isinstance(document, dict) or not isinstance(document.get("format"), str):
        raise Damaged("not a bundle manifest", subject=what)
    if document["format"] not in (FORMAT, FORMAT_WITH_BASES):
        raise Refused(
            "this version of bundler cannot read the bundle's format",
            subject=what,
            expected=FORMAT,
            actual=document["format"][:60],
            hint="import it with a newer bundler",
        )
    return document


def from_document(document: Mapping[str, Any], *, what: str) -> BundleManifest:
    """The bundle manifest in a document.

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


def _manifest(document: Mapping[str, Any]) -> BundleManifest:
    archive = archive_of(document)
    chunks = chunks_of(document, archive)
    bases = list_of(document.get("bases", []))
    if len(bases) > BASES:
        raise ValueError(texts.text("more than {count} bases", count=BASES))
    blobs = tuple(map(read_blob, drained(document["blobs"])))
    manifest = BundleManifest(
        name=check_bundle_name(text(document["name"])),
        created=text(document["created"]),
        tool=text(document["tool"]),
        signed=boolean(document["signed"]),
        chunk_size_bytes=size(document["chunkSize"]),
        images=tuple(read_image(each, blobs) for each in drained(document["images"])),
        blobs=blobs,
        files=tuple(map(read_file, list_of(document["files"]))),
        chunks=chunks,
        archive=archive,
        missing=tuple(map(read_missing, list_of(document.get("missing", [])))),
        series=read_series(document["series"]) if "series" in document else None,
        bases=tuple(map(read_base, bases)),
        completes=read_id(document["completes"]) if "completes" in document else "",
        media=media_of(document, len(chunks)),
    )
    if document["format"] != manifest.format:
        if bases:
            raise ValueError("the bundle has bases, but the format is for bundles without them")
        raise ValueError("the format is for bundles with bases, but the bundle has none")
    return manifest


def _check(manifest: BundleManifest) -> None:
    if not manifest.images:
        raise ValueError("no image")
    allowed = {"oci-layout", "index.json", "manifest.json"}
    if any(file.file not in allowed for file in manifest.files):
        raise ValueError("an unknown file of the layout")
    if sorted(file.file for file in manifest.files) != sorted(allowed):
        raise ValueError("a file of the layout is missing or listed twice")
    if any(file.size_bytes > LAYOUT_JSON_BYTES for file in manifest.files):
        raise ValueError("a file of the layout that is too large")
    if any(blob.kind == MANIFEST and blob.descriptor.size_bytes > MANIFEST_BYTES for blob in manifest.blobs):
        raise ValueError("a manifest that is too large")
    if len({image.reference for image in manifest.images}) != len(manifest.images):
        raise ValueError("two images of one name")
    if {image.reference for image in manifest.images} & {image.reference for image in manifest.missing}:
        raise ValueError("an image is listed as present and as missing")
    if len({blob.descriptor.digest for blob in manifest.blobs}) != len(manifest.blobs):
        raise ValueError("a blob that is listed twice")
    for image in manifest.images:
        _check_image(manifest, image)
        _check_attachments(manifest, image)
    _check_bases(manifest)
    check_pieces(manifest.chunks, manifest.stored(), manifest.archive)


def _check_image(manifest: BundleManifest, image: Image) -> None:
    _check_needs(manifest, image.reference, image)
    if image.reference.digest not in (None, image.root.digest):
        raise ValueError(
            texts.text("the digest in the name {reference} is not the one of its root", reference=image.reference)
        )
    if manifest.blobs[image.manifests[-1]].descriptor != image.root:
        raise ValueError(texts.text("the last manifest of {reference} is not its root", reference=image.reference))
    manifests = {manifest.blobs[number].descriptor.digest for number in image.manifests}
    if any(variant.digest not in manifests for variant in image.variants):
        raise ValueError(
            texts.text("{reference} has a platform that is none of its manifests", reference=image.reference)
        )


def _check_attachments(manifest: BundleManifest, image: Image) -> None:
    if not image.attachments:
        return
    subjects = {manifest.blobs[number].descriptor.digest for number in image.manifests}
    seen: set[tuple[Digest, int, str]] = set()
    roots: dict[str, int] = {}
    for each in image.attachments:
        _check_needs(manifest, image.reference, each)
        if each.subject not in subjects:
            raise ValueError(
                texts.text(
                    "{reference} has an attachment of {subject}, which is neither one of its manifests nor an "
                    "earlier attachment",
                    reference=image.reference,
                    subject=each.subject,
                )
            )
        root = each.manifests[-1]
        if root in image.manifests:
            raise ValueError(texts.text("{reference} has one of its own manifests attached", reference=image.reference))
        if (each.subject, root, each.tag) in seen:
            raise ValueError(texts.text("{reference} has an attachment twice", reference=image.reference))
        seen.add((each.subject, root, each.tag))
        if each.tag and roots.setdefault(each.tag, root) != root:  # at the target the last one would have the tag
            raise ValueError(
                texts.text(
                    "{reference} has two attachments with the tag {tag}", reference=image.reference, tag=each.tag
                )
            )
        subjects |= {manifest.blobs[number].descriptor.digest for number in each.manifests}


def _check_needs(manifest: BundleManifest, reference: Reference, what: Image | Attachment) -> None:
    """Checks that the numbers of an image or attachment refer to listed manifests and blobs, each once."""
    count = len(manifest.blobs)
    if any(number >= count for number in what.needs) or not what.manifests:
        raise ValueError(texts.text("{reference} needs a blob that is not listed", reference=reference))
    if any(manifest.blobs[number].kind != MANIFEST for number in what.manifests):
        raise ValueError(texts.text("{reference} has a manifest of another kind", reference=reference))
    if any(manifest.blobs[number].kind == MANIFEST for number in what.blobs):
        raise ValueError(texts.text("{reference} has a manifest among its layers", reference=reference))
    if len(set(what.needs)) != len(what.needs):
        raise ValueError(texts.text("{reference} needs a blob twice", reference=reference))


def _check_bases(manifest: BundleManifest) -> None:
    bases = manifest.bases
    if len({base.id for base in bases}) != len(bases):
        raise ValueError("a base that is listed twice")
    used: set[int] = set()
    for blob in manifest.blobs:
        for place in blob.bases:
            _check_place(blob, place, bases)
            used.add(place.base)
        if len({place.base for place in blob.bases}) != len(blob.bases):
            raise ValueError(texts.text("{digest} is in a base twice", digest=blob.descriptor.digest))
    if len(used) != len(bases):
        raise ValueError("a base that no blob refers to")


def _check_place(blob: Blob, place: InBase, bases: Sequence[Base]) -> None:
    if place.base >= len(bases):
        raise ValueError(texts.text("{digest} refers to a base that is not listed", digest=blob.descriptor.digest))
    is_bundle = bases[place.base].kind == BUNDLE
    if is_bundle != bool(place.chunks) or (is_bundle and place.repositories):
        raise ValueError(
            texts.text(
                "{digest} does not fit the kind of its base: only a base that is a bundle has chunks",
                digest=blob.descriptor.digest,
            )
        )
