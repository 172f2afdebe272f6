"""Images that have only a digest: they get a tag where images without one are removed."""

from __future__ import annotations

import json

import pytest

from tests.support.images import every_kind, simple

KINDS = every_kind()
ONLY = KINDS["library/oci:1"]
TAG = f"digest-{ONLY.digest.removeprefix('sha256:')[:12]}"


@pytest.fixture
def bring(bundler, origin, keys, tmp_path):
    listed = tmp_path / "test.txt"
    listed.write_text(f"{origin.host}/library/oci@{ONLY.digest}\n")
    assert bundler("export", listed, "-o", tmp_path, "--key", keys[0]).code == 0
    return lambda to, *flags: bundler("import", tmp_path / "test", "--trust", keys[1], "--to", to, *flags)


def test_a_digest_only_image_gets_a_tag_and_survives_a_garbage_collection(bring, bundler, target, tmp_path):
    plan = bring(target.host, "--dry-run")
    assert f"library/oci:{TAG}@{ONLY.digest}" in plan.out
    assert "(had no tag)" in plan.out
    assert "--no-digest-tags" in plan.err
    receipt = tmp_path / "receipt.json"
    assert bring(target.host, "--receipt", receipt).code == 0
    target.collect_garbage()
    assert target.get(f"library/oci/manifests/{ONLY.digest}") == ONLY.content
    assert target.get(f"library/oci/manifests/{TAG}") == ONLY.content
    assert all(digest.removeprefix("sha256:") in target.blobs for digest in ONLY.all_blobs())
    again = bring(target.host, "--json").json["targets"][0]
    assert (again["images"][0]["outcome"], again["bytesSent"]) == ("present", 0)
    (image,) = json.loads(receipt.read_text())["targets"][0]["images"]
    assert image["name"] == f"{target.host}/library/oci:{TAG}@{ONLY.digest}"
    assert f"library/oci:{TAG}" in bundler("undo", receipt, "--dry-run").out


def test_without_digest_tags_it_arrives_by_its_digest_alone(bring, target):
    done = bring(target.host, "--no-digest-tags")
    assert done.code == 0
    assert "digest-" not in done.out + done.err
    assert target.tags == {}
    assert target.get(f"library/oci/manifests/{ONLY.digest}") == ONLY.content


def test_a_digest_tag_that_refers_to_another_image_is_a_conflict(bring, target):
    other = simple("other")
    other.push(target, "library/oci", TAG)
    done = bring(target.host)
    assert done.code == 6
    assert "the tag points to another image" in done.err
    assert bring(target.host, "--on-conflict", "skip").code == 0
    assert target.get(f"library/oci/manifests/{TAG}") == other.content


def test_in_a_layout_it_has_its_name_and_needs_no_tag(bring, tmp_path):
    assert bring(f"oci:{tmp_path / 'layout'}").code == 0
    (entry,) = json.loads((tmp_path / "layout" / "index.json").read_text())["manifests"]
    assert entry["annotations"]["io.containerd.image.name"].endswith(f"library/oci@{ONLY.digest}")


def test_in_a_daemon_it_has_a_tag_and_no_prune_takes_it(bring, daemon, origin, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", daemon.address)
    name = f"{origin.host}/library/oci:{TAG}"
    assert bring("docker-daemon:").code == 0
    daemon.docker("image", "prune", "--force")
    assert daemon.docker("image", "inspect", name, "--format", "{{.Os}}").stdout.strip() == "linux"
    assert bring("docker-daemon:", "--json").json["targets"][0]["images"][0]["outcome"] == "present"
    daemon.docker("image", "rm", name)


def test_a_daemon_is_not_made_to_push_it_as_latest(bring, daemon, target, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", daemon.address)
    done = bring(target.host, "--via-daemon", "--no-digest-tags")
    assert done.code == 6
    assert "leave out --no-digest-tags" in done.out
    assert bring(target.host, "--via-daemon").code == 0
    assert target.tags == {"library/oci": [TAG]}
