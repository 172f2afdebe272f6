"""Finds the device of a folder: a removable medium, or a fixed disk. Reads sysfs(5), writes nothing."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from bundler.core.media import Room
from bundler.core.mount import Mount, mount_of
from bundler.core.patterns import lazy_pattern
from bundler.errors import LocalStorage

SYSFS = Path("/sys")
MOUNTINFO = Path("/proc/self/mountinfo")
_BUS_OF_MEDIA = lazy_pattern(r"/(usb\d*|mmc_host)/")
_LAYERS = 8
"""The number of stacked block devices (LUKS, LVM, RAID) that are followed."""


def is_removable(path: Path, *, sysfs: Path = SYSFS, mountinfo: Path = MOUNTINFO) -> bool:
    """True if a path is on a removable medium: USB, memory cards, optical discs. An unknown device is not removable.

    Args:
        path: The path; if it does not exist, its nearest existing parent counts.
        sysfs: The mount point of sysfs.
        mountinfo: The list of mounts, for file systems whose device numbers belong to no device: btrfs, FUSE.
    """
    return any(_is_medium(disk) for disk in disks_of(path, sysfs=sysfs, mountinfo=mountinfo))


def disks_of(path: Path, *, sysfs: Path = SYSFS, mountinfo: Path = MOUNTINFO) -> frozenset[Path]:
    """The disks of a path, as folders of sysfs: one, or several below LVM or RAID; none if they are unknown.

    Args:
        path: As for `is_removable`.
        sysfs: As for `is_removable`.
        mountinfo: As for `is_removable`.
    """
    try:
        real = existing(Path(os.path.realpath(path)))
        device = _folder_of(os.stat(real).st_dev, sysfs)
        if device is None:
            mount = mount_of(str(real), mountinfo.read_text(encoding="utf-8", errors="replace"))
            node = os.stat(mount.source) if mount and mount.source.startswith("/") else None
            device = _folder_of(node.st_rdev, sysfs) if node and stat.S_ISBLK(node.st_mode) else None
        return frozenset(_disks_below(device, _LAYERS)) if device else frozenset()
    except OSError:
        return frozenset()


def on_one_medium(
    first: Path, second: Path, *, system: Path = Path("/"), sysfs: Path = SYSFS, mountinfo: Path = MOUNTINFO
) -> bool:
    """True if two paths are on the same removable medium.

    The system disk does not count, even if it is a memory card: nobody carries it away.

    Args:
        first: As for `is_removable`.
        second: As for `is_removable`.
        system: A path on the system disk.
        sysfs: As for `is_removable`.
        mountinfo: As for `is_removable`.
    """
    there = [disks_of(path, sysfs=sysfs, mountinfo=mountinfo) for path in (first, second, system)]
    return any(_is_medium(disk) for disk in (there[0] & there[1]) - there[2])


def largest_file_bytes(path: Path, *, mountinfo: Path = MOUNTINFO) -> int | None:
    """The largest file that the file system of a path takes; None if that is unknown, or a medium is full earlier.

    Args:
        path: As for `is_removable`.
        mountinfo: The list of mounts.
    """
    mount = _mount(path, mountinfo)
    return mount.largest_file_bytes if mount else None


def has_sparse_files(path: Path, *, mountinfo: Path = MOUNTINFO) -> bool:
    """True if the file system of a path takes bytes after the end of a file; see `Mount.has_sparse_files`.

    Args:
        path: As for `is_removable`.
        mountinfo: The list of mounts.
    """
    mount = _mount(path, mountinfo)
    return mount is None or mount.has_sparse_files


def room_on(path: Path, *, common_bytes: int = 0, taken_bytes: int = 0, share: int = 1) -> Room:
    """The room on the file system of a folder.

    Args:
        path: As for `is_removable`.
        common_bytes: The size of files that are written there besides those that are placed.
        taken_bytes: The room that files have which will be written again.
        share: The number of folders that share the file system.

    Raises:
        LocalStorage: The file system does not say.
    """
    try:
        state = os.statvfs(existing(path.absolute()))
    except OSError as error:
        raise LocalStorage.unwritable(error, str(path)) from error
    available = state.f_bavail * state.f_frsize + taken_bytes
    return Room(available // share - common_bytes, largest_file_bytes(path), max(1, state.f_frsize))


def _mount(path: Path, mountinfo: Path) -> Mount | None:
    """The file system of a path; None if it is unknown."""
    try:
        real = existing(Path(os.path.realpath(path)))
        return mount_of(str(real), mountinfo.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return None


def existing(path: Path) -> Path:
    """A path, or its nearest parent that is there."""
    return path if path.exists() or path == path.parent else existing(path.parent)


def _folder_of(number: int, sysfs: Path) -> Path | None:
    link = sysfs / "dev" / "block" / f"{os.major(number)}:{os.minor(number)}"
    return link.resolve(strict=True) if os.path.lexists(link) else None


def _disks_below(device: Path, layers: int) -> set[Path]:
    disk = device.parent if (device / "partition").exists() else device
    slaves = sorted((disk / "slaves").glob("*")) if layers else []
    if not slaves:
        return {disk}
    return {found for slave in slaves for found in _disks_below(slave.resolve(strict=True), layers - 1)}


def _is_medium(disk: Path) -> bool:
    if _BUS_OF_MEDIA.search(f"{disk}/"):
        return True
    try:
        return (disk / "removable").read_text(encoding="ascii").strip() == "1"
    except OSError:
        return False
