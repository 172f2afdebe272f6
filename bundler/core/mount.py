"""Mounted file systems, read from Linux's ``/proc/self/mountinfo``, see proc(5)."""

from __future__ import annotations

import re

from bundler.core.frozen import frozen

_FAT_FILE_BYTES = (4 << 30) - 1
_FILE_LIMITS = {
    "vfat": _FAT_FILE_BYTES,
    "msdos": _FAT_FILE_BYTES,
    "fat": _FAT_FILE_BYTES,
    "fuse.fusefat": _FAT_FILE_BYTES,
}
"""The largest file, by the type of the file system. All others allow larger files than any medium can hold."""

_WITHOUT_HOLES = frozenset(
    {
        *(*_FILE_LIMITS, "exfat", "fuse.exfat", "fuse.exfat-fuse", "ntfs", "ntfs3", "fuseblk"),
        *("hfs", "hfsplus", "apfs", "udf", "iso9660"),
    }
)
"""File systems without sparse files: a write after the end of a file fills the gap with zeros, or fails."""

_WITHOUT_OWNERS = frozenset(
    {
        *(*_FILE_LIMITS, "exfat", "ntfs", "ntfs3", "fuse", "fuseblk", "udf", "iso9660"),
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "vboxsf"),
    }
)
"""File systems that invent owners and modes, or whose server does. There, a file of ours may belong to another user."""


@frozen
class Mount:
    """A mounted file system.

    Attributes:
        point: The folder that it is mounted on.
        type: The type of the file system, for example ``ext4`` or ``vfat``.
        source: The device, or the text that mountinfo has instead of one.
        is_read_only: True if nothing can be written there.
    """

    point: str
    type: str
    source: str
    is_read_only: bool

    @property
    def largest_file_bytes(self) -> int | None:
        """The size of the largest file; None if the file system sets no lower limit than a medium's size."""
        return _FILE_LIMITS.get(self.type)

    @property
    def has_sparse_files(self) -> bool:
        """True if a write after the end of a file leaves a gap that uses no space."""
        return self.type not in _WITHOUT_HOLES

    @property
    def keeps_owners(self) -> bool:
        """True if the owner and the mode of a file decide who may write it."""
        return self.type not in _WITHOUT_OWNERS and not self.type.startswith("fuse.")


def mount_of(path: str, mountinfo: str) -> Mount | None:
    """The file system that a path is on.

    Args:
        path: Absolute, without links.
        mountinfo: The text of ``/proc/self/mountinfo``.
    """
    best: Mount | None = None
    for line in mountinfo.splitlines():
        before, separator, after = line.partition(" - ")
        fields, more = before.split(" "), after.split(" ")
        if not separator or len(fields) < 6 or len(more) < 3:
            continue
        point = _unescaped(fields[4])
        is_inside = path == point or path.startswith(point.rstrip("/") + "/")
        # If several file systems are mounted on one folder, only the last one is visible.
        if is_inside and (best is None or len(point) >= len(best.point)):
            is_read_only = "ro" in fields[5].split(",") or "ro" in more[2].split(",")
            best = Mount(point, more[0], _unescaped(more[1]), is_read_only)
    return best


def _unescaped(text: str) -> str:
    """A field of mountinfo as plain text. Linux writes blanks and backslashes in octal."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)
