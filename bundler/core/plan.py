"""The plan of an export: gives each byte its place in the bundle, before any blob is moved.

The same images and options give the same plan on any machine. The order in the bundle is: the files of the OCI layout,
all manifests and configs, then layers in the order of the images that need them first. A blob goes whole into the
current chunk, or begins the next one. Only a blob that no chunk can hold is split; its first part begins a new chunk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache

from bundler import texts
from bundler.core import manifest as bundle_manifest, oci, strict_json
from bundler.core.archive_kind import TAR, ArchiveKind
from bundler.core.at_receiver import NOTHING_THERE, AtReceiver
from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.limits import BASES, CARRIED_ATTACHED_BYTES, FIRST_FILES_SHARE, MINIMUM_CHUNK_BYTES, SIZE_BYTES
from bundler.core.manifest import (
    Attachment,
    Blob,
    BundleManifest,
    Chunk,
    Image,
    InBase,
    MissingImage,
    Piece,
    Series,
    Stored,
    Variant,
    Verdict,
    chunk_file,
)
from bundler.core.oci import Descriptor, Manifest
from bundler.core.platform import Platform
from bundler.core.reference import Reference
from bundler.core.written_size import parse_size
from bundler.errors import Misuse

CHUNK_PRESETS = {
    "cd": 700_000_000,
    "dvd": 4_294_000_000,
    "dvd-dl": 4_260_000_000,
    "bd25": 24_900_000_000,
    "bd50": 49_900_000_000,
    "bd100": 99_900_000_000,
    "fat32": 4_294_000_000,
}
"""Sizes for media. Files on ISO 9660 and FAT32 are smaller than 4 GiB: a DVD holds one, a double-layer DVD two."""

OCI_LAYOUT = strict_json.canonical({"imageLayoutVersion": "1.0.0"})
"""The file ``oci-layout``, which is the same in every bundle."""

_DOCKER_DEFAULT = Platform("linux", "amd64")
_LARGER = texts.text("give a larger --chunk-size")


@frozen
class ResolvedAttachment:
    """An attachment with its manifests. The fields are those of `bundler.core.manifest.Attachment`."""

    subject: Digest
    kind: str
    found: str
    manifests: tuple[Manifest, ...]
    artifact_type: str = ""
    tag: str = ""

    @property
    def root(self) -> Descriptor:
        """The descriptor of the attachment itself."""
        return self.manifests[-1].descriptor


@frozen
class ResolvedImage:
    """An image with all its manifests.

    Attributes:
        reference: The name of the image in the bundle.
        source: The location that it comes from, as text.
        manifests: Its manifests, children before parents, the root last.
        variants: The runnable images among them.
        made_from: The digest of the source's index, if platforms were chosen and the root is therefore another index.
        repacked: The compression that we used for its layers, if the source has neither a manifest nor compressed
            layers; else None.
        attachments: The attachments of its manifests, a subject before its attachments.
        verdicts: The policy's decisions on it.
    """

    reference: Reference
    source: str
    manifests: tuple[Manifest, ...]
    variants: tuple[Variant, ...]
    made_from: Digest | None = None
    repacked: str | None = None
    attachments: tuple[ResolvedAttachment, ...] = ()
    verdicts: tuple[Verdict, ...] = ()

    @property
    def carried(self) -> tuple[Manifest, ...]:
        """Its manifests, then those of its attachments."""
        return self.manifests + tuple(manifest for each in self.attachments for manifest in each.manifests)

    @property
    def root(self) -> Descriptor:
        """The descriptor that the name refers to in the bundle."""
        return self.manifests[-1].descriptor

    @property
    def source_digest(self) -> Digest:
        """The digest that the name refers to at the source."""
        return self.made_from or self.root.digest


@frozen
class Plan:
    """The bundle manifest, and the files of the layout, which are the bytes of the bundle that the export makes."""

    manifest: BundleManifest
    contents: dict[Digest, bytes]


@frozen
class BundleFacts:
    """The statements of a bundle about itself.

    Attributes:
        name: The name of the bundle.
        created: The time of the export, ISO 8601, UTC.
        tool: Name and version of the tool that makes the bundle.
        signed: True if the bundle will be signed.
        missing: The images that were asked for and that their sources lack.
        series: The place of the bundle in its series.
        completes: The id of the bundle that it is a supplement to; empty if it is none.
    """

    name: str
    created: str
    tool: str
    signed: bool
    missing: tuple[MissingImage, ...] = ()
    series: Series | None = None
    completes: str = ""


def plan_bundle(
    images: Sequence[ResolvedImage],
    facts: BundleFacts,
    *,
    chunk_size_bytes: int,
    archive: ArchiveKind = TAR,
    there: AtReceiver = NOTHING_THERE,
    larger: str = _LARGER,
) -> Plan:
    """Gives each byte of a bundle its place.

    Args:
        images: At least one, in the order of the list.
        facts: The statements of the bundle about itself.
        chunk_size_bytes: The largest size of a chunk file.
        archive: The kind of archive for the chunks.
        there: The blobs that can be left out. Manifests are carried in any case.
        larger: The hint that gives larger chunks.

    Raises:
        Misuse: The chunks are too small for the files that must come first, or the bundle would rely on too many
            statements.
    """
    contents = layout_files(images)
    _check_chunk_size(chunk_size_bytes, sum(len(content) for content in contents.values()), larger)
    numbered = _number_blobs(images)
    filler = _Filler(chunk_size_bytes, archive)
    files = tuple(filler.place(Digest.of(content), len(content), file=file) for file, content in contents.items())
    omitted = _omitted(images, numbered, there)
    used = _used_bases(omitted)
    base_number = {before: number for number, before in enumerate(used)}

    @cache  # thousands of blobs are in one chunk of one base
    def places_of(places: tuple[InBase, ...]) -> tuple[InBase, ...]:
        return tuple(replace(place, base=base_number[place.base]) for place in places)

    def blob_of(descriptor: Descriptor, kind: str) -> Blob:
        digest, size_bytes = descriptor.digest, descriptor.size_bytes
        if digest not in omitted:
            return Blob(descriptor, kind, filler.place(digest, size_bytes))
        return Blob(descriptor, kind, Stored(digest, size_bytes, ()), places_of(omitted[digest]))

    blobs = tuple(blob_of(descriptor, kind) for descriptor, kind in numbered.values())
    number_of = {digest: number for number, digest in enumerate(numbered)}
    manifest = BundleManifest(
        name=facts.name,
        created=facts.created,
        tool=facts.tool,
        signed=facts.signed,
        chunk_size_bytes=chunk_size_bytes,
        images=tuple(_image(image, number_of) for image in images),
        blobs=blobs,
        files=files,
        chunks=filler.chunks(),
        archive=archive,
        missing=facts.missing,
        series=facts.series,
        completes=facts.completes,
        bases=tuple(there.bases[number] for number in used),
    )
    return Plan(manifest, {Digest.of(content): content for content in contents.values()})


def _omitted(
    images: Sequence[ResolvedImage], numbered: Mapping[Digest, tuple[Descriptor, str]], there: AtReceiver
) -> dict[Digest, tuple[InBase, ...]]:
    """The blobs that are left out. Small blobs of attachments are not: policies are judged by what the bundle has."""
    if not there.blobs:
        return {}
    attached = (manifest for image in images for each in image.attachments for manifest in each.manifests)
    carried = {
        blob.digest for manifest in attached for blob in manifest.blobs if blob.size_bytes <= CARRIED_ATTACHED_BYTES
    }
    return {
        digest: there.blobs[digest]
        for digest, (_, kind) in numbered.items()
        if kind != bundle_manifest.MANIFEST and digest in there.blobs and digest not in carried
    }


def _used_bases(omitted: Mapping[Digest, tuple[InBase, ...]]) -> list[int]:
    """The numbers of the bases that have at least one of the blobs.

    Raises:
        Misuse: There are more than a bundle may have.
    """
    used = sorted({place.base for places in omitted.values() for place in places})
    if len(used) > BASES:
        raise Misuse(
            "the bundle would rely on too many bundles, receipts and inventories",
            subject="--since",
            expected=texts.text("at most {count}", count=BASES),
            actual=texts.text("{count}", count=len(used)),
            hint="start again with a complete bundle: export without --since; or give an inventory alone",
        )
    return used


def layout_files(images: Sequence[ResolvedImage]) -> dict[str, bytes]:
    """The files of the OCI layout, by their paths, in the order of the bundle. FORMAT.md, section 7."""
    return {
        "oci-layout": OCI_LAYOUT,
        "index.json": index_json(images),
        "manifest.json": docker_manifest_json(images),
    }


def docker_variant(variants: Iterable[Variant]) -> Variant | None:
    """The variant that ``docker load`` gets: the one for linux/amd64, or the first for Linux; None if there is none.

    Args:
        variants: The variants of an image, in the order of its manifests.
    """
    for_linux = [variant for variant in variants if variant.config.platform.os == "linux"]
    wanted = (variant for variant in for_linux if _DOCKER_DEFAULT.accepts(variant.config.platform))
    return next(wanted, for_linux[0] if for_linux else None)


def parse_chunk_size(text: str) -> int:
    """Reads a chunk size: a preset's name or a number of bytes with an optional unit (``1900MiB``, ``4GB``).

    Raises:
        Misuse: The text is neither, or the size is out of range.
    """
    size = parse_size(text, CHUNK_PRESETS, wrong=texts.text("not a chunk size"))
    _check_chunk_size(size, 0)
    return size


def _check_chunk_size(chunk_size_bytes: int, first_files_bytes: int, larger: str = _LARGER) -> None:
    if chunk_size_bytes > SIZE_BYTES:
        raise Misuse(
            "the chunk size is too large",
            expected=texts.text("at most {size_bytes} bytes", size_bytes=SIZE_BYTES),
            actual=texts.text("{size} bytes", size=chunk_size_bytes),
        )
    least = max(MINIMUM_CHUNK_BYTES, int(first_files_bytes / FIRST_FILES_SHARE))
    if chunk_size_bytes < least:
        raise Misuse(
            "the chunk size is too small",
            expected=texts.text("at least {least} bytes", least=least),
            actual=texts.text("{size} bytes", size=chunk_size_bytes),
            hint=larger,
        )


def _number_blobs(images: Iterable[ResolvedImage]) -> dict[Digest, tuple[Descriptor, str]]:
    """Each blob once, in the order of the bundle."""
    images = tuple(images)
    numbered: dict[Digest, tuple[Descriptor, str]] = {}

    def add(kind: str, pick: Callable[[Manifest], Iterable[Descriptor]]) -> None:
        for image in images:
            for manifest in image.carried:
                for descriptor in pick(manifest):
                    numbered.setdefault(descriptor.digest, (descriptor.bare, kind))

    add(bundle_manifest.MANIFEST, lambda manifest: (manifest.descriptor,))
    add(bundle_manifest.CONFIG, lambda manifest: (manifest.config,) if manifest.config else ())
    add(bundle_manifest.LAYER, lambda manifest: manifest.layers)
    return numbered


def _image(image: ResolvedImage, number_of: dict[Digest, int]) -> Image:
    manifests, blobs = _numbers(image.manifests, number_of)
    return Image(
        reference=image.reference,
        source=image.source,
        root=image.root,
        manifests=manifests,
        blobs=blobs,
        variants=image.variants,
        made_from=image.made_from,
        repacked=image.repacked,
        attachments=tuple(_attachment(each, number_of) for each in image.attachments),
        verdicts=image.verdicts,
    )


def _attachment(attachment: ResolvedAttachment, number_of: dict[Digest, int]) -> Attachment:
    manifests, blobs = _numbers(attachment.manifests, number_of)
    return Attachment(
        subject=attachment.subject,
        kind=attachment.kind,
        found=attachment.found,
        manifests=manifests,
        blobs=blobs,
        artifact_type=attachment.artifact_type,
        tag=attachment.tag,
    )


def _numbers(needed: Iterable[Manifest], number_of: dict[Digest, int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The numbers of some manifests, and of their configs and layers, each once."""
    needed = tuple(needed)
    manifests = {number_of[manifest.descriptor.digest]: None for manifest in needed}
    blobs = {number_of[blob.digest]: None for manifest in needed for blob in manifest.blobs}
    return tuple(manifests), tuple(number for number in blobs if number not in manifests)


def _attached_json(attachment: ResolvedAttachment, name: str) -> dict[str, object]:
    """The entry of an attachment in index.json. Tools look for the attachments of a layout there."""
    return {
        **attachment.root.to_json(),
        **({"artifactType": attachment.artifact_type} if attachment.artifact_type else {}),
        **({"annotations": {"org.opencontainers.image.ref.name": name}} if name else {}),
    }


def index_json(images: Iterable[ResolvedImage]) -> bytes:
    """The index.json of the layout. Of each image it needs the name, the root and the roots of its attachments."""
    entries: list[bytes] = []
    attached: dict[tuple[Digest, str], bytes] = {}
    for image in images:
        name = str(image.reference)
        names = {"org.opencontainers.image.ref.name": name, "io.containerd.image.name": name}
        entries.append(_entry({**image.root.to_json(), "annotations": names}))
        for each in image.attachments:
            own = f"{image.reference.name}:{each.tag}" if each.tag else ""
            if (each.root.digest, own) not in attached:
                attached[each.root.digest, own] = _entry(_attached_json(each, own))
    head = strict_json.canonical({"schemaVersion": 2, "mediaType": oci.OCI_INDEX, "manifests": []})
    return head.replace(b"[]", _list((*entries, *attached.values())))


def docker_manifest_json(images: Iterable[ResolvedImage]) -> bytes:
    """The manifest.json that ``docker load`` reads: for each image its variant for linux/amd64, or its first for Linux.

    Images with zstd layers come last: an old daemon that cannot read them loads all other images first.
    """
    entries: list[bytes] = []
    with_zstd: list[bytes] = []
    for image in images:
        manifest = _for_docker(image)
        if manifest is None or manifest.config is None:
            continue
        has_zstd = any(layer.media_type.endswith("zstd") for layer in manifest.layers)
        entry = {
            "Config": manifest.config.digest.path,
            "RepoTags": [f"{image.reference.name}:{image.reference.tag}"] if image.reference.tag else [],
            "Layers": [layer.digest.path for layer in manifest.layers],
        }
        (with_zstd if has_zstd else entries).append(_entry(entry))
    return _list((*entries, *with_zstd)) + b"\n"


def _entry(document: Mapping[str, object]) -> bytes:
    """An entry of a list as bytes: as objects, those of 20,000 images take three times as much memory."""
    return strict_json.canonical(document).rstrip(b"\n")


def _list(entries: Iterable[bytes]) -> bytes:
    return b"[" + b",".join(entries) + b"]"


def _for_docker(image: ResolvedImage) -> Manifest | None:
    runnable = {manifest.descriptor.digest: manifest for manifest in image.manifests if manifest.is_runnable}
    variants = {variant.digest: variant for variant in image.variants}
    chosen = docker_variant(variants[digest] for digest in runnable if digest in variants)
    return None if chosen is None else runnable[chosen.digest]


class _Filler:
    """Fills chunks in order; knows the used length of each chunk, and the length that its end may need."""

    def __init__(self, chunk_size_bytes: int, kind: ArchiveKind) -> None:
        self._size_bytes = chunk_size_bytes
        self._kind = kind
        self._empty = (kind.start_bytes, kind.end_bytes(()))
        self._ends: list[int] = []
        self._reserved: list[int] = []
        self._open_chunk()

    def place(self, digest: Digest, size_bytes: int, *, file: str = "") -> Stored:
        """Gives a blob or a file of the layout the next place that can hold it."""
        path = file or digest.path
        if not self._fits(self._open, path, size_bytes):
            if not self._fits(self._empty, path, size_bytes):
                return Stored(digest, size_bytes, self._take_in_parts(path, size_bytes), file)
            self._open_chunk()
        return Stored(digest, size_bytes, (self._take(path, size_bytes),), file)

    def chunks(self) -> tuple[Chunk, ...]:
        """The chunks filled so far. The end of a 7z chunk counts with its largest possible length."""
        return tuple(
            Chunk(chunk_file(number, self._kind), end + reserved)
            for number, (end, reserved) in enumerate(zip(self._ends, self._reserved, strict=True), start=1)
        )

    @property
    def _open(self) -> tuple[int, int]:
        return self._ends[-1], self._reserved[-1]

    def _fits(self, chunk: tuple[int, int], name: str, size_bytes: int) -> bool:
        end, reserved = chunk
        taken = end + self._kind.member_bytes(name, size_bytes)
        return taken + reserved + self._kind.end_bytes_for(name) <= self._size_bytes

    def _take_in_parts(self, path: str, size_bytes: int) -> tuple[Piece, ...]:
        name = f"{path}.part-0000"
        whole = self._kind.largest_data(name, self._size_bytes - self._kind.start_bytes)
        pieces = []
        left = size_bytes
        while left:
            self._open_chunk()  # the open one is never empty: oci-layout is placed first
            length = min(left, whole)
            pieces.append(self._take(name, length))
            left -= length
        return tuple(pieces)

    def _open_chunk(self) -> None:
        self._ends.append(self._empty[0])
        self._reserved.append(self._empty[1])

    def _take(self, name: str, size_bytes: int) -> Piece:
        offset = self._ends[-1] + self._kind.header_bytes(name, size_bytes)
        self._ends[-1] += self._kind.member_bytes(name, size_bytes)
        self._reserved[-1] += self._kind.end_bytes_for(name)
        return Piece(len(self._ends), offset, size_bytes)
