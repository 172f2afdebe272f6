"""Patterns of image names, as in shells, but ``*`` also matches slashes: ``quay.io/*``, ``*:latest``, ``n[gh]inx``.

The brackets of an IPv6 address in front of a name are no set of characters: ``[::1]:5000/*``.
"""

from __future__ import annotations

import fnmatch
from functools import lru_cache

from bundler.core.patterns import lazy_pattern

_HOST = lazy_pattern(r"\[(?=[^\]]*:[^\]]*:)([0-9A-Fa-f:.*?]+\])(?=[:/*?]|$)")
"""An address, in which a part may be left to ``*``. A set has no need of two colons."""
_SPECIAL = lazy_pattern(r"[*?\[]")


def fits_image(name: str, pattern: str) -> bool:
    """True if a name has the form of a pattern."""
    return fnmatch.fnmatchcase(name, shell_pattern(pattern))


def is_image_pattern(text: str) -> bool:
    """True if a text has something of a pattern after its host."""
    return bool(_SPECIAL.search(_HOST.sub("", text, count=1) if _HOST.match(text) else text))


@lru_cache(maxsize=256)
def shell_pattern(pattern: str) -> str:
    """The same pattern as `fnmatch` has to read it: with the bracket in front of an address as a set of its own."""
    found = _HOST.match(pattern)
    return f"[[]{found[1]}{pattern[found.end() :]}" if found else pattern
