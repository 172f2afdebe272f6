"""A medium is distinguished from a fixed disk by the kernel's facts about its device."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from bundler.bundle.medium import disks_of, is_removable, on_one_medium

NOT_HERE = Path("/nowhere/mountinfo")


class Sysfs:
    """A made sysfs: devices by their path, and numbers that lead there."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def disk(self, path: str, *, removable: str | None = "0") -> Path:
        folder = self.root / "devices" / path
        folder.mkdir(parents=True)
        if removable is not None:
            (folder / "removable").write_text(f"{removable}\n")
        return folder

    def partition(self, disk: Path, name: str) -> Path:
        folder = disk / name
        folder.mkdir()
        (folder / "partition").write_text("1\n")
        return folder

    def number(self, device: int, folder: Path) -> None:
        link = self.root / "dev" / "block" / f"{os.major(device)}:{os.minor(device)}"
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(folder, link.parent))


@pytest.fixture
def sysfs(tmp_path: Path) -> Sysfs:
    return Sysfs(tmp_path / "sys")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder that the tests say is on one device or another."""
    folder = tmp_path / "place"
    folder.mkdir()
    return folder


USB = "pci0000:00/0000:00:14.0/usb2/2-1/2-1:1.0/host6/target6:0:0/6:0:0:0/block/sdb"
CARD = "platform/soc/fe340000.mmc/mmc_host/mmc1/mmc1:aaaa/block/mmcblk1"
DISC = "pci0000:00/0000:00:1f.2/ata2/host1/target1:0:0/1:0:0:0/block/sr0"
DISK = "pci0000:00/0000:00:1f.2/ata1/host0/target0:0:0/0:0:0:0/block/sda"


@pytest.mark.parametrize(
    ("path", "removable", "expected"),
    [
        pytest.param(USB, "1", True, id="a USB stick"),
        pytest.param(USB, "0", True, id="a USB drive that says it is fixed"),
        pytest.param(CARD, "0", True, id="a memory card"),
        pytest.param(DISC, "1", True, id="an optical disc"),
        pytest.param(DISK, "0", False, id="a disk"),
        pytest.param(DISK, None, False, id="a disk that says nothing"),
        pytest.param(DISK.replace("ata1", "usbserial"), "0", False, id="a name that only looks like the bus"),
    ],
)
@pytest.mark.parametrize("is_partitioned", [False, True])
def test_a_device_is_judged_by_its_disk(sysfs, place, path, removable, expected, is_partitioned):
    disk = sysfs.disk(path, removable=removable)
    sysfs.number(os.stat(place).st_dev, sysfs.partition(disk, f"{disk.name}1") if is_partitioned else disk)
    assert is_removable(place, sysfs=sysfs.root, mountinfo=NOT_HERE) is expected
    assert disks_of(place, sysfs=sysfs.root, mountinfo=NOT_HERE) == {disk}


def test_what_does_not_exist_yet_is_where_its_parents_are(sysfs, place):
    sysfs.number(os.stat(place).st_dev, sysfs.disk(USB, removable="1"))
    assert is_removable(place / "not" / "there", sysfs=sysfs.root, mountinfo=NOT_HERE)


def test_an_encrypted_stick_is_a_stick(sysfs, place):
    disk = sysfs.disk(USB, removable="1")
    mapped = sysfs.disk("virtual/block/dm-0")
    (mapped / "slaves").mkdir()
    (mapped / "slaves" / "sdb1").symlink_to(sysfs.partition(disk, "sdb1"))
    sysfs.number(os.stat(place).st_dev, mapped)
    assert is_removable(place, sysfs=sysfs.root, mountinfo=NOT_HERE)
    assert disks_of(place, sysfs=sysfs.root, mountinfo=NOT_HERE) == {disk}


def test_of_a_volume_over_several_disks_one_that_is_removable_decides(sysfs, place):
    disks = [sysfs.disk(DISK), sysfs.disk(USB, removable="1")]
    volume = sysfs.disk("virtual/block/dm-1")
    (volume / "slaves").mkdir()
    for disk in disks:
        (volume / "slaves" / disk.name).symlink_to(disk)
    sysfs.number(os.stat(place).st_dev, volume)
    assert disks_of(place, sysfs=sysfs.root, mountinfo=NOT_HERE) == set(disks)
    assert is_removable(place, sysfs=sysfs.root, mountinfo=NOT_HERE)


@pytest.mark.parametrize(("path", "expected"), [(USB, True), (CARD, True), (DISK, False)])
def test_two_paths_on_one_medium_are_distinguished_from_two_on_one_disk(sysfs, place, path, expected):
    sysfs.number(os.stat(place).st_dev, sysfs.disk(path))
    made = {"sysfs": sysfs.root, "mountinfo": NOT_HERE}
    assert on_one_medium(place / "a", place / "b", system=Path("/proc"), **made) is expected
    assert not on_one_medium(place / "a", Path("/proc"), system=Path("/proc"), **made)


def test_the_disk_that_the_system_runs_from_is_no_medium_that_keys_are_kept_off(sysfs, place):
    sysfs.number(os.stat(place).st_dev, sysfs.disk(CARD))
    assert not on_one_medium(place, place, system=place, sysfs=sysfs.root, mountinfo=NOT_HERE)


def test_devices_that_lie_upon_themselves_are_not_followed_for_ever(sysfs, place):
    device = sysfs.disk("virtual/block/dm-2")
    (device / "slaves").mkdir()
    (device / "slaves" / "dm-2").symlink_to(device)
    sysfs.number(os.stat(place).st_dev, device)
    assert not is_removable(place, sysfs=sysfs.root, mountinfo=NOT_HERE)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes device nodes")
def test_a_file_system_without_a_number_of_its_own_is_found_by_what_was_mounted(sysfs, place, tmp_path):
    number = os.makedev(8, 241)
    node = tmp_path / "sdx1"
    os.mknod(node, stat.S_IFBLK | 0o600, number)
    sysfs.number(number, sysfs.partition(sysfs.disk(USB, removable="1"), "sdb1"))
    mountinfo = tmp_path / "mountinfo"
    mountinfo.write_text(f"27 1 254:0 / / rw - ext4 /dev/vda rw\n41 27 0:99 / {place} rw - fuse.exfat {node} rw\n")
    assert is_removable(place, sysfs=sysfs.root, mountinfo=mountinfo)
    mountinfo.write_text(f"41 27 0:99 / {place} rw - tmpfs tmpfs rw\n")
    assert not is_removable(place, sysfs=sysfs.root, mountinfo=mountinfo)


@pytest.mark.parametrize("source", ["/dev/null", "/nowhere/sdb1", "overlay", "../sdb1"])
def test_what_is_unknown_is_no_medium(sysfs, place, tmp_path, source):
    mountinfo = tmp_path / "mountinfo"
    mountinfo.write_text(f"41 27 0:99 / {place} rw - fuse.x {source} rw\n")
    assert not is_removable(place, sysfs=sysfs.root, mountinfo=mountinfo)
    assert not is_removable(place, sysfs=tmp_path / "nowhere", mountinfo=NOT_HERE)


def test_the_real_system_is_asked_without_an_error(place):
    assert is_removable(place) in (True, False)
    assert not is_removable(Path("/proc"))
