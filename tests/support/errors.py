"""Expects an error by its family and its fields, so that its words can change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

import pytest

from bundler.errors import BundlerError
from bundler.texts import Joined, Text

AnError = TypeVar("AnError", bound=BundlerError)


def values_in(message: str) -> dict[str, object]:
    """The values in a message and in the messages inside it, by name."""
    found: dict[str, object] = {}
    if isinstance(message, Joined):
        for part in message.parts:
            found |= values_in(part)
    elif isinstance(message, Text):
        for name, value in message.values.items():
            found[name] = value
            if isinstance(value, Text):
                found |= values_in(value)
    return found


@contextmanager
def raises(
    family: type[AnError], *, values: Mapping[str, object] | None = None, **fields: object
) -> Iterator[pytest.ExceptionInfo[AnError]]:
    """Expects an error of this family with these fields.

    Args:
        family: Its class.
        values: Values that its message has to have, among others, as they are printed.
        fields: Attributes of the error: ``subject``, ``expected``, ``actual``, ``code`` and so on.
    """
    with pytest.raises(family) as caught:
        yield caught
    error = caught.value
    assert {name: getattr(error, name) for name in fields} == fields
    known = values_in(error.message)
    assert {name: str(known.get(name)) for name in values or {}} == {
        name: str(wanted) for name, wanted in (values or {}).items()
    }
