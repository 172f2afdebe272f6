"""All that is known of the layers of one runnable image."""

from __future__ import annotations

from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.layers.history import HistoryStep
from bundler.core.layers.survey import Amount, HiddenFile, LayerContents
from bundler.core.oci import Descriptor
from bundler.core.platform import Platform
from bundler.core.reference import Reference
from bundler.errors import BundlerError


@frozen
class Layer:
    """A layer of an image.

    Attributes:
        descriptor: Its media type, digest and size.
        shared_with: The references of the other images of the bundle that have it.
        compression: ``gzip``, ``zstd`` or ``none``, as its bytes show; empty if they were not read.
        contents: Its content; None if it was not read.
        problem: The reason for that.
    """

    descriptor: Descriptor
    shared_with: tuple[str, ...] = ()
    compression: str = ""
    contents: LayerContents | None = None
    problem: BundlerError | None = None


@frozen
class ImageLayers:
    """The layers of one runnable image.

    Attributes:
        reference: The name of the image that it is part of.
        platform: Its platform.
        manifest: The digest of its manifest.
        steps: The steps of its build, as its maker states them.
        layers: Its layers, the lowest first.
        largest: The largest files that later layers replace or delete.
        is_exact: False if not all paths of all layers could be compared. The hidden files are then a lower bound.
    """

    reference: Reference
    platform: Platform
    manifest: Digest
    steps: tuple[HistoryStep, ...]
    layers: tuple[Layer, ...]
    largest: tuple[HiddenFile, ...]
    is_exact: bool

    @property
    def size_bytes(self) -> int:
        """The size of the layers as they are carried."""
        return sum(layer.descriptor.size_bytes for layer in self.layers)

    @property
    def unpacked_bytes(self) -> int:
        """The size of the tars of all layers that were read."""
        return sum(layer.contents.unpacked_bytes for layer in self.layers if layer.contents)

    @property
    def shared_bytes(self) -> int:
        """The size of the layers that other images of the bundle have too."""
        return sum(layer.descriptor.size_bytes for layer in self.layers if layer.shared_with)

    @property
    def replaced(self) -> Amount:
        """The files that later layers replace."""
        return sum((layer.contents.replaced for layer in self.layers if layer.contents), Amount())

    @property
    def deleted(self) -> Amount:
        """The files that later layers delete."""
        return sum((layer.contents.deleted for layer in self.layers if layer.contents), Amount())

    @property
    def hidden(self) -> Amount:
        """The files that later layers replace or delete: bytes that are carried for nothing."""
        return self.replaced + self.deleted

    @property
    def problems(self) -> tuple[BundlerError, ...]:
        """The reasons for which layers were not read."""
        return tuple(layer.problem for layer in self.layers if layer.problem)
