"""`inspect --layers` shows the layers of an image: what made them, who shares them, and what is carried for nothing."""

from __future__ import annotations

import gzip
import json
import os
import random
import shutil

import pytest

import bundler
from bundler import cli
from bundler.bundle import signing
from bundler.core.layers import Amount
from bundler.stores import layer_tar
from tests.support.archives import tar_of
from tests.support.attached import attached
from tests.support.images import zstd
from tests.vectors import make
from tests.vectors.make import Content, Made

APP, MULTI, CHART, ODD = "example.org/app:1", "example.org/multi:2", "example.org/chart:3", "example.org/odd:4"
BIG = "example.org/big:5"
EVIL = "evil\x1b[2J\x9b\u202e"
GZIP, ZSTD = f"{make.OCI_LAYER}+gzip", f"{make.OCI_LAYER}+zstd"

BASE = Content(GZIP, gzip.compress(tar_of({"bin/sh": bytes(9000), "etc/motd": b"hello", "tmp/x": b"12"}), mtime=0))
UPPER = Content(ZSTD, zstd(tar_of({"etc/motd": b"bye", "tmp/.wh.x": b"", f"opt/{EVIL}": b"e" * 900})))
TOP = Content(make.OCI_LAYER, tar_of({"opt/.wh..wh..opq": b""}))
NOISE = random.Random("noise").randbytes(1_500_000)
LARGE = Content(make.OCI_LAYER, tar_of({"models/a": NOISE, "models/b": NOISE}))
BROKEN = Content(make.OCI_LAYER, b"no tar" * 200)
HISTORY = [
    {"created_by": "ADD base", "created": "2026-11-01T00:00:00Z"},
    {"created_by": "ENV  A=b", "empty_layer": True},
    {"created_by": f"RUN {EVIL}"},
    {"created_by": "RUN rm -r /opt", "comment": "buildkit"},
]


def image(*layers: Content, architecture: str = "amd64", history=None) -> Made:
    document = {"architecture": architecture, "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}
    config = make.document(make.oci.OCI_CONFIG, {**document, **({"history": history} if history else {})})
    return make.artifact(config, *layers)


@pytest.fixture(scope="module")
def bundled(tmp_path_factory):
    chart = make.artifacts()["registry.example.com/charts/chart:1.0.0"]
    odd = image(BASE, BROKEN, TOP, history=HISTORY[:1])
    made = {
        APP: image(BASE, UPPER, TOP, history=HISTORY),
        MULTI: make.index(image(BASE), image(TOP, architecture="arm64")),
        CHART: chart,
        ODD: odd,
        BIG: image(LARGE),
    }
    return attached(tmp_path_factory.mktemp("layers"), {name: (each, []) for name, each in made.items()})


@pytest.fixture
def shown(bundled, capsys):
    def run(*arguments, trust=True, folder=None):
        trusted = ["--trust", str(bundled.public)] if trust else []
        code = cli.run(["inspect", str(folder or bundled.folder), *trusted, *arguments])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return code, captured.out, captured.err

    return run


def of(shown, *arguments, **more):
    code, out, _ = shown(*arguments, "--json", **more)
    return code, json.loads(out)


def test_sizes_commands_sharing_and_hidden_files(shown):
    code, document = of(shown, "--layers", APP)
    (found,) = document["platforms"]
    assert (code, document["document"], document["image"]) == (0, "bundler.inspect-layers/1", APP)
    assert [layer["digest"] for layer in found["layers"]] == [str(each.digest) for each in (BASE, UPPER, TOP)]
    assert [layer["size"] for layer in found["layers"]] == [len(each.data) for each in (BASE, UPPER, TOP)]
    assert [layer["compression"] for layer in found["layers"]] == ["gzip", "zstd", "none"]
    assert [(layer["files"], layer["deletions"]) for layer in found["layers"]] == [(3, 0), (2, 1), (0, 1)]
    assert found["unpacked"] == 3 * 10240 + 10240  # tarfile fills the last block of 10 KiB, and the base needs two
    assert [layer["sharedWith"] for layer in found["layers"]] == [[MULTI, ODD], [], [MULTI, ODD]]
    assert found["shared"] == len(BASE.data) + len(TOP.data)
    assert (found["replaced"], found["deleted"]) == ({"files": 1, "bytes": 5}, {"files": 2, "bytes": 902})
    assert found["largest"] == [
        {"path": f"/opt/{EVIL}", "size": 900, "layer": 1, "by": 2, "deleted": True},
        {"path": "/etc/motd", "size": 5, "layer": 0, "by": 1, "deleted": False},
        {"path": "/tmp/x", "size": 2, "layer": 0, "by": 1, "deleted": True},
    ]
    assert found["exact"]
    assert [(step["command"], step["layer"]) for step in found["history"]] == [
        ("ADD base", 0),
        ("ENV  A=b", None),
        (f"RUN {EVIL}", 1),
        ("RUN rm -r /opt", 2),
    ]


def test_people_see_the_same_and_nothing_in_an_image_commands_the_terminal(shown):
    code, out, err = shown("--layers", APP)
    assert code == 0
    assert all(character.isprintable() or character == "\n" for character in out + err)
    for words in (
        "907 B in 3 files that later layers replace (5 B) or delete (902 B)",
        "layer 1 is shared with " + f"{MULTI}, {ODD}",
        "ENV A=b",
        "RUN evil\\x1b[2J",
        "in layer 2, deleted in 3",
        "in layer 1, replaced in 2",
    ):
        assert words in out
    assert "UNVERIFIED" not in out
    assert shown("--layers", APP, "--quiet")[1].split() == [str(each.digest) for each in (BASE, UPPER, TOP)]


def test_all_platforms_are_shown_or_the_chosen_one(shown):
    _, document = of(shown, "--layers", "*multi*")
    assert [each["platform"] for each in document["platforms"]] == ["linux/amd64", "linux/arm64"]
    _, document = of(shown, "--layers", "*multi*", "--platform", "linux/arm64")
    assert [each["platform"] for each in document["platforms"]] == ["linux/arm64"]


def test_a_request_that_fits_nothing_says_so(shown):
    assert (
        of(shown, "--layers", "*multi*", "--platform", "linux/s390x")[1]["error"]["actual"]
        == "linux/amd64, linux/arm64"
    )
    for given, hint in (
        (("*multi*", "--platform", "linux/s390x"), "give --platform with one of linux/amd64, linux/arm64"),
        (("*",), "give one of them: --layers example.org/app:1"),
    ):
        assert hint in shown("--layers", *given)[2]
    assert of(shown, "--layers", CHART)[0] == 6
    assert of(shown, "--layers", "none")[1]["error"]["subject"] == "--layers none"
    assert shown("--layers", APP, "--sbom", APP)[0] == 2
    assert shown("--layers", APP, "--document", "sha256:0")[0] == 2
    assert shown("--platform", "linux/amd64")[0] == 2


def test_a_layer_that_is_no_tar_is_damage_and_the_others_are_shown(shown):
    code, document = of(shown, "--layers", ODD)
    (found,) = document["platforms"]
    assert code == 4
    assert [layer["files"] for layer in found["layers"]] == [3, None, 0]
    assert found["layers"][1]["problem"]["kind"] == "integrity"
    assert not found["exact"]
    assert [step["layer"] for step in found["history"]] == [None]
    _, out, _ = shown("--layers", ODD)
    for words in ("layer 2 was not read", "at least: not all", "the commands do not fit the number of layers"):
        assert words in out


def place_of(folder, content: Content, at: int = 0) -> tuple[str, int]:
    """The chunk with a byte of a blob, and the offset in it."""
    manifest = json.loads((folder / "bundle.json").read_text())
    (blob,) = (each for each in manifest["blobs"] if each["digest"] == str(content.digest))
    for chunk, offset, length in blob["pieces"]:
        if at < length:
            return manifest["chunks"][chunk - 1]["file"], offset + at
        at -= length
    raise AssertionError(at)


def damaged(bundled, to, content: Content, at: int):
    """A copy of the bundle, with one byte of a blob changed."""
    folder = shutil.copytree(bundled.folder, to)
    file, offset = place_of(folder, content, at)
    with open(folder / file, "r+b") as chunk:
        chunk.seek(offset)
        chunk.write(bytes([content.data[at] ^ 1]))
    return folder


def test_wrong_bytes_are_damage_although_they_can_be_read(shown, bundled, tmp_path):
    """Also of a layer that is read only in part: its result counts only after all its bytes were right."""
    last = damaged(bundled, tmp_path / "last", LARGE, len(LARGE.data) - 1)
    first = damaged(bundled, tmp_path / "first", LARGE, 0)
    for folder, members in ((last, layer_tar.LAYER_MEMBERS), (last, 1), (first, layer_tar.LAYER_MEMBERS)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(layer_tar, "LAYER_MEMBERS", members)
            code, document = of(shown, "--layers", BIG, folder=folder)
        (layer,) = document["platforms"][0]["layers"]
        assert (code, layer["files"]) == (4, None)
        assert layer["problem"]["message"] == "the bytes do not match the digest"


def test_a_layer_that_is_read_in_part_is_verified_as_a_whole(shown):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layer_tar, "LAYER_MEMBERS", 1)
        code, document = of(shown, "--layers", BIG)
    (layer,) = document["platforms"][0]["layers"]
    assert (code, layer["files"], layer["whole"]) == (0, 1, False)


def test_another_copy_of_a_damaged_chunk_is_read(bundled, tmp_path):
    bad = damaged(bundled, tmp_path / "bad", BASE, 20)
    good = shutil.copytree(bundled.folder, tmp_path / "good")
    request = bundler.InspectRequest(paths=(bad, good), trust=(bundled.public,))
    result = bundler.inspect_layers(bundler.LayersRequest(inspect=request, image=APP))
    assert result.exit_code == 0
    assert result.variants[0].hidden == Amount(3, 907)


def test_a_layer_on_another_medium_is_missing_and_nothing_is_wrong_with_the_rest(shown, bundled, tmp_path):
    folder = shutil.copytree(bundled.folder, tmp_path / "medium")
    file, _ = place_of(folder, BASE)
    os.unlink(folder / file)
    code, out, _ = shown("--layers", APP, "--json", folder=folder)
    assert code == 9
    assert json.loads(out)["error"]["kind"] == "incomplete"


def test_layers_that_no_trusted_key_covers_are_marked(shown, tmp_path):
    code, out, _ = shown("--layers", APP, trust=False)
    assert (code, "UNVERIFIED" in out) == (0, True)
    other = tmp_path / "other.pub"
    other.write_bytes(signing.generate(None)[1])
    code, out, _ = shown("--trust", str(other), "--layers", APP, trust=False)
    assert (code, "UNVERIFIED" in out) == (5, True)


def test_the_function_is_public_and_takes_an_open_bundle(bundled):
    events = []
    with bundler.open_bundle([bundled.folder], [bundled.public]) as bundle:
        image = bundle.images[0]
        found = bundler.image_layers(bundle, image, image.variants[0], bundler.Run(events.append))
    assert str(found.reference) == APP
    assert found.hidden.files == 3
    assert sum(event.amount for event in events) == found.size_bytes
