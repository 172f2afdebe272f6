"""What becomes of each image at each target, and the rule for tags that are taken."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

from bundler.core.advice import ADVICE, problem
from bundler.core.digest import Digest
from bundler.core.location import DAEMON, Target
from bundler.core.manifest import Image
from bundler.core.policies import FAIL, REPLACE, SKIP, SUFFIX
from bundler.core.reference import Reference
from bundler.core.registry_kind import RegistryKind
from bundler.core.tag_template import digest_tag, suffixed
from bundler.errors import BundlerError, Several
from bundler.texts import counted


class Outcome(str, Enum):
    """What became of an image at a target."""

    PUSHED = "pushed"
    LOADED = "loaded"
    PRESENT = "present"
    SKIPPED = "skipped"
    FAILED = "failed"
    HELD = "held back"
    """Everything is there but its tag, because other images failed and the run was to be all or nothing."""
    NOT_TRIED = "not tried"
    """The run ended before its turn came."""
    WOULD_PUSH = "would push"
    WOULD_LOAD = "would load"

    @property
    def is_done(self) -> bool:
        """Whether the image is where it should be, or was left out as asked for."""
        return self in (Outcome.PUSHED, Outcome.LOADED, Outcome.PRESENT, Outcome.SKIPPED)


@dataclass(slots=True)
class ImageResult:
    """One image at one target.

    Attributes:
        image: The image.
        name: Its name there.
        on_conflict: What is to happen if its tag is taken.
        outcome: What became of it; None while something is still to be done.
        replaced: What its tag stood for before, if for another image.
        beside: The name that was taken, if it got another one for that.
        read_back: What its name stands for there, asked after the push.
        there: Its digest there, if a daemon in between has made another one of it.
        error: Why it failed.
    """

    image: Image
    name: Reference
    on_conflict: str = FAIL
    outcome: Outcome | None = None
    replaced: Digest | None = None
    beside: Reference | None = None
    read_back: Digest | None = None
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

    @property
    def has_digest_tag(self) -> bool:
        """Whether it got a tag that is made of its digest, because it has none of its own."""
        return self.image.reference.tag is None and self.name.tag == digest_tag(self.image.root.digest)


@dataclass(frozen=True, slots=True)
class Quota:
    """What a project of a registry may still take, in bytes, and what the run would add to it."""

    project: str
    free_bytes: int
    wanted_bytes: int


@dataclass(slots=True)
class RegistryPlan:
    """What a dry run found out about a registry.

    Attributes:
        kind: What kind of registry it is.
        new_repositories: Those that do not exist yet.
        missing_projects: Those that do not exist yet, and have to before anything is pushed.
        will_create_projects: Whether the run would create them.
        admin_commands: What an administrator would have to run for them otherwise.
        quotas: Of the projects that have one.
        asked: How many repositories were asked whether we may push.
        refused: Those that said no.
    """

    kind: RegistryKind
    new_repositories: list[str] = field(default_factory=list)
    missing_projects: list[str] = field(default_factory=list)
    will_create_projects: bool = False
    admin_commands: list[str] = field(default_factory=list)
    quotas: list[Quota] = field(default_factory=list)
    asked: int = 0
    refused: list[str] = field(default_factory=list)


@dataclass(slots=True)
class ReadBack:
    """What was read back from a target and hashed: blobs (manifests too), their bytes, and how many are damaged."""

    blobs: int = 0
    size_bytes: int = 0
    damaged: int = 0


@dataclass(slots=True)
class TargetResult:
    """All images at one target, and the bytes that were (or would be) sent there.

    Attributes:
        target: The target.
        images: What became of each.
        bytes_sent: Blobs that were sent.
        plan: What a dry run found out about a registry.
        re_read: What was read back of all that images need there; None if nothing was.
    """

    target: Target
    images: list[ImageResult]
    bytes_sent: int = 0
    plan: RegistryPlan | None = None
    re_read: ReadBack | None = None

    @property
    def is_daemon(self) -> bool:
        """Whether images are loaded into a Docker daemon."""
        return self.target.kind == DAEMON

    @property
    def open_images(self) -> list[ImageResult]:
        """Those for which something is still to be done."""
        return [each for each in self.images if each.is_open]

    @property
    def has_failures(self) -> bool:
        """Whether an image failed."""
        return any(each.outcome is Outcome.FAILED for each in self.images)

    def close(self, outcome: Outcome) -> None:
        """Gives all that are still open an outcome."""
        for each in self.open_images:
            each.outcome = outcome


@dataclass(frozen=True, slots=True)
class Conflict:
    """How a taken tag is told: what it stands for, what it was to stand for, and what can be done."""

    message: str = "the tag points to another image at the target"
    expected: Callable[[ImageResult], str] = lambda each: str(each.image.root.digest)
    hint: str = ADVICE["tag-taken"].next_step

    def of(self, each: ImageResult) -> BundlerError:
        """The error for one image."""
        error = problem("tag-taken", subject=str(each.name), expected=self.expected(each), actual=str(each.replaced))
        error.message, error.hint = self.message, self.hint
        return error


MOVED_MEANWHILE = Conflict(
    "the tag moved meanwhile, and stands for another image now",
    hint="somebody else is pushing there: find out who, then run the same command again with --on-conflict skip, "
    "replace or suffix",
)
"""How a tag is told that was free, or stood for something else, when it was asked first."""


def step_aside(images: Sequence[ImageResult]) -> list[ImageResult]:
    """Gives images whose tags are taken another one, where that was asked for; what it stands for is to be asked."""
    moved = [each for each in images if each.replaced and each.on_conflict == SUFFIX and each.beside is None]
    for each in moved:
        each.beside = each.name
        each.name = replace(each.name, tag=suffixed(each.name.tag or "latest", each.image.root.digest))
        each.replaced = None
    return moved


def settle_conflicts(images: Sequence[ImageResult], *, is_dry_run: bool, conflict: Conflict = Conflict()) -> None:
    """Decides what happens to images whose tags stand for something else.

    Args:
        images: Those that are still open; ``replaced`` says what their tags stand for.
        is_dry_run: Conflicts are told, and stop nothing.
        conflict: How they are told.

    Raises:
        Refused: There are conflicts, and they were not allowed; as `Several`.
    """
    taken = [each for each in images if each.replaced]
    for each in taken:
        if each.on_conflict == SKIP:
            each.outcome = Outcome.SKIPPED
    # A suffixed tag is the image's own; if even that stands for something else, nobody can have meant it.
    refused = [each for each in taken if each.on_conflict not in (SKIP, REPLACE)]
    if not refused:
        return
    errors = [conflict.of(each) for each in refused]
    if not is_dry_run:
        raise Several(
            counted(len(refused), "{count} tag is taken; nothing was sent", "{count} tags are taken; nothing was sent"),
            [_without_hint(error) for error in errors],
            hint=conflict.hint,
        )
    for each, error in zip(refused, errors, strict=True):
        each.fail(error)


def settle_again(
    each: ImageResult,
    find: Callable[[], Digest | None],
    *,
    ours: Collection[Digest],
    conflict: Conflict = MOVED_MEANWHILE,
) -> bool:
    """Looks at an image's tag once more, right before it moves; whether it is still to move.

    What the tag stands for now may be another thing than at the beginning: then the same rule decides as then, and
    ``replaced`` says what it stands for now.

    Args:
        each: The image.
        find: Asks what its name stands for.
        ours: What it may stand for so that nothing is to be done.
        conflict: How it is told.
    """
    now = find()
    if now is not None and now in ours:
        each.outcome, each.read_back, each.replaced = Outcome.PRESENT, now, None
        return False
    if now == each.replaced:
        return True
    each.replaced = now
    if step_aside([each]):
        return settle_again(each, find, ours=ours, conflict=conflict)
    settle_conflicts([each], is_dry_run=True, conflict=conflict)
    return each.is_open


def _without_hint(error: BundlerError) -> BundlerError:
    """The same error, for a list whose members share their hint."""
    error.hint = None
    return error
