"""Lists of a release of Rancher with two columns: ``rancher-images-digests-….txt``, ``rancher-images-sources.txt``.

The lists of Rancher, RKE2 and k3s with one image a line are texts of our own kind.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from bundler.core.patterns import lazy_pattern
from bundler.lists.found import Found, Item

_DIGESTS = lazy_pattern(r"(?P<image>[\w./-]+(?::\d+/[\w./-]+)?:[\w.-]+)\s+(?P<digest>sha256:[0-9a-f]{64})")
_SOURCES = lazy_pattern(r"(?P<image>[\w./-]+(?::\d+/[\w./-]+)?:[\w.-]+)\s+(?P<sources>[\w.:+-]+(?:,[\w.:+-]+)*)")

_LINE_CHARACTERS = 4096
"""A name, and the parts of Rancher that use it: some hundred of them."""


def knows_digests(lines: Iterable[str]) -> bool:
    """True if each line is an image with a tag, and its digest."""
    count = _count(_DIGESTS, lines)
    return count is not None and count > 0


def knows_sources(lines: Iterable[str]) -> bool:
    """True if each line is an image with a tag, and the parts of Rancher that use it."""
    count = _count(_SOURCES, lines)
    return count is not None and count > 1


def _count(pattern: re.Pattern[str], lines: Iterable[str]) -> int | None:
    """The number of lines; None if one does not fit."""
    count = 0
    for line in lines:
        if len(line) > _LINE_CHARACTERS or not pattern.fullmatch(line):
            return None
        count += 1
    return count


def read(source: str, lines: Iterable[tuple[int, str]]) -> Iterator[Item]:
    """Yields the images of a list. A digest is a pin: a tag that has another one at its source is an error."""
    for number, line in lines:
        image, second = line.split()
        is_pin = second.startswith("sha256:")
        yield Found(image, f"{source}:{number}", "" if is_pin else second, pin=second if is_pin else "")
