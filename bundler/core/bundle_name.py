"""The names that a bundle may have: every file system accepts them, and no reader mistakes them for something else.

A bundle must not have the name of a file of a bundle: a reader that looks for bundles on a medium would take the medium
for a bundle.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from bundler.core.litter_names import is_litter
from bundler.core.patterns import lazy_pattern
from bundler.core.roles import is_reserved
from bundler.errors import Misuse
from bundler.texts import text

BUNDLE_NAME = lazy_pattern(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")
"""The names are lower-case ASCII, so that they are safe on FAT, exFAT, NTFS and ISO 9660."""
_WINDOWS_DEVICES = frozenset(
    {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}
)
PARTIAL = ".partial"
"""The folder's name ends with this until the bundle is sealed."""
_UNFINISHED = lazy_pattern(rf".*{re.escape(PARTIAL)}(\..*)?")
"""The names of unfinished folders, and of their journals and locks."""


def check_bundle_name(name: str) -> str:
    """Returns the name, if a bundle may have it.

    Export and opening both call this, so that no bundle is sealed under a name that cannot be opened.

    Raises:
        Misuse: A bundle may not have this name.
    """
    if name.partition(".")[0] in _WINDOWS_DEVICES:
        raise Misuse(text("{name} is the name of a device on Windows", name=repr(name)), hint="choose another name")
    if not BUNDLE_NAME.fullmatch(name):
        raise Misuse(
            text("{name} is not a bundle name", name=repr(name[:80])),
            hint="use 1 to 64 of a-z 0-9 . _ - that begin and end with a-z 0-9",
        )
    if _UNFINISHED.fullmatch(name):
        raise Misuse(
            text("{name} looks like an unfinished bundle", name=repr(name)),
            hint="choose a name without .partial",
        )
    if is_reserved(name):
        raise Misuse(text("{name} looks like a file of a bundle", name=repr(name)), hint="choose another name")
    if is_litter(name):
        raise Misuse(
            text("{name} looks like a file that operating systems create", name=repr(name)), hint="choose another name"
        )
    return name


def name_of_words(words: Iterable[str]) -> str | None:
    """A bundle name made of some words; None if the result is not a valid bundle name."""
    joined = "-".join(word.lower() for word in words if word)
    name = re.sub(r"[^a-z0-9._-]+", "-", joined)[:64].strip("._-")
    try:
        return check_bundle_name(name)
    except Misuse:
        return None
