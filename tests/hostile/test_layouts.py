"""OCI image layouts that are none, or of another version, or that lead elsewhere by links: as source and as target."""

from __future__ import annotations

import os
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import images

NAME = "example.org/team/laid-out:1"
IMAGE = images.simple("laid-out")


def blob_of(layout: Path) -> Path:
    return max((layout / "blobs/sha256").iterdir(), key=lambda path: path.stat().st_size)


def linked(path: Path) -> None:
    """Moves something out of the layout, and leaves a link in its place."""
    outside = Path(os.environ["OUTSIDE"]) / path.name
    shutil.move(path, outside)
    path.symlink_to(outside)


def piped(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


BREAKS: dict[str, tuple[Callable[[Path], object], str]] = {
    "no oci-layout": (lambda layout: (layout / "oci-layout").unlink(), "there is no file oci-layout"),
    "version 2": (
        lambda layout: (layout / "oci-layout").write_text('{"imageLayoutVersion":"2.0.0"}'),
        "of an unknown version",
    ),
    "no version": (lambda layout: (layout / "oci-layout").write_text("{}"), "of an unknown version"),
    "a marker that is a list": (lambda layout: (layout / "oci-layout").write_text("[]"), "of an unknown version"),
    "a marker that is no JSON": (lambda layout: (layout / "oci-layout").write_text("1.0.0"), "oci-layout"),
    "a huge marker": (lambda layout: (layout / "oci-layout").write_text("{" + " " * 5000 + "}"), "too large"),
    "a linked oci-layout": (lambda layout: linked(layout / "oci-layout"), "a link"),
    "a linked index.json": (lambda layout: linked(layout / "index.json"), "a link"),
    "a linked blobs": (lambda layout: linked(layout / "blobs"), "a link"),
    "a linked blobs/sha256": (lambda layout: linked(layout / "blobs/sha256"), "a link"),
    "a piped index.json": (lambda layout: piped(layout / "index.json"), "not a regular file"),
    "a linked blob": (lambda layout: linked(blob_of(layout)), "a link"),
    "a piped blob": (lambda layout: piped(blob_of(layout)), "not a regular file"),
}


@pytest.fixture
def layout(tmp_path, monkeypatch) -> Path:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setenv("OUTSIDE", str(tmp_path / "elsewhere"))
    IMAGE.write_layout(tmp_path / "layout", NAME)
    return tmp_path / "layout"


@pytest.mark.parametrize("broken", BREAKS)
def test_a_layout_that_is_none_or_is_linked_is_refused_as_a_source(layout, command, good, tmp_path, broken):
    change, reported = BREAKS[broken]
    change(layout)
    export = ["export", f"oci:{layout}:{NAME}", "--name", "x", "-o", tmp_path / "out", "--key", good.private, "-q"]
    done = command(*export)
    assert (done.code, reported in done.err) == (4, True), done.err
    assert not list((tmp_path / "out").glob("x"))


@pytest.mark.parametrize("broken", BREAKS)
def test_a_layout_that_is_none_or_is_linked_is_refused_as_a_target(layout, command, good, tmp_path, broken):
    change, reported = BREAKS[broken]
    into = ["import", good.folder, "--trust", good.public, "--to", f"oci:{layout}", "-q", "--json"]
    if broken.endswith(" blob"):
        assert command(*into).code == 0  # so that its blobs are those of the bundle, and not named
        (layout / "index.json").write_text('{"schemaVersion": 2, "manifests": []}')
    change(layout)
    outside = {path: path.read_bytes() for path in (tmp_path / "elsewhere").rglob("*") if path.is_file()}
    done = command(*into)
    assert (done.code, reported in done.out) == (4, True), done.out
    assert {path: path.read_bytes() for path in (tmp_path / "elsewhere").rglob("*") if path.is_file()} == outside


def test_a_layout_may_itself_be_named_by_a_link(layout, command, good, tmp_path):
    (tmp_path / "named").symlink_to(layout)
    export = ["export", f"oci:{tmp_path}/named:{NAME}", "--name", "x", "-o", tmp_path / "out", "--key", good.private]
    assert command(*export).code == 0


@pytest.mark.parametrize("part", ["oci-layout", "index.json", "a blob"])
@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE], ids=["symbolic", "hard"])
def test_a_link_in_an_archive_of_a_layout_is_refused(layout, command, good, tmp_path, part, kind):
    path = blob_of(layout) if part == "a blob" else layout / part
    archive = tmp_path / "layout.tar"
    with tarfile.open(archive, "w") as tar:
        for each in sorted(layout.rglob("*")):
            if each.is_file() and each != path:
                tar.add(each, str(each.relative_to(layout)))
        tar.add(path, "real")
        link = tarfile.TarInfo(str(path.relative_to(layout)))
        link.type = kind
        link.linkname = "real" if kind == tarfile.LNKTYPE else "/".join([".."] * link.name.count("/") + ["real"])
        tar.addfile(link)
    to = ["--name", "x", "-o", tmp_path / "out", "--key", good.private, "-q"]
    done = command("export", f"oci-archive:{archive}:{NAME}", *to)
    assert (done.code, "a link" in done.err) == (4, True), done.err
    assert command("verify", archive).code == 4


@pytest.mark.parametrize("marker", [None, b'{"imageLayoutVersion":"2.0.0"}'], ids=["absent", "version 2"])
def test_an_archive_of_a_layout_that_is_none_is_refused(layout, command, good, tmp_path, marker):
    (layout / "oci-layout").unlink()
    if marker:
        (layout / "oci-layout").write_bytes(marker)
    archive = tmp_path / "layout.tar"
    with tarfile.open(archive, "w") as tar:
        tar.add(layout, ".")
    to = ["--name", "x", "-o", tmp_path / "out", "--key", good.private, "-q"]
    assert command("export", f"oci-archive:{archive}:{NAME}", *to).code == 4
    assert command("verify", archive).code == 4
