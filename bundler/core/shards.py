"""Divides work into shards: a pure function of the bundle manifest, so that all hosts get the same parts.

**Images.** An image belongs to one shard, with its attachments. Images that share a large layer form a group, and a
shard takes whole groups, in the order of the chunks, so that it reads few chunks. A group that is larger than a fair
part is cut between images: then several shards need a shared layer, and the target gets it twice at worst. Images that
share a manifest are never separated. Registries list attachments by the manifest that they belong to, and two hosts
must not write one list at the same time.

The parts go to the shards from the largest on, each to the shard that has the fewest bytes with it. So two shards
differ at most by the largest part. It is at most the n-th part of all bytes, or one image (with the images that share a
manifest with it). Counted are the bytes of blobs in the bundle, each blob once for each shard that needs it.

**Runs.** Things in sequence, such as chunks, are divided into runs of neighbours. The bytes of a run differ from the
n-th part of all bytes at most by the largest thing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from bundler.core.frozen import frozen
from bundler.core.manifest import LAYER, MANIFEST, BundleManifest, Image
from bundler.core.shard import Shard

LARGE_BYTES = 1 << 20
"""A shared blob of this size keeps images together. To send a smaller one again costs less than it helps."""

_CUTS = (1, 2, 4, 8, 16)
"""The number of pieces of a fair part that parts are at most as large as. Small parts balance better; large ones keep
more images together, and more neighbours in the chunks."""

_MOST_PARTS = 2048
"""No division has more pieces than that, unless there are more shards: it would take seconds."""

_TOLERANCE = 20
"""Of several divisions the coarsest is taken whose fullest shard is at most one twentieth above the best."""


def images_of_shard(manifest: BundleManifest, images: Sequence[Image], shard: Shard) -> tuple[Image, ...]:
    """The images of a shard, in their order; none if there are more shards than parts.

    Args:
        manifest: The manifest of the bundle.
        images: The images to divide, the same for all shards.
        shard: The shard.
    """
    return tuple(images[place] for place in divided_images(manifest, images, shard.count)[shard.index])


@frozen
class ShardWork:
    """The work of one shard of an import.

    Attributes:
        shard: The shard.
        images: Its images, in the order of the bundle.
        size_bytes: The bytes of the blobs in the bundle that they need.
        chunks: The numbers of the chunks that they need, from 1.
    """

    shard: Shard
    images: tuple[Image, ...]
    size_bytes: int
    chunks: tuple[int, ...]


def works_of(manifest: BundleManifest, count: int) -> tuple[ShardWork, ...]:
    """The work of each shard of an import of all images."""
    divided = divided_images(manifest, manifest.images, count)
    return tuple(_work(manifest, Shard(n, count), places) for n, places in enumerate(divided, start=1))


def _work(manifest: BundleManifest, shard: Shard, places: Sequence[int]) -> ShardWork:
    images = tuple(manifest.images[place] for place in places)
    needed = {number for image in images for number in image.needs_with_attachments}
    carried = [manifest.blobs[number] for number in needed if not manifest.blobs[number].is_left_out]
    chunks = sorted({piece.chunk for blob in carried for piece in blob.stored.pieces})
    return ShardWork(shard, images, sum(blob.descriptor.size_bytes for blob in carried), tuple(chunks))


def run_of_shard(sizes: Sequence[int], shard: Shard) -> range:
    """The places of the things of a shard: neighbours in a sequence of things with sizes in bytes.

    A thing belongs to the shard in which its middle lies.
    """
    total, before, found = sum(sizes), 0, []
    for place, size_bytes in enumerate(sizes):
        middle_twice = 2 * before + size_bytes
        index = middle_twice * shard.count // (2 * total) if total else place * shard.count // len(sizes)
        if min(index, shard.count - 1) == shard.index:
            found.append(place)
        before += size_bytes
    return range(found[0], found[-1] + 1) if found else range(0)


def divided_images(manifest: BundleManifest, images: Sequence[Image], count: int) -> list[list[int]]:
    """The places of the images of each shard, in their order."""
    sizes = [0 if blob.is_left_out else blob.descriptor.size_bytes for blob in manifest.blobs]
    groups = _groups(manifest, images, sizes)
    total = _together([unit for group in groups for unit in group], sizes).size_bytes
    cuts = [cut for cut in _CUTS if cut == 1 or cut * count <= _MOST_PARTS]
    divisions = [_given_out(_parts(groups, -(-total // (count * cut)), sizes), count, sizes) for cut in cuts]
    fullest = [max(division.loads_bytes) for division in divisions]
    enough = min(fullest) + min(fullest) // _TOLERANCE
    coarsest = next(each for each, most in zip(divisions, fullest, strict=True) if most <= enough)
    return [sorted(places) for places in coarsest.images]


@frozen
class _Unit:
    """Images that go to one shard.

    Attributes:
        images: Their places.
        own_bytes: The bytes of the blobs that no other image needs.
        shared: The other blobs that they need.
        size_bytes: All their bytes.
    """

    images: tuple[int, ...]
    own_bytes: int
    shared: frozenset[int]
    size_bytes: int


def _groups(manifest: BundleManifest, images: Sequence[Image], sizes: Sequence[int]) -> list[list[_Unit]]:
    """The images that share large layers, and those that share a manifest as one unit.

    The groups are in the order of the chunks, by their first layers. The units of a group are in the order of the large
    layers that they share.
    """
    needs = [image.needs_with_attachments for image in images]
    times = Counter(number for numbers in needs for number in set(numbers))
    shared = [frozenset(number for number in numbers if times[number] > 1) for numbers in needs]
    is_layer = [blob.kind == LAYER for blob in manifest.blobs]
    joins = [is_layer[number] and size_bytes >= LARGE_BYTES for number, size_bytes in enumerate(sizes)]
    manifests = [blob.kind == MANIFEST for blob in manifest.blobs]

    def unit_of(places: Sequence[int]) -> _Unit:
        own_bytes = sum(sizes[n] for place in places for n in set(needs[place]) if times[n] == 1)
        together = frozenset().union(*(shared[place] for place in places))
        return _Unit(tuple(places), own_bytes, together, own_bytes + _bytes_of(together, sizes))

    def by_layers(unit: _Unit) -> tuple[list[int], tuple[int, ...]]:
        return sorted(number for number in shared[unit.images[0]] if joins[number]), unit.images

    def first_layer(group: Sequence[_Unit]) -> tuple[int, tuple[int, ...]]:
        layers = (n for unit in group for place in unit.images for n in needs[place] if is_layer[n])
        return min(layers, default=0), group[0].images

    twins = _joined([[number for number in numbers if manifests[number]] for numbers in shared])
    units = sorted(map(unit_of, twins), key=by_layers)
    joined = _joined([[number for number in unit.shared if joins[number]] for unit in units])
    return sorted(([units[place] for place in group] for group in joined), key=first_layer)


def _parts(groups: Iterable[Sequence[_Unit]], limit_bytes: int, sizes: Sequence[int]) -> list[_Unit]:
    """Neighbours in parts of at most some bytes, or of one unit. A group is cut only if it is larger than that."""
    parts: list[list[_Unit]] = []
    filled_bytes, there = 0, set[int]()
    for group in groups:
        whole = _together(group, sizes)
        for unit in (whole,) if whole.size_bytes <= limit_bytes else group:
            more_bytes = unit.own_bytes + _bytes_of(unit.shared - there, sizes)
            if not parts or filled_bytes + more_bytes > limit_bytes:
                parts.append([])
                filled_bytes, there, more_bytes = 0, set(), unit.size_bytes
            parts[-1].append(unit)
            filled_bytes += more_bytes
            there |= unit.shared
    return [_together(part, sizes) for part in parts]


def _together(units: Sequence[_Unit], sizes: Sequence[int]) -> _Unit:
    if len(units) == 1:
        return units[0]
    images = tuple(place for unit in units for place in unit.images)
    own_bytes, shared = sum(unit.own_bytes for unit in units), frozenset().union(*(unit.shared for unit in units))
    return _Unit(images, own_bytes, shared, own_bytes + _bytes_of(shared, sizes))


@frozen
class _Division:
    """The images and the bytes of each shard."""

    images: list[list[int]]
    loads_bytes: list[int]


def _given_out(parts: Sequence[_Unit], count: int, sizes: Sequence[int]) -> _Division:
    """Gives each part, from the largest on, to the shard that has the fewest bytes with it."""
    images: list[list[int]] = [[] for _ in range(count)]
    loads_bytes = [0] * count
    holders: dict[int, set[int]] = defaultdict(set)  # the shards that have a blob which several images need
    for part in sorted(parts, key=lambda part: (-part.size_bytes, part.images)):
        after_bytes = [load_bytes + part.size_bytes for load_bytes in loads_bytes]
        for blob in part.shared:
            for index in holders[blob]:
                after_bytes[index] -= sizes[blob]
        least = min(after_bytes)
        index = min((each for each in range(count) if after_bytes[each] == least), key=lambda each: len(images[each]))
        images[index] += part.images
        loads_bytes[index] = least
        for blob in part.shared:
            holders[blob].add(index)
    return _Division(images, loads_bytes)


def _joined(keys: Sequence[Iterable[int]]) -> list[list[int]]:
    """Sets of places that share a key, directly or through others. Each set, and the sets, are in their order."""
    above = list(range(len(keys)))
    first_with: dict[int, int] = {}

    def top(place: int) -> int:
        while above[place] != place:
            above[place] = above[above[place]]
            place = above[place]
        return place

    for place, own in enumerate(keys):
        for key in own:
            one, other = sorted((top(place), top(first_with.setdefault(key, place))))
            above[other] = one
    sets: dict[int, list[int]] = defaultdict(list)
    for place in range(len(keys)):
        sets[top(place)].append(place)
    return list(sets.values())


def _bytes_of(blobs: Iterable[int], sizes: Sequence[int]) -> int:
    return sum([sizes[number] for number in blobs])
