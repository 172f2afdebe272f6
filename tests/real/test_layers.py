"""The bytes that an image carries for nothing, against umoci: it made the layers, and unpacks what is left of them."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Ran

SECRET = "a passphrase"


def umoci(*arguments: object, cwd: Path) -> None:
    subprocess.run(["umoci", *map(str, arguments)], cwd=cwd, check=True, capture_output=True)


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image whose second layer replaces and deletes files of the first one, and whose third one empties a folder."""
    folder = tmp_path_factory.mktemp("umoci")
    umoci("init", "--layout", "layout", cwd=folder)
    umoci("new", "--image", "layout:app", cwd=folder)
    umoci("unpack", "--rootless", "--image", "layout:app", "work", cwd=folder)
    root = folder / "work/rootfs"
    fill(root / "usr/lib", 40, 30_000)
    fill(root / "var/cache", 30, 50_000)
    fill(root / "opt", 20, 1000)
    repack(folder, "RUN install")
    fill(root / "usr/lib", 10, 31_000)
    for number in range(20, 25):
        (root / f"usr/lib/file {number}").unlink()
    shutil.rmtree(root / "var/cache")
    (root / "opt/file 3").unlink()
    (root / "opt/file 3").mkdir()
    repack(folder, "RUN upgrade")
    shutil.rmtree(root / "opt")
    fill(root / "opt", 2, 500)
    repack(folder, "RUN clean")
    umoci("unpack", "--rootless", "--image", "layout:app", "left", cwd=folder)
    return folder


def fill(folder: Path, files: int, size_bytes: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(files):
        (folder / f"file {number}").write_bytes(f"{number} {size_bytes} ".encode() * (size_bytes // 20))


def repack(folder: Path, command: str) -> None:
    umoci("repack", "--image", "layout:app", f"--history.created_by={command}", "work", cwd=folder)
    shutil.rmtree(folder / "work")
    umoci("unpack", "--rootless", "--image", "layout:app", "work", cwd=folder)


def listed(blob: Path) -> dict[str, int]:
    """The files of a layer with their sizes, by ``tar``."""
    ran = subprocess.run(
        ["tar", "--list", "--verbose", "--gzip", "-f", blob], check=True, capture_output=True, text=True
    )
    lines = (line.split(maxsplit=5) for line in ran.stdout.splitlines() if line.startswith("-"))
    return {name: int(size) for _, _, size, _, _, name in lines}


def test_what_is_wasted_is_what_the_layers_have_and_the_unpacked_image_has_not(
    here: Callable[..., Ran], layout: Path, tmp_path: Path
) -> None:
    (tmp_path / "passphrase").write_text(SECRET)
    key = tmp_path / "builder.key"
    assert here("keygen", "builder", "-d", tmp_path).code == 0
    images = tmp_path / "images.yaml"
    images.write_text(f"images: [{{image: example.org/app:1, from: 'oci:{layout}/layout:app'}}]")
    export = ("export", images, "-o", tmp_path, "--key", key)
    assert here(*export, "--name", "plain").code == 0
    secret = ("--passphrase-file", tmp_path / "passphrase")
    assert here(*export, "--name", "cut", "--chunk-size", "1MiB", "--encrypt", *secret).code == 0
    trust = ("--trust", tmp_path / "builder.pub", "--json")
    ran = here("inspect", tmp_path / "plain", "--layers", "*app*", *trust)
    (found,) = ran.json["platforms"]
    assert (ran.code, found["exact"]) == (0, True)
    assert here("inspect", tmp_path / "cut", "--layers", "*app*", *trust, *secret).json["platforms"] == [found]

    layers = [
        listed(layout / "layout/blobs/sha256" / each["digest"].removeprefix("sha256:")) for each in found["layers"]
    ]
    marks = [[name for name in layer if ".wh." in name] for layer in layers]
    assert [each["files"] for each in found["layers"]] == [
        len(layer) - len(deleted) for layer, deleted in zip(layers, marks, strict=True)
    ]
    assert [each["deletions"] for each in found["layers"]] == list(map(len, marks))
    left = [path.stat().st_size for path in (layout / "left/rootfs").rglob("*") if path.is_file()]
    wasted = {name: found["replaced"][name] + found["deleted"][name] for name in ("files", "bytes")}
    assert wasted == {
        "files": sum(each["files"] for each in found["layers"]) - len(left),
        "bytes": sum(size for layer in layers for size in layer.values()) - sum(left),
    }
    assert wasted["files"] > 60
    assert [(step["command"], step["layer"]) for step in found["history"]][-3:] == [
        ("RUN install", 0),
        ("RUN upgrade", 1),
        ("RUN clean", 2),
    ]
    assert json.dumps(found["largest"][0]["path"]).startswith('"/var/cache/file')
