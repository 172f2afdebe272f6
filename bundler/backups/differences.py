"""The differences between a bundle and a registry, tag by tag, as the survey of an import found them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum

from bundler.core.attachments import fallback_tag
from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.reference import Reference
from bundler.errors import BundlerError, UnknownProject
from bundler.importing.results import ImageResult, Outcome


class NameState(str, Enum):
    """The state of a name of the bundle at the registry."""

    MISSING = "missing"
    """There is nothing under this name."""
    SAME = "same"
    """The image is there, with all its parts and attachments."""
    INCOMPLETE = "incomplete"
    """The name is there, and the registry lacks a part of the image or an attachment."""
    MOVED = "moved"
    """The tag refers to another image."""
    UNKNOWN = "unknown"
    """The registry did not say."""


@frozen
class Difference:
    """A name of the bundle at the registry.

    Attributes:
        name: The name there.
        state: Its state.
        digest: The digest that the bundle has.
        there: The digest there; None if there is none, or it is not known.
        error: The error, if the registry refuses the image or did not say.
    """

    name: Reference
    state: NameState
    digest: Digest
    there: Digest | None = None
    error: BundlerError | None = None


def difference_of(each: ImageResult) -> Difference:
    """The state of an image at its target, after the survey of a dry run."""
    digest = each.image.root.digest
    if each.replaced is not None:
        return Difference(each.name, NameState.MOVED, digest, each.replaced)
    if each.outcome is Outcome.PRESENT:
        return Difference(each.name, NameState.SAME, digest, digest, each.error)
    if each.is_whole or each.is_incomplete:
        return Difference(each.name, NameState.INCOMPLETE, digest, digest, each.error)
    is_absent = each.error is None or isinstance(each.error, UnknownProject)
    return Difference(each.name, NameState.MISSING if is_absent else NameState.UNKNOWN, digest, None, each.error)


def extra_tags(there: Mapping[str, Iterable[str]], images: Iterable[ImageResult]) -> tuple[str, ...]:
    """The tags of a registry that the bundle does not have, as ``repository:tag``, sorted.

    Args:
        there: The tags of each repository of the registry.
        images: The images of the bundle, with their names there.
    """
    known: dict[str, set[str]] = {}
    for each in images:
        tags = known.setdefault(each.name.repository, set())
        if each.name.tag is not None:
            tags.add(each.name.tag)
        for item in each.image.attachments:
            tags.add(item.tag or fallback_tag(item.subject))
    return tuple(
        f"{repository}:{tag}"
        for repository in sorted(there)
        for tag in sorted(set(there[repository]) - known.get(repository, set()))
    )
