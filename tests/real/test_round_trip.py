"""Promise 1: digests at the target equal digests at the source, for every kind of image."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.images import every_kind
from tests.support.parts import skopeo_raw

KINDS = list(every_kind())


@pytest.fixture
def bundle(exported) -> Path:
    return exported(*KINDS, options=("--chunk-size", "1MiB"))


def test_every_kind_of_image_arrives_byte_for_byte(bundler, bundle, origin, target, keys):
    done = bundler("import", bundle, "--trust", keys[1], "--to", target.host, "--json")
    assert done.code == 0, done.err
    assert {each["outcome"] for each in done.json["targets"][0]["images"]} == {"pushed"}
    for name, image in every_kind().items():
        assert skopeo_raw(f"{target.host}/{name}") == skopeo_raw(f"{origin.host}/{name}") == image.content
        for digest, content in image.all_blobs().items():
            repository = name.partition(":")[0]
            kind = "manifests" if skopeo_is_manifest(image, digest) else "blobs"
            assert target.get(f"{repository}/{kind}/{digest}") == content, f"{name} {digest}"


def skopeo_is_manifest(image, digest) -> bool:
    return digest == image.digest or any(skopeo_is_manifest(child, digest) for child in image.children)


def test_what_images_share_is_stored_once_and_sent_once(bundler, bundle, target, keys):
    content = bundler("inspect", bundle, "--trust", keys[1], "--json").json
    everything = {d: c for image in every_kind().values() for d, c in image.all_blobs().items()}
    assert content["blobs"] == len(everything)
    done = bundler("import", bundle, "--trust", keys[1], "--to", target.host, "--json").json
    manifests = {m.digest for image in every_kind().values() for m in walk(image)}
    assert done["targets"][0]["bytesSent"] == sum(len(c) for d, c in everything.items() if d not in manifests)


def walk(image):
    yield image
    for child in image.children:
        yield from walk(child)


def test_a_second_import_finds_everything_there(bundler, bundle, target, keys):
    assert bundler("import", bundle, "--trust", keys[1], "--to", target.host).code == 0
    before = {path: path.stat().st_mtime_ns for path in target.storage.rglob("*")}
    again = bundler("import", bundle, "--trust", keys[1], "--to", target.host, "--json")
    assert again.code == 0
    assert {each["outcome"] for each in again.json["targets"][0]["images"]} == {"present"}
    assert again.json["targets"][0]["bytesSent"] == 0
    assert {path: path.stat().st_mtime_ns for path in target.storage.rglob("*")} == before, "something was written"


def test_a_second_import_loads_nothing_that_it_does_not_use(bundler, bundle, target, keys):
    run = ("import", bundle, "--trust", keys[1], "--to", target.host, "--quiet")
    assert bundler(*run).code == 0
    again = bundler(*run, environment={"PYTHONVERBOSE": "1"})
    assert again.code == 0
    loaded = set(re.findall("^import '([^']+)'", again.err, re.MULTILINE))
    assert {"bundler.importing.import_", "bundler.stores.http", "urllib3"} <= loaded
    rarely_used = ("hooks", "serving", "stores.docker_sdk", "views.documents", "views.errors", "views.import_report")
    assert not {name for name in loaded if name.startswith(tuple(f"bundler.{part}" for part in rarely_used))}
    assert not loaded & {
        "boto3",
        "botocore",
        "cryptography.x509",
        "docker",
        "py7zr",
        "requests",
        "segno",
        "tqdm",
        "yaml",
    }


@pytest.mark.parametrize("transport", ["oci", "oci-archive"])
def test_images_go_into_a_layout_and_out_of_it_again(bundler, bundle, target, keys, tmp_path, transport, origin):
    layout = tmp_path / "layout"
    done = bundler("import", bundle, "--trust", keys[1], "--to", f"{transport}:{layout}")
    assert done.code == 0, done.err
    listed = tmp_path / "again.yaml"
    entries = "".join(
        f"- image: {origin.host}/{name}\n  from: '{transport}:{layout}:{origin.host}/{name}'\n" for name in KINDS
    )
    listed.write_text(f"name: again\nimages:\n{entries}")
    done = bundler("export", listed, "-o", tmp_path, "--key", keys[0])
    assert done.code == 0, done.err
    done = bundler("import", tmp_path / "again", "--trust", keys[1], "--to", target.host)
    assert done.code == 0, done.out + done.err
    for name, image in every_kind().items():
        assert skopeo_raw(f"{target.host}/{name}") == image.content


def test_names_at_the_target_follow_prefix_and_mapping(bundler, origin, target, keys, image_list, tmp_path):
    assert bundler("export", image_list(origin, "library/oci:1"), "-o", tmp_path, "--key", keys[0]).code == 0
    for arguments in ([f"{target.host}/site/mirror"], [f"docker://{target.host}/deep", "--map", "scoped"]):
        done = bundler("import", tmp_path / "test", "--trust", keys[1], "--to", *arguments)
        assert done.code == 0, done.err
    scoped = f"deep/{origin.host.replace(':', '-')}/library/oci"
    assert target.tags == {"site/mirror/library/oci": ["1"], scoped: ["1"]}


def test_several_targets_are_served_by_one_run(bundler, bundle, target, keys, tmp_path):
    done = bundler(
        "import", bundle, "--trust", keys[1], "--to", target.host, "--to", f"oci:{tmp_path}/folder", "--json"
    )
    assert done.code == 0, done.err
    assert [each["target"] for each in done.json["targets"]] == [target.host, f"oci:{tmp_path}/folder"]
    assert len(target.tags) > 5
    assert (tmp_path / "folder/index.json").exists()


def test_an_image_without_a_tag_travels_by_its_digest_and_gets_a_tag_of_it(
    bundler, origin, target, keys, image_list, tmp_path
):
    image = every_kind()["team/multi:1"]
    listed = image_list(origin, f"team/multi@{image.digest}")
    assert bundler("export", listed, "-o", tmp_path, "--key", keys[0]).code == 0
    done = bundler("import", tmp_path / "test", "--trust", keys[1], "--to", target.host)
    assert done.code == 0, done.err
    assert target.get(f"team/multi/manifests/{image.digest}") == image.content
    assert target.tags == {"team/multi": [f"digest-{image.digest.removeprefix('sha256:')[:12]}"]}
