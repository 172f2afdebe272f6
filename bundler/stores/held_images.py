"""The names of images in files and layouts, and the choice of an image by them.

A name is a full reference. An alias finds an image within its file only: a tag (``1.27``), a path without a registry, a
digest (``@sha256:…``), a position in manifest.json (``@0``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Generic, TypeVar

from bundler import texts
from bundler.core.frozen import frozen
from bundler.core.reference import Reference
from bundler.errors import Absent, Misuse, Refused

_SHOWN = 10
_SHOWN_CHARACTERS = 200

Image = TypeVar("Image", covariant=True)


@frozen
class HeldImage(Generic[Image]):
    """An image of a file or a layout.

    Attributes:
        names: Full references, sorted.
        aliases: Its other names in the file, sorted. (Two sets for each of 20,000 images would take 10 MiB more.)
        image: The image itself.
        is_attached: True if it is attached to another manifest of the file; then only a choice by its name means it.
    """

    names: tuple[str, ...]
    aliases: tuple[str, ...]
    image: Image
    is_attached: bool = False

    @property
    def shown(self) -> tuple[str, ...]:
        """The names for people: the full references, or else its aliases."""
        return self.names or tuple(alias for alias in self.aliases if not alias.startswith("@"))

    @property
    def place(self) -> str:
        """An alias that no other image of the file has."""
        return next((alias for alias in self.aliases if alias.startswith("@")), "")


class Choice(Generic[Image]):
    """Finds images by their names and aliases."""

    def __init__(self, images: Sequence[HeldImage[Image]], *, called: str) -> None:
        """Indexes the images.

        Args:
            images: All images of the file or the layout.
            called: The name of the file or layout in errors.
        """
        self._images = images
        self._called = called
        self._by_name = _indexed((name, image) for image in images for name in image.names)

    def __call__(self, name: str | None) -> Image:
        """Returns the image of a name or an alias; None for the only image.

        Raises:
            Refused: There is none, or more than one.
        """
        return self.held(name).image

    def held(self, name: str | None) -> HeldImage[Image]:
        """Returns the same image with all its names."""
        found = self._proper if name is None else self._found(name)
        if len(found) == 1:
            return found[0]
        count = len(found)
        if name is None:
            raise Refused(
                texts.text("{count} images; choose one", count=count),
                subject=self._called,
                hint=self._choose(found),
            )
        if found:
            raise Refused(
                texts.text("{count} images have this name", count=count),
                subject=f"{self._called}:{name}",
                hint=self._choose(found),
            )
        raise Absent("no such image", subject=f"{self._called}:{name}", hint=self._choose(self._images))

    @property
    def _proper(self) -> Sequence[HeldImage[Image]]:
        """The images that are not attached to others."""
        return [image for image in self._images if not image.is_attached] or self._images

    @cached_property
    def _by_alias(self) -> dict[str, tuple[HeldImage[Image], ...]]:
        """Built on first use: most images are requested by their names."""
        return _indexed((alias, image) for image in self._images for alias in image.aliases)

    def _found(self, name: str) -> Sequence[HeldImage[Image]]:
        """Returns the images that a text may refer to. A full name refers only to images of that name."""
        if name in self._by_name:
            return self._by_name[name]
        by_name = self._by_name.get(completed(name) or "", ())
        by_alias = [*self._by_alias.get(name, ()), *self._by_alias.get(f"@{name}", ())]
        return tuple(dict.fromkeys((*by_name, *by_alias)))

    def _choose(self, images: Sequence[HeldImage[Image]]) -> str:
        known = {name for image in images for name in (*image.names, *image.aliases)}
        clear = [name for name in known if len(name) <= _SHOWN_CHARACTERS and len(self._found(name)) == 1]
        listed = sorted(clear, key=lambda name: (name.startswith("@"), name))[:_SHOWN]
        return (
            texts.text("choose one of: {listed}", listed=", ".join(listed))
            if listed
            else "there is no image with a name"
        )


def _indexed(pairs: Iterable[tuple[str, HeldImage[Image]]]) -> dict[str, tuple[HeldImage[Image], ...]]:
    found: dict[str, tuple[HeldImage[Image], ...]] = {}
    for text, image in pairs:
        found[text] = (*found.get(text, ()), image)
    return found


def completed(text: str) -> str | None:
    """Completes a name as Docker does: ``app`` is ``docker.io/library/app:latest``; None if it is not a reference."""
    if text.startswith("@"):
        return None
    try:
        return str(Reference.parse(text))
    except Misuse:
        return None
