"""Shards cover everything once, are balanced within the largest part, and are the same for every host."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, strategies as st

from bundler.core.manifest import MANIFEST, BundleManifest
from bundler.core.plan import ResolvedImage
from bundler.core.shard import Shard
from bundler.core.shards import LARGE_BYTES, divided_images, images_of_shard, run_of_shard
from tests.property.strategies import law
from tests.unit.values import layer, planned, resolved

pytestmark = pytest.mark.no_cover  # thousands of rounds through what other tests run as well

counts = st.integers(1, 9)
sizes = st.one_of(st.integers(0, 4000), st.integers(LARGE_BYTES - 2, 64 * LARGE_BYTES), st.integers(0, 5_000_000_000))


@st.composite
def manifests(draw: st.DrawFn) -> BundleManifest:
    """A bundle of some images, which share layers or nothing; some are one image under two names."""
    layers = [layer(f"layer {number}", size) for number, size in enumerate(draw(st.lists(sizes, min_size=1)))]
    some = st.lists(st.sampled_from(layers), max_size=5)
    images: list[ResolvedImage] = []
    for number in range(draw(st.integers(1, 12))):
        twin = draw(st.integers(0, 5)) == 0 and images
        like = images[-1] if twin else resolved(f"app{number}:1", *draw(some))
        images.append(ResolvedImage(resolved(f"app{number}:1").reference, "x", like.manifests, like.variants))
    return planned(*images).manifest


def needs(manifest: BundleManifest, places: list[int]) -> frozenset[int]:
    return frozenset(number for place in places for number in manifest.images[place].needs_with_attachments)


def weight(manifest: BundleManifest, places: list[int]) -> int:
    return sum(manifest.blobs[number].descriptor.size_bytes for number in needs(manifest, places))


@law
@given(manifest=manifests(), count=counts)
def test_every_image_belongs_to_exactly_one_shard(manifest: BundleManifest, count: int) -> None:
    shards = [images_of_shard(manifest, manifest.images, Shard(number, count)) for number in range(1, count + 1)]
    assert Counter(image.reference for images in shards for image in images) == Counter(
        image.reference for image in manifest.images
    )


@law
@given(manifest=manifests(), count=counts)
def test_shards_differ_at_most_by_a_fair_part_or_by_one_image(manifest: BundleManifest, count: int) -> None:
    everything = list(range(len(manifest.images)))
    of_manifest: dict[int, list[int]] = {}
    for place, image in enumerate(manifest.images):  # here, images that share a manifest share their root
        of_manifest.setdefault(image.manifests[-1], []).append(place)
    largest = max(weight(manifest, places) for places in of_manifest.values())
    fair = -(-weight(manifest, everything) // count)
    loads = [weight(manifest, places) for places in divided_images(manifest, manifest.images, count)]
    assert max(loads) - min(loads) <= max(largest, fair)


@law
@given(manifest=manifests(), count=counts)
def test_images_that_share_a_manifest_are_in_one_shard(manifest: BundleManifest, count: int) -> None:
    shards = [needs(manifest, places) for places in divided_images(manifest, manifest.images, count)]
    for number, blob in enumerate(manifest.blobs):
        if blob.kind == MANIFEST:
            assert sum(number in needed for needed in shards) == 1


@law
@given(manifest=manifests(), count=counts)
def test_a_small_group_is_whole(manifest: BundleManifest, count: int) -> None:
    shards = divided_images(manifest, manifest.images, count)
    limit = weight(manifest, list(range(len(manifest.images)))) // (16 * count)
    for number, blob in enumerate(manifest.blobs):
        group = connected(manifest, number)
        if blob.descriptor.size_bytes >= LARGE_BYTES and weight(manifest, group) <= limit:
            assert sum(bool(set(group) & set(places)) for places in shards) == 1


def connected(manifest: BundleManifest, number: int) -> list[int]:
    """The images that share a large layer with those that need a blob, directly or through others."""
    reached, blobs = set[int](), {number}
    while True:
        more = {place for place, image in enumerate(manifest.images) if blobs.intersection(image.needs)}
        if more == reached:
            return sorted(reached)
        reached = more
        found = needs(manifest, sorted(reached))
        blobs |= {
            each
            for each in found
            if manifest.blobs[each].descriptor.size_bytes >= LARGE_BYTES or manifest.blobs[each].kind == MANIFEST
        }


@law
@given(manifest=manifests(), count=counts)
def test_a_division_depends_on_the_manifest_alone(manifest: BundleManifest, count: int) -> None:
    again = BundleManifest(**{name: getattr(manifest, name) for name in type(manifest).__dataclass_fields__})
    assert divided_images(again, list(again.images), count) == divided_images(manifest, manifest.images, count)


@law
@given(amounts=st.lists(sizes, max_size=40), count=counts)
def test_runs_cover_a_sequence_once_and_in_order(amounts: list[int], count: int) -> None:
    runs = [run_of_shard(amounts, Shard(number, count)) for number in range(1, count + 1)]
    assert [place for run in runs for place in run] == list(range(len(amounts)))


@law
@given(amounts=st.lists(sizes, min_size=1, max_size=40), count=counts)
def test_a_run_differs_from_a_fair_part_at_most_by_the_largest_thing(amounts: list[int], count: int) -> None:
    for number in range(1, count + 1):
        load = sum(amounts[place] for place in run_of_shard(amounts, Shard(number, count)))
        assert abs(load * count - sum(amounts)) <= max(amounts) * count
