"""Bundles of every kind: plain, 7z, encrypted, cut over chunks, and one that leaves blobs out."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import bundler
from bundler.core.digest import Digest
from bundler.keys.open_bundle import Unlocking
from tests.support.errors import raises
from tests.support.serving import get, serving
from tests.support.tables import each_case
from tests.vectors.make import KINDS

VECTORS = Path(__file__).parents[2] / "vectors"
PASSPHRASE = partial((VECTORS / "keys/passphrase").read_text().strip)


def check_all(served, images=()) -> int:
    """Gets each manifest and blob of images, or of all; returns how many there were."""
    count = 0
    for image in images or served.images:
        path = f"/v2/{image.name.partition('@')[0].rpartition(':')[0] if image.image.reference.tag else image.name.partition('@')[0]}"
        for blob in image.descriptors():
            digest = blob.descriptor.digest
            got = get(served, f"{path}/{'manifests' if blob.kind == 'manifest' else 'blobs'}/{digest}")
            assert got.status == 200, (image.name, digest, got.content[:200])
            assert Digest.of(got.content, algorithm=digest.algorithm) == digest
            count += 1
    return count


@each_case("kind", [kind for kind in KINDS if kind != "base"])
def test_all_of_a_bundle_is_served(kind, tmp_path_factory):
    unlocking = Unlocking(PASSPHRASE, tmp_path_factory.mktemp("scratch"))
    with serving(VECTORS / kind, unlocking=unlocking) as served:
        assert served.catalogue.incomplete == ()
        assert check_all(served) > 3


def test_what_a_bundle_leaves_out_comes_from_another_one():
    with serving(VECTORS / "base") as served:
        assert served.catalogue.incomplete
        assert {each.problem.code for each in served.catalogue.incomplete} == {"base-missing"}
        alone = {each.image.name for each in served.catalogue.incomplete}
        left_out = next(
            blob for each in served.images if each.name in alone for blob in each.descriptors() if blob.is_left_out
        )
        got = get(served, f"/v2/{next(iter(alone)).rpartition(':')[0]}/blobs/{left_out.descriptor.digest}")
        assert (got.status, got.code) == (404, "BLOB_UNKNOWN")
    for paths in ((VECTORS / "base", VECTORS / "tar"), (VECTORS / "tar", VECTORS / "base")):
        with serving(*paths) as served:  # it has one of the two layers
            assert [each.image.name for each in served.catalogue.incomplete] == ["registry.example.com/team/app:1.1"]
            (other,) = [each for each in served.images if each.name == "registry.example.com/team/other:1.0"]
            assert any(blob.is_left_out for blob in other.descriptors())
            assert check_all(served, [other]) == 4


def test_an_encrypted_bundle_needs_its_passphrase(tmp_path):
    for passphrase in (lambda: "wrong", None):
        unlocking = Unlocking(passphrase, tmp_path) if passphrase else Unlocking()
        with raises(bundler.Misuse), serving(VECTORS / "encrypted", unlocking=unlocking):
            pass
    assert os.listdir(tmp_path) == []
