"""Hostile content: signed by a key that is trusted, given by a registry, or lying where we write. Named by what it tries."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.support import images

pytestmark = pytest.mark.no_cover  # the code that it runs has tests of its own in tests/unit

NAME = "example.org/a/b:1"
IMAGE = images.simple("victim")


@pytest.fixture
def layout(tmp_path) -> Path:
    folder = tmp_path / "layout"
    IMAGE.write_layout(folder, NAME)
    return folder


@pytest.fixture
def bundle(bundler, layout, keys, tmp_path) -> Path:
    done = bundler("export", f"oci:{layout}:{NAME}", "--name", "b", "-o", tmp_path, "--key", keys[0])
    assert done.code == 0, done.err
    return tmp_path / "b"


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["images"][0]["root"].update(mediaType="a/b\r\nX-Evil: 1"),
        lambda d: [each.update(blobs=[]) for each in d["images"]],
    ],
    ids=["a header in a media type", "layers that are not listed"],
)
def test_a_signed_manifest_that_contradicts_itself_brings_nothing_into_a_registry(bundler, forged, target, change):
    """Of `tests.support.forge.DOCUMENTS` one that is refused when it is read, and one whose images are looked at first."""
    forged.edit(change)
    done = bundler("import", forged.folder, "--trust", forged.public, "--to", target.host)
    assert done.code == 4, done.out + done.err
    assert (target.blobs, target.tags) == (set(), {})


def test_a_manifest_under_an_unknown_media_type_does_not_lose_its_layers(bundler, layout, keys, tmp_path):
    index = layout / "index.json"
    index.write_text(index.read_text().replace(images.OCI_MANIFEST, "binary/octet-stream"))
    done = bundler("export", f"oci:{layout}:{NAME}", "--name", "x", "-o", tmp_path, "--key", keys[0])
    assert (done.code, "unknown media type" in done.err) == (4, True)


def test_indexes_that_multiply_are_walked_once(bundler, keys, tmp_path):
    """Six levels that each name the one below twelve times: three million paths, eight documents."""
    level = images.index([(IMAGE, images.platform("amd64"))])
    for _ in range(6):
        level = images.index([(level, {})] * 12)
        del level.children[1:]  # for us it is enough to write each of them once
    level.write_layout(tmp_path / "layout", NAME)
    for platforms in ([], ["--platform", "linux/amd64"]):
        done = bundler(
            "export",
            f"oci:{tmp_path}/layout:{NAME}",
            "--name",
            "x",
            "-o",
            tmp_path,
            "--key",
            keys[0],
            "--dry-run",
            *platforms,
        )
        assert done.code == 0, done.err


def test_a_name_repeated_in_a_large_object_costs_no_time(bundler, layout, keys, tmp_path):
    content = "{" + ",".join(f'"{number}":0' for number in range(300_000)) + ',"7":1}'
    digest = images.sha256(content.encode())
    (layout / "blobs/sha256" / digest.removeprefix("sha256:")).write_text(content)
    index = json.loads((layout / "index.json").read_text())
    index["manifests"][0].update(digest=digest, size=len(content))
    (layout / "index.json").write_text(json.dumps(index))
    done = bundler("export", f"oci:{layout}:{NAME}", "--name", "x", "-o", tmp_path, "--key", keys[0])
    assert (done.code, "duplicate key" in done.err) == (4, True)


def test_a_link_where_the_bundle_would_grow_is_not_followed(bundler, layout, keys, tmp_path):
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "chunk-0001.tar").write_text("precious")
    (tmp_path / "x.partial").symlink_to(victim)
    done = bundler("export", f"oci:{layout}:{NAME}", "--name", "x", "-o", tmp_path, "--key", keys[0])
    assert done.code == 2
    assert {path.name: path.read_text() for path in victim.iterdir()} == {"chunk-0001.tar": "precious"}


def test_a_link_in_the_layout_that_we_write_is_not_followed(bundler, bundle, keys, tmp_path):
    outside = tmp_path / "outside"
    (tmp_path / "out").mkdir()
    outside.mkdir()
    (tmp_path / "out/oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    (tmp_path / "out/blobs").symlink_to(outside)
    done = bundler("import", bundle, "--trust", keys[1], "--to", f"oci:{tmp_path}/out")
    assert (done.code, list(outside.iterdir())) == (4, [])


def test_a_rotten_blob_in_the_target_layout_is_replaced(bundler, bundle, keys, tmp_path):
    run = ["import", bundle, "--trust", keys[1], "--to", f"oci:{tmp_path}/out"]
    assert bundler(*run).code == 0
    digest, content = max(IMAGE.blobs.items(), key=lambda blob: len(blob[1]))
    blob = tmp_path / "out/blobs/sha256" / digest.removeprefix("sha256:")
    blob.write_bytes(bytes(len(content)))
    (tmp_path / "out/index.json").write_text('{"schemaVersion": 2, "manifests": []}')
    assert bundler(*run).code == 0
    assert blob.read_bytes() == content


@pytest.mark.parametrize(
    "annotations",
    [["x"], {"org.opencontainers.image.ref.name": "1", "io.containerd.image.name": NAME}],
    ids=["list", "two names"],
)
def test_odd_entries_of_the_target_layout_are_lived_with(bundler, bundle, keys, tmp_path, annotations):
    out = tmp_path / "out"
    other = images.simple("other")
    other.write_layout(out, "x")
    index = json.loads((out / "index.json").read_text())
    index["manifests"][0]["annotations"] = annotations
    (out / "index.json").write_text(json.dumps(index))
    run = ["import", bundle, "--trust", keys[1], "--to", f"oci:{out}", "--on-conflict", "replace"]
    assert bundler(*run).code == 0
    assert "present" in bundler(*run[:-2]).out


def test_two_targets_are_looked_at_before_one_is_filled(bundler, bundle, keys, tmp_path):
    (tmp_path / "there.tar").write_text("")
    done = bundler(
        "import", bundle, "--trust", keys[1], "--to", f"oci:{tmp_path}/out", "--to", f"oci-archive:{tmp_path}/there.tar"
    )
    assert done.code == 2
    assert not (tmp_path / "out").exists()


LONG = "x" * 300


@pytest.mark.parametrize(
    "arguments",
    [
        ["verify", LONG], ["verify", ".", "--trust", LONG], ["inspect", LONG], ["keygen", "k", "-d", LONG],
        ["export", LONG, "-o", "out", "--unsigned"], ["export", f"oci:{LONG}:a/b", "-o", "out", "--unsigned", "--name", "x"],
        ["export", "docker://a/b", "-o", "out", "--key", LONG], ["import", ".", "--to", f"oci-archive:{LONG}"],
        ["import", ".", "--to", "[:::]:5000"], ["export", "docker://[1234]/a/b:1", "-o", "out", "--unsigned", "--name", "x"],
        ["export", "oci-archive:a\nb:c", "-o", "out", "--unsigned", "--name", "x"],
    ],
    ids=lambda arguments: " ".join(arguments)[:40].replace("\n", " "),
)  # fmt: skip
def test_names_that_no_file_and_no_host_can_have_are_no_bugs(bundler, tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    assert bundler(*arguments).code in (2, 6, 8)


def test_keys_that_are_none_are_a_wrong_request(bundler, bundle, layout, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_bytes(bytes(1 << 20))
    for key in ("pipe", "large"):
        assert bundler("verify", bundle, "--trust", tmp_path / key).code == 2
        assert (
            bundler("export", f"oci:{layout}:{NAME}", "--name", "x", "-o", tmp_path, "--key", tmp_path / key).code == 2
        )


@pytest.mark.parametrize("config", ["[]", "null", "5", '{"auths": 7}', "{"], ids=repr)
def test_a_docker_config_that_is_none_is_said_to_be(bundler, bundle, keys, target, config):
    folder = Path(os.environ["HOME"]) / ".docker"
    folder.mkdir()
    (folder / "config.json").write_text(config)
    done = bundler("import", bundle, "--trust", keys[1], "--to", target.host)
    assert done.code in (0, 6), done.out + done.err  # a registry that asks for no login needs no config


def test_a_full_output_is_no_bug(bundle):
    import subprocess
    import sys

    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "bundler", "inspect", bundle], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert (done.returncode, "standard output: no space left" in done.stderr) == (8, True)


def test_a_list_without_end_is_refused(bundler, tmp_path):
    (tmp_path / "list.yaml").write_text("images:\n" + "- a\n" * 600_000)
    done = bundler("export", tmp_path / "list.yaml", "-o", tmp_path, "--unsigned")
    assert (done.code, "too long" in done.err) == (2, True)
