"""Which part of an image a Docker daemon gets: one platform of it, without the layers that the daemon has."""

from __future__ import annotations

from dataclasses import dataclass

from bundler.bundle.reader import Bundle
from bundler.core import oci
from bundler.core.digest import Digest
from bundler.core.manifest import Image
from bundler.core.oci import Descriptor
from bundler.core.platform import Platform
from bundler.importing.chosen import graph_of
from bundler.stores.docker_archive import diff_ids_of


@dataclass(frozen=True, slots=True)
class Variant:
    """The one platform of an image that a daemon is to have.

    Attributes:
        manifest: Its descriptor.
        content: Its bytes.
        config: Its config, whose digest is the image id.
        layers: Its layers, in order.
        diff_ids: The digests of the same, uncompressed.
        platform: What it runs on.
    """

    manifest: Descriptor
    content: bytes
    config: Descriptor
    layers: tuple[Descriptor, ...]
    diff_ids: tuple[Digest, ...]
    platform: Platform

    @property
    def ids(self) -> frozenset[Digest]:
        """What a daemon may call it: by its config, or by its manifest with the containerd image store."""
        return frozenset({self.config.digest, self.manifest.digest})


class HeldLayers:
    """The layers that a daemon has from images it holds: each with all below it, as daemons keep them.

    A daemon that keeps layers unpacked takes an image without those that it has (moby ``image/tarexport/load.go``).
    """

    def __init__(self) -> None:
        self._chains: set[tuple[Digest, ...]] = set()

    def add(self, variant: Variant) -> None:
        """Notes an image that the daemon holds."""
        for length in range(1, len(variant.diff_ids) + 1):
            self._chains.add(variant.diff_ids[:length])

    def below(self, variant: Variant) -> int:
        """How many of an image's layers, counted from the lowest, the daemon has."""
        return next((n for n in range(len(variant.diff_ids), 0, -1) if variant.diff_ids[:n] in self._chains), 0)


def choose(bundle: Bundle, image: Image, wanted: tuple[Platform, ...], *, is_demanded: bool) -> Variant | None:
    """The variant of an image for a platform; None for what is no container image.

    Args:
        bundle: Holds the image.
        image: The image.
        wanted: The platforms; of several images that fit the first is taken, a daemon holds one under a name.
        is_demanded: Somebody asked for the platform. Else an image that has but one is taken as it is.

    Raises:
        Refused: There is none for the platform.
        Damaged, Incomplete, LocalStorage: Its manifest or config cannot be read.
    """
    if not image.variants:
        return None
    is_only_one = len(image.variants) == 1 and not is_demanded
    fitting = (image if is_only_one else graph_of(bundle, image, wanted)).variants[0]
    what = str(image.reference)
    descriptors = [bundle.manifest.blobs[number].descriptor for number in image.manifests]
    descriptor = next(descriptor for descriptor in descriptors if descriptor.digest == fitting.digest)
    content = bundle.read_document(descriptor)
    manifest = oci.parse_manifest(content, descriptor.media_type, what=what)
    assert manifest.config is not None
    config = bundle.read_document(manifest.config.bare)
    return Variant(
        manifest=descriptor,
        content=content,
        config=manifest.config.bare,
        layers=tuple(layer.bare for layer in manifest.layers),
        diff_ids=diff_ids_of(config, what=f"{what}: config"),
        platform=fitting.config.platform,
    )
