"""The objects that must have been scanned are all that the bundle carries, each once."""

from __future__ import annotations

from dataclasses import replace

from bundler.core.manifest import BUNDLE, Base, InBase
from bundler.core.scan import Unit, contents_of
from tests.unit.values import digest, layer, plan_with, planned, resolved

SHARED, OWN = layer("shared", 500), layer("own", 700)
APP = resolved("quay.io/team/app:1", SHARED, OWN)
TOOL = resolved("quay.io/team/tool:1", SHARED)


def test_blobs_are_all_blobs_each_once_and_images_are_those_of_one_platform() -> None:
    contents = contents_of("ab" * 32, planned(APP, TOOL).manifest, ())
    needed = {each.digest for image in (APP, TOOL) for each in (*image.manifests[0].blobs,)}
    manifests = {image.manifests[0].descriptor.digest for image in (APP, TOOL)}
    assert sorted(contents.objects(Unit.BLOB)) == sorted(needed | manifests)
    assert set(contents.objects(Unit.IMAGE)) == manifests
    assert contents.names(SHARED.digest) == ("quay.io/team/app:1", "quay.io/team/tool:1")
    assert contents.names(digest("elsewhere")) == ()


def test_an_artifact_that_is_no_image_is_an_object_too() -> None:
    chart = replace(TOOL, variants=())
    contents = contents_of("ab" * 32, planned(APP, chart).manifest, ())
    assert {each.manifests[0].descriptor.digest for each in (APP, chart)} == set(contents.images)


def test_a_blob_that_is_left_out_is_an_object_only_if_its_base_is_here() -> None:
    base = Base("cd" * 32, BUNDLE, "platform-1", "2026-11-01T00:00:00Z")
    delta = plan_with(
        [APP],
        chunk_size_bytes=2_000_000_000,
        bases=[base],
        left_out={SHARED.digest: (InBase(0, (1,)),)},
        name="platform-2",
        created="2026-11-23T00:00:00Z",
        tool="bundler test",
        signed=True,
    )
    left_out = {number for number, blob in enumerate(delta.manifest.blobs) if blob.is_left_out}
    alone, with_base = (contents_of("ab" * 32, delta.manifest, absent) for absent in (left_out, ()))
    assert set(with_base.blobs) - set(alone.blobs) == {SHARED.digest}
    assert OWN.digest in alone.blobs
    assert alone.images == with_base.images == (APP.manifests[0].descriptor.digest,)
