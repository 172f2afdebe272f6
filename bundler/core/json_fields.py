"""Checks the types of the values of a JSON document. For bundle.json, FORMAT.md section 5.

All functions raise `TypeError` or `ValueError`; the reader of a document adds its name.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bundler import texts
from bundler.core.limits import SIZE_BYTES


def text(value: object) -> str:
    """The value, if it is a text."""
    if not isinstance(value, str):
        raise TypeError(texts.text("a text is expected, not {value:.60}", value=repr(value)))
    return value


def list_of(value: object) -> list[Any]:
    """The value, if it is a list; its entries are not checked."""
    if not isinstance(value, list):
        raise TypeError(texts.text("a list is expected, not {value:.60}", value=repr(value)))
    return value


def mapping(value: object) -> dict[str, Any]:
    """The value, if it is an object; its fields are not checked."""
    if not isinstance(value, dict):
        raise TypeError(texts.text("an object is expected, not {value:.60}", value=repr(value)))
    return value


def drained(value: object) -> Iterator[Any]:
    """The entries of a list. Each leaves the list as it is returned, because those of 20,000 images take 100 MiB."""
    entries = list_of(value)
    entries.reverse()
    while entries:
        yield entries.pop()


def boolean(value: object) -> bool:
    """The value, if it is true or false."""
    if not isinstance(value, bool):
        raise TypeError(texts.text("true or false is expected, not {value:.60}", value=repr(value)))
    return value


def size(value: object) -> int:
    """The value, if it is a number of bytes or another count."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= SIZE_BYTES:
        raise ValueError(texts.text("a number out of range: {value:.60}", value=repr(value)))
    return value
