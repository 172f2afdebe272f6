"""Makes the sides of a comparison of bundles, receipts, inventories and resolved images.

Images are compared by name. Bundles, lists, receipts and layouts know the full references; a registry knows only the
paths below its prefix. So if one of the sides is a registry, the references of the other one become the paths that an
import gives them. A receipt has recorded both names, so no rule is needed to undo its mapping.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bundler.core.attachments import subject_of_tag
from bundler.core.comparison import Side, SideImage
from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.inventory import Inventory
from bundler.core.location import DAEMON, REGISTRY
from bundler.core.manifest import CONFIG, BundleManifest
from bundler.core.mapping import Naming
from bundler.core.plan import ResolvedImage
from bundler.core.receipt import Receipt, ReceiptTarget
from bundler.core.reference import Reference

_HELD = frozenset({"pushed", "loaded", "present"})
"""The outcomes of images that are at the target. A skipped tag names another image."""


@frozen
class _Anywhere:
    """A registry without a host and a prefix, so that names are paths."""

    registry: str = ""
    prefix: str = ""


@frozen
class Names:
    """The form of the names in a comparison.

    Attributes:
        naming: The names that an import gives at a registry; None to compare full references.
        has_attachments: True if tags that attach signatures and SBOMs are compared too: both sides are registries.
    """

    naming: Naming | None = None
    has_attachments: bool = False

    def of(self, reference: Reference, digest: Digest) -> str:
        """The name of an image that is known by its reference."""
        if self.naming is not None:
            reference = self.naming.name(reference, digest, _Anywhere())
        name = reference.repository if self.naming else reference.name
        return f"{name}:{reference.tag}" if reference.tag else f"{name}@{digest}"


def side_of_bundle(manifest: BundleManifest, names: Names) -> Side:
    """A bundle, as if it had arrived: blobs that it leaves out are there, because an import proves them first.

    The blobs of an image include those of its attachments, which travel with it.
    """
    blobs = manifest.blobs
    images = {}
    for image in manifest.images:
        attached = (number for each in image.attachments for number in each.blobs)
        own = tuple(blobs[number].descriptor.digest for number in dict.fromkeys((*image.blobs, *attached)))
        configs = frozenset(blobs[number].descriptor.digest for number in image.blobs if blobs[number].kind == CONFIG)
        images[names.of(image.reference, image.root.digest)] = SideImage(image.root.digest, own, configs)
    return Side(images, {blob.descriptor.digest: blob.descriptor.size_bytes for blob in blobs})


def side_of_images(resolved: Iterable[ResolvedImage], names: Names) -> Side:
    """The resolved images of a list."""
    images: dict[str, SideImage] = {}
    sizes: dict[Digest, int | None] = {}
    for image in resolved:
        own = {blob.digest: blob.size_bytes for manifest in image.manifests for blob in manifest.blobs}
        configs = frozenset(manifest.config.digest for manifest in image.manifests if manifest.config)
        sizes.update(own)
        images[names.of(image.reference, image.root.digest)] = SideImage(image.root.digest, tuple(own), configs)
    return Side(images, sizes)


def side_of_receipt(receipt: Receipt, names: Names) -> Side:
    """A receipt: the images that are at all of its targets.

    Raises:
        BundlerError: A name or digest in it is not valid.
    """
    sides = [_side_of_target(receipt, target, names) for target in receipt.targets]
    if not sides:
        return Side({}, {})
    common, blobs = dict(sides[0].images), dict(sides[0].blobs)
    for side in sides[1:]:
        common = {name: image for name, image in common.items() if name in side.images}
        blobs = {digest: size for digest, size in blobs.items() if digest in side.blobs}
    return Side(common, blobs)


def _side_of_target(receipt: Receipt, target: ReceiptTarget, names: Names) -> Side:
    digests = [Digest.parse(each) for each in receipt.blobs]
    sizes: list[int | None] = list(receipt.blob_sizes) if receipt.blob_sizes else [None] * len(digests)
    images: dict[str, SideImage] = {}
    held: dict[Digest, int | None] = {}
    for image in target.images:
        if image.outcome not in _HELD:
            continue
        digest = Digest.parse(image.read_back or image.digest)
        own = {digests[number]: sizes[number] for number in image.blobs if number < len(digests)}
        if target.kind != DAEMON:  # it unpacks layers and drops the blobs
            held.update(own)
        if names.naming is not None and target.kind == REGISTRY:
            prefix = target.target.partition("/")[2]
            name = _at_place(Reference.parse(image.name), prefix, digest)
        else:
            name = names.of(Reference.parse(image.reference), digest)
        images[name] = SideImage(digest, tuple(own), frozenset({Digest.parse(image.digest)}))
    return Side(images, held)


def side_of_inventory(inventory: Inventory, names: Names) -> Side:
    """An inventory, or what a place has now."""
    sizes: Mapping[Digest, int | None] = {blob.digest: blob.size_bytes for blob in inventory.blobs}
    if inventory.kind == DAEMON:
        return Side(_images_of_daemon(inventory, names), sizes)
    prefix = inventory.place.partition("/")[2] if inventory.kind == REGISTRY else ""
    images: dict[str, SideImage] = {}
    blobs_of: dict[int, tuple[Digest, ...]] = {}  # many tags may name one large index
    for repository in inventory.repositories:
        for tag, number in repository.tags:
            if not names.has_attachments and subject_of_tag(tag):
                continue
            digest = inventory.manifests[number].descriptor.digest
            if inventory.kind == REGISTRY:
                name = _at_place(Reference(inventory.registry, repository.name, tag), prefix, digest)
            else:
                name = names.of(Reference.parse(f"{repository.name}:{tag}"), digest)
            if number not in blobs_of:
                blobs_of[number] = tuple(inventory.blobs[blob].digest for blob in inventory.blobs_of(number))
            images[name] = SideImage(digest, blobs_of[number])
    return Side(images, sizes)


def _images_of_daemon(inventory: Inventory, names: Names) -> dict[str, SideImage]:
    """The images of a daemon by name. It knows an image by its id, and by the digests that it was pulled by."""
    images = {}
    for loaded in inventory.images:
        digests = {each.name: each.digest for each in loaded.digests if each.digest}
        for reference in loaded.names:
            digest = digests.get(reference.name, loaded.id)
            also = frozenset({loaded.id, *digests.values()})
            images[names.of(reference, digest)] = SideImage(digest, also=also)
    return images


def _at_place(name: Reference, prefix: str, digest: Digest) -> str:
    """The name of an image at a registry: its path below the prefix, and its tag."""
    path = name.repository.removeprefix(f"{prefix}/") if prefix else name.repository
    return f"{path}:{name.tag}" if name.tag else f"{path}@{digest}"
