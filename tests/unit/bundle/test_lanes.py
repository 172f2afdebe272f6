"""The order in which a bundle is written: chunks from begin to end, a few side by side."""

from __future__ import annotations

from bundler.bundle import lanes as lanes_module
from bundler.bundle.chunk import groups_of, members_by_chunk
from bundler.core.manifest import BundleManifest, Stored
from tests.support.tables import each_case
from tests.unit.values import MIB, layer, planned, resolved


def plan(*sizes_mib: int, chunk_mib: int = 10) -> BundleManifest:
    images = [resolved(f"a/b{n}:1", layer(f"layer {n}", size * MIB)) for n, size in enumerate(sizes_mib)]
    return planned(*images, chunk_size_bytes=chunk_mib * MIB).manifest


def in_lanes(manifest: BundleManifest, lanes: int) -> list[Stored]:
    return lanes_module.in_lanes(manifest, groups_of(manifest), lanes)


def chunks_of(order: list[Stored]) -> list[int]:
    """The chunks that large blobs begin in, in the order of the blobs."""
    return [stored.pieces[0].chunk for stored in order if stored.size_bytes >= MIB]


SIZES = {
    "one chunk": (1, 2, 3),
    "three chunks": (6, 3, 7, 2, 8, 1, 5),
    "a blob in three parts, then others": (6, 25, 4, 7, 3, 9),
}


@each_case("lanes", [1, 2, 3, 8])
@each_case("sizes", SIZES.values(), ids=SIZES)
def test_everything_comes_once_and_each_chunk_from_begin_to_end(sizes, lanes):
    manifest = plan(*sizes)
    order = in_lanes(manifest, lanes)
    assert sorted(map(id, order)) == sorted(map(id, manifest.stored()))
    place = {stored.digest: number for number, stored in enumerate(order)}
    for members in members_by_chunk(manifest):
        numbers = [place[member.stored.digest] for member in members]
        assert numbers == sorted(numbers)


def test_with_one_lane_chunk_comes_after_chunk():
    chunks = chunks_of(in_lanes(plan(*SIZES["three chunks"]), 1))
    assert len(set(chunks)) > 2
    assert chunks == sorted(chunks)


def test_with_two_lanes_two_chunks_are_filled_at_about_the_same_time():
    assert chunks_of(in_lanes(plan(4, 4, 4, 4, 4, 4, 4, 4), 2)) == [2, 1, 2, 1, 3, 4, 3, 4]


def test_chunks_that_a_blob_joins_stay_in_one_lane_while_the_other_goes_on():
    manifest = plan(35, 4, 4, 4, 4, 4, 4)
    assert len(manifest.blobs[-7].stored.pieces) == 4
    chunks = chunks_of(in_lanes(manifest, 2))
    assert chunks == [2, 6, 6, 7, 7, 8, 5], "what follows the large blob comes when that is done"


def test_what_lies_in_two_places_comes_with_the_first_of_them():
    manifest = plan(1)
    twin = manifest.blobs[0].stored
    files = (Stored(twin.digest, twin.size_bytes, manifest.files[0].pieces, "oci-layout"), *manifest.files[1:])
    order = in_lanes(BundleManifest(**{**fields(manifest), "files": files}), 2)
    assert [stored.file for stored in order if stored.digest == twin.digest] == ["oci-layout"]


def fields(manifest: BundleManifest) -> dict[str, object]:
    return {name: getattr(manifest, name) for name in BundleManifest.__slots__}
