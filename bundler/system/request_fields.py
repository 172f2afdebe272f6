"""The fields of requests, as callers of the Python API write them: ``"media"`` for a `Path`, one value for a tuple.

A request reads its own fields when it is made, by their annotations. So a value of a wrong type is refused with the
name of its field before anything is done.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from bundler.core.frozen import frozen
from bundler.core.platform import Platform
from bundler.core.s3_path import S3Path
from bundler.errors import Misuse
from bundler.system.bundle_paths import BundlePath, bundle_path

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Value = TypeVar("Value")
Reader = Callable[[Any, str], Any]
"""Makes the value of a field from what a caller gave; its second argument is the name of the field, for errors."""

_SHOWN_CHARACTERS = 80


@frozen
class Request:
    """A request, or a part of one: its fields are read when it is made."""

    def __post_init__(self) -> None:
        """Reads the fields by their annotations.

        Raises:
            Misuse: A field has a value of another type.
        """
        complete(self)


def complete(request: DataclassInstance, **readers: Reader) -> None:
    """Reads the fields of a frozen request, for its ``__post_init__``.

    Args:
        request: The request; paths, texts and platforms in it are replaced by values of the annotated type.
        readers: Readers of fields with other types, by the names of the fields.

    Raises:
        Misuse: A value is no path, no text, or not of the field's type.
    """
    for each in fields(request):
        read = readers.get(each.name) or _READERS.get(str(each.type))
        given = getattr(request, each.name)
        if read is not None:
            object.__setattr__(request, each.name, read(given, each.name))
        elif isinstance(given, (str, bytes, os.PathLike)) and "bytes" not in str(each.type):
            raise wrong_type(each.name, str(each.type), given)


def path_of(given: object, field: str) -> Path:
    """The path that a caller gave.

    Raises:
        Misuse: It is none.
    """
    text = os.fspath(given) if isinstance(given, (str, os.PathLike)) else None
    if not isinstance(text, str) or not text or "\0" in text:
        raise wrong_type(field, "Path", given)
    return given if isinstance(given, Path) else Path(text)


def bundle_path_of(given: object, field: str) -> BundlePath:
    """The path of a bundle that a caller gave: ``s3://BUCKET/PREFIX`` as a text, or any other path.

    Raises:
        Misuse: It is none.
    """
    if isinstance(given, S3Path):
        return given
    path = path_of(given, field)
    return bundle_path(given) if isinstance(given, str) else path


def bundle_paths_of(given: object, field: str) -> tuple[BundlePath, ...]:
    """The paths of a bundle that a caller gave, in any iterable; one path is a tuple of one.

    Raises:
        Misuse: One of them is none.
    """
    return several(bundle_path_of)(given, field)


def text_of(given: object, field: str) -> str:
    """The text that a caller gave, perhaps as a path.

    Raises:
        Misuse: It is none.
    """
    text = os.fspath(given) if isinstance(given, (str, os.PathLike)) else None
    if not isinstance(text, str):
        raise wrong_type(field, "str", given)
    return text


def paths_of(given: object, field: str) -> tuple[Path, ...]:
    """The paths that a caller gave, in any iterable; one path is a tuple of one.

    Raises:
        Misuse: One of them is none.
    """
    return several(path_of)(given, field)


def several(read: Callable[[Any, str], Value]) -> Callable[[Any, str], tuple[Value, ...]]:
    """Returns a reader of any number of values. A single text or path is a value by itself, not its characters."""

    def read_all(given: object, field: str) -> tuple[Value, ...]:
        if isinstance(given, (str, bytes, os.PathLike)) or not isinstance(given, Iterable):
            given = (given,)
        return tuple(read(each, field) for each in given)

    return read_all


def wrong_type(field: str, expected: str, given: object) -> Misuse:
    """The error for a value that is not of the type of its field."""
    return Misuse.of_field(field, expected=expected, actual=repr(given)[:_SHOWN_CHARACTERS])


def optional(read: Reader) -> Reader:
    """Returns a reader that leaves None as it is."""
    return lambda given, field: None if given is None else read(given, field)


def _platform_of(given: object, field: str) -> Platform:
    if isinstance(given, Platform):
        return given
    if not isinstance(given, str):
        raise wrong_type(field, "Platform", given)
    return Platform.parse(given)


_READERS: dict[str, Reader] = {
    "Path": path_of,
    "Path | None": optional(path_of),
    "tuple[Path, ...]": paths_of,
    "BundlePath": bundle_path_of,
    "tuple[BundlePath, ...]": bundle_paths_of,
    "str": text_of,
    "str | None": optional(text_of),
    "tuple[str, ...]": several(text_of),
    "Platform | None": optional(_platform_of),
    "tuple[Platform, ...]": several(_platform_of),
}
"""The readers by the annotation of the field. A field with another annotation takes no text."""
