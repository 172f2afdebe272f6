"""The first cause explains the difference between a bundle that is there and the one that would be made now."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bundler.core.archive_kind import SEVEN_ZIP
from bundler.core.difference import differences
from bundler.core.manifest import BundleManifest, MissingImage
from bundler.core.plan import ResolvedAttachment
from tests.support.tables import each_case
from tests.unit.values import MIB, digest, image_manifest, layer, planned, resolved

A, B = resolved("a:1", layer("x", 1000)), resolved("b:1", layer("y", 2000))
BOTH = planned(A, B).manifest
NAME = "docker.io/library/b:1"
MISSING = MissingImage(BOTH.images[1].reference, "docker://b:1", "not-found", "it is not there")


def with_image(**changes: Any) -> BundleManifest:
    first, second = BOTH.images
    return replace(BOTH, images=(first, replace(second, **changes)))


def test_when_and_by_what_it_was_made_is_no_difference() -> None:
    assert differences(BOTH, BOTH) == []
    assert differences(BOTH, replace(BOTH, created="2030-01-01T00:00:00Z", tool="another", signed=False)) == []


@each_case(
    ("wanted", "said"),
    [
        (replace(BOTH, chunk_size_bytes=MIB), [f"--chunk-size: {BOTH.chunk_size_bytes} there, {MIB} now"]),
        (replace(BOTH, archive=SEVEN_ZIP), ["--format: tar there, 7z now"]),
        (planned(A).manifest, [f"no longer in the list: {NAME}"]),
        (planned(A, B, resolved("c:1")).manifest, ["not in it: docker.io/library/c:1"]),
        (replace(BOTH, missing=(MISSING,)), [f"missing now: {NAME}"]),
        (
            with_image(made_from=digest("moved"), source="oci:elsewhere"),
            [f"moved: {NAME}: {BOTH.images[1].source_digest} there, {digest('moved')} now"],
        ),
        (with_image(source="oci:elsewhere"), [f"from another source: {NAME}: docker://b:1 there, oci:elsewhere now"]),
        (with_image(repacked="zstd"), [f"--layer-compression: {NAME}: None there, zstd now"]),
        (planned(B, A).manifest, ["the images, or their chunks, have another order"]),
    ],
)
def test_what_differs_is_said(wanted: BundleManifest, said: list[str]) -> None:
    assert list(map(str, differences(BOTH, wanted))) == said


def test_other_attachments_are_said_and_other_numbers_are_not() -> None:
    signature = image_manifest("signature", layer("signature", 10))
    attached = ResolvedAttachment(A.root.digest, "signature", "referrers", (signature,))
    signed = replace(A, attachments=(attached,))
    name = "docker.io/library/a:1"
    assert differences(BOTH, planned(signed, B).manifest) == [f"other attachments: {name}: 0 there, 1 now"]
    assert differences(planned(signed).manifest, planned(B, signed).manifest) == [f"not in it: {NAME}"]


def test_an_image_that_was_missing_when_the_bundle_was_made_is_named() -> None:
    assert f"missing at that time: {NAME}" in differences(replace(BOTH, missing=(MISSING,)), BOTH)


def test_other_platforms_of_the_same_source_are_said() -> None:
    source = digest("source")
    there = with_image(made_from=source)
    wanted = with_image(made_from=source, root=BOTH.images[0].root)
    assert differences(there, wanted) == [
        f"other platforms: {NAME}: {BOTH.images[1].root.digest} there, {BOTH.images[0].root.digest} now"
    ]
