"""Reads the list of images that an earlier import wrote because they failed."""

from __future__ import annotations

from bundler.core.image_list import Entry, ParseImage, parse_image_list
from bundler.core.reference import Reference


def read_failed_list(text: str, *, source: str, parse_image: ParseImage) -> frozenset[Reference]:
    """The images of a list of failed ones, or of any image list.

    Raises:
        Misuse: It is none.
    """
    parsed = parse_image_list(text, source=source, parse_image=parse_image)
    return frozenset(entry.reference for entry in parsed.entries if isinstance(entry, Entry))
