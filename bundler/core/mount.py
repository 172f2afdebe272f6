"""Mounted file systems, as Linux tells them: proc(5), ``/proc/self/mountinfo``."""

from __future__ import annotations

import re
from dataclasses import dataclass

_FAT_FILE_BYTES = (4 << 30) - 1
_FILE_LIMITS = {
    "vfat": _FAT_FILE_BYTES,
    "msdos": _FAT_FILE_BYTES,
    "fat": _FAT_FILE_BYTES,
    "fuse.fusefat": _FAT_FILE_BYTES,
}
"""The largest file, by the type of the file system; the others on media and disks take more than any medium holds."""

_WITHOUT_HOLES = frozenset(
    {
        *(*_FILE_LIMITS, "exfat", "fuse.exfat", "fuse.exfat-fuse", "ntfs", "ntfs3", "fuseblk"),
        *("hfs", "hfsplus", "apfs", "udf", "iso9660"),
    }
)
"""File systems that write zeros over what lies between the end of a file and bytes behind it, or refuse these."""

_WITHOUT_OWNERS = frozenset(
    {
        *(*_FILE_LIMITS, "exfat", "ntfs", "ntfs3", "fuse", "fuseblk", "udf", "iso9660"),
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "vboxsf"),
    }
)
"""File systems that make up owners and modes, or whose server does: a file that we make may belong to another user."""


@dataclass(frozen=True, slots=True)
class Mount:
    """A file system in its place.

    Attributes:
        point: The folder that it is mounted on.
        type: ``ext4``, ``vfat``, …
        source: The device, or what stands for it.
        is_read_only: Whether nothing can be written there.
    """

    point: str
    type: str
    source: str
    is_read_only: bool

    @property
    def largest_file_bytes(self) -> int | None:
        """The largest file that it takes; None where a medium is full before."""
        return _FILE_LIMITS.get(self.type)

    @property
    def has_sparse_files(self) -> bool:
        """Whether bytes may be written behind the end of a file, and cost no more than they are."""
        return self.type not in _WITHOUT_HOLES

    @property
    def keeps_owners(self) -> bool:
        """Whether the owner and the mode of a file say who may write it."""
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
        # Of several on one folder the last one is seen.
        if is_inside and (best is None or len(point) >= len(best.point)):
            is_read_only = "ro" in fields[5].split(",") or "ro" in more[2].split(",")
            best = Mount(point, more[0], _unescaped(more[1]), is_read_only)
    return best


def _unescaped(text: str) -> str:
    """Blanks and backslashes are written in octal."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)
