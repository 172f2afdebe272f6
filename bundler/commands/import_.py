"""``bundler import``: open → names → conflicts → blobs → manifests → tags, straight from the chunks.

One image's failure stops no other. Nothing is sent before the signature is trusted; no tag moves before everything it
needs is verified and there.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial
from pathlib import Path

from bundler.bundle.check import Finding, check_beside_blobs
from bundler.bundle.chunk import groups_of
from bundler.bundle.files import check_space
from bundler.bundle.reader import Bundle
from bundler.commands.open_bundle import LOCKED, Unlocking, open_trusted
from bundler.commands.open_stores import Destination, Stores, open_destination
from bundler.core import mapping, oci
from bundler.core.digest import Digest
from bundler.core.events import Moved, PhaseBegan, PhaseEnded
from bundler.core.location import Target
from bundler.core.manifest import Image
from bundler.core.protocols import ImageSink
from bundler.core.reference import Reference
from bundler.errors import (
    BundlerError,
    Damaged,
    Incomplete,
    Interrupted,
    LocalStorage,
    Refused,
    Several,
    Unreachable,
    worst,
    worst_of_images,
)
from bundler.stores.hosts import DEFAULT_NETWORK, NetworkOptions
from bundler.transfer import BlobCopy, Copied, Run, ask_all, copy_blobs, copy_groups, retrying

FAIL, SKIP, REPLACE = "fail", "skip", "replace"


class Outcome(str, Enum):
    """What became of an image at a target."""

    PUSHED = "pushed"
    PRESENT = "present"
    SKIPPED = "skipped"
    FAILED = "failed"
    WOULD_PUSH = "would push"


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """What ``bundler import`` was asked for."""

    paths: tuple[Path, ...]
    targets: tuple[Target, ...]
    trust: tuple[Path, ...] = ()
    is_without_signature: bool = False
    mapping: str = mapping.KEEP
    on_conflict: str = FAIL
    is_dry_run: bool = False
    unlocking: Unlocking = LOCKED
    network: NetworkOptions = DEFAULT_NETWORK


@dataclass(slots=True)
class ImageResult:
    """One image at one target: its name there, what became of it, and why."""

    image: Image
    name: Reference
    outcome: Outcome | None = None
    replaced: Digest | None = None
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


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What an import did, or would do."""

    bundle: Bundle
    targets: tuple[TargetResult, ...]
    findings: tuple[Finding, ...]
    """What is wrong with the bundle beside the blobs of the images."""
    is_dry_run: bool

    @property
    def exit_code(self) -> int:
        """0 if every image is where it should be, else that of the worst finding."""
        results = [result for target in self.targets for result in target.images]
        errors = [result.error for result in results if result.error] + [finding.error for finding in self.findings]
        # A conflict that a dry run finds would stop the whole import.
        done = 0 if self.is_dry_run else sum(result.outcome is not Outcome.FAILED for result in results)
        return worst_of_images(errors, done=done)


def import_(request: ImportRequest, run: Run) -> ImportResult:
    """Brings the images of a bundle to one or more targets.

    Raises:
        Misuse, Untrusted, Damaged, Incomplete: The bundle cannot be opened, or names collide; nothing was sent.
        Refused: Tags stand for other images at the target and ``on_conflict`` is ``fail``; nothing was sent.
        Unavailable: A target does not answer at all.
        Interrupted: The user stopped it.
    """
    locked = open_trusted(request.paths, request.trust, is_without_signature=request.is_without_signature)
    bundle = request.unlocking.unlocked(locked, run)
    try:
        return _import(bundle, request, run)
    finally:
        bundle.close()


def _import(bundle: Bundle, request: ImportRequest, run: Run) -> ImportResult:
    findings = tuple(check_beside_blobs(bundle))
    stores = Stores(request.network)
    imports = []
    for target in request.targets:
        names = mapping.target_names([image.reference for image in bundle.manifest.images], target, request.mapping)
        imports.append(_Import(bundle, target, open_destination(target, stores), names, request, run))
    for each in imports:
        each.look()
    for each in imports:
        each.plan_only() if request.is_dry_run else each.perform()
    return ImportResult(bundle, tuple(each.result for each in imports), findings, request.is_dry_run)


@dataclass(frozen=True, slots=True)
class _Group:
    """Images that go into one repository."""

    sink: ImageSink
    images: list[ImageResult]


class _Import:
    """The import into one target."""

    def __init__(
        self,
        bundle: Bundle,
        target: Target,
        destination: Destination,
        names: dict[Reference, Reference],
        request: ImportRequest,
        run: Run,
    ) -> None:
        self._bundle = bundle
        self._destination = destination
        self._on_conflict = request.on_conflict
        self._is_dry_run = request.is_dry_run
        self._run = run
        self._peer = str(target)
        self._lock = threading.Lock()
        images = [ImageResult(image, names[image.reference]) for image in bundle.manifest.images]
        self.result = TargetResult(target, images)

    def look(self) -> None:
        """Finds out what is there already, and what conflicts. Sends nothing.

        Raises:
            Refused: There are conflicts, and they were not allowed.
            Unavailable: The target does not answer.
        """
        for each in self.result.images:
            problems = self._bundle.problems_of(each.image)
            if problems:
                code = worst(problems)
                each.fail(next(problem for problem in problems if problem.exit_code == code))
        self._destination.check()
        usable = self._open()
        self._run.listener(PhaseBegan(f"asking {self.result.target}", len(usable), in_bytes=False))
        if usable:
            self._look_first(usable[0])
        self._note(ask_all(usable[1:], self._look_at, self._run))
        self._run.listener(PhaseEnded("asking"))
        conflicts = [each for each in self._open() if each.replaced]
        if self._on_conflict == FAIL:
            for each in conflicts:
                each.fail(_conflict(each))
            if conflicts and not self._is_dry_run:
                raise _conflicts(conflicts)
        if self._on_conflict == SKIP:
            for each in conflicts:
                each.outcome = Outcome.SKIPPED

    def plan_only(self) -> None:
        """Finds out how many bytes would be sent."""
        copies = self._copies()

        def ask(copy: BlobCopy) -> None:
            if not retrying(
                lambda: copy.sinks[0].has_blob(copy.descriptor), self._run, subject=copy.label, peer=self._peer
            ):
                with self._lock:
                    self.result.bytes_sent += copy.descriptor.size_bytes

        self._fail_images(ask_all(copies, ask, self._run))
        for each in self._open():
            each.outcome = Outcome.WOULD_PUSH

    def perform(self) -> None:
        """Sends blobs, then manifests, then tags."""
        for each in self._open():
            self._check_graph(each)
        if not self._open():
            return
        self._destination.prepare()
        copies = self._copies()
        total = sum(copy.descriptor.size_bytes for copy in copies)
        self._run.listener(PhaseBegan(f"sending to {self.result.target}", total, in_bytes=True))
        copied = self._copy(copies)
        self.result.bytes_sent = copied.bytes_copied
        self._fail_images(copied.failed)
        self._run.listener(PhaseEnded("sending"))
        self._step("pushing manifests", self._push_manifests)
        self._step("tagging", self._tag)
        for each in self._open():
            each.outcome = Outcome.PUSHED
        arrived = any(each.outcome is Outcome.PUSHED for each in self.result.images)
        self._destination.finish(is_worth_keeping=arrived)

    def _open(self) -> list[ImageResult]:
        return [each for each in self.result.images if each.is_open]

    def _look_first(self, each: ImageResult) -> None:
        """The first question goes alone: if the target does not answer, one error is enough."""
        try:
            self._look_at(each)
        except (Unreachable, Interrupted):
            raise
        except BundlerError as error:
            each.fail(error)

    def _look_at(self, each: ImageResult) -> None:
        sink = self._destination.sink_for(each.name)
        name = self._destination.tag_of(each.name) or str(each.image.root.digest)
        found = retrying(lambda: sink.find(name), self._run, subject=str(each.name), peer=self._peer)
        if found is not None and found.digest == each.image.root.digest:
            each.outcome = Outcome.PRESENT
        elif found is not None:
            each.replaced = found.digest
        self._run.listener(Moved(1))

    def _check_graph(self, each: ImageResult) -> None:
        """Makes sure, before anything is sent, that the bundle lists all that the image's manifests need."""
        blobs = self._bundle.manifest.blobs
        listed = {blobs[number].descriptor.digest: blobs[number].descriptor.size_bytes for number in each.image.needs}
        try:
            for number in each.image.manifests:
                descriptor = blobs[number].descriptor
                content = self._bundle.read_document(descriptor)
                manifest = oci.parse_manifest(content, descriptor.media_type, what=str(each.image.reference))
                for needed in (*manifest.children, *manifest.blobs):
                    if listed.get(needed.digest) != needed.size_bytes:
                        raise Damaged("the bundle does not list what a manifest needs", subject=str(needed.digest))
        except (Damaged, Refused, Incomplete, LocalStorage) as error:
            each.fail(error)

    def _copies(self) -> list[BlobCopy]:
        """One copy for each blob that an open image needs, to all repositories that need it, large ones first."""
        sinks: dict[int, dict[int, ImageSink]] = {}
        for each in self._open():
            sink = self._destination.sink_for(each.name)
            for number in each.image.blobs:
                sinks.setdefault(number, {})[id(sink)] = sink
        copies = []
        for number, takers in sinks.items():
            descriptor = self._bundle.manifest.blobs[number].descriptor
            label = f"{descriptor.digest.short} ({self._bundle.where(descriptor)})"
            copies.append(BlobCopy(descriptor, self._bundle, tuple(takers.values()), label, self._peer))
        return sorted(copies, key=lambda copy: -copy.descriptor.size_bytes)

    def _copy(self, copies: list[BlobCopy]) -> Copied:
        """Copies in the order that suits the bundle: that of the chunks where these are decrypted one by one."""
        if not self._bundle.is_encrypted:
            return copy_blobs(copies, self._run)
        assert self._bundle.decrypted is not None
        scratch = self._bundle.decrypted.scratch
        check_space(scratch.folder, self._bundle.scratch_bytes, hint="choose another folder with --scratch DIR")
        group_of = {chunk: n for n, chunks in enumerate(groups_of(self._bundle.manifest)) for chunk in chunks}
        groups: dict[int, list[BlobCopy]] = {}
        for place, copy in sorted(((self._bundle.place(c.descriptor), c) for c in copies), key=lambda pair: pair[0]):
            groups.setdefault(group_of[place[0]], []).append(copy)
        return copy_groups(groups.values(), self._run)

    def _step(self, title: str, work_on: Callable[[_Group], None]) -> None:
        """Works on the open images: side by side in different repositories, one after the other within one.

        docker-registry rewrites the link of a manifest that is pushed again; an index that is pushed in this moment
        finds its child missing. So nothing is pushed to a repository by two threads.
        """
        images = self._open()
        groups: dict[int, _Group] = {}
        for each in images:
            sink = self._destination.sink_for(each.name)
            groups.setdefault(id(sink), _Group(sink, [])).images.append(each)
        self._run.listener(PhaseBegan(title, len(images), in_bytes=False))
        ask_all(list(groups.values()), work_on, self._run)
        self._run.listener(PhaseEnded(title))

    def _push_manifests(self, group: _Group) -> None:
        pushed: dict[int, BundlerError | None] = {}
        for each in group.images:
            for number in each.image.manifests:
                if number not in pushed:
                    pushed[number] = self._push_manifest(group.sink, number, each)
                error = pushed[number]
                if error is not None:
                    each.fail(error)
                    break
            self._run.listener(Moved(1))

    def _push_manifest(self, sink: ImageSink, number: int, each: ImageResult) -> BundlerError | None:
        descriptor = self._bundle.manifest.blobs[number].descriptor
        try:
            content = self._bundle.read_document(descriptor)
            retrying(
                partial(sink.put_manifest, descriptor, content), self._run, subject=str(each.name), peer=self._peer
            )
        except Interrupted:
            raise
        except BundlerError as error:
            return error
        return None

    def _tag(self, group: _Group) -> None:
        for each in group.images:
            tag = self._destination.tag_of(each.name)
            try:
                if tag is not None:
                    content = self._bundle.read_document(each.image.root)
                    move = partial(group.sink.tag, each.image.root, content, tag)
                    retrying(move, self._run, subject=str(each.name), peer=self._peer)
            except Interrupted:
                raise
            except BundlerError as error:
                each.fail(error)
            self._run.listener(Moved(1))

    def _note(self, failed: Iterable[tuple[ImageResult, BundlerError]]) -> None:
        for each, error in failed:
            each.fail(error)

    def _fail_images(self, failed: Sequence[tuple[BlobCopy, BundlerError]]) -> None:
        """Fails the images that lack a blob in their own repository; in others it may be there."""
        errors = {(copy.descriptor.digest, id(sink)): error for copy, error in failed for sink in copy.sinks}
        blobs = self._bundle.manifest.blobs
        for each in self._open():
            sink = self._destination.sink_for(each.name)
            for number in each.image.blobs:
                error = errors.get((blobs[number].descriptor.digest, id(sink)))
                if error is not None:
                    each.fail(error)


def _conflict(each: ImageResult) -> BundlerError:
    return Refused(
        "the tag stands for another image at the target",
        subject=str(each.name),
        expected=str(each.image.root.digest),
        actual=str(each.replaced),
    )


def _conflicts(conflicts: list[ImageResult]) -> BundlerError:
    taken = "1 tag is taken" if len(conflicts) == 1 else f"{len(conflicts)} tags are taken"
    return Several(
        f"{taken}; nothing was sent",
        [_conflict(each) for each in conflicts],
        hint="keep what is there with --on-conflict skip, or move the tags with --on-conflict replace",
    )
