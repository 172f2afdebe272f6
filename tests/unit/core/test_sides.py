"""Bundles, receipts and inventories of the same images have the same names, or say why not."""

from __future__ import annotations

from dataclasses import replace

from bundler.core.comparison import compare
from bundler.core.digest import Digest
from bundler.core.mapping import Naming
from bundler.core.plan import ResolvedAttachment
from bundler.core.policies import SCOPED
from bundler.core.receipt import ReceiptImage, ReceiptTarget
from bundler.core.reference import Reference
from bundler.core.rules_file import parse_rules
from bundler.core.sides import Names, side_of_bundle, side_of_images, side_of_inventory, side_of_receipt
from tests.support.tables import each_case
from tests.unit.core.test_inventory import DAEMON_PLACE, LAYOUT, inventory
from tests.unit.core.test_receipt import REGISTRY, receipt
from tests.unit.values import digest, image_manifest, layer, planned, resolved

BASE, OWN = layer("base", 900), layer("own", 100)
IMAGE = resolved("docker.io/library/nginx:1.27", BASE, OWN)
MANIFEST = planned(IMAGE).manifest
AT_PLACE = Names(Naming())
BLOBS = tuple(str(blob.descriptor.digest) for blob in MANIFEST.blobs)
SIZES = tuple(blob.descriptor.size_bytes for blob in MANIFEST.blobs)


def imported(outcome: str = "pushed", **more: object) -> ReceiptImage:
    made = ReceiptImage(
        str(IMAGE.reference),
        f"{REGISTRY}/deep/library/nginx:1.27",
        str(IMAGE.root.digest),
        outcome,
        1000,
        blobs=MANIFEST.images[0].blobs,
    )
    return replace(made, **more)


def test_a_bundle_has_the_images_and_blobs_of_its_list():
    assert compare(side_of_bundle(MANIFEST, Names()), side_of_images([IMAGE], Names())).is_same
    side = side_of_images([IMAGE], Names())
    assert set(side.images) == {"docker.io/library/nginx:1.27"}
    assert {BASE.digest, OWN.digest} < set(side.blobs)


def test_the_attachments_of_an_image_in_a_bundle_travel_with_it():
    signature = image_manifest("signature", layer("payload", 10))
    attached = ResolvedAttachment(IMAGE.root.digest, "signature", "referrers", (signature,))
    side = side_of_bundle(planned(replace(IMAGE, attachments=(attached,))).manifest, Names())
    assert digest("payload") in side.images["docker.io/library/nginx:1.27"].blobs
    assert compare(side_of_images([IMAGE], Names()), side).is_same


@each_case(
    "naming, name",
    [
        (Naming(), "library/nginx:1.27"),
        (Naming(SCOPED), "docker.io/library/nginx:1.27"),
        (
            Naming(rules=parse_rules("rules:\n- from: nginx\n  to: web/n\n", source="r")),
            "web/n:1.27",
        ),
    ],
)
def test_at_a_registry_an_image_has_the_name_that_an_import_gives_it(naming, name):
    assert set(side_of_images([IMAGE], Names(naming)).images) == {name}


def test_a_receipt_has_both_names():
    found = receipt(imported(), target=f"{REGISTRY}/deep", blobs=BLOBS, blob_sizes=SIZES)
    assert set(side_of_receipt(found, Names()).images) == {"docker.io/library/nginx:1.27"}
    renamed = replace(found, targets=(ReceiptTarget(
        f"{REGISTRY}/deep", "registry", 1, (imported(name=f"{REGISTRY}/deep/web:7"),)
    ),))  # fmt: skip
    assert set(side_of_receipt(renamed, AT_PLACE).images) == {"web:7"}
    assert compare(side_of_receipt(found, Names()), side_of_bundle(MANIFEST, Names())).is_same
    assert not compare(side_of_receipt(found, Names()), side_of_bundle(MANIFEST, Names())).carried


@each_case("outcome", ["failed", "held back", "not tried", "skipped", "unfinished"])
def test_a_receipt_does_not_prove_what_was_not_done(outcome):
    found = side_of_receipt(receipt(imported(outcome), target=f"{REGISTRY}/deep", blobs=BLOBS), Names())
    assert (found.images, found.blobs) == ({}, {})


def test_a_daemon_has_images_and_no_blobs():
    target = ReceiptTarget("docker-daemon:", "daemon", 1, (imported("loaded", name=str(IMAGE.reference)),))
    found = side_of_receipt(receipt(imported(), blobs=BLOBS, targets=(target,)), Names())
    assert set(found.images) == {"docker.io/library/nginx:1.27"}
    assert not found.blobs


def test_of_two_targets_only_what_both_have_counts():
    both = receipt(imported(), target=f"{REGISTRY}/deep", blobs=BLOBS)
    other = ReceiptTarget("oci:/x", "layout", 1, (imported("failed", name=str(IMAGE.reference)),))
    found = side_of_receipt(replace(both, targets=(*both.targets, other)), Names())
    assert (found.images, found.blobs) == ({}, {})


def test_an_older_receipt_does_not_know_sizes():
    found = side_of_receipt(receipt(imported(), target=f"{REGISTRY}/deep", blobs=BLOBS), Names())
    assert set(found.blobs.values()) == {None}


def test_names_in_a_registry_are_below_its_prefix_and_tags_of_signatures_do_not_count():
    whole = inventory()
    assert set(side_of_inventory(whole, AT_PLACE).images) == {"app:1.0", "app:latest"}
    signature = f"sha256-{'ab' * 32}.sig"
    index = whole.repositories[0].tags[0][1]
    signed = replace(whole, repositories=(replace(whole.repositories[0], tags=(("1.0", index), (signature, index))),))
    assert set(side_of_inventory(signed, AT_PLACE).images) == {"app:1.0"}
    assert f"app:{signature}" in side_of_inventory(signed, replace(AT_PLACE, has_attachments=True)).images


def test_tags_of_one_index_share_its_blobs():
    found = side_of_inventory(inventory(), AT_PLACE).images
    assert (
        found["app:1.0"].blobs is found["app:latest"].blobs
    )  # a hostile registry may name a large index a million times


def test_a_layout_and_a_daemon_have_full_references():
    assert set(side_of_inventory(LAYOUT, Names()).images) == {"docker.io/library/nginx:1"}
    daemon = side_of_inventory(DAEMON_PLACE, Names()).images["docker.io/library/nginx:1"]
    assert (daemon.digest, daemon.also) == (digest("index"), {digest("index"), digest("config")})


def test_an_image_with_only_a_digest_has_a_name_of_its_own():
    pinned = replace(IMAGE, reference=Reference("docker.io", "library/nginx", None, IMAGE.root.digest))
    both = replace(IMAGE, reference=IMAGE.reference.pinned(IMAGE.root.digest))
    assert set(side_of_images([pinned], Names()).images) == {f"docker.io/library/nginx@{IMAGE.root.digest}"}
    assert set(side_of_images([both], Names()).images) == {"docker.io/library/nginx:1.27"}
    tag = f"digest-{Digest.parse(str(IMAGE.root.digest)).short}"
    assert set(side_of_images([pinned], AT_PLACE).images) == {f"library/nginx:{tag}"}
