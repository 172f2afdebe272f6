"""What a bundle may be called: something that every file system takes, and every person can say."""

from __future__ import annotations

import re

from bundler.errors import Misuse

BUNDLE_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")
"""Names of bundles: lower-case ASCII, so that they are safe on FAT, exFAT, NTFS and ISO 9660."""
_WINDOWS_DEVICES = frozenset(
    {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}
)


def check_bundle_name(name: str) -> str:
    """The name itself, if a bundle may have it.

    Raises:
        Misuse: It may not.
    """
    if name.partition(".")[0] in _WINDOWS_DEVICES:
        raise Misuse(f"{name!r} is the name of a device on Windows", hint="choose another name")
    if not BUNDLE_NAME.fullmatch(name):
        raise Misuse(
            f"{name[:80]!r} is not a bundle name", hint="use 1 to 64 of a-z 0-9 . _ - that begin and end with a-z 0-9"
        )
    return name
