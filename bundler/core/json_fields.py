"""Values of a JSON document that are only believed when they have the right type. For bundle.json, FORMAT.md section 5.

All raise `TypeError` or `ValueError`; whoever reads a document says which one it was.
"""

from __future__ import annotations

from typing import Any

from bundler import texts
from bundler.core.limits import SIZE_BYTES


def text(value: object) -> str:
    """A text."""
    if not isinstance(value, str):
        raise TypeError(texts.text("a text is expected, not {value:.60}", value=repr(value)))
    return value


def list_of(value: object) -> list[Any]:
    """A list of whatever."""
    if not isinstance(value, list):
        raise TypeError(texts.text("a list is expected, not {value:.60}", value=repr(value)))
    return value


def boolean(value: object) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise TypeError(texts.text("true or false is expected, not {value:.60}", value=repr(value)))
    return value


def size(value: object) -> int:
    """A number of bytes, or another number that counts something."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= SIZE_BYTES:
        raise ValueError(texts.text("a number out of range: {value:.60}", value=repr(value)))
    return value
