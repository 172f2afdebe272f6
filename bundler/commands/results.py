"""What becomes of each image at each target, and the rule for tags that are taken."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from bundler.core.digest import Digest
from bundler.core.location import Target
from bundler.core.manifest import Image
from bundler.core.reference import Reference
from bundler.errors import BundlerError, Refused, Several

FAIL, SKIP, REPLACE = "fail", "skip", "replace"


class Outcome(str, Enum):
    """What became of an image at a target."""

    PUSHED = "pushed"
    LOADED = "loaded"
    PRESENT = "present"
    SKIPPED = "skipped"
    FAILED = "failed"
    WOULD_PUSH = "would push"
    WOULD_LOAD = "would load"


@dataclass(slots=True)
class ImageResult:
    """One image at one target.

    Attributes:
        image: The image.
        name: Its name there.
        outcome: What became of it; None while something is still to be done.
        replaced: What its tag stood for before, if for another image.
        there: Its digest there, if a daemon in between has made another one of it.
        error: Why it failed.
    """

    image: Image
    name: Reference
    outcome: Outcome | None = None
    replaced: Digest | None = None
    there: Digest | None = None
    error: BundlerError | None = None

    def fail(self, error: BundlerError) -> None:
        """Notes a failure; the first one counts."""
        if self.error is None:
            self.outcome, self.error = Outcome.FAILED, error

    @property
    def is_open(self) -> bool:
        """Whether something is still to be done for it."""
        return self.outcome is None


@dataclass(slots=True)
class TargetResult:
    """All images at one target, and the bytes that were (or would be) sent there."""

    target: Target
    images: list[ImageResult]
    bytes_sent: int = 0

    @property
    def open_images(self) -> list[ImageResult]:
        """Those for which something is still to be done."""
        return [each for each in self.images if each.is_open]


@dataclass(frozen=True, slots=True)
class Conflict:
    """How a taken tag is told: what it stands for, what it was to stand for, and what can be done."""

    message: str = "the tag stands for another image at the target"
    expected: Callable[[ImageResult], str] = lambda each: str(each.image.root.digest)
    hint: str = "keep what is there with --on-conflict skip, or move the tags with --on-conflict replace"

    def of(self, each: ImageResult) -> Refused:
        """The error for one image."""
        return Refused(
            self.message,
            subject=str(each.name),
            expected=self.expected(each),
            actual=str(each.replaced),
            hint=self.hint,
        )


def settle_conflicts(
    images: Sequence[ImageResult], on_conflict: str, *, is_dry_run: bool, conflict: Conflict = Conflict()
) -> None:
    """Decides what happens to images whose tags stand for something else.

    Args:
        images: Those that are still open; ``replaced`` says what their tags stand for.
        on_conflict: `FAIL`, `SKIP` or `REPLACE`.
        is_dry_run: Conflicts are told, and stop nothing.
        conflict: How they are told.

    Raises:
        Refused: There are conflicts, and they were not allowed; as `Several`.
    """
    taken = [each for each in images if each.replaced]
    if on_conflict == SKIP:
        for each in taken:
            each.outcome = Outcome.SKIPPED
    if on_conflict == FAIL and taken:
        errors = [conflict.of(each) for each in taken]
        if not is_dry_run:
            counted = "1 tag is taken" if len(taken) == 1 else f"{len(taken)} tags are taken"
            raise Several(
                f"{counted}; nothing was sent", [_without_hint(error) for error in errors], hint=conflict.hint
            )
        for each, error in zip(taken, errors, strict=True):
            each.fail(error)


def _without_hint(error: Refused) -> Refused:
    """The same error, for a list whose members share their hint."""
    error.hint = None
    return error
