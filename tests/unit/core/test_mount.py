"""A path belongs to the file system that is seen there."""

from __future__ import annotations

import pytest

from bundler.core.mount import Mount, mount_of
from tests.support.tables import each_case

MOUNTS = r"""
22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime shared:1 master:2 - ext4 /dev/vda rw,discard
40 27 0:30 / /media rw - tmpfs tmpfs rw
41 40 8:17 / /media/my\040stick rw,nosuid shared:7 - vfat /dev/sdb1 rw,fmask=0022
42 27 11:0 / /mnt/disc rw - iso9660 /dev/sr0 ro
43 27 8:33 / /mnt/old rw - ext4 /dev/sdc1 rw
44 27 8:49 / /mnt/old ro - msdos /dev/sdd1 rw
garbage
45 27 8:50 - x
"""


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", Mount("/", "ext4", "/dev/vda", False)),
        ("/mediatheque", Mount("/", "ext4", "/dev/vda", False)),
        ("/media", Mount("/media", "tmpfs", "tmpfs", False)),
        ("/media/my stick/bundle", Mount("/media/my stick", "vfat", "/dev/sdb1", False)),
        ("/media/my stick 2", Mount("/media", "tmpfs", "tmpfs", False)),
        ("/mnt/disc/x", Mount("/mnt/disc", "iso9660", "/dev/sr0", True)),
        ("/mnt/old", Mount("/mnt/old", "msdos", "/dev/sdd1", True)),
    ],
)
def test_a_path_is_on_the_innermost_and_last_mount(path, expected):
    assert mount_of(path, MOUNTS) == expected


def test_without_a_mount_nothing_is_guessed():
    assert mount_of("/", "") is None


@pytest.mark.parametrize("name", ["ext4", "xfs", "btrfs", "tmpfs"])
def test_file_systems_of_disks_take_bytes_after_the_end_of_a_file(name):
    assert Mount("/media", name, "/dev/sdb1", False).has_sparse_files


@each_case("name", ["vfat", "msdos", "exfat", "ntfs3", "fuseblk", "fuse.fusefat", "hfsplus", "udf"])
def test_file_systems_of_media_do_not(name):
    assert not Mount("/media", name, "/dev/sdb1", False).has_sparse_files


@each_case("kind", ["vfat", "exfat", "ntfs3", "fuse", "fuseblk", "fuse.sshfs", "nfs4", "cifs"])
def test_A1_owners_that_a_file_system_makes_up_do_not_count(kind):
    for type_, is_kept in ((kind, False), ("ext4", True), ("btrfs", True), ("tmpfs", True)):
        mount = mount_of("/a", f"1 0 8:1 / / rw - {type_} /dev/sda1 rw\n")
        assert mount is not None
        assert mount.keeps_owners is is_kept
