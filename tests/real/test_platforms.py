"""Platform selection: one platform becomes the root, several get an index that a strict registry takes."""

from __future__ import annotations

import json

import pytest

from tests.support.images import every_kind

KINDS = every_kind()
MULTI = KINDS["team/multi:1"]


@pytest.fixture
def carry(bundler, origin, target, keys, image_list, tmp_path):
    def run(name: str, *platforms: str):
        chosen = [argument for platform in platforms for argument in ("--platform", platform)]
        done = bundler("export", image_list(origin, name), "-o", tmp_path, "--key", keys[0], *chosen)
        if done.code == 0:
            imported = bundler("import", tmp_path / "test", "--trust", keys[1], "--to", target.host)
            assert imported.code == 0, imported.err
        return done

    return run


def test_one_platform_makes_its_manifest_the_root_byte_for_byte(carry, target):
    assert carry("team/multi:1", "linux/arm64").code == 0
    arm = MULTI.children[1]
    assert target.get("team/multi/manifests/1") == arm.content
    assert MULTI.children[0].digest.removeprefix("sha256:") not in target.blobs


def test_several_platforms_get_an_index_of_their_own_and_it_is_said(carry, target):
    done = carry("team/nested:1", "linux/amd64", "linux/s390x")
    assert done.code == 0
    assert "new index" in done.err
    assert "has no linux/s390x" in done.err
    root = json.loads(target.get("team/nested/manifests/1"))
    assert [child["mediaType"] for child in root["manifests"]] == [MULTI.media_type, KINDS["library/oci:1"].media_type]
    inner = json.loads(target.get(f"team/nested/manifests/{root['manifests'][0]['digest']}"))
    kept = [child["digest"] for child in inner["manifests"]]
    assert kept == [MULTI.children[0].digest, MULTI.children[2].digest], "amd64 and its attestation"
    assert inner["annotations"] == {"made.by": "a test"}


def test_all_platforms_of_an_index_keep_the_index(carry, target):
    assert carry("team/list:1", "linux/amd64", "linux/arm/v7").code == 0
    assert target.get("team/list/manifests/1") == KINDS["team/list:1"].content


def test_a_platform_that_no_image_has_is_refused_with_those_that_it_has(carry):
    for name, offered in (("team/multi:1", "linux/amd64, linux/arm64/v8"), ("library/oci:1", "linux/amd64")):
        done = carry(name, "linux/riscv64")
        assert done.code == 6
        assert "linux/riscv64" in done.err
        assert offered in done.err


def test_an_artifact_is_for_every_platform(carry, target):
    assert carry("charts/artifact:1", "linux/riscv64").code == 0
    assert target.get("charts/artifact/manifests/1") == KINDS["charts/artifact:1"].content
