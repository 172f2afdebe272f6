"""Plain values that many tests start from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bundler.core import oci
from bundler.core.archive_kind import TAR, ArchiveKind
from bundler.core.at_receiver import AtReceiver
from bundler.core.digest import Digest
from bundler.core.manifest import Base, InBase, Variant
from bundler.core.oci import Descriptor, ImageConfig, Manifest
from bundler.core.plan import BundleFacts, Plan, ResolvedImage, plan_bundle
from bundler.core.platform import Platform
from bundler.core.reference import Reference

GZIP_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
ZSTD_LAYER = "application/vnd.oci.image.layer.v1.tar+zstd"
MIB = 1 << 20


def digest(word: str, *, algorithm: str = "sha256") -> Digest:
    """A digest that is the same for the same word."""
    return Digest.of(word.encode(), algorithm=algorithm)


def described(content: bytes, media_type: str = GZIP_LAYER, *, algorithm: str = "sha256") -> Descriptor:
    """The descriptor of some bytes."""
    return Descriptor(media_type, Digest.of(content, algorithm=algorithm), len(content))


def layer(word: str, size_bytes: int, *, media_type: str = GZIP_LAYER, algorithm: str = "sha256") -> Descriptor:
    """The descriptor of a layer that nobody has made: a plan needs no bytes."""
    return Descriptor(media_type, digest(word, algorithm=algorithm), size_bytes)


def image_manifest(word: str, *layers: Descriptor) -> Manifest:
    """An image manifest with a config of its own."""
    return Manifest(
        Descriptor(oci.OCI_MANIFEST, digest(f"manifest of {word}"), 400),
        config=Descriptor(oci.OCI_CONFIG, digest(f"config of {word}"), 1500),
        layers=layers,
    )


def resolved(name: str, *layers: Descriptor, platform: str = "linux/amd64") -> ResolvedImage:
    """An image for one platform, with all that it needs."""
    manifest = image_manifest(name + platform, *layers)
    return ResolvedImage(
        reference=Reference.parse(name),
        source=f"docker://{name}",
        manifests=(manifest,),
        variants=(variant(manifest, platform),),
    )


def variant(manifest: Manifest, platform: str) -> Variant:
    """The facts about a runnable image."""
    size = sum(each.size_bytes for each in manifest.layers)
    return Variant(manifest.descriptor.digest, ImageConfig(Platform.parse(platform)), size)


def planned(*images: ResolvedImage, chunk_size_bytes: int = 2_000_000_000) -> Plan:
    """The plan of a bundle of these images."""
    return plan_with(
        images,
        name="test-1.0",
        created="2026-11-23T00:00:00Z",
        tool="bundler test",
        signed=True,
        chunk_size_bytes=chunk_size_bytes,
    )


def plan_with(
    images: Sequence[ResolvedImage],
    *,
    chunk_size_bytes: int,
    archive: ArchiveKind = TAR,
    bases: Sequence[Base] = (),
    left_out: Mapping[Digest, tuple[InBase, ...]] | None = None,
    **facts: Any,
) -> Plan:
    """The plan of a bundle, with what it says of itself as keywords."""
    there = AtReceiver(tuple(bases), left_out or {})
    return plan_bundle(images, BundleFacts(**facts), chunk_size_bytes=chunk_size_bytes, archive=archive, there=there)
