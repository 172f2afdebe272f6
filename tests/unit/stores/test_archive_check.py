"""All errors of a file are reported in one run, and nothing else; a good file has no findings."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Mapping
from pathlib import Path

import pytest

from bundler.core.digest import Digest
from bundler.errors import Damaged
from bundler.stores import archive_check
from bundler.stores.archive_check import FileFacts
from bundler.stores.image_file import ImageFile
from tests.support import images
from tests.support.archives import COMPRESSIONS, FORMS, docker_config, docker_files, layout_files, tar_of, write_as

LOWER, UPPER = images.layer_tar("lower"), images.layer_tar("upper", 1_100_000)
NAME = "quay.io/team/app:1"
DOCKER = docker_files([LOWER, UPPER], tags=[NAME, "app:dev"])
IMAGE = images.simple("layout", 1_100_000)
LAYOUT = layout_files(IMAGE, NAME)
CONFIG, *LAYERS = [name for name in DOCKER if name != "manifest.json"]
BLOB = max(LAYOUT, key=lambda name: len(LAYOUT[name]))


def file_of(path: Path, files: Mapping[str, bytes], form: str = "none") -> ImageFile:
    return ImageFile(write_as(form, path / "image", files), called="test")


def checked(path: Path, files: Mapping[str, bytes], form: str = "none") -> FileFacts:
    return archive_check.check(file_of(path, files, form))


def findings(facts: FileFacts) -> list[str]:
    return [str(error) for error in facts.findings]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("files", [DOCKER, LAYOUT], ids=["docker", "layout"])
def test_a_good_file_has_no_findings_and_is_known_by_its_checksum(
    files: Mapping[str, bytes], form: str, tmp_path: Path
) -> None:
    facts = checked(tmp_path, files, form)
    assert (facts.findings, facts.warnings) == ([], [])
    assert facts.sha256 == hashlib.sha256((tmp_path / "image").read_bytes()).hexdigest()
    assert (facts.members, facts.is_layout) == (len(files), files is LAYOUT)


def test_what_is_in_a_file_of_docker_save_is_reported(tmp_path: Path) -> None:
    (image,) = archive_check.describe(file_of(tmp_path, DOCKER)).images
    config = docker_config([LOWER, UPPER])
    assert (image.names, image.id, image.digest) == (("app:dev", NAME), Digest.of(config), None)
    assert [(each.name, each.size_bytes) for each in image.layers] == [
        (images.sha256(LOWER), len(LOWER)),
        (images.sha256(UPPER), len(UPPER)),
    ]
    assert image.config.cmd == ("/run",)


def test_what_is_in_a_layout_is_reported(tmp_path: Path) -> None:
    (image,) = archive_check.describe(file_of(tmp_path, LAYOUT)).images
    manifest = json.loads(IMAGE.content)
    assert (image.names, str(image.digest)) == ((NAME,), IMAGE.digest)
    assert str(image.id) == manifest["config"]["digest"]
    (layer,) = image.layers
    assert (layer.name, layer.media_type) == (manifest["layers"][0]["digest"], manifest["layers"][0]["mediaType"])


@pytest.mark.parametrize("files", [DOCKER, LAYOUT], ids=["docker", "layout"])
def test_a_description_is_the_same_as_the_one_that_comes_with_a_check(
    files: Mapping[str, bytes], tmp_path: Path
) -> None:
    described, verified = archive_check.describe(file_of(tmp_path, files)), checked(tmp_path, files)
    assert described.images == verified.images
    assert (described.findings, described.sha256) == ([], None)


def test_every_image_of_an_index_is_reported_with_its_platform(tmp_path: Path) -> None:
    amd, arm = images.simple("amd"), images.simple("arm", architecture="arm64")
    multi = images.index([(amd, images.platform("amd64")), (arm, images.platform("arm64"))])
    facts = checked(tmp_path, layout_files(multi, NAME))
    assert facts.findings == []
    assert [(str(image.config.platform), image.names) for image in facts.images] == [
        ("linux/amd64", (NAME,)),
        ("linux/arm64", (NAME,)),
    ]


def test_the_images_of_other_platforms_may_be_elsewhere(tmp_path: Path) -> None:
    amd, arm = images.simple("amd"), images.simple("arm", architecture="arm64")
    multi = images.index([(amd, images.platform("amd64")), (arm, images.platform("arm64"))])
    files = layout_files(multi, NAME)
    for digest in arm.all_blobs():
        del files[f"blobs/{digest.replace(':', '/')}"]
    facts = checked(tmp_path, files)
    assert (facts.findings, len(facts.images)) == ([], 1)
    assert "linux/arm64" in facts.warnings[0]


@pytest.mark.parametrize("form", ["none", "gzip", "7z"])
def test_a_changed_layer_is_reported_with_its_place(form: str, tmp_path: Path) -> None:
    facts = checked(tmp_path, {**DOCKER, LAYERS[1]: UPPER[:-1] + b"x"}, form)
    (finding,) = findings(facts)
    assert "layer 2 of 2 differs from the one in the image config" in finding
    assert f"{LAYERS[1]} at offset" in finding
    assert images.sha256(UPPER) in finding


def test_a_changed_blob_is_reported_with_its_digests(tmp_path: Path) -> None:
    spoilt = bytearray(LAYOUT[BLOB])
    spoilt[600_000] ^= 1
    facts = checked(tmp_path, {**LAYOUT, BLOB: bytes(spoilt)})
    named = [error for error in facts.findings if "in its name" in str(error)]
    assert [error.actual for error in named] == [images.sha256(bytes(spoilt))]
    assert {type(error) for error in facts.findings} == {Damaged}


def test_all_that_is_wrong_is_reported_at_once(tmp_path: Path) -> None:
    one, two = docker_files([LOWER], tags=["one:1"]), docker_files([UPPER], tags=["two:1"])
    entries = json.loads(one.pop("manifest.json")) + json.loads(two.pop("manifest.json"))
    files = {name: content[:-1] + b"x" if name.endswith("tar") else content for name, content in {**one, **two}.items()}
    facts = checked(tmp_path, {**files, "manifest.json": json.dumps(entries).encode()})
    assert len(facts.findings) == 2
    assert facts.sha256 is not None


def test_a_blob_that_is_absent_and_one_of_another_size_are_reported(tmp_path: Path) -> None:
    facts = checked(tmp_path, {name: content for name, content in LAYOUT.items() if name != BLOB})
    assert any("a blob is missing" in finding for finding in findings(facts))
    facts = checked(tmp_path, {**LAYOUT, BLOB: LAYOUT[BLOB] + b"x"})
    assert any("another size" in finding for finding in findings(facts))


def test_a_layer_that_is_not_in_the_config_is_reported_although_its_digest_is_right(tmp_path: Path) -> None:
    swapped = images.image([images.gzip.compress(LOWER, mtime=0)], uncompressed=[UPPER])
    (finding,) = findings(checked(tmp_path, layout_files(swapped, NAME)))
    assert "differs from the one in the config" in finding
    assert images.sha256(UPPER) in finding
    assert images.sha256(LOWER) in finding


def broken_gzip(first_bytes: int) -> bytes:
    """Two frames of noise, compressed, with a wrong checksum after the first one."""
    first = bytearray(images.gzip.compress(random.Random(0).randbytes(first_bytes), mtime=0))
    first[-8] ^= 0xFF
    return bytes(first) + images.gzip.compress(random.Random(1).randbytes(2 << 20), mtime=0)


@pytest.mark.parametrize("form", ["none", "gzip"])
@pytest.mark.parametrize(
    "first_bytes",
    [
        pytest.param(5, id="in the first piece"),
        pytest.param(1_500_000, id="in a later piece"),
    ],
)
def test_a_layer_with_the_right_digest_and_damage_inside_is_reported_for_the_damage_alone(
    first_bytes: int, form: str, tmp_path: Path
) -> None:
    """The bytes are those of the digest: the maker of the image has compressed it wrongly."""
    image = images.image([broken_gzip(first_bytes)], uncompressed=[UPPER])
    (finding,) = findings(checked(tmp_path, layout_files(image, NAME), form))
    assert "gzip stream is damaged" in finding


@pytest.mark.parametrize("form", [form for form in FORMS if "7z" not in form])  # 7z has an end of its own
def test_something_after_the_end_of_the_archive_is_reported(form: str, tmp_path: Path) -> None:
    path = tmp_path / "image"
    path.write_bytes(COMPRESSIONS[form](tar_of(DOCKER) + b"#!/bin/sh"))
    (finding,) = findings(archive_check.check(ImageFile(path, called="test")))
    assert "after the end" in finding
    path.write_bytes(COMPRESSIONS[form](tar_of(DOCKER) + bytes(10_240)))
    assert archive_check.check(ImageFile(path, called="test")).findings == []


@pytest.mark.parametrize("form", list(COMPRESSIONS))
def test_a_file_that_was_cut_is_reported(form: str, tmp_path: Path) -> None:
    path = write_as(form, tmp_path / "image", DOCKER)
    path.write_bytes(path.read_bytes()[:500_000])
    facts = archive_check.check(ImageFile(path, called="test"))
    assert [type(error) for error in facts.findings] == [Damaged]
    with pytest.raises(Damaged):
        archive_check.describe(ImageFile(path, called="test"))


def test_a_file_without_images_is_reported(tmp_path: Path) -> None:
    (finding,) = findings(checked(tmp_path, {"readme": b"hello"}))
    assert "not an image archive" in finding


def test_a_document_that_a_manifest_lists_as_a_layer_is_reported(tmp_path: Path) -> None:
    entry = {**json.loads(DOCKER["manifest.json"])[0], "Layers": [LAYERS[0], CONFIG]}
    (finding,) = findings(checked(tmp_path, {**DOCKER, "manifest.json": json.dumps([entry]).encode()}))
    assert "layer 2 of 2 differs" in finding


@pytest.mark.parametrize(
    "in_front",
    [
        pytest.param(1, id="1 byte in front"),
        pytest.param(3, id="3 bytes in front"),
        pytest.param(5, id="5 bytes in front"),
    ],
)
def test_a_compressed_layer_that_begins_at_the_end_of_a_piece_is_known(in_front: int, tmp_path: Path) -> None:
    """Pieces of a compressed file end where they like, in the first bytes of a layer, too."""
    layer = images.gzip.compress(LOWER, mtime=0)
    files = docker_files([layer], tags=[NAME], config=docker_config([LOWER]))
    (name,) = [name for name in files if name.endswith("tar")]
    rest = {other: content for other, content in files.items() if other != name}
    content = tar_of({name: layer, **rest})
    place = content.index(layer)
    path = tmp_path / "image"
    frames = [content[: place + in_front], content[place + in_front :]]
    path.write_bytes(b"".join(COMPRESSIONS["gzip"](frame) for frame in frames))
    facts = archive_check.check(ImageFile(path, called="test"))
    assert findings(facts) == []
