"""Real file systems, full, small, read-only and strange: rows M16, M17, M22, C06, C07, C09."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.fault_fs import FaultFs, mount_line, require_fuse
from tests.support.images import OCI_LAYER, image, layer_tar, simple
from tests.support.parts import require, shell

MIB = 1 << 20
Mount = Callable[[str], Path]


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Mount]:
    """Mounts by a shell script, in which {} is the mount point, and unmounts at the end."""
    points: list[Path] = []

    def mount(script: str) -> Path:
        if os.geteuid():
            pytest.skip("only root may mount")
        point = tmp_path / f"mount-{len(points)}"
        point.mkdir()
        shell(script.replace("{}", str(point)), cwd=tmp_path)
        assert mount_line(point), "not mounted: the test would write to the real disk"
        points.append(point)
        return point

    yield mount
    for point in reversed(points):
        shell(f"umount {point} || umount -l {point}", cwd=tmp_path)


@pytest.fixture
def layout(tmp_path: Path) -> str:
    simple("a", 700_000).write_layout(tmp_path / "layout", "example.com/a:1")
    simple("b", 700_000).write_layout(tmp_path / "layout", "example.com/b:1")
    return f"oci:{tmp_path}/layout"


@pytest.fixture
def export(bundler, layout, keys):
    def run(output: Path, *more: object, **how):
        arguments = ["export", layout, "--name", "test", "-o", output, "--key", keys[0], "--chunk-size", "1MiB", *more]
        return bundler(*arguments, **how)

    return run


FILE_SYSTEMS = {
    "tmpfs": ("mount", "mount -t tmpfs -o size=16m none {}"),
    "ext4": ("mkfs.ext4", "truncate -s 16M disk && mkfs.ext4 -q disk && mount -o loop disk {}"),
    "exFAT": (
        "mount.exfat-fuse",
        # The loop device is let go of when it is unmounted.
        "truncate -s 32M disk && mkfs.exfat disk && a=$(losetup -f --show disk) && mount.exfat-fuse $a {} && losetup -d $a",
    ),
    "NTFS": ("ntfs-3g", "truncate -s 32M disk && mkntfs -F -q -f disk && ntfs-3g disk {}"),
}


@pytest.mark.parametrize("name", FILE_SYSTEMS)
def test_M17_export_to_and_import_from_each_file_system(bundler, export, mounted, keys, tmp_path, name):
    command, script = FILE_SYSTEMS[name]
    require(command)
    folder = mounted(script)
    done = export(folder)
    assert done.code == 0, done.err
    assert sorted(path.name for path in folder.iterdir() if path.name != "lost+found") == ["test"]
    assert bundler("verify", folder, "--trust", keys[1]).code == 0
    done = bundler("import", folder, "--trust", keys[1], "--to", f"oci:{tmp_path}/there")
    assert done.code == 0, done.err
    assert bundler("import", folder, "--trust", keys[1], "--to", f"oci:{folder}/oci").code == 0
    (folder / "copies").mkdir()
    for command in (["copy", "-o", folder / "copies"], ["spread", "-o", folder, "--medium-size", "2000KB"]):
        for is_again in (False, True):
            done = bundler(*command, folder / "test", "--trust", keys[1], "--json")
            assert (done.code, done.json.get("completeAlready")) == (0, is_again), done.err
    media = sorted(folder.glob("test.medium-*"))
    assert len(media) == 2
    assert bundler("verify", *media, "--trust", keys[1]).code == 0
    assert bundler("verify", folder / "copies", "--trust", keys[1]).code == 0


def test_M17_FAT_by_fusefat(bundler, export, mounted, keys, tmp_path):
    """It gives no file back that is open for writing, and says EPERM to everything; what was copied to it is imported."""
    require("fusefat", "mkfs.vfat")
    medium = mounted("truncate -s 1G disk && mkfs.vfat -F 32 disk && fusefat -o rw+ disk {}")
    done = export(medium)
    assert (done.code, "Operation not permitted" in done.err, f"{medium}/test.partial" in done.err) == (
        8,
        True,
        True,
    )
    assert not (medium / "test").exists()
    assert bundler("verify", medium, "--trust", keys[1]).code == 9
    assert export(tmp_path / "made").code == 0
    shell(f"cp -r made/test {medium}/copied", cwd=tmp_path)
    assert bundler("verify", medium / "copied", "--trust", keys[1]).code == 0
    done = bundler("import", medium / "copied", "--trust", keys[1], "--to", f"oci:{tmp_path}/there")
    assert done.code == 0, done.err
    (tmp_path / "back").mkdir()
    assert bundler("copy", medium / "copied", "-o", tmp_path / "back").code == 0
    assert bundler("verify", tmp_path / "back", "--trust", keys[1]).code == 0
    done = bundler("copy", tmp_path / "made/test", "-o", medium)
    assert (done.code, f"{medium}/test.copy.partial" in done.err) == (8, True), done.err


def test_M17_discs_that_xorriso_wrote(bundler, export, mounted, keys, tmp_path):
    """The folder of each medium fits on a disc of its size, and the discs are verified and imported as they are."""
    require("xorriso", "fuseiso")
    assert export(tmp_path / "made", "--medium-size", "2000KB").code == 0
    discs = []
    for folder in sorted((tmp_path / "made").iterdir()):
        name = folder.name[-2:]
        shell(
            f"xorriso -outdev stdio:{name}.iso -volid TEST_{name} -joliet on -map {folder} /test -commit", cwd=tmp_path
        )
        assert (tmp_path / f"{name}.iso").stat().st_size <= 2_000_000
        discs.append(mounted(f"fuseiso {name}.iso {{}}"))
        shell("sha256sum --strict --ignore-missing -c SHA256SUMS", cwd=discs[-1] / "test")
    assert len(discs) == 2
    for order in (discs, discs[::-1]):
        assert bundler("verify", *order, "--trust", keys[1]).code == 0
    done = bundler("import", *discs, "--trust", keys[1], "--to", f"oci:{tmp_path}/there")
    assert done.code == 0, done.err
    (tmp_path / "back").mkdir()
    assert bundler("copy", *discs, "-o", tmp_path / "back").code == 0
    assert bundler("verify", tmp_path / "back", "--trust", keys[1]).code == 0


@pytest.mark.parametrize("name", ["tmpfs", "ext4"])
def test_C07_space_that_is_known_to_be_short(export, mounted, name):
    script = FILE_SYSTEMS[name][1].replace("16m", "1m").replace("16M", "1M")
    folder = mounted(script)
    done = export(folder)
    assert (done.code, "not enough free space" in done.err) == (8, True)
    assert "expected 1," in done.err, "how much is needed, and how much there is"
    assert not list(folder.rglob("chunk-*"))


def test_C06_space_that_is_lost_in_the_middle(bundler, export, mounted, keys, tmp_path):
    """The file system says that there is room, and then there is none."""
    backing = mounted("mount -t tmpfs -o size=1m none {}")
    with FaultFs(tmp_path / "fs", backing=backing).mount() as fs:
        fs.claim_free(100 * MIB)
        done = export(fs.path)
        assert (done.code, "no space left" in done.err, f"{fs.path}/test.partial/chunk-000" in done.err) == (
            8,
            True,
            True,
        )
        assert not (fs.path / "test").exists()
        assert bundler("verify", fs.path, "--trust", keys[1]).code == 9
        shell(f"mount -o remount,size=16m {backing}", cwd=tmp_path)
        assert export(fs.path).code == 0
        assert bundler("verify", fs.path, "--trust", keys[1]).code == 0


def test_M17_files_that_may_not_grow(bundler, layout, keys, tmp_path):
    script = (
        f"ulimit -f 500; exec {sys.executable} -m bundler export {layout} --name test -o {tmp_path}/out --key {keys[0]}"
    )
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.returncode, "--chunk-size" in done.stderr) == (8, True), done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out/test").exists()


def test_M22_read_only_media(bundler, export, mounted, keys, tmp_path):
    require("mksquashfs")
    assert export(tmp_path / "made").code == 0
    shutil.copytree(tmp_path / "made", tmp_path / "bare")
    for path in (tmp_path / "bare").rglob("*"):
        os.chown(path, 65534, 65534)
        path.chmod(0o444 if path.is_file() else 0o555)
    media = {
        "squashfs": mounted("mksquashfs made disc -quiet -no-progress && mount -o loop,ro disc {}"),
        "bind": mounted("mount --bind bare {} && mount -o remount,ro,bind {}"),
    }
    for name, medium in media.items():
        assert bundler("verify", medium, "--trust", keys[1]).code == 0
        done = bundler("import", medium, "--trust", keys[1], "--to", f"oci:{tmp_path}/{name}")
        assert done.code == 0, done.err
        if name == "squashfs":
            continue
        for refused in (
            bundler("export", f"oci:{tmp_path}/layout", "--name", "more", "-o", medium, "--key", keys[0]),
            bundler("import", medium, "--trust", keys[1], "--to", f"oci:{medium}/oci"),
            bundler("import", medium, "--trust", keys[1], "--to", f"oci-archive:{medium}/oci.tar"),
            bundler("import", medium, "--trust", keys[1], "--to", f"oci:{tmp_path}/x", "--receipt", medium / "r.json"),
            bundler("keygen", "me", "-d", medium),
            bundler("copy", tmp_path / "made/test", "-o", medium / "test"),
        ):
            assert refused.code == 8, refused.err
            assert "read-only" in (refused.err + refused.out).lower().replace("read only", "read-only")
            assert str(medium) in refused.err + refused.out


HOLDING = """
import importlib, pkgutil, resource, sys
import bundler
from bundler.cli import run

for module in pkgutil.walk_packages(bundler.__path__, "bundler."):
    if "__main__" not in module.name:
        importlib.import_module(module.name)
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
held = []
try:
    while True:
        held.append(open("/dev/null"))
except OSError:
    del held[: int(sys.argv[1])]
sys.exit(run(sys.argv[2:]))
"""


@pytest.mark.parametrize(("free", "code"), [(40, 0), (3, 8), (2, 8)])
def test_C09_few_open_files(layout, keys, tmp_path, free, code):
    """If few files may be open, few are; if that is not enough, the error says so in plain words."""
    command = ["export", layout, "--name", "test", "-o", str(tmp_path / "out"), "--key", str(keys[0])]
    done = subprocess.run(
        [sys.executable, "-c", HOLDING, str(free), *command], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / "out/test").exists() == (code == 0)
    assert code == 0 or "Too many open files" in done.stderr


def test_C09_names_that_are_too_long(export, tmp_path):
    done = export(tmp_path / ("x" * 300))
    assert (done.code, "too long" in done.err.lower()) == (8, True), done.err


def test_M16_chunks_that_are_too_large_for_the_medium(bundler, mounted, keys, tmp_path):
    require("fusefat", "mkfs.vfat")
    layer = layer_tar("sparse")
    huge = image([layer], layer_type=OCI_LAYER, uncompressed=[layer])
    old, size = layer, 5 << 30
    folder = tmp_path / "huge"
    manifest = huge.content.replace(f'"size": {len(old)}'.encode(), f'"size": {size}'.encode())
    assert manifest != huge.content
    huge.content = manifest
    huge.write_layout(folder, "example.com/huge:1")
    for path in (folder / "blobs/sha256").iterdir():
        if path.read_bytes() == old:
            os.truncate(path, size)
    medium = mounted("truncate -s 8G disk && mkfs.vfat -F 32 disk && fusefat -o rw+ disk {}")
    export = ["export", f"oci:{folder}", "--name", "test", "-o", medium, "--key", keys[0], "--chunk-size", "bd25"]
    done = bundler(*export)
    assert (done.code, "--chunk-size fat32" in done.err, "at most 4,294,967,295 bytes" in done.err) == (
        2,
        True,
        True,
    ), done.err
    assert list(medium.iterdir()) == []


def test_the_medium_is_pulled(bundler, export, keys, tmp_path):
    require_fuse()
    with FaultFs(tmp_path / "fs").mount() as fs:
        assert export(fs.path).code == 0
        fs.pull()
        for done in (bundler("verify", fs.path / "test", "--trust", keys[1]), export(fs.path)):
            assert done.code in (4, 8), done.err
            assert str(fs.path) in done.err
