"""Compares two sides, each a set of images with their blobs: what is new, moved, gone, and what a transfer would carry.

A side may be a bundle, a receipt, an inventory, a registry, or an image list after its images were resolved; see
`bundler.core.sides`. `bundler.core.difference` says why a finished bundle is not the one that an export would make now;
it also compares options and the plan.
"""

from __future__ import annotations

from collections.abc import Mapping

from bundler.core.digest import Digest
from bundler.core.frozen import frozen


@frozen
class SideImage:
    """An image of a side.

    Attributes:
        digest: The digest of its manifest or index.
        blobs: Its configs and layers, each once.
        also: Other digests of the same image: of a daemon its id, elsewhere the config.
    """

    digest: Digest
    blobs: tuple[Digest, ...] = ()
    also: frozenset[Digest] = frozenset()

    def is_same(self, other: SideImage) -> bool:
        """True if both are the same image."""
        return self.digest == other.digest or not (self.also | {self.digest}).isdisjoint(other.also)


@frozen
class Side:
    """One of two sides.

    Attributes:
        images: The images by their names, in the form that both sides have.
        blobs: All configs and layers that it has, with their sizes in bytes; None for a size that it does not know.
    """

    images: Mapping[str, SideImage]
    blobs: Mapping[Digest, int | None]


@frozen
class Change:
    """A name and its digests on both sides.

    Attributes:
        name: The name.
        old: The digest on the first side; None if it is not there.
        new: The digest on the second side; None if it is not there.
        carried_bytes: The size of its blobs that the first side lacks. Blobs of several images count for each.
    """

    name: str
    old: Digest | None
    new: Digest | None
    carried_bytes: int = 0


@frozen
class Carried:
    """A config or layer of the second side that the first side lacks.

    Attributes:
        digest: Its digest.
        size_bytes: Its size; None if the side does not know it.
        images: The names of the images that need it, sorted.
    """

    digest: Digest
    size_bytes: int | None
    images: tuple[str, ...]


@frozen
class Comparison:
    """The differences of the second side from the first one. All lists are sorted by name, ``carried`` by size.

    Attributes:
        new: Names that only the second side has.
        moved: Names that have another digest on the second side.
        gone: Names that only the first side has.
        unchanged: Names that have the same digest.
        carried: The blobs that a transfer of the second side would carry, the largest first.
        present_bytes: The size of the blobs of the second side that the first side has.
    """

    new: tuple[Change, ...] = ()
    moved: tuple[Change, ...] = ()
    gone: tuple[Change, ...] = ()
    unchanged: tuple[Change, ...] = ()
    carried: tuple[Carried, ...] = ()
    present_bytes: int = 0

    @property
    def is_same(self) -> bool:
        """True if both sides have the same names with the same digests."""
        return not (self.new or self.moved or self.gone)

    @property
    def carried_bytes(self) -> int:
        """The size of all carried blobs, each once, as far as the sizes are known."""
        return sum(each.size_bytes or 0 for each in self.carried)

    @property
    def unknown_sizes(self) -> int:
        """The number of carried blobs whose sizes are not known."""
        return sum(each.size_bytes is None for each in self.carried)


def compare(old: Side, new: Side) -> Comparison:
    """Compares two sides.

    Args:
        old: The first side: what the receiver has.
        new: The second side: what the receiver should have.
    """
    users: dict[Digest, list[str]] = {}
    changes: dict[str, list[Change]] = {"new": [], "moved": [], "unchanged": []}
    for name in sorted(new.images):
        image, before = new.images[name], old.images.get(name)
        lacking = [digest for digest in image.blobs if digest not in old.blobs]
        for digest in lacking:
            users.setdefault(digest, []).append(name)
        bytes_ = sum(new.blobs.get(digest) or 0 for digest in lacking)
        kind = "new" if before is None else "unchanged" if before.is_same(image) else "moved"
        changes[kind].append(Change(name, before.digest if before else None, image.digest, bytes_))
    carried = [Carried(digest, new.blobs.get(digest), tuple(names)) for digest, names in users.items()]
    needed = {digest for image in new.images.values() for digest in image.blobs}
    return Comparison(
        tuple(changes["new"]),
        tuple(changes["moved"]),
        tuple(Change(name, old.images[name].digest, None) for name in sorted(old.images) if name not in new.images),
        tuple(changes["unchanged"]),
        tuple(sorted(carried, key=lambda each: (-(each.size_bytes or 0), each.digest))),
        sum(new.blobs.get(digest) or 0 for digest in needed if digest in old.blobs),
    )
