"""Bundles with attachments, made from images of `tests.support.images` without an export, so that they can also lie."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bundler.core import oci
from bundler.core.manifest import Variant
from bundler.core.oci import Manifest
from bundler.core.plan import ResolvedAttachment, ResolvedImage
from bundler.core.reference import Reference
from tests.support.attachments import dashed
from tests.support.images import Image
from tests.unit.values import plan_with
from tests.vectors.make import Content, write

KEYS = Path(__file__).parents[1] / "vectors/keys"
TRUSTED = KEYS / "golden.pub"


@dataclass(frozen=True)
class To:
    """An image that is attached to another one: by its ``subject``, or by a tag."""

    subject: Image
    image: Image
    suffix: str = ""
    kind: str = "sbom"
    tag: str = ""

    def resolved(self) -> ResolvedAttachment:
        tag = self.tag or (dashed(self.subject, self.suffix) if self.suffix else "")
        manifests = tuple(_manifests(self.image))
        subject = oci.Digest.parse(self.subject.digest)
        return ResolvedAttachment(subject, self.kind, "tag" if tag else "referrers", manifests, tag=tag)


def write_bundle(
    folder: Path,
    images: Mapping[str, tuple[Image, Sequence[To]]],
    *,
    name: str = "attached",
    chunk_size_bytes: int = 1 << 20,
    created: str = "2026-11-23T12:00:00Z",
) -> Path:
    """Writes a bundle that `TRUSTED` has signed, and returns its folder.

    Args:
        folder: Where its folder is made.
        images: The images by their references, each with its attachments in their order.
        name: The name of the bundle.
        chunk_size_bytes: The size of its chunks.
        created: When it was made.
    """
    resolved = [
        ResolvedImage(
            Reference.parse(reference),
            f"docker://{reference}",
            tuple(_manifests(image)),
            tuple(_variants(image)),
            attachments=tuple(each.resolved() for each in attached),
        )
        for reference, (image, attached) in images.items()
    ]
    made = plan_with(
        resolved,
        name=name,
        created=created,
        tool="bundler test",
        signed=True,
        chunk_size_bytes=chunk_size_bytes,
    )
    parts = [part for image, attached in images.values() for part in (image, *(each.image for each in attached))]
    blobs = {digest: blob for part in parts for digest, blob in part.all_blobs().items()}
    write(folder, name, made, [Content("x/y", blob) for blob in blobs.values()], KEYS)
    return folder / name


def _variants(image: Image) -> Iterator[Variant]:
    blobs = image.all_blobs()
    for each in _manifests(image):
        if each.is_runnable and each.config is not None:
            config = oci.parse_image_config(blobs[str(each.config.digest)], what="test")
            yield Variant(each.descriptor.digest, config, sum(layer.size_bytes for layer in each.layers))


def _manifests(image: Image) -> Iterator[Manifest]:
    for child in image.children:
        yield from _manifests(child)
    yield oci.parse_manifest(image.content, image.media_type, what="test")
