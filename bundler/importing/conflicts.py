"""The rule for taken tags: fail, skip, replace, or use a suffixed tag. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace

from bundler.core.advice import problem
from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.policies import REPLACE, SKIP, SUFFIX
from bundler.core.tag_template import suffixed
from bundler.errors import BundlerError, Several
from bundler.importing.results import ImageResult, Outcome
from bundler.texts import counted


@frozen
class Conflict:
    """The message for a taken tag: the expected digest or id, and the advice; that of ``tag-taken`` if it is empty."""

    message: str = "the tag points to another image at the target"
    expected: Callable[[ImageResult], str] = lambda each: str(each.image.root.digest)
    hint: str = ""

    def of(self, each: ImageResult) -> BundlerError:
        """The error for one image."""
        error = problem("tag-taken", subject=str(each.name), expected=self.expected(each), actual=str(each.replaced))
        return error.but(message=self.message, hint=self.hint or error.hint)


TAKEN = Conflict()

MOVED_SINCE = Conflict(
    "the tag was moved during the import, and points to another image now",
    hint="another user pushes to this tag: find out who, then run the same command again with --on-conflict skip, "
    "replace or suffix",
)
"""The message for a tag that was free, or pointed to another image, at the first request."""


@frozen
class Settled:
    """The images that the rule decides: skipped or failed. The other images stay open."""

    images: tuple[ImageResult, ...]
    refused: tuple[BundlerError, ...] = ()
    """The conflicts that end the run before anything is sent."""

    @property
    def error(self) -> Several | None:
        """The conflicts together; None if there are none."""
        if not self.refused:
            return None
        title = counted(
            len(self.refused),
            "{count} tag points to another image; nothing was sent",
            "{count} tags point to other images; nothing was sent",
        )
        # They share the hint.
        return Several(title, [error.but(hint=None) for error in self.refused], hint=self.refused[0].hint)


def aside(each: ImageResult) -> ImageResult | None:
    """Returns an image with a suffixed tag, if its own is taken and the policy says so; request the new tag next."""
    if not each.replaced or each.on_conflict != SUFFIX or each.taken_name is not None:
        return None
    tag = suffixed(each.name.tag or "latest", each.image.root.digest)
    return replace(each, taken_name=each.name, name=replace(each.name, tag=tag), replaced=None)


def all_aside(images: Iterable[ImageResult]) -> tuple[ImageResult, ...]:
    """The images that get suffixed tags, with their new names."""
    return tuple(moved for each in images if (moved := aside(each)) is not None)


def settled(images: Sequence[ImageResult], *, is_dry_run: bool, conflict: Conflict = TAKEN) -> Settled:
    """Decides about images whose tags point to other images.

    Args:
        images: The open images; ``replaced`` is the digest that a tag has now.
        is_dry_run: True if conflicts fail their images, and do not end the run.
        conflict: The message for a conflict.
    """
    taken = [each for each in images if each.replaced]
    skipped = tuple(replace(each, outcome=Outcome.SKIPPED) for each in taken if each.on_conflict == SKIP)
    # A suffixed tag contains the image's digest; if it points to another image, that is always a fault.
    refused = [each for each in taken if each.on_conflict not in (SKIP, REPLACE)]
    if not refused or is_dry_run:
        return Settled((*skipped, *(each.failed(conflict.of(each)) for each in refused)))
    return Settled(skipped, tuple(conflict.of(each) for each in refused))


def settled_again(
    each: ImageResult,
    find: Callable[[ImageResult], Digest | None],
    *,
    ours: Collection[Digest],
    conflict: Conflict = MOVED_SINCE,
) -> ImageResult:
    """Requests an image's tag again, right before it moves. The image stays open if its tag must move.

    The tag may have changed since the first request: then the same rule decides again, and ``replaced`` is the digest
    that the tag has now.

    Args:
        each: The image.
        find: Requests the digest that its name has there.
        ours: The digests for which there is nothing to do.
        conflict: The message for a conflict.
    """
    now = find(each)
    if now is not None and now in ours:
        return replace(each, outcome=Outcome.PRESENT, read_back=now, replaced=None)
    if now == each.replaced:
        return each
    changed = replace(each, replaced=now)
    moved = aside(changed)
    if moved is not None:
        return settled_again(moved, find, ours=ours, conflict=conflict)
    return next(iter(settled([changed], is_dry_run=True, conflict=conflict).images), changed)
