"""Locations of images in a file or folder: ``PATH[:NAME]``."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, TypeVar

from bundler.core.frozen import frozen
from bundler.core.reference import without_password
from bundler.errors import Misuse
from bundler.texts import text
from bundler.transports.transport import SourceContainer, TargetLocation, name_words

Here = TypeVar("Here", bound="PathImage")


@frozen
class PathImage(SourceContainer):
    """An image in a file or folder; without a name the only one in it, or all."""

    prefix: ClassVar[str]
    path: str
    name: str | None = None

    def __str__(self) -> str:
        return f"{self.prefix}{self.path}" + (f":{self.name}" if self.name else "")

    def of(self: Here, name: str | None) -> Here:
        """Another image of the same file or folder."""
        return replace(self, name=name)

    @property
    def container(self: Here) -> Here:
        """Itself."""
        return self

    @property
    def asked_for(self) -> str | None:
        """The name."""
        return self.name

    @property
    def bundle_words(self) -> tuple[str, ...]:
        """The words of the file's or folder's name, and of the image's name."""
        stem, _, _ = Path(self.path).resolve().name.partition(".tar")
        return stem, *name_words(self.name or "")


@frozen
class PathTarget(TargetLocation):
    """A file or folder to import into."""

    prefix: ClassVar[str]
    path: str

    def __str__(self) -> str:
        return f"{self.prefix}{self.path}"

    @property
    def identity(self) -> str:
        """The path without links, from the root folder."""
        return f"{self.prefix}{os.path.realpath(self.path)}"


def path_and_name(prefix: str, rest: str) -> tuple[str, str | None]:
    """Reads ``PATH[:NAME]``.

    Raises:
        Misuse: There is no path.
    """
    path, _, name = rest.partition(":")
    if not path:
        raise Misuse(
            "the path is missing",
            subject=repr(without_password(prefix + rest)),
            hint=text("write {transport}PATH or {transport}PATH:REF", transport=prefix),
        )
    return path, name or None


def path_alone(prefix: str, rest: str) -> str:
    """Reads the ``PATH`` of a destination.

    Raises:
        Misuse: There is no path, or something follows it.
    """
    if not rest or ":" in rest:
        raise Misuse(
            "not a destination",
            subject=repr(without_password(prefix + rest)),
            hint=text("write {transport}PATH; names come from the bundle", transport=prefix),
        )
    return rest
