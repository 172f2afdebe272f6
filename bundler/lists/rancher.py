"""Lists of a release of Rancher with two columns: ``rancher-images-digests-….txt``, ``rancher-images-sources.txt``.

The lists of Rancher, RKE2 and k3s with one image a line are texts of our own kind.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from bundler.lists.found import Found, Item

_DIGESTS = re.compile(r"(?P<image>[\w./-]+(?::\d+/[\w./-]+)?:[\w.-]+)\s+(?P<digest>sha256:[0-9a-f]{64})")
_SOURCES = re.compile(r"(?P<image>[\w./-]+(?::\d+/[\w./-]+)?:[\w.-]+)\s+(?P<sources>[\w.:+-]+(?:,[\w.:+-]+)*)")


def knows_digests(lines: Sequence[str]) -> bool:
    """True if each line is an image with a tag, and its digest."""
    return bool(lines) and all(map(_DIGESTS.fullmatch, lines))


def knows_sources(lines: Sequence[str]) -> bool:
    """True if each line is an image with a tag, and the parts of Rancher that use it."""
    return len(lines) > 1 and all(map(_SOURCES.fullmatch, lines))


def read(source: str, lines: Sequence[tuple[int, str]]) -> Iterator[Item]:
    """Yields the images of a list. A digest is a pin: a tag that has another one at its source is an error."""
    for number, line in lines:
        image, second = line.split()
        is_pin = second.startswith("sha256:")
        yield Found(image, f"{source}:{number}", "" if is_pin else second, pin=second if is_pin else "")
