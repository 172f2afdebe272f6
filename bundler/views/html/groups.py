"""Groups of images for bundles with many: by registry and first part of the path, as teams and vendors name them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bundler.core.manifest import BundleManifest, Image

GROUPED = 50
"""A bundle with more images than this is shown in groups."""
_MOST_GROUPS = 200


def is_grouped(manifest: BundleManifest) -> bool:
    """True if a bundle is shown in groups."""
    return len(manifest.images) > GROUPED


def groups_of(manifest: BundleManifest) -> Mapping[str, Sequence[int]]:
    """The places of images by registry and first part of the path, sorted; by registry if these are too many."""
    groups: Mapping[str, Sequence[int]] = {}
    for parts in (2, 1):
        keyed = sorted((_group(image, parts), str(image.reference), n) for n, image in enumerate(manifest.images))
        groups = {name: [place for *_, place in own] for name, own in groupby(keyed, lambda each: each[0])}
        if len(groups) <= _MOST_GROUPS:
            break
    return groups


def _group(image: Image, parts: int) -> str:
    path = image.reference.repository.split("/")
    return "/".join((image.reference.registry, *path[: min(parts - 1, len(path) - 1)]))
