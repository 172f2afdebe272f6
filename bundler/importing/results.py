"""What became of each image at each target, as values: each stage of an import makes new ones."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

from bundler.bundle.findings import Finding
from bundler.bundle.litter import Litter
from bundler.bundle.reader import Bundle
from bundler.core.digest import Digest
from bundler.core.location import DAEMON
from bundler.core.manifest import Image
from bundler.core.policies import FAIL
from bundler.core.reference import Reference
from bundler.core.registry_kind import RegistryKind
from bundler.core.tag_template import digest_tag
from bundler.errors import BundlerError, worst_of_images


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


@dataclass(frozen=True, slots=True)
class ImageResult:
    """One image at one target, as far as the import has come.

    Attributes:
        image: The image.
        name: Its name there.
        on_conflict: The policy for its tag, if that is taken.
        outcome: What became of it; None while something is still to be done.
        replaced: The digest that its tag has there, or had before, if that is another one.
        beside: The name that was taken, if it got another one for that.
        read_back: The digest that its name has there, asked after the push.
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

    def failed(self, error: BundlerError) -> ImageResult:
        """Returns it with a failure; the first one counts."""
        return self if self.error is not None else replace(self, outcome=Outcome.FAILED, error=error)

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


@dataclass(frozen=True, slots=True)
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
    new_repositories: tuple[str, ...] = ()
    missing_projects: tuple[str, ...] = ()
    will_create_projects: bool = False
    admin_commands: tuple[str, ...] = ()
    quotas: tuple[Quota, ...] = ()
    asked: int = 0
    refused: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReadBack:
    """What was read back from a target and hashed: blobs (manifests too), their bytes, and how many are damaged."""

    blobs: int = 0
    size_bytes: int = 0
    damaged: int = 0


@dataclass(frozen=True, slots=True)
class TargetResult:
    """All images at one target, and the bytes that were (or would be) sent there.

    Attributes:
        target: The target, as the command line spells it.
        kind: registry, daemon or layout.
        images: What became of each.
        bytes_sent: Blobs that were sent.
        plan: What a dry run found out about a registry.
        re_read: What was read back of all that images need there; None if nothing was.
    """

    target: str
    kind: str
    images: tuple[ImageResult, ...]
    bytes_sent: int = 0
    plan: RegistryPlan | None = None
    re_read: ReadBack | None = None

    @property
    def is_daemon(self) -> bool:
        """Whether images are loaded into a Docker daemon."""
        return self.kind == DAEMON

    @property
    def open_images(self) -> tuple[ImageResult, ...]:
        """Those for which something is still to be done."""
        return tuple(each for each in self.images if each.is_open)

    @property
    def has_failures(self) -> bool:
        """Whether an image failed."""
        return any(each.outcome is Outcome.FAILED for each in self.images)

    def closed(self, outcome: Outcome) -> TargetResult:
        """Returns it with an outcome for all images that are still open."""
        return replace(
            self, images=tuple(replace(each, outcome=outcome) if each.is_open else each for each in self.images)
        )


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What an import did, or would do.

    Attributes:
        bundle: The bundle; closed.
        targets: What became of the images at each.
        findings: What is wrong with the bundle besides the blobs of the images.
        is_dry_run: Nothing was done.
        litter: What operating systems left in the bundle's folders.
        error: What ended it before its end, if something did.
        receipt: Where the receipt was written.
        failed_list: Where the list of what failed was written, if something did.
    """

    bundle: Bundle
    targets: tuple[TargetResult, ...] = ()
    findings: tuple[Finding, ...] = ()
    is_dry_run: bool = False
    litter: Litter | None = None
    error: BundlerError | None = None
    receipt: Path | None = None
    failed_list: Path | None = None

    @property
    def exit_code(self) -> int:
        """0 if every image is where it should be, else that of the worst finding."""
        if self.error is not None:
            return self.error.exit_code
        results = [result for target in self.targets for result in target.images]
        errors = [result.error for result in results if result.error] + [finding.error for finding in self.findings]
        # A conflict that a dry run finds would stop the whole import.
        done = (
            0 if self.is_dry_run else sum(result.outcome is not None and result.outcome.is_done for result in results)
        )
        return worst_of_images(errors, done=done)
