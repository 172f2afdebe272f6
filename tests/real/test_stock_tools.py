"""Promise 9: an auditor checks a bundle with openssl and sha256sum alone, and restores it with tar.

The commands are taken out of the bundle's own README.txt, so that what it says is what is tried.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
from pathlib import Path

import pytest

from tests.support.images import image, layer_tar, simple, zstd
from tests.support.parts import require, shell, skopeo_raw

BIG = image([gzip.compress(layer_tar("big", 2_500_000), mtime=0), gzip.compress(layer_tar("small"), mtime=0)])
TEXT = simple("text")


@pytest.fixture
def bundle(bundler, new_registry, keys, image_list, tmp_path) -> tuple[Path, str]:
    """A bundle with a blob that is cut into three parts, and the registry that its images are named after."""
    registry = new_registry()
    BIG.push(registry, "team/big", "1")
    TEXT.push(registry, "library/text", "2")
    listed = image_list(registry, "team/big:1", "library/text:2")
    done = bundler("export", listed, "-o", tmp_path, "--key", keys[0], "--chunk-size", "1MiB")
    assert done.code == 0, done.err
    return tmp_path / "test", registry.host


def commands(readme: str, begin: str, end: str, *, indent: int) -> str:
    """The lines of a section of README.txt that are indented as commands are there."""
    section = readme.partition(begin)[2].partition(end)[0]
    return "\n".join(line for line in section.splitlines() if line.startswith(" " * indent))


def check_commands(bundle: Path, public_key: Path) -> str:
    readme = (bundle / "README.txt").read_text()
    return commands(readme, "CHECK IT", "Each chunk", indent=7).replace("KEY.pub", str(public_key))


def restore(bundle: Path) -> Path:
    readme = (bundle / "README.txt").read_text()
    script = commands(readme, "RESTORE IT (with tar alone", "Now the folder is an OCI image layout", indent=2)
    shell(script, cwd=bundle)
    return bundle.parent / "restored"


def test_openssl_and_sha256sum_check_the_bundle_as_its_readme_says(bundle, keys):
    folder, _ = bundle
    script = check_commands(folder, keys[1])
    done = shell(script, cwd=folder)
    assert "Signature Verified Successfully" in done.stdout
    assert done.stdout.count(": OK") == len(list(folder.glob("chunk-*.tar"))) + 2


def test_openssl_refuses_an_edited_list_and_sha256sum_an_edited_file(bundle, keys):
    folder, _ = bundle
    script = check_commands(folder, keys[1])
    with open(folder / "chunk-0002.tar", "r+b") as chunk:
        chunk.seek(700)
        chunk.write(b"\xff\xfe")
    with pytest.raises(AssertionError, match=r"chunk-0002\.tar: FAILED"):
        shell(script, cwd=folder)
    sums = folder / "SHA256SUMS"
    sums.write_bytes(sums.read_bytes().replace(b"a", b"b", 1))
    with pytest.raises(AssertionError, match="Signature Verification Failure"):
        shell(script, cwd=folder)


def test_tar_restores_a_layout_that_skopeo_copies(bundle, target):
    folder, origin = bundle
    assert len(list(folder.glob("chunk-*.tar"))) > 3
    restored = restore(folder)
    require("skopeo")
    for name, expected in (("team/big:1", BIG), ("library/text:2", TEXT)):
        shell(
            f"skopeo copy -q --all --dest-tls-verify=false 'oci:.:{origin}/{name}' docker://{target.host}/{name}",
            cwd=restored,
        )
        assert skopeo_raw(f"{target.host}/{name}") == expected.content


def test_docker_loads_the_restored_folder(bundle, daemon):
    folder, origin = bundle
    restored = restore(folder)
    shell("tar -c . | docker load", cwd=restored, environment={"DOCKER_HOST": daemon.address})
    for name, expected in (("team/big:1", BIG), ("library/text:2", TEXT)):
        image_id = daemon.docker("image", "inspect", "-f", "{{.Id}}", f"{origin}/{name}").stdout.strip()
        assert image_id == json.loads(expected.content)["config"]["digest"]


def test_an_old_docker_loads_everything_before_a_zstd_image_stops_it(
    bundler, new_registry, keys, image_list, tmp_path, daemon
):
    registry = new_registry()
    tar = layer_tar("z")
    image([zstd(tar)], layer_type="application/vnd.oci.image.layer.v1.tar+zstd", uncompressed=[tar]).push(
        registry, "a/z", "1"
    )
    TEXT.push(registry, "b/text", "2")
    assert bundler("export", image_list(registry, "a/z:1", "b/text:2"), "-o", tmp_path, "--key", keys[0]).code == 0
    restored = restore(tmp_path / "test")
    shell("tar -c . | docker load || true", cwd=restored, environment={"DOCKER_HOST": daemon.address})
    assert daemon.docker("image", "inspect", f"{registry.host}/b/text:2").returncode == 0


def test_each_chunk_is_a_whole_archive_for_tar_and_7zip(bundle):
    folder, _ = bundle
    require("7z")
    seen: list[str] = []
    for chunk in sorted(folder.glob("chunk-*.tar")):
        seen += shell(f"tar -tf {chunk.name}", cwd=folder).stdout.split()
        assert "Everything is Ok" in shell(f"7z t {chunk.name}", cwd=folder).stdout
    assert seen[:3] == ["oci-layout", "index.json", "manifest.json"]
    assert len(seen) == len(set(seen))
    assert sum(".part-" in name for name in seen) >= 3


def test_the_bundle_holds_plain_files_with_safe_names_only(bundle):
    folder, _ = bundle
    for entry in os.scandir(folder):
        assert entry.is_file(follow_symlinks=False)
        assert re.fullmatch(r"[a-zA-Z0-9._-]{1,40}", entry.name)
    assert not shutil.which("bundler", path=str(folder)), "nothing in a bundle can be run"
