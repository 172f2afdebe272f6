"""Image files as people send them: made by real tools, packed in every way, carried and looked at."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import pytest

from tests.support import images
from tests.support.parts import RealContainerd, RealDaemon, shell, skopeo_raw

PACKED = {
    "tar": "cp {file} {to}",
    "tar.gz": "gzip -c {file} > {to}",
    "tgz": "gzip -1 -c {file} > {to}",
    "tar.xz": "xz -1 -c {file} > {to}",
    "tar.zst": "{python} -c 'import sys; from tests.support.images import zstd; sys.stdout.buffer.write(zstd(open(sys.argv[1], \"rb\").read()))' {file} > {to}",
    "tar.bz2": "bzip2 -c {file} > {to}",
    "7z": "7z a -bso0 -bsp0 {to} {file}",
    "ultra.7z": "7z a -bso0 -bsp0 -mx=9 {to} {file}",
    "loose.7z": "mkdir loose && tar -xf {file} -C loose && cd loose && 7z a -bso0 -bsp0 {to} .",
}
"""The ways in which people pack a tar, by the file's ending."""

APP = images.image([images.packed(images.layer_tar(f"layer-{n}", 400_000)) for n in range(2)])


@pytest.fixture(scope="module")
def saved(daemon: RealDaemon, tmp_path_factory) -> tuple[Path, dict[str, str]]:
    """A file of ``docker save`` with two images that share a layer, and their ids."""
    folder = tmp_path_factory.mktemp("saved")
    (folder / "noise").write_bytes(images.layer_tar("shared", 300_000))
    (folder / "Dockerfile").write_text("FROM scratch\nCOPY noise /noise\nLABEL who=me\n")
    daemon.docker("build", "-q", "-t", "file/base:1", str(folder))
    (folder / "Dockerfile").write_text("FROM file/base:1\nCOPY Dockerfile /more\n")
    daemon.docker("build", "-q", "-t", "file/more:2", str(folder))
    names = ("file/base:1", "file/more:2")
    daemon.docker("save", *names, "-o", f"{folder}/saved.tar")
    ids = {f"docker.io/{n}": daemon.docker("image", "inspect", "-f", "{{.Id}}", n).stdout.strip() for n in names}
    return folder / "saved.tar", ids


@pytest.fixture(scope="module")
def layout_tar(tmp_path_factory) -> Path:
    """An ``oci-archive:`` as skopeo makes it."""
    folder = tmp_path_factory.mktemp("layout")
    APP.write_layout(folder / "layout", "example.org/team/app:1")
    shell("skopeo copy -q oci:layout:example.org/team/app:1 oci-archive:app.tar:example.org/team/app:1", cwd=folder)
    return folder / "app.tar"


@pytest.fixture(scope="module")
def exported_by_ctr(tmp_path_factory) -> tuple[Path, dict[str, str]]:
    """A file of ``ctr images export`` with two images of one version, and their digests."""
    folder = tmp_path_factory.mktemp("ctr")
    found = {"docker.io/library/nginx:1.27": images.simple("one"), "quay.io/team/app:1.27": images.simple("two")}
    containerd = RealContainerd(folder / "containerd").start()
    try:
        for name, image in found.items():
            image.write_layout(folder / image.digest, name)
            shell(f"tar -cf in.tar -C {image.digest} .", cwd=folder)
            containerd.ctr("images", "import", "--no-unpack", f"{folder}/in.tar")
        containerd.ctr("images", "export", f"{folder}/out.tar", *found)
    finally:
        containerd.stop()
    return folder / "out.tar", {name: image.digest for name, image in found.items()}


def packed(file: Path, ending: str, folder: Path) -> Path:
    to = folder / f"image.{ending}"
    root = Path(__file__).parents[2]
    script = PACKED[ending].format(file=file, to=to, python=f"PYTHONPATH={root} {sys.executable}")
    shell(script, cwd=folder)
    return to


def exported(bundler, source: str, folder: Path, *more: object) -> dict[str, dict]:
    done = bundler("export", source, "--name", "t", "-o", folder, "--unsigned", *more)
    assert done.code == 0, done.err
    return {image["reference"]: image for image in bundler("inspect", folder / "t", "--json").json["images"]}


@pytest.mark.parametrize("ending", PACKED)
def test_what_docker_saved_is_carried_however_it_was_packed(bundler, saved, tmp_path, ending):
    file, ids = saved
    found = exported(bundler, f"docker-archive:{packed(file, ending, tmp_path)}", tmp_path)
    assert found.keys() == ids.keys()
    manifest = json.loads((tmp_path / "t/bundle.json").read_text())
    assert {blob["digest"] for blob in manifest["blobs"] if blob["kind"] == "config"} == set(ids.values())
    plain = tmp_path / "plain"
    plain.mkdir()
    again = exported(bundler, f"docker-archive:{file}", plain)
    assert {name: image["digest"] for name, image in found.items()} == {n: i["digest"] for n, i in again.items()}


@pytest.mark.parametrize("ending", [ending for ending in PACKED if ending != "tgz"])
def test_a_layout_is_carried_byte_for_byte_however_it_was_packed(bundler, layout_tar, target, keys, tmp_path, ending):
    file = packed(layout_tar, ending, tmp_path)
    done = bundler("export", f"oci-archive:{file}", "--name", "t", "-o", tmp_path, "--key", keys[0])
    assert done.code == 0, done.err
    assert bundler("import", tmp_path / "t", "--trust", keys[1], "--to", target.host).code == 0
    assert skopeo_raw(f"{target.host}/team/app:1") == APP.content


@pytest.mark.parametrize("transport", ["oci", "oci-archive", "docker-archive"])
def test_two_images_of_one_version_that_containerd_exported_keep_their_names(
    bundler, exported_by_ctr, tmp_path, transport
):
    file, digests = exported_by_ctr
    if transport == "oci":
        shell(f"mkdir layout && tar -xf {file} -C layout", cwd=tmp_path)
        file = tmp_path / "layout"
    found = exported(bundler, f"{transport}:{file}", tmp_path)
    assert {name: image["digest"] for name, image in found.items()} == digests


def test_a_file_of_containerd_is_shown_with_the_full_names(bundler, exported_by_ctr):
    file, digests = exported_by_ctr
    for verb in ("inspect", "verify"):
        shown = bundler(verb, file, "--json")
        assert shown.code == 0, shown.err
        assert {image["names"][0]: image["digest"] for image in shown.json["images"]} == digests


def test_one_image_of_many_is_taken_and_the_others_left(bundler, saved, tmp_path):
    file, _ = saved
    for number, name in enumerate(("file/base:1", "docker.io/file/base:1")):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert list(exported(bundler, f"docker-archive:{file}:{name}", folder)) == ["docker.io/file/base:1"]
    listed = tmp_path / "list.yaml"
    listed.write_text(f"images:\n- image: example.org/mine:1\n  from: docker-archive:{file}:@0\n")
    done = bundler("export", listed, "--name", "u", "-o", tmp_path, "--unsigned")
    assert done.code == 0, done.err
    absent = bundler("export", f"docker-archive:{file}:absent:1", "--name", "v", "-o", tmp_path, "--unsigned")
    assert absent.code == 6
    assert "choose one of" in absent.err
    assert "file/more:2" in absent.err


def test_files_that_other_tools_save_are_carried(bundler, layout_tar, saved, tmp_path):
    """skopeo's docker-archive has uncompressed layers under names of its own."""
    shell(f"skopeo copy -q oci-archive:{layout_tar} docker-archive:skopeo.tar:team/app:1", cwd=tmp_path)
    found = exported(bundler, f"docker-archive:{tmp_path}/skopeo.tar", tmp_path)
    (image,) = found.values()
    assert image["reference"] == "docker.io/team/app:1"
    config = next(
        digest for digest in APP.blobs if digest not in {layer["digest"] for layer in json.loads(APP.content)["layers"]}
    )
    manifest = json.loads((tmp_path / "t/bundle.json").read_text())
    assert config in {blob["digest"] for blob in manifest["blobs"]}


def test_a_layout_that_docker_can_load_too_keeps_its_digests(bundler, tmp_path, keys):
    """A bundle that is restored with tar is a layout and an archive of docker save at once."""
    APP.write_layout(tmp_path / "layout", "example.org/team/app:1")
    first = exported(bundler, f"oci:{tmp_path}/layout", tmp_path)
    shell("mkdir restored && cat t/chunk-*.tar | tar -x -i -C restored && tar -cf both.tar -C restored .", cwd=tmp_path)
    again = tmp_path / "again"
    again.mkdir()
    second = exported(bundler, f"docker-archive:{tmp_path}/both.tar", again)
    assert second["example.org/team/app:1"]["digest"] == first["example.org/team/app:1"]["digest"] == APP.digest
    assert second["example.org/team/app:1"]["repacked"] is None


@pytest.mark.parametrize("ending", ["tar", "tar.xz", "7z"])
def test_a_file_is_described_and_checked_alone(bundler, saved, tmp_path, ending):
    file, ids = saved
    sent = packed(file, ending, tmp_path)
    shown = bundler("inspect", sent)
    assert shown.code == 0, shown.err
    for text in (*ids.values(), "file/base:1", "linux/amd64", "who=me", "nothing was checked"):
        assert text in shown.out
    sha256 = hashlib.sha256(sent.read_bytes()).hexdigest()
    checked = bundler("verify", sent, "--sha256", sha256)
    assert checked.code == 0, checked.out
    assert "the SHA-256 that you gave" in checked.out
    document = bundler("verify", sent, "--json").json
    assert document["sha256"] == sha256
    assert {image["imageId"] for image in document["images"]} == set(ids.values())
    other = bundler("verify", sent, "--sha256", "0" * 64)
    assert other.code == 4
    assert sha256 in other.out


def test_a_damaged_layer_is_found_and_located(bundler, saved, tmp_path):
    file, _ = saved
    content = bytearray(file.read_bytes())
    place = len(content) // 2
    content[place] ^= 4
    bad = tmp_path / "bad.tar"
    bad.write_bytes(content)
    done = bundler("verify", bad, "--json")
    assert done.code == 4
    assert any("layer" in finding["message"] and "at offset" in finding["subject"] for finding in done.json["findings"])
    refused = bundler("export", f"docker-archive:{bad}", "--name", "t", "-o", tmp_path, "--unsigned")
    assert refused.code == 4
    assert not (tmp_path / "t").exists()
