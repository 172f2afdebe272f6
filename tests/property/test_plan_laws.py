"""The plan covers each byte exactly once, in chunks that are never too large, for any images and any chunk size."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from bundler.bundle.chunk import members_by_chunk, members_of
from bundler.core import tar
from bundler.core.archive_kind import SEVEN_ZIP, TAR, ArchiveKind
from bundler.core.at_receiver import by_statement
from bundler.core.manifest import MANIFEST, BundleManifest, from_json, to_json
from bundler.core.outer_manifest import OuterManifest, read_manifest
from bundler.core.plan import Plan, ResolvedImage
from bundler.core.statement import Statement
from tests.property.strategies import configs, image_sets, law
from tests.unit.values import plan_with

pytestmark = pytest.mark.no_cover  # thousands of rounds through what other tests run as well

ImageSet = tuple[list[ResolvedImage], int]


both_kinds = pytest.mark.parametrize("kind", [TAR, SEVEN_ZIP], ids=lambda kind: kind.name)


def planned(images: list[ResolvedImage], chunk_size_bytes: int, kind: ArchiveKind) -> Plan:
    return plan_with(
        images,
        name="law",
        created="2026-11-23T00:00:00Z",
        tool="t",
        signed=True,
        chunk_size_bytes=chunk_size_bytes,
        archive=kind,
    )


@both_kinds
@law
@given(case=image_sets())
def test_chunks_are_members_one_after_the_other_without_gap_or_overlap(case: ImageSet, kind: ArchiveKind) -> None:
    manifest = planned(*case, kind).manifest
    for chunk, members in zip(manifest.chunks, members_by_chunk(manifest), strict=True):
        position = kind.start_bytes
        for member in members:
            assert member.header_offset == position
            assert member.piece.offset_bytes == position + len(member.header)
            assert member.data_end + len(member.padding) == member.end
            assert kind is not TAR or member.end % tar.BLOCK_BYTES == 0
            position = member.end
        assert members, "no chunk is empty"
        assert position + kind.end_bytes(member.name for member in members) == chunk.size_bytes


@both_kinds
@law
@given(case=image_sets())
def test_no_chunk_is_larger_than_it_may_be(case: ImageSet, kind: ArchiveKind) -> None:
    images, chunk_size = case
    assert all(chunk.size_bytes <= chunk_size for chunk in planned(images, chunk_size, kind).manifest.chunks)


@both_kinds
@law
@given(case=image_sets())
def test_each_byte_of_each_blob_lies_at_one_place(case: ImageSet, kind: ArchiveKind) -> None:
    for stored in planned(*case, kind).manifest.stored():
        position = 0
        for member in members_of(stored, kind):
            assert member.start_bytes == position
            position += member.piece.length_bytes
        assert position == stored.size_bytes
        chunks = [piece.chunk for piece in stored.pieces]
        assert chunks == list(range(chunks[0], chunks[0] + len(chunks))), "its parts follow each other"


@both_kinds
@law
@given(case=image_sets())
def test_only_a_blob_that_no_chunk_can_hold_is_cut_and_begins_a_chunk(case: ImageSet, kind: ArchiveKind) -> None:
    images, chunk_size = case
    for stored in planned(images, chunk_size, kind).manifest.stored():
        whole = kind.member_bytes(stored.path, stored.size_bytes) + kind.end_bytes([stored.path])
        fits = kind.start_bytes + whole <= chunk_size
        assert (len(stored.pieces) == 1) is fits
        if not fits:
            for member in members_of(stored, kind):
                assert member.header_offset == kind.start_bytes
                assert member.piece.length_bytes > 0


@both_kinds
@law
@given(case=image_sets())
def test_a_chunk_is_left_only_for_what_does_not_fit_into_it(case: ImageSet, kind: ArchiveKind) -> None:
    images, chunk_size = case
    by_chunk = members_by_chunk(planned(images, chunk_size, kind).manifest)
    for before, after in pairwise(by_chunk):
        stored = after[0].stored
        names = [*(member.name for member in before), stored.path]
        whole = kind.member_bytes(stored.path, stored.size_bytes)
        assert before[-1].end + whole + kind.end_bytes(names) > chunk_size


@both_kinds
@law
@given(case=image_sets())
def test_each_blob_that_an_image_needs_is_stored_once_and_nothing_else(case: ImageSet, kind: ArchiveKind) -> None:
    images, chunk_size = case
    manifest = planned(images, chunk_size, kind).manifest
    needed = {
        descriptor.digest
        for image in images
        for each in image.manifests
        for descriptor in (each.descriptor, *each.blobs)
    }
    carried = [blob.descriptor.digest for blob in manifest.blobs]
    assert len(carried) == len(set(carried))
    assert set(carried) == needed
    for image, listed in zip(images, manifest.images, strict=True):
        own = {d.digest for each in image.manifests for d in (each.descriptor, *each.blobs)}
        assert {carried[number] for number in listed.needs} == own
        assert len(listed.needs) == len(own)
        assert carried[listed.manifests[-1]] == image.root.digest


@both_kinds
@law
@given(case=image_sets())
def test_manifests_lie_before_configs_and_configs_before_layers(case: ImageSet, kind: ArchiveKind) -> None:
    manifest = planned(*case, kind).manifest
    order = ["manifest", "config", "layer"]
    ranks = [order.index(blob.kind) for blob in manifest.blobs]
    assert ranks == sorted(ranks)
    places = [(s.pieces[0].chunk, s.pieces[0].offset_bytes) for s in manifest.stored()]
    assert places == sorted(places)


@both_kinds
@law
@given(case=image_sets())
def test_the_same_images_and_options_give_the_same_plan(case: ImageSet, kind: ArchiveKind) -> None:
    first, second = planned(*case, kind), planned(*case, kind)
    assert to_json(first.manifest) == to_json(second.manifest)
    assert first.contents == second.contents


@both_kinds
@law
@given(case=image_sets(metadata=configs))
def test_a_bundle_manifest_is_read_back_as_it_is_written(case: ImageSet, kind: ArchiveKind) -> None:
    manifest: BundleManifest = planned(*case, kind).manifest
    content = to_json(manifest)
    assert from_json(content, what="test") == manifest
    assert to_json(from_json(content, what="test")) == content


@both_kinds
@law
@given(case=image_sets())
def test_the_files_of_the_layout_come_first(case: ImageSet, kind: ArchiveKind) -> None:
    plan = planned(*case, kind)
    first = members_by_chunk(plan.manifest)[0][:3]
    assert [member.name for member in first] == ["oci-layout", "index.json", "manifest.json"]
    for member in first:
        assert len(plan.contents[member.stored.digest]) == member.piece.length_bytes == member.stored.size_bytes


@law
@given(case=image_sets(metadata=configs))
def test_what_anybody_may_know_of_an_encrypted_bundle_is_read_back_and_names_nothing_in_it(case: ImageSet) -> None:
    manifest = planned(*case, SEVEN_ZIP).manifest
    outer = OuterManifest.of(manifest)
    content = outer.to_json()
    assert read_manifest(content, what="test") == outer
    assert read_manifest(to_json(manifest), what="test") == manifest
    for image in manifest.images:
        assert str(image.reference).encode() not in content
    for stored in manifest.stored():
        assert stored.digest.encoded.encode() not in content


@law
@given(old=image_sets(), case=image_sets(), share=st.integers(0, 3))
def test_what_an_earlier_bundle_has_is_left_out_and_nothing_else(old: ImageSet, case: ImageSet, share: int) -> None:
    images, chunk_size = case
    earlier = planned([*old[0], *_renamed(images[:share])], old[1], TAR).manifest
    there = by_statement(Statement("ab" * 32, earlier))
    later = plan_with(
        images,
        name="law",
        created="2026-12-23T00:00:00Z",
        tool="t",
        signed=True,
        chunk_size_bytes=chunk_size,
        bases=there.bases,
        left_out=dict(there.blobs),
    ).manifest
    held = {blob.descriptor.digest: blob.stored.pieces for blob in earlier.blobs if blob.kind != MANIFEST}
    for blob in later.blobs:
        is_there = blob.kind != MANIFEST and blob.descriptor.digest in held
        assert blob.is_left_out is is_there is not bool(blob.stored.pieces)
        if is_there:
            assert [place.chunks for place in blob.bases] == [tuple(p.chunk for p in held[blob.descriptor.digest])]
    assert from_json(to_json(later), what="bundle.json") == later
    again = by_statement(Statement("cd" * 32, later))
    assert again.blobs.keys() == {blob.descriptor.digest for blob in later.blobs if blob.kind != MANIFEST}


def _renamed(images: list[ResolvedImage]) -> list[ResolvedImage]:
    """The same images under other names."""
    return [
        replace(image, reference=replace(image.reference, registry="earlier.example.com", digest=None, tag=str(n)))
        for n, image in enumerate(images)
    ]
