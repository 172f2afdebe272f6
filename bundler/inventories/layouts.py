"""The content of an OCI image layout. Unlike a registry, a layout may lack blobs of its manifests: each is searched."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from bundler.core import oci
from bundler.core.digest import Digest
from bundler.core.inventory import NotListed
from bundler.core.inventory_table import FoundManifest, FoundRepository, table
from bundler.core.limits import INDEX_DEPTH
from bundler.core.oci import Descriptor
from bundler.core.reference import Reference
from bundler.errors import Damaged, NotFound
from bundler.inventories.request import Contents
from bundler.run import Run
from bundler.stores.held_images import HeldImage
from bundler.stores.oci_layout import LayoutSource


def layout_contents(layout: LayoutSource, run: Run) -> Contents:
    """Reads the content of a layout: the images of its index, by their full names.

    A name that is no full reference is not listed: its manifests are in the repository without a name.

    Raises:
        Refused, Damaged: It is not a layout.
        Interrupted: The user stopped it.
    """
    manifests: dict[Digest, FoundManifest] = {}
    tags: dict[str, dict[str, Digest]] = defaultdict(dict)
    held: dict[str, set[Digest]] = defaultdict(set)
    not_listed: list[NotListed] = []
    followed: dict[Descriptor, list[FoundManifest]] = {}  # an image may have many names
    for image in layout.images:
        run.cancellation.check()
        try:
            if image.image not in followed:
                followed[image.image] = _follow(image.image, layout)
            found = followed[image.image]
        except (NotFound, Damaged) as error:
            name = (image.shown or (str(image.image.digest),))[0]
            not_listed.append(NotListed(name, error.code or "", str(error)))
            continue
        manifests.update((each.descriptor.digest, each) for each in found)
        for reference in _names(image):
            name = reference.name if reference else ""
            held[name].update(each.descriptor.digest for each in found)
            if reference and reference.tag:
                tags[name][reference.tag] = image.image.digest
    repositories = (FoundRepository(name, tags[name], frozenset(found)) for name, found in held.items())
    return Contents(table(repositories, manifests), not_listed=tuple(sorted(not_listed, key=lambda each: each.name)))


def _names(image: HeldImage[Descriptor]) -> Iterable[Reference | None]:
    """The full names of an image; None for an image without one."""
    return [Reference.parse(name) for name in image.names] or [None]


def _follow(root: Descriptor, layout: LayoutSource) -> list[FoundManifest]:
    """Reads a manifest and all manifests below it, without those that the layout lacks.

    Raises:
        NotFound: The layout lacks the manifest itself.
        Damaged: One of them is damaged, or they are nested too deeply.
    """
    found: dict[Digest, FoundManifest] = {}
    left = [(root, 0)]
    while left:
        descriptor, depth = left.pop()
        if descriptor.digest in found:
            continue  # an index may list one child many times
        what = str(descriptor.digest)
        try:
            content = layout.read_manifest(descriptor)
        except NotFound:
            if not found:
                raise
            continue
        parsed = oci.parse_manifest(content, descriptor.media_type, what=what)
        there = tuple(blob for blob in FoundManifest.of(parsed).blobs if layout.has(blob.digest, blob.size_bytes))
        own = Descriptor(parsed.descriptor.media_type, descriptor.digest, len(content))
        found[descriptor.digest] = replace(FoundManifest.of(parsed), descriptor=own, blobs=there)
        if parsed.children and depth == INDEX_DEPTH:
            raise Damaged("indexes nested too deeply", subject=what)
        left += [(child.bare, depth + 1) for child in parsed.children if child.digest not in found]
    return list(found.values())
