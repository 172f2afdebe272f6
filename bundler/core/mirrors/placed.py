"""The rules by which the names of images at a mirror follow from their original names.

A mirror is set up for a registry or for a part of it, not for single images. So it can serve an image only if its name
follows by one rule from the original one: a prefix before every repository, or another path for one repository. Tags
and digests never change on the way.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.reference import Reference
from bundler.texts import text

OTHER_TAG = text("its tag is another one there")
OTHER_DIGEST = text("its digest is another one there, because platforms were chosen")
SEVERAL_PLACES = text("its repository is at several places there")

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


@frozen
class PlacedImage:
    """An image at a mirror: its original name, its name there, and its digest there."""

    reference: Reference
    name: Reference
    digest: Digest

    @property
    def fault(self) -> str | None:
        """The reason why no mirror can serve it under its original name; None if one can."""
        if self.reference.tag is not None and self.reference.tag != self.name.tag:
            return OTHER_TAG
        if self.reference.digest is not None and self.reference.digest != self.digest:
            return OTHER_DIGEST
        return None


@frozen
class NotMirrored:
    """An image that a kind of file cannot serve under its original name, and the reason."""

    image: PlacedImage
    reason: str


@frozen
class Moved:
    """A repository whose path at the mirror is not the prefix and its own path."""

    source: str
    target: str
    images: tuple[PlacedImage, ...]


@frozen
class Origin:
    """A registry whose images are at the mirror.

    Attributes:
        registry: Its host, with the port.
        prefix: The path at the mirror below which most of its repositories are; empty if their paths are the same
            there, None if there is no such repository.
        images: The images below the prefix.
        moved: The repositories that are elsewhere.
    """

    registry: str
    prefix: str | None
    images: tuple[PlacedImage, ...]
    moved: tuple[Moved, ...]

    @property
    def paths(self) -> Mapping[str, str]:
        """The path at the mirror of each repository, by its own path."""
        return {
            **{image.reference.repository: image.name.repository for image in self.images},
            **{each.source: each.target for each in self.moved},
        }

    def moved_out(self, reason: str) -> tuple[NotMirrored, ...]:
        """The images of repositories that are elsewhere, for files that know only a prefix."""
        return tuple(NotMirrored(image, reason) for each in self.moved for image in each.images)


@frozen
class Placement:
    """All images at a mirror.

    Attributes:
        images: All of them, in order.
        origins: Their registries, with the images that a mirror can serve, sorted.
        not_mirrored: The images that no mirror can serve.
    """

    images: tuple[PlacedImage, ...]
    origins: tuple[Origin, ...]
    not_mirrored: tuple[NotMirrored, ...]


def placement(images: Iterable[PlacedImage]) -> Placement:
    """Finds the rules by which the names of images at a mirror follow from their original names."""
    images = tuple(images)
    not_mirrored = [NotMirrored(image, fault) for image in images if (fault := image.fault)]
    origins = []
    for registry, members in sorted(_grouped(images, lambda image: image.reference.registry).items()):
        repositories = _grouped(
            (image for image in members if not image.fault), lambda image: image.reference.repository
        )
        kept: dict[str, tuple[PlacedImage, ...]] = {}
        for repository, its in sorted(repositories.items()):
            path = _most_common(image.name.repository for image in its)
            kept[repository] = tuple(image for image in its if image.name.repository == path)
            not_mirrored += [NotMirrored(image, SEVERAL_PLACES) for image in its if image.name.repository != path]
        if kept:
            origins.append(_origin(registry, kept))
    return Placement(images, tuple(origins), tuple(not_mirrored))


def _origin(registry: str, repositories: Mapping[str, Sequence[PlacedImage]]) -> Origin:
    prefixes = {repository: _prefix(repository, its[0].name.repository) for repository, its in repositories.items()}
    votes = (prefixes[repository] for repository, its in repositories.items() for _ in its)
    prefix = _most_common(vote for vote in votes if vote is not None)
    below = [each for repository, its in repositories.items() if prefixes[repository] == prefix for each in its]
    moved = tuple(
        Moved(repository, its[0].name.repository, tuple(its))
        for repository, its in repositories.items()
        if prefixes[repository] is None or prefixes[repository] != prefix
    )
    return Origin(registry, prefix, tuple(below) if prefix is not None else (), moved)


def _prefix(repository: str, path: str) -> str | None:
    """The path before a repository at the mirror; None if the repository has another path there."""
    if path == repository:
        return ""
    return path.removesuffix(f"/{repository}") if path.endswith(f"/{repository}") else None


def _most_common(values: Iterable[str]) -> str | None:
    """The most frequent text; of several the shortest, then the first by order; None if there is none."""
    counts = Counter(values)
    return min(counts, key=lambda value: (-counts[value], len(value), value), default=None)


def _grouped(values: Iterable[Value], key: Callable[[Value], Key]) -> dict[Key, list[Value]]:
    groups: defaultdict[Key, list[Value]] = defaultdict(list)
    for value in values:
        groups[key(value)].append(value)
    return dict(groups)
