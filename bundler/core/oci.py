"""Descriptors, manifests and indexes of OCI image-spec and Docker image manifest v2 schema 2, read strictly.

The program reads a manifest to find the blobs that it needs, and carries its bytes unchanged. This module refuses
documents that are a manifest and an index at once or contradict their media type (CVE-2021-41190), invalid descriptors,
and Docker's schema 1: no registry keeps its kind of signature.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import field
from functools import lru_cache
from typing import Any

from bundler import texts
from bundler.core import strict_json
from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.limits import INDEX_CHILDREN, LAYER_URLS, MANIFEST_BYTES, SIZE_BYTES
from bundler.core.platform import Platform
from bundler.errors import BundlerError, Damaged, Refused

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_ARTIFACT = "application/vnd.oci.artifact.manifest.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"

INDEX_TYPES = frozenset({OCI_INDEX, DOCKER_INDEX})
MANIFEST_TYPES = frozenset({OCI_MANIFEST, OCI_ARTIFACT, DOCKER_MANIFEST}) | INDEX_TYPES
IMAGE_CONFIG_TYPES = frozenset({OCI_CONFIG, DOCKER_CONFIG})
ACCEPT = ", ".join((OCI_INDEX, DOCKER_INDEX, OCI_MANIFEST, DOCKER_MANIFEST, OCI_ARTIFACT, "*/*;q=0.1"))
"""The Accept header of requests for manifests. It allows all types, so that no registry converts a manifest."""

_SCHEMA_1_TYPES = frozenset(
    {
        "application/vnd.docker.distribution.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
    }
)
_MANIFEST_FIELDS = frozenset({"schemaVersion", "mediaType", "config", "layers", "manifests", "blobs", "subject"})
_DESCRIPTOR_FIELDS = frozenset({"mediaType", "digest", "size", "platform", "annotations", "urls", "data"})
_CACHE_TYPES = "application/vnd.buildkit.cacheconfig."
_LAYER_ENDINGS = (".tar", ".tar.gzip", "+gzip", "+zstd", ".tar.zstd")
_SHARED_CHARACTERS = 200
"""The longest platform that is kept to be shared, so that hostile ones take no memory."""
_ATTESTATION_SUBJECT = "vnd.docker.reference.digest"


@frozen
class Descriptor:
    """A descriptor of OCI image-spec: media type, digest and size in bytes; for a child of an index also its platform.

    The media type of an index's child is empty if the index does not have it; the store that has the bytes knows it.
    """

    media_type: str
    digest: Digest
    size_bytes: int
    platform: Platform | None = None
    attests: Digest | None = None
    """The digest of the sibling that this child of an index attests, as BuildKit marks it; it has no known platform."""
    urls: tuple[str, ...] = ()
    """Other addresses of the bytes, by the maker of the image. They are used only if the user allowed their hosts."""

    @property
    def is_index(self) -> bool:
        """True if the media type is that of an index."""
        return self.media_type in INDEX_TYPES

    @property
    def bare(self) -> Descriptor:
        """The descriptor without the fields that only an index has: platform, attestation and addresses."""
        if self.platform is None and self.attests is None and not self.urls:
            return self
        return Descriptor(self.media_type, self.digest, self.size_bytes)

    def to_json(self) -> dict[str, Any]:
        """The descriptor as OCI image-spec writes it."""
        return {"mediaType": self.media_type, "digest": str(self.digest), "size": self.size_bytes}


@frozen
class Manifest:
    """A manifest or an index, with the descriptors of all that it needs.

    An image has ``config`` and ``layers``. An index has ``children``, the manifests that it lists; blobs in an index,
    as in cache indexes of BuildKit, are its ``layers``. A document of an unknown type has no known needs.
    """

    descriptor: Descriptor
    children: tuple[Descriptor, ...] = ()
    config: Descriptor | None = None
    layers: tuple[Descriptor, ...] = ()
    subject: Digest | None = None
    """The manifest that this one is attached to; also None if the field is not valid."""

    @property
    def blobs(self) -> tuple[Descriptor, ...]:
        """Config and layers, in this order."""
        return ((self.config,) if self.config else ()) + self.layers

    @property
    def is_runnable(self) -> bool:
        """True if this is an image that a container can run, not another artifact."""
        return (
            self.config is not None
            and self.config.media_type in IMAGE_CONFIG_TYPES
            and all(is_layer_type(layer.media_type) for layer in self.layers)
        )


@frozen
class ImageConfig:
    """The metadata of an image that ``docker inspect`` shows, read from its config."""

    platform: Platform
    created: str = ""
    env: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    working_dir: str = ""
    user: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


NO_LABELS: Mapping[str, str] = {}
"""The labels of an image that has none, as one object that all such images share."""


def is_layer_type(media_type: str) -> bool:
    """True if a media type is that of a file system layer."""
    return ("image.layer" in media_type or "image.rootfs" in media_type) and media_type.endswith(_LAYER_ENDINGS)


def is_manifest_type(media_type: str) -> bool:
    """True if a child of an index with this media type, which may be empty, is a manifest; else it is a blob."""
    return not is_layer_type(media_type) and not media_type.startswith(_CACHE_TYPES)


def parse_manifest(content: bytes, media_type: str, *, what: str, digest: Digest | None = None) -> Manifest:
    """Reads a manifest or index.

    Args:
        content: The bytes of the document, whose digest was checked.
        media_type: The type by the registry's ``Content-Type`` or the parent's descriptor. If it is empty, the
            document's own type counts.
        what: The name of the document, for messages.
        digest: The digest that was checked; None for its SHA-256.

    Raises:
        Damaged: The document is not valid, or does not match its media type.
        Refused: The document is of Docker's schema 1, or larger than registries accept.
    """
    _check_size(content, what)
    media_type = media_type or media_type_of(content, what=what)
    if media_type in _SCHEMA_1_TYPES:
        raise Refused(
            "a Docker schema 1 manifest, which no current registry accepts",
            subject=what,
            hint="push the image again with a current Docker, then export it",
        )
    descriptor = Descriptor(media_type, digest or Digest.of(content), len(content))
    if media_type not in MANIFEST_TYPES:
        refuse_disguise(content, media_type, what=what)
        return Manifest(descriptor)
    document = strict_json.loads(content, what=what)
    if not isinstance(document, dict):
        raise Damaged("the manifest is not a JSON object", subject=what)
    strict_json.check_fields(document, _MANIFEST_FIELDS, what=what)
    _check_identity(document, media_type, what)
    if media_type in INDEX_TYPES:
        children = _children(document, what)
        return Manifest(
            descriptor,
            children=tuple(child for child in children if is_manifest_type(child.media_type)),
            layers=tuple(child for child in children if not is_manifest_type(child.media_type)),
            subject=_subject(document),
        )
    if media_type == OCI_ARTIFACT:
        layers = _descriptors(document.get("blobs"), f"{what}: blobs")
        return Manifest(descriptor, layers=layers, subject=_subject(document))
    return Manifest(
        descriptor,
        config=_descriptor(document.get("config"), f"{what}: config"),
        layers=_descriptors(document.get("layers"), f"{what}: layers"),
        subject=_subject(document),
    )


def _check_size(content: bytes, what: str) -> None:
    if len(content) > MANIFEST_BYTES:
        raise Refused(
            "the manifest is larger than registries accept",
            subject=what,
            expected=texts.text("at most {manifest_bytes} bytes", manifest_bytes=MANIFEST_BYTES),
            actual=texts.text("{size} bytes", size=len(content)),
        )


def _children(index: Mapping[str, Any], what: str) -> tuple[Descriptor, ...]:
    children = _descriptors(index.get("manifests"), f"{what}: manifests", is_typed=False)
    if len(children) > INDEX_CHILDREN:
        raise Damaged(
            "too many manifests in one index",
            subject=what,
            expected=texts.text("at most {index_children}", index_children=INDEX_CHILDREN),
            actual=str(len(children)),
        )
    return children


def _subject(document: Mapping[str, Any]) -> Digest | None:
    """The digest in the field ``subject``. Registries take manifests whose subject is not valid."""
    subject = document.get("subject")
    digest = subject.get("digest") if isinstance(subject, dict) else None
    try:
        return Digest.parse(digest) if isinstance(digest, str) else None
    except BundlerError:
        return None


def media_type_of(content: bytes, *, what: str) -> str:
    """The media type in the document itself, for stores that do not report one.

    Raises:
        Damaged: The document has no media type, and its fields do not identify one.
    """
    document = strict_json.loads(content, what=what)
    if isinstance(document, dict):
        declared = document.get("mediaType")
        if isinstance(declared, str) and declared:
            return declared
        if document.get("schemaVersion") == 1:
            return "application/vnd.docker.distribution.manifest.v1+json"
        is_index, is_image = _has(document, "manifests"), _has(document, "layers", "config")
        if is_index != is_image:
            return OCI_INDEX if is_index else OCI_MANIFEST
    raise Damaged("neither an image manifest nor an index", subject=what)


def parse_image_config(content: bytes, *, what: str) -> ImageConfig:
    """Reads the metadata in an image config that reports show.

    Raises:
        Damaged: The config is not a JSON object.
    """
    document = strict_json.loads(content, what=what)
    if not isinstance(document, dict):
        raise Damaged("the image config is not a JSON object", subject=what)
    runtime = document.get("config")
    runtime = runtime if isinstance(runtime, dict) else {}
    labels = runtime.get("Labels")
    return ImageConfig(
        platform=one_platform(
            Platform(
                _text(document.get("os")) or "unknown",
                _text(document.get("architecture")) or "unknown",
                _text(document.get("variant")),
                _text(document.get("os.version")),
                _texts(document.get("os.features")),
            )
        ),
        created=_text(document.get("created")),
        env=_texts(runtime.get("Env")),
        entrypoint=_texts(runtime.get("Entrypoint")),
        cmd=_texts(runtime.get("Cmd")),
        working_dir=_text(runtime.get("WorkingDir")),
        user=_text(runtime.get("User")),
        labels={k: v for k, v in labels.items() if isinstance(v, str)} if isinstance(labels, dict) else NO_LABELS,
    )


def without_children(content: bytes, kept: Mapping[Digest, Descriptor], *, what: str) -> bytes:
    """An index with only some children of another index; ``kept`` maps each of them to its new descriptor.

    Registries refuse an index whose children they lack, so a choice of several platforms needs an index of its own.
    All other fields stay the same; the digest changes.
    """
    document = strict_json.loads(content, what=what)
    children = []
    for child in document["manifests"]:
        replacement = kept.get(Digest.parse(child["digest"]))
        if replacement is not None:
            children.append({**child, **replacement.to_json()})
    return strict_json.canonical({**document, "manifests": children})


def parse_descriptor(value: object, *, what: str) -> Descriptor:
    """Reads the descriptor of a manifest in the index.json of a layout.

    Raises:
        Damaged: Digest or size is missing, or one of them or the media type is not valid.
    """
    return _descriptor(value, what, is_typed=False)


def is_media_type(text: object) -> bool:
    """True if a text can be a media type that is safe in headers and on screens."""
    return isinstance(text, str) and 0 < len(text) < 256 and text.isascii() and text.isprintable()


@lru_cache(maxsize=256)
def one_text(media_type: str) -> str:
    """A media type, as one object that all descriptors with it share, because there are many descriptors."""
    return media_type


def one_descriptor(descriptor: Descriptor) -> Descriptor:
    """A descriptor, as one object that images which share a layer share too, if they are read soon after each other."""
    return _one_descriptor(descriptor) if descriptor.bare is descriptor else descriptor


def one_platform(platform: Platform) -> Platform:
    """A platform, as one object that all images for it share."""
    length = len(platform.os) + len(platform.architecture) + len(platform.variant) + len(platform.os_version)
    return platform if platform.os_features or length > _SHARED_CHARACTERS else _one_platform(platform)


@lru_cache(maxsize=1024)
def _one_descriptor(descriptor: Descriptor) -> Descriptor:
    return descriptor


@lru_cache(maxsize=64)
def _one_platform(platform: Platform) -> Platform:
    return platform


def refuse_disguise(content: bytes, media_type: str, *, what: str) -> None:
    """Refuses a manifest with an unknown media type.

    Raises:
        Damaged: The document is a manifest.
    """
    # A document of an unknown type is carried without its blobs: a manifest with such a type would lose its layers.
    if media_type.startswith(_CACHE_TYPES):
        return  # BuildKit's cache config has layers too, but the index lists them
    try:
        document = strict_json.loads(content, what=what)
    except Damaged:
        return
    declared = document.get("mediaType") if isinstance(document, dict) else None
    if isinstance(document, dict) and (
        (isinstance(declared, str) and declared in MANIFEST_TYPES) or _has(document, "layers", "manifests", "config")
    ):
        raise Damaged(
            "an image manifest of an unknown media type",
            subject=what,
            expected=texts.text("one of OCI or Docker"),
            actual=media_type,
        )


def _check_identity(document: Mapping[str, Any], media_type: str, what: str) -> None:
    version = document.get("schemaVersion")
    if media_type != OCI_ARTIFACT and (version != 2 or isinstance(version, bool)):
        raise Damaged("unknown schemaVersion", subject=what, expected="2", actual=repr(version)[:50])
    declared = document.get("mediaType")
    if declared not in (None, "", media_type):
        raise Damaged(
            "the manifest contradicts its media type", subject=what, expected=media_type, actual=str(declared)[:100]
        )
    if _has(document, "manifests") and _has(document, "layers", "config"):
        raise Damaged("the document is an image manifest and an index at the same time", subject=what)


def _has(document: Mapping[str, Any], *names: str) -> bool:
    """True if a document has one of some fields. Null counts as absent: programs in Go write it for an empty list."""
    return any(document.get(name) is not None for name in names)


def _descriptors(value: object, what: str, *, is_typed: bool = True) -> tuple[Descriptor, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise Damaged("not a list of descriptors", subject=what)
    return tuple(_descriptor(entry, f"{what}[{number}]", is_typed=is_typed) for number, entry in enumerate(value))


def _descriptor(value: object, what: str, *, is_typed: bool = True) -> Descriptor:
    if not isinstance(value, dict):
        raise Damaged("the descriptor is missing", subject=what)
    strict_json.check_fields(value, _DESCRIPTOR_FIELDS, what=what)
    media_type, size = value.get("mediaType"), value.get("size")
    if not is_typed and media_type in (None, ""):
        media_type = ""
    elif not isinstance(media_type, str) or not is_media_type(media_type):
        raise Damaged("the descriptor has no media type", subject=what)
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= SIZE_BYTES:
        raise Damaged(
            "the descriptor has a size out of range", subject=what, expected="0 to 2^53", actual=repr(size)[:50]
        )
    try:
        digest = Digest.parse(value.get("digest"))
    except Damaged as error:
        raise Damaged(error.message, subject=what, expected=error.expected, actual=error.actual) from error
    if media_type and len(value) == 3:
        return _one_descriptor(Descriptor(one_text(media_type), digest, size))  # most have no other field
    if value.get("data") is not None:
        _check_data(value["data"], digest, size, what)
    platform = _platform(value.get("platform"))
    descriptor = Descriptor(
        one_text(media_type),
        digest,
        size,
        platform=platform,
        # The entry of an image that a machine can choose stays one, whatever an annotation says.
        attests=_attests(value) if platform is None or not platform.is_known else None,
        urls=_texts(value.get("urls"))[:LAYER_URLS],
    )
    return one_descriptor(descriptor)


def _check_data(value: object, digest: Digest, size_bytes: int, what: str) -> None:
    """Checks that the embedded data are the bytes of the blob, as image-spec requires. Other readers may use them."""
    try:
        data = base64.b64decode(value, validate=True) if isinstance(value, str) else None
    except ValueError:
        data = None
    if data is None or len(data) != size_bytes or Digest.of(data, algorithm=digest.algorithm) != digest:
        raise Damaged("the data in the descriptor do not match its digest", subject=what, expected=str(digest))


def _platform(value: object) -> Platform | None:
    if not isinstance(value, dict):
        return None
    os, architecture = _text(value.get("os")), _text(value.get("architecture"))
    if not os or not architecture:
        return None
    version, features = _text(value.get("os.version")), _texts(value.get("os.features"))
    return one_platform(Platform(os, architecture, _text(value.get("variant")), version, features))


def _attests(descriptor: Mapping[str, Any]) -> Digest | None:
    annotations = descriptor.get("annotations")
    subject = annotations.get(_ATTESTATION_SUBJECT) if isinstance(annotations, dict) else None
    try:
        return Digest.parse(subject) if subject else None
    except Damaged:
        return None  # an annotation is only a remark, so an invalid one is no error


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: object) -> tuple[str, ...]:
    return tuple(entry for entry in value if isinstance(entry, str)) if isinstance(value, list) else ()
