"""The results of an import as values: one for each image and target. Each stage of an import makes new ones."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from bundler.bundle.findings import Finding
from bundler.bundle.litter import Litter
from bundler.bundle.reader import Bundle
from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.location import DAEMON
from bundler.core.manifest import Image
from bundler.core.policies import FAIL
from bundler.core.preheat import Preheated
from bundler.core.reference import Reference
from bundler.core.registry_kind import RegistryKind
from bundler.core.shard import Shard
from bundler.core.tag_template import digest_tag
from bundler.errors import BundlerError, worst_of_images
from bundler.importing.attached import AttachmentResult

if TYPE_CHECKING:
    from bundler.core.policy import PolicyVerdict
    from bundler.core.scan import GateResult
    from bundler.importing.need_file import NeedResult


class Outcome(str, Enum):
    """The outcome of an image at a target."""

    PUSHED = "pushed"
    LOADED = "loaded"
    PRESENT = "present"
    SKIPPED = "skipped"
    FAILED = "failed"
    HELD = "held back"
    """Everything was sent, but its tag did not move: other images failed, and the run was all or nothing."""
    NOT_TRIED = "not tried"
    """The run ended before its turn came."""
    WOULD_PUSH = "would push"
    WOULD_LOAD = "would load"

    @property
    def is_done(self) -> bool:
        """True if the image is at the target, or was skipped as the user asked."""
        return self in (Outcome.PUSHED, Outcome.LOADED, Outcome.PRESENT, Outcome.SKIPPED)


@frozen
class ImageResult:
    """The result for one image at one target, so far.

    Attributes:
        image: The image.
        name: Its name there.
        on_conflict: The policy for its tag, if that is taken.
        outcome: The outcome; None while the image is not done.
        replaced: The digest that its tag has or had there, if it is another one.
        taken_name: Its first name, if that was taken and it got a suffixed tag.
        read_back: The digest that its name has there, requested after the push.
        there: Its digest there, if a daemon on the way changed the manifest.
        error: The error if it failed.
        attached: The results for its attachments, in the order of the bundle.
        is_whole: True if the image is complete under its name, and the target lacks only attachments.
        is_incomplete: True if its name refers to it there, and the target lacks a part of it.
    """

    image: Image
    name: Reference
    on_conflict: str = FAIL
    outcome: Outcome | None = None
    replaced: Digest | None = None
    taken_name: Reference | None = None
    read_back: Digest | None = None
    there: Digest | None = None
    error: BundlerError | None = None
    attached: tuple[AttachmentResult, ...] = ()
    is_whole: bool = False
    is_incomplete: bool = False

    def failed(self, error: BundlerError) -> ImageResult:
        """Returns it with a failure; the first one counts."""
        return self if self.error is not None else replace(self, outcome=Outcome.FAILED, error=error)

    @property
    def is_open(self) -> bool:
        """True if it is not done yet."""
        return self.outcome is None

    @property
    def open_attachments(self) -> tuple[AttachmentResult, ...]:
        """The attachments that are not done yet."""
        return tuple(each for each in self.attached if each.is_open)

    @property
    def missing_blobs(self) -> tuple[int, ...]:
        """The numbers of the configs and layers that the target must get, if it does not have them."""
        own = () if self.is_whole else self.image.blobs
        return _each_once(own, *(each.attachment.blobs for each in self.open_attachments))

    @property
    def blobs(self) -> tuple[int, ...]:
        """The numbers of all its configs and layers, with those of its attachments at the target."""
        return _each_once(self.image.blobs, *(each.attachment.blobs for each in self.attached if each.is_there))

    @property
    def manifests(self) -> tuple[int, ...]:
        """The numbers of all its manifests, with those of its attachments at the target."""
        attached = (each.attachment.manifests for each in self.attached if each.is_there)
        return _each_once(self.image.manifests, *attached)

    def with_attached(self, changed: Iterable[AttachmentResult]) -> ImageResult:
        """Returns it with new values of some attachments."""
        news = {each.key: each for each in changed}
        return replace(self, attached=tuple(news.get(each.key, each) for each in self.attached))

    def reopened(self) -> ImageResult:
        """Returns it as open with all its attachments, so that it is sent again: its name was found there."""
        attached = tuple(each.reopened() for each in self.attached)
        return replace(self, outcome=None, read_back=None, is_whole=False, is_incomplete=True, attached=attached)

    def closed(self, outcome: Outcome) -> ImageResult:
        """Returns it with an outcome, if it is open. The plan of a dry run closes its attachments too."""
        if not self.is_open:
            return self
        attached = tuple(each.closed() for each in self.attached) if outcome is Outcome.WOULD_PUSH else self.attached
        return replace(self, outcome=outcome, attached=attached)

    @property
    def has_digest_tag(self) -> bool:
        """True if its tag is made from its digest, because it had no tag."""
        return self.image.reference.tag is None and self.name.tag == digest_tag(self.image.root.digest)


def _each_once(*numbers: Iterable[int]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(itertools.chain(*numbers)))


@frozen
class Quota:
    """The free space of a project of a registry, in bytes, and the bytes that the run would add to it."""

    project: str
    free_bytes: int
    wanted_bytes: int


@frozen
class RegistryPlan:
    """The findings of a dry run about a registry.

    Attributes:
        kind: The kind of registry.
        new_repositories: The repositories that do not exist yet.
        missing_projects: The projects that do not exist yet, and must exist before a push.
        will_create_projects: True if the run would create them.
        admin_commands: The commands with which an administrator can create them.
        quotas: The quotas of the projects that have one.
        asked: The number of repositories for which the permission to push was checked.
        refused: The repositories that refused.
    """

    kind: RegistryKind
    new_repositories: tuple[str, ...] = ()
    missing_projects: tuple[str, ...] = ()
    will_create_projects: bool = False
    admin_commands: tuple[str, ...] = ()
    quotas: tuple[Quota, ...] = ()
    asked: int = 0
    refused: tuple[str, ...] = ()


@frozen
class ReadBack:
    """The number of blobs (with manifests) that were read back and hashed, their bytes, and the number of bad ones."""

    blobs: int = 0
    size_bytes: int = 0
    damaged: int = 0


@frozen
class TargetResult:
    """The results of all images at one target, and the bytes that were (or would be) sent there.

    Attributes:
        target: The target, as the command line spells it.
        kind: registry, daemon or layout.
        images: The result of each image.
        bytes_sent: The bytes of blobs that were sent.
        plan: The findings of a dry run about a registry.
        re_read: The figures of reading back; None if nothing was read back.
        lacking: The numbers of the blobs that the bundle leaves out, and that neither the target nor a bundle has.
    """

    target: str
    kind: str
    images: tuple[ImageResult, ...]
    bytes_sent: int = 0
    plan: RegistryPlan | None = None
    re_read: ReadBack | None = None
    lacking: frozenset[int] = frozenset()

    @property
    def is_daemon(self) -> bool:
        """True if images are loaded into a Docker daemon."""
        return self.kind == DAEMON

    @property
    def open_images(self) -> tuple[ImageResult, ...]:
        """The images that are not done yet."""
        return tuple(each for each in self.images if each.is_open)

    @property
    def has_failures(self) -> bool:
        """True if an image failed."""
        return any(each.outcome is Outcome.FAILED for each in self.images)

    def closed(self, outcome: Outcome) -> TargetResult:
        """Returns it with an outcome for all images that are still open."""
        return replace(self, images=tuple(each.closed(outcome) for each in self.images))


@frozen
class ImportResult:
    """The result of an import, or of a dry run.

    Attributes:
        bundle: The bundle, closed.
        targets: The results of the images at each target.
        findings: The faults of the bundle, without those of the images' blobs.
        verdicts: The verdicts of the policies on the chosen images.
        scans: The answers of the scan gate; empty if no scan is demanded.
        is_dry_run: True if nothing was sent.
        litter: The files that operating systems left in the bundle's folders.
        error: The error that ended the import early; None if there is none.
        receipt: The path of the receipt.
        failed_list: The path of the list of failed images; None if none failed.
        need: The need-list; None if none was asked for.
        overridden: The codes of the problems of the channel that ``--allow-rollback`` overrode.
        series_remarks: Facts about the channel that people should know.
        repairable: The missing and damaged chunks that the parity here may make again.
        preheats: The results of asking services that distribute images. They do not change the exit code.
        shard: The part of the images that the import was for; None for all.
    """

    bundle: Bundle
    targets: tuple[TargetResult, ...] = ()
    findings: tuple[Finding, ...] = ()
    verdicts: tuple[PolicyVerdict, ...] = ()
    scans: tuple[GateResult, ...] = ()
    is_dry_run: bool = False
    litter: Litter | None = None
    error: BundlerError | None = None
    receipt: Path | None = None
    failed_list: Path | None = None
    need: NeedResult | None = None
    overridden: tuple[str, ...] = ()
    series_remarks: tuple[str, ...] = ()
    repairable: frozenset[str] = frozenset()
    preheats: tuple[Preheated, ...] = ()
    shard: Shard | None = None

    @property
    def is_open(self) -> bool:
        """True if a target lacks an image, or an attachment of one."""
        images = (each for target in self.targets for each in target.images)
        return any(each.is_open or each.open_attachments for each in images)

    @property
    def is_waiting_for_publication(self) -> bool:
        """True if a shard has sent images whose tags ``--publish`` moves, and no image failed."""
        if self.shard is None or self.exit_code:
            return False
        return any(each.outcome is Outcome.HELD for target in self.targets for each in target.images)

    @property
    def exit_code(self) -> int:
        """0 if every image is at its target, else the exit code of the worst error."""
        if self.error is not None:
            return self.error.exit_code
        results = [result for target in self.targets for result in target.images]
        errors = [result.error for result in results if result.error] + [finding.error for finding in self.findings]
        # A conflict that a dry run finds would stop the whole import.
        done = (
            0 if self.is_dry_run else sum(result.outcome is not None and result.outcome.is_done for result in results)
        )
        return worst_of_images(errors, done=done)
