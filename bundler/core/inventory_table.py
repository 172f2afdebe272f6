"""Makes the lists of an inventory from what was found: each thing once, in order, with numbers for references."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field

from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.inventory import HeldBlob, HeldManifest, HeldRepository
from bundler.core.oci import Descriptor, Manifest


@frozen
class FoundManifest:
    """A manifest that was read.

    Attributes:
        descriptor: Its descriptor.
        children: The manifests that it lists; the place may lack some of them.
        blobs: Its configs and layers that the place has.
        subject: The manifest that it is attached to, by its field ``subject``; the place may lack it.
    """

    descriptor: Descriptor
    children: tuple[Digest, ...] = ()
    blobs: tuple[HeldBlob, ...] = ()
    subject: Digest | None = None

    @classmethod
    def of(cls, manifest: Manifest) -> FoundManifest:
        """A manifest of a place that has all of its blobs."""
        return cls(
            manifest.descriptor,
            tuple(dict.fromkeys(child.digest for child in manifest.children)),
            tuple(dict.fromkeys(HeldBlob(blob.digest, blob.size_bytes) for blob in manifest.blobs)),
            manifest.subject,
        )


@frozen
class FoundRepository:
    """A repository that was read.

    Attributes:
        name: Its name.
        tags: The digest of each tag.
        manifests: All manifests that it has.
    """

    name: str
    tags: Mapping[str, Digest] = field(default_factory=dict)
    manifests: frozenset[Digest] = frozenset()


@frozen
class Table:
    """The lists of an inventory, see `bundler.core.inventory.Inventory`."""

    repositories: tuple[HeldRepository, ...] = ()
    manifests: tuple[HeldManifest, ...] = ()
    blobs: tuple[HeldBlob, ...] = ()


NO_TABLE = Table()
"""The lists of a place without repositories."""


def table(repositories: Iterable[FoundRepository], manifests: Mapping[Digest, FoundManifest]) -> Table:
    """Numbers manifests and blobs. The same content gives the same lists, in whatever order it was found.

    Args:
        repositories: The repositories, each name once. Those without a manifest are left out.
        manifests: All manifests of the repositories, by digest.
    """
    sizes: dict[Digest, int] = {}
    for found in manifests.values():
        for blob in found.blobs:
            # Two manifests may give a blob different sizes. One of them is wrong; the order must not decide.
            sizes[blob.digest] = min(blob.size_bytes, sizes.get(blob.digest, blob.size_bytes))
    blob_number = {digest: number for number, digest in enumerate(sorted(sizes, key=str))}
    number_of = {digest: number for number, digest in enumerate(sorted(manifests, key=str))}
    return Table(
        tuple(
            HeldRepository(
                each.name,
                tuple((tag, number_of[digest]) for tag, digest in sorted(each.tags.items())),
                tuple(sorted(number_of[digest] for digest in each.manifests)),
            )
            for each in sorted(repositories, key=lambda each: each.name)
            if each.manifests
        ),
        tuple(
            HeldManifest(
                manifests[digest].descriptor,
                tuple(number_of[child] for child in manifests[digest].children if child in number_of),
                tuple(dict.fromkeys(blob_number[blob.digest] for blob in manifests[digest].blobs)),
                _number(number_of, manifests[digest].subject),
            )
            for digest in number_of
        ),
        tuple(HeldBlob(digest, sizes[digest]) for digest in blob_number),
    )


def _number(number_of: Mapping[Digest, int], digest: Digest | None) -> int | None:
    return None if digest is None else number_of.get(digest)
