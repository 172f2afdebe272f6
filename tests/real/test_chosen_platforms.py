"""Platforms that are chosen on import, and indexes that are odd: what a real registry takes arrives as it was."""

from __future__ import annotations

import json

import pytest

from tests.support.images import OCI_INDEX, Image, descriptor, index, sha256, simple


@pytest.fixture
def carry(bundler, keys, new_registry, tmp_path):
    """Pushes an image to a registry, exports it and imports it from there, each with flags."""
    source, target = new_registry(), new_registry()

    def run(image: Image, *flags: str, lost: str = "", export_flags: tuple[str, ...] = ()):
        image.push(source, "a/b", "1")
        if lost:
            digits = lost.removeprefix("sha256:")
            link = source.storage / f"docker/registry/v2/repositories/a/b/_manifests/revisions/sha256/{digits}/link"
            link.unlink()
        listed = tmp_path / "test.txt"
        listed.write_text(f"{source.host}/a/b:1\n")
        done = bundler("export", listed, "-o", tmp_path, "--key", keys[0], *export_flags)
        if done.code == 0:
            done = bundler("import", tmp_path / "test", "--trust", keys[1], "--to", target.host, *flags)
        return done, target

    return run


def windows() -> tuple[Image, Image, Image]:
    versions = ("10.0.17763.6414", "10.0.20348.2762")
    on = [{"platform": {"os": "windows", "architecture": "amd64", "os.version": version}} for version in versions]
    old, new = simple("old"), simple("new")
    linux = {"platform": {"os": "linux", "architecture": "amd64"}}
    return old, new, index([(old, on[0]), (simple("linux"), linux), (new, on[1])])


def test_import_of_a_platform_brings_all_versions_of_windows(carry, tmp_path):
    old, new, whole = windows()
    receipt = tmp_path / "receipt.json"
    done, target = carry(whole, "--platform", "windows/amd64", "--receipt", str(receipt))
    assert done.code == 0, done.out + done.err
    root = target.get("a/b/manifests/1")
    listed = json.loads(whole.content)
    assert json.loads(root) == {**listed, "manifests": [listed["manifests"][0], listed["manifests"][2]]}
    assert target.get(f"a/b/manifests/{old.digest}") == old.content
    assert target.get(f"a/b/manifests/{new.digest}") == new.content
    assert "new index" in done.err
    (image,) = json.loads(receipt.read_text())["targets"][0]["images"]
    assert (image["digest"], image["madeFrom"]) == (sha256(root), whole.digest)


def test_import_of_one_version_of_windows_brings_its_manifest(carry):
    _, new, whole = windows()
    done, target = carry(whole, "--platform", "windows/amd64:10.0.20348")
    assert done.code == 0, done.out + done.err
    assert target.get("a/b/manifests/1") == new.content


def test_a_cache_index_of_buildkit_arrives_with_its_blobs(carry):
    layers = simple("cached").blobs
    config = b'{"layers":[{"blob":"x","parent":-1}],"records":[]}'
    entries = [descriptor("application/vnd.oci.image.layer.v1.tar+gzip", content) for content in layers.values()]
    entries.append(descriptor("application/vnd.buildkit.cacheconfig.v0", config))
    document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
    whole = Image(OCI_INDEX, json.dumps(document).encode(), {**layers, sha256(config): config})
    done, target = carry(whole, "--platform", "linux/amd64")
    assert done.code == 0, done.out + done.err
    assert target.get("a/b/manifests/1") == whole.content
    assert target.get(f"a/b/blobs/{sha256(config)}") == config


def changed(image: Image, **changes: object) -> Image:
    """An image whose document has other fields; None removes one of a child."""
    document = json.loads(image.content)
    return Image(image.media_type, json.dumps({**document, **changes}).encode(), image.blobs, image.children)


@pytest.mark.parametrize("change", [{"size": 7}, {"size": 0}, {"mediaType": None}], ids=["7 bytes", "0", "no type"])
def test_an_index_that_is_wrong_about_its_child_arrives_as_it_is(carry, change):
    child = simple("child")
    entry = {name: value for name, value in {**child.descriptor(), **change}.items() if value is not None}
    whole = changed(index([(child, {})]), manifests=[entry])
    done, target = carry(whole)
    assert done.code == 0, done.out + done.err
    assert target.get("a/b/manifests/1") == whole.content
    assert target.get(f"a/b/manifests/{child.digest}") == child.content


def test_an_image_whose_layers_are_null_arrives_as_it_is(carry):
    whole = changed(simple("none"), layers=None)
    done, target = carry(whole)
    assert done.code == 0, done.out + done.err
    assert target.get("a/b/manifests/1") == whole.content


def test_an_image_of_which_the_registry_lost_a_platform(carry):
    old, _, whole = windows()
    done, _ = carry(whole, lost=old.digest)
    assert done.code == 6
    assert "the source has only a part of this image" in done.err
    assert "windows/amd64:10.0.17763.6414" in done.err
    assert "--platform windows/amd64:10.0.20348.2762" in done.err
    assert "again" not in done.err.replace("to the source again", "")


def test_the_platform_that_the_registry_still_has_is_carried(carry):
    old, new, whole = windows()
    done, target = carry(whole, lost=old.digest, export_flags=("--platform", "windows/amd64:10.0.20348"))
    assert done.code == 0, done.out + done.err
    assert target.get("a/b/manifests/1") == new.content
