"""The objects of a bundle that scanners must have looked at.

- A scanner of blobs looks at each blob that an import reads: layers, configs, manifests, and those of attachments. It
  reads those that the bundle carries, and those that it leaves out if their base is given with it. The others are at
  the target already.
- A scanner of images looks at each runnable image of one platform. An artifact that is no image is one object too, so
  that nothing passes unseen: scanners say that they cannot scan it, and a waiver may accept that.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from functools import cache

from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.manifest import BundleManifest
from bundler.core.scan.verdict import Unit


@frozen
class Contents:
    """The objects of one bundle.

    Attributes:
        bundle_id: The SHA-256 of its SHA256SUMS.
        bundle_name: Its name.
        blobs: The blobs that are read for it, each once.
        images: The images of one platform, and the artifacts, each once, by the digests of their manifests.
        names: Returns the names of the images that have an object.
    """

    bundle_id: str
    bundle_name: str
    blobs: tuple[Digest, ...]
    images: tuple[Digest, ...]
    names: Callable[[Digest], tuple[str, ...]]

    def objects(self, unit: Unit) -> tuple[Digest, ...]:
        """The objects of a kind."""
        return self.blobs if unit is Unit.BLOB else self.images


def contents_of(bundle_id: str, manifest: BundleManifest, absent: Container[int]) -> Contents:
    """The objects of a bundle.

    Args:
        bundle_id: The SHA-256 of its SHA256SUMS.
        manifest: Its manifest.
        absent: The numbers of the blobs that it leaves out and that no other bundle here has.
    """
    images: dict[Digest, None] = {}
    for image in manifest.images:
        found = [variant.digest for variant in image.variants] or [image.root.digest]
        images.update(dict.fromkeys(found))
    users = cache(manifest.users)  # only asked for where something is not clean

    def names(digest: Digest) -> tuple[str, ...]:
        return tuple(users().get(digest, ()))

    blobs = tuple(blob.descriptor.digest for number, blob in enumerate(manifest.blobs) if number not in absent)
    return Contents(bundle_id, manifest.name, blobs, tuple(images), names)
