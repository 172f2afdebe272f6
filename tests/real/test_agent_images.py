"""``--to agent-images:DIR`` for real: containerd imports each file with the original name, digests unchanged."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from bundler.stores.agent_images import index_of
from tests.support import images
from tests.support.fault_fs import FaultFs
from tests.support.parts import RealContainerd, require
from tests.support.steps import Steps
from tests.support.sweeps import crashes

APP, OTHER = images.simple("app"), images.simple("other")
BOTH = images.index(
    [
        (images.simple("amd"), images.platform("amd64")),
        (images.simple("arm", architecture="arm64"), images.platform("arm64")),
    ]
)
DOCKER = images.simple("old", docker=True)
NAMES = {
    "docker.io/library/app:1": APP,
    "quay.io:8443/team/both:2": BOTH,
    "quay.io/team/docker:3": DOCKER,
    f"quay.io/team/pinned@{OTHER.digest}": OTHER,
}


@pytest.fixture
def sealed(here, keys, tmp_path):
    """Makes a bundle of some images."""

    def export(names, name="b"):
        layout = tmp_path / f"layout-{name}"
        for each, image in names.items():
            image.write_layout(layout, each)
        done = here("export", f"oci:{layout}", "--name", name, "-o", tmp_path, "--key", keys[0], "-q")
        assert done.code == 0, done.err
        return tmp_path / name

    return export


@pytest.fixture
def import_(here, keys, tmp_path):
    numbers = iter(range(100))

    def run(bundle, *options, to="images"):
        receipt = tmp_path / f"receipt-{next(numbers)}.json"
        done = here(
            "import",
            bundle,
            "--to",
            f"agent-images:{tmp_path}/{to}",
            "--trust",
            keys[1],
            "--receipt",
            receipt,
            "--json",
            *options,
        )
        return done, json.loads(receipt.read_text()) if receipt.exists() else None

    return run


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*"))}


def damage(bundle: Path, image: images.Image) -> None:
    """Changes a byte of the layer of an image."""
    layer = json.loads(image.content)["layers"][0]["digest"]
    chunk = bundle / "chunk-0001.tar"
    content = bytearray(chunk.read_bytes())
    content[content.index(image.blobs[layer]) + 20] ^= 1
    chunk.write_bytes(content)


def outcomes(receipt) -> set[str]:
    return {image["outcome"] for image in receipt["targets"][0]["images"]}


@pytest.fixture(scope="module")
def containerd(tmp_path_factory):
    part = RealContainerd(tmp_path_factory.mktemp("containerd")).start()
    yield part
    part.stop()


def imported(containerd: RealContainerd, folder: Path) -> dict[str, str]:
    """The digest of each name that containerd has after it imported the files as k3s does: all platforms."""
    require("zstd")
    for path in sorted(folder.iterdir()):
        with subprocess.Popen(["zstd", "-dc", path], stdout=subprocess.PIPE) as unpacking:
            containerd.ctr(
                "-n", "k8s.io", "images", "import", "--all-platforms", "--no-unpack", "-", stdin=unpacking.stdout
            )
        assert unpacking.returncode == 0
    rows = containerd.ctr("-n", "k8s.io", "images", "ls").stdout.splitlines()[1:]
    return {row.split()[0]: row.split()[2] for row in rows}


def test_containerd_imports_every_file_under_the_original_names(containerd, sealed, import_, tmp_path):
    done, receipt = import_(sealed(NAMES))
    assert (done.code, outcomes(receipt), receipt["targets"][0]["kind"]) == (0, {"pushed"}, "agent-images")
    folder = tmp_path / "images"
    assert sorted(files(folder)) == [
        "docker.io+library+app=1.tar.zst",
        "quay.io+team+docker=3.tar.zst",
        f"quay.io+team+pinned=digest-{OTHER.digest[7:19]}.tar.zst",
        "quay.io=8443+team+both=2.tar.zst",
    ]
    names = imported(containerd, folder)
    assert names.pop(f"quay.io/team/pinned:digest-{OTHER.digest[7:19]}") == OTHER.digest
    assert names == {name: image.digest for name, image in NAMES.items()}
    children = {child.digest for child in BOTH.children}
    content = containerd.ctr("-n", "k8s.io", "content", "ls", "-q").stdout.split()
    assert children <= set(content)


def test_the_same_command_again_writes_nothing(sealed, import_, tmp_path):
    bundle = sealed(NAMES)
    import_(bundle)
    folder = tmp_path / "images"
    before, times = files(folder), {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    done, receipt = import_(bundle)
    assert (done.code, outcomes(receipt)) == (0, {"present"})
    (folder / "docker.io+library+app=1.tar.zst").unlink()
    done, receipt = import_(bundle)
    assert (done.code, outcomes(receipt)) == (0, {"present", "pushed"})
    assert files(folder) == before
    after = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert [name for name in times if times[name] != after[name]] == ["docker.io+library+app=1.tar.zst"]


def test_a_file_with_another_image_is_a_conflict(sealed, import_, tmp_path):
    name = "docker.io/library/app:1"
    import_(sealed({name: APP}))
    newer, folder = sealed({name: OTHER}, "newer"), tmp_path / "images"
    before = files(folder)
    done, _ = import_(newer)
    assert (done.code, files(folder)) == (6, before)
    done, receipt = import_(newer, "--on-conflict", "skip")
    assert (done.code, outcomes(receipt), files(folder)) == (0, {"skipped"}, before)
    done, _ = import_(newer, "--on-conflict", "suffix")
    assert (done.code, len(files(folder))) == (0, 2)
    done, receipt = import_(newer, "--on-conflict", "replace")
    assert (done.code, receipt["targets"][0]["images"][0]["replaced"]) == (0, APP.digest)
    assert files(folder)["docker.io+library+app=1.tar.zst"] != before["docker.io+library+app=1.tar.zst"]


def test_a_foreign_file_of_the_name_is_left_alone(sealed, import_, tmp_path):
    theirs = tmp_path / "images/docker.io+library+app=1.tar.zst"
    theirs.parent.mkdir()
    for content in (b"theirs", images.zstd(images.layer_tar("theirs"))):
        theirs.write_bytes(content)
        done, _ = import_(sealed(NAMES, f"b{len(content)}"), "--on-conflict", "replace")
        assert (done.code, theirs.read_bytes()) == (2, content)


def test_one_platform_makes_a_file_of_that_platform(containerd, sealed, import_, tmp_path):
    done, _ = import_(sealed({"quay.io/team/one:1": BOTH}), "--platform", "linux/arm64")
    assert done.code == 0
    assert imported(containerd, tmp_path / "images")["quay.io/team/one:1"] == BOTH.children[1].digest


def test_an_image_that_is_damaged_in_the_bundle_leaves_no_file_and_stops_no_other(sealed, import_, tmp_path):
    bundle = sealed({"quay.io/team/a:1": APP, "quay.io/team/b:1": OTHER})
    damage(bundle, APP)
    done, receipt = import_(bundle)
    assert (done.code, outcomes(receipt)) == (4, {"failed", "pushed"})
    assert list(files(tmp_path / "images")) == ["quay.io+team+b=1.tar.zst"]
    done, receipt = import_(bundle, "--all-or-nothing", to="none")
    assert (done.code, outcomes(receipt)) == (4, {"failed", "held back"})
    assert files(tmp_path / "none") == {}


def test_a_run_that_is_killed_or_cut_off_at_any_moment_leaves_whole_files_and_the_same_command_finishes(
    keys, sealed, import_, tmp_path
):
    bundle = sealed(NAMES)
    import_(bundle, to="whole")
    whole = files(tmp_path / "whole")
    fs = FaultFs(tmp_path / "fs", records=True)
    folder = fs.path / "images"
    arguments = ["import", bundle, "--trust", keys[1], "--to", f"agent-images:{folder}"]
    command, count = Steps(arguments, {"XDG_STATE_HOME": str(fs.path / "states")}), 0
    for where in crashes(fs, command):
        count += 1
        left = {name: content for name, content in files(folder).items() if not name.startswith(".")}
        assert left.items() <= whole.items(), where
        again = command.run()
        left = files(folder)
        left.pop(".bundler-lock", None)  # a run that finds nothing to do takes no lock
        assert (again.code, left) == (0, whole), f"{where}: {again.err}"
    assert count >= 40 // 6, "an import has more moments than that"


def test_a_good_copy_of_a_chunk_replaces_a_damaged_one(here, keys, sealed, tmp_path):
    good = sealed(NAMES)
    bad = shutil.copytree(good, tmp_path / "bad")
    damage(bad, APP)
    folder = tmp_path / "images"
    done = here(
        "import", bad, good, "--to", f"agent-images:{folder}", "--trust", keys[1], "--receipt", tmp_path / "r.json"
    )
    assert (done.code, len(files(folder))) == (0, len(NAMES)), done.err


def test_a_file_that_another_program_writes_at_the_same_time_is_kept(sealed, import_, tmp_path, monkeypatch):
    name = "docker.io/library/app:1"
    import_(sealed({name: OTHER}, "other"), to="other")
    theirs = tmp_path / "other/docker.io+library+app=1.tar.zst"
    folder = tmp_path / "images"

    def write_theirs(*arguments):
        shutil.copy(theirs, folder)
        return index_of(*arguments)

    monkeypatch.setattr("bundler.importing.targets.agent_images.index_of", write_theirs)
    done, receipt = import_(sealed({name: APP}))
    assert (done.code, outcomes(receipt)) == (6, {"failed"})
    assert files(folder) == {theirs.name: theirs.read_bytes()}
