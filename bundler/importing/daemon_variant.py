"""Chooses the part of an image that a Docker daemon gets: one platform, without the layers that the daemon has."""

from __future__ import annotations

from bundler.bundle.reader import Bundle
from bundler.core import oci
from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.manifest import Image
from bundler.core.oci import Descriptor
from bundler.core.platform import Platform
from bundler.importing.chosen import graph_of
from bundler.stores.docker_archive import diff_ids_of


@frozen
class Variant:
    """The one platform of an image that a daemon gets.

    Attributes:
        manifest: Its descriptor.
        content: Its bytes.
        config: Its config, whose digest is the image id.
        layers: Its layers, in order.
        diff_ids: The digests of the uncompressed layers, in order.
        platform: The platform.
    """

    manifest: Descriptor
    content: bytes
    config: Descriptor
    layers: tuple[Descriptor, ...]
    diff_ids: tuple[Digest, ...]
    platform: Platform

    @property
    def ids(self) -> frozenset[Digest]:
        """Its possible ids in a daemon: its config's digest, or its manifest's with the containerd image store."""
        return frozenset({self.config.digest, self.manifest.digest})


class HeldLayers:
    """The layers that a daemon has from its images: each with all layers below it, as daemons keep them.

    A daemon that keeps unpacked layers accepts an image without the layers it has (moby ``image/tarexport/load.go``).
    """

    def __init__(self) -> None:
        self._chains: set[tuple[Digest, ...]] = set()

    def add(self, variant: Variant) -> None:
        """Notes an image that the daemon holds."""
        for length in range(1, len(variant.diff_ids) + 1):
            self._chains.add(variant.diff_ids[:length])

    def below(self, variant: Variant) -> int:
        """The number of an image's layers, counted from the lowest, that the daemon has."""
        return next((n for n in range(len(variant.diff_ids), 0, -1) if variant.diff_ids[:n] in self._chains), 0)


def choose(bundle: Bundle, image: Image, wanted: tuple[Platform, ...], *, is_demanded: bool) -> Variant | None:
    """Chooses the variant of an image for a platform; None if it is no container image.

    Args:
        bundle: The bundle with the image.
        image: The image.
        wanted: The platforms. If several match, the first is taken: a daemon holds one image under a name.
        is_demanded: True if the user asked for the platform. If not, the only variant of an image is always taken.

    Raises:
        Refused: No variant matches.
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
