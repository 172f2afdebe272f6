"""The names of files and folders that operating systems and file systems leave on media."""

from __future__ import annotations

from bundler.core.patterns import lazy_pattern

NAMES = frozenset(
    {
        *("system volume information", "$recycle.bin", "recycler", "recycled", "thumbs.db", "ehthumbs.db"),
        *("ehthumbs_vista.db", "desktop.ini", "wpsettings.dat", "indexervolumeguid", "msdownld.tmp"),
        *(".ds_store", ".fseventsd", ".apdisk", ".temporaryitems", ".documentrevisions-v100", ".volumeicon.icns"),
        *(".appledouble", ".appledb", ".appledesktop", ".pkinstallsandboxmanager", ".directory", "lost+found"),
        *("network trash folder", "temporary items", ".metadata_never_index", ".com.apple.timemachine.donotpresent"),
    }
)
"""Files and folders of Windows, macOS, Linux and file systems. Some media have these names in capitals."""
_PREFIXES = (".trash", "._", ".spotlight", ".fuse_hidden", ".nfs")
_RECOVERED = lazy_pattern(r"found\.\d{3}|fsck\d{4}\.(?:rec|ren)|file\d{4}\.chk")
"""Files and folders with the lost bytes that chkdsk and fsck.fat found."""


def is_litter(name: str) -> bool:
    """True if only operating systems and file systems give this name."""
    folded = name.lower()
    return folded in NAMES or folded.startswith(_PREFIXES) or _RECOVERED.fullmatch(folded) is not None
