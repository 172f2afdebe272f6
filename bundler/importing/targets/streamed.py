"""Targets that take blobs in any order, then manifests, then tags: the common part of registries and layouts."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import ClassVar

from bundler.core.digest import Digest
from bundler.core.events import Moved, PhaseBegan, PhaseEnded
from bundler.core.frozen import frozen
from bundler.core.oci import Descriptor
from bundler.core.protocols import BlobSource, ImageSink, ImageSource
from bundler.core.reference import Reference
from bundler.errors import BundlerError, Damaged, Incomplete, Interrupted, Unreachable
from bundler.importing.conflicts import Settled, all_aside, settled, settled_again
from bundler.importing.leg import Ground, Leg, Progress, as_end
from bundler.importing.links import Links
from bundler.importing.read_back import Reader
from bundler.importing.results import ImageResult, Outcome, Quota, RegistryPlan
from bundler.importing.sharing import Sharing
from bundler.importing.targets.attachments import Attachments
from bundler.importing.targets.demand import Demand
from bundler.importing.targets.left_out import LeftOut
from bundler.importing.targets.lost_parts import open_lacking
from bundler.importing.targets.manifests import Manifests
from bundler.importing.targets.re_reading import mend_open, open_incomplete
from bundler.importing.targets.target import TagLog, Target
from bundler.run import retrying
from bundler.texts import text
from bundler.transfer import Copied, Destination, ask_all


@frozen
class Prospect:
    """The findings of a dry run about a target, before it asks for blobs.

    Attributes:
        ground: The projects and repositories that the target lacks.
        plan: The findings for the report; None if the target has none.
        errors: The errors of repositories that refuse a push.
    """

    ground: Ground
    plan: RegistryPlan | None
    errors: Mapping[str, BundlerError]


class StreamedTarget(Target):
    """A target that takes blobs in any order."""

    takes_whole_images: ClassVar[bool] = False
    is_read_back: ClassVar[bool] = True
    holds_attachments: ClassVar[bool] = True
    is_overwriting = False
    """True if a blob that is sent again replaces a damaged one."""
    tags_take_manifests = False
    """True if the request that moves a tag stores the manifest too, both or neither."""

    # The kinds of stores differ in these methods.

    @abstractmethod
    def sink_for(self, name: Reference, /) -> ImageSink:
        """The sink that takes an image of this name."""

    @abstractmethod
    def source_for(self, name: Reference, /) -> ImageSource:
        """The source that reads the content of the sink of this name."""

    @abstractmethod
    def links_for(self, name: Reference, /) -> Links:
        """The lists of attachments of the sink of this name."""

    @abstractmethod
    def attachment_tag(self, name: Reference, tag: str, /) -> str:
        """The name in the sink of an attachment that a tag attaches to an image of this name."""

    @abstractmethod
    def tag_of(self, name: Reference) -> str | None:
        """The tag of an image of this name in the sink; None if it is found by its digest only."""

    @abstractmethod
    def check(self, names: Iterable[Reference]) -> Ground:
        """Makes sure, without a change, that the target can take images of these names.

        Raises:
            BundlerError: It cannot.
        """

    @abstractmethod
    def make_ready(self, ground: Ground, names: Sequence[Reference], known: Iterable[Reference], /) -> None:
        """Prepares the target for images.

        Args:
            ground: The projects and repositories that it lacks.
            names: The names of the images that will be sent.
            known: The names of the images of which the target has a part.
        """

    @abstractmethod
    def complete_store(self, *, is_worth_keeping: bool) -> None:
        """Completes the target after the last image. If no image arrived, removes what it created."""

    def fault(self, _name: Reference, _ground: Ground, /) -> BundlerError | None:
        """The reason if the target cannot take an image of this name; None if it can."""
        return None

    def is_empty(self, _name: Reference, _ground: Ground, /) -> bool:
        """True if there can be nothing under this name, so that no request is needed."""
        return False

    def places(self) -> Mapping[str, Reference]:
        """The name of an image of an earlier import that probably has a blob, by the digest of the blob."""
        return {}

    def look_ahead(self, _names: Sequence[Reference], ground: Ground, /) -> Prospect:
        """Collects the findings before a push, by requests that only read."""
        return Prospect(ground, None, {})

    def quotas(self, _wanted_bytes: Counter[str], _ground: Ground, /) -> tuple[Quota, ...]:
        """The free space, for the bytes that would be sent to each repository."""
        return ()

    @property
    def tags_while_sending(self) -> bool:
        """False: no tag moves before all blobs were sent."""
        return False

    @property
    def _demand(self) -> Demand:
        return Demand(self._bundle, self, self._run)

    # Survey

    def survey(self, leg: Leg) -> Leg:
        """Requests the digest of each name there. Complete images are done."""
        progress, ground = Progress(leg), leg.ground
        reader = self._reader(leg)
        with progress.until_ended():
            ground = self.check(each.name for each in progress.open_images)
            for each in progress.open_images:
                fault = self.fault(each.name, ground)
                if fault is not None:
                    progress.fail(each, fault)
            self._ask_for_names(progress, ground)
            decided = settled(progress.open_images, is_dry_run=self._request.is_dry_run)
            progress.note_all(decided.images)
            decided = self._with_attachments(decided, progress, ground)
            if decided.error is not None:
                raise decided.error
            if reader is not None:
                open_incomplete(progress, reader, self._run.listener)
            elif self._request.is_asking_for_parts:
                open_lacking(progress, self._bundle, self, self._run)
        return progress.leg(ground=ground, reading=reader.reading if reader else None)

    def _with_attachments(self, decided: Settled, progress: Progress, ground: Ground) -> Settled:
        """Finds the attachments that are there; their conflicts end the run like those of tags."""
        attachments = self._attachments(progress)
        refused = attachments.survey(ground)
        if not self._request.is_dry_run:
            return replace(decided, refused=decided.refused + refused)
        attachments.fail_refused()
        return decided

    def _attachments(self, progress: Progress) -> Attachments:
        return Attachments(self._bundle, self, progress, self._run)

    def _ask_for_names(self, progress: Progress, ground: Ground) -> None:
        usable = [each for each in progress.open_images if not self.is_empty(each.name, ground)]
        look = partial(self._look_at, progress)
        self._run.listener(PhaseBegan(text("asking {target}", target=self.name), len(usable), in_bytes=False))
        if usable:
            self._look_first(progress, usable[0])
        for each, error in ask_all(usable[1:], look, self._run):
            progress.fail(each, error)
        moved = all_aside(progress.open_images)
        progress.note_all(moved)
        for each, error in ask_all(moved, look, self._run):
            progress.fail(each, error)
        self._run.listener(PhaseEnded("asking"))

    def _look_first(self, progress: Progress, each: ImageResult) -> None:
        """Sends the first request alone: if the target does not answer, one error is enough."""
        try:
            self._look_at(progress, each)
        except (Unreachable, Interrupted):
            raise
        except BundlerError as error:
            progress.fail(each, error)

    def _look_at(self, progress: Progress, each: ImageResult) -> None:
        root = each.image.root
        try:
            found = self._ask_name(each, self.tag_of(each.name) or str(root.digest))
            is_whole = found is not None and found.size_bytes in (0, root.size_bytes)
        except Damaged as error:  # an empty manifest, which a power cut or a fault of the registry leaves
            if error.expected != str(root.digest):
                raise
            found, is_whole = root, False
        if found is not None and found.digest == root.digest:
            done = replace(each, outcome=Outcome.PRESENT, read_back=found.digest)
            progress.note(done if is_whole else replace(each, is_incomplete=True))  # a damaged manifest is sent again
        elif found is not None:
            progress.note(replace(each, replaced=found.digest))
        self._run.listener(Moved(1))

    def _ask_name(self, each: ImageResult, name: str) -> Descriptor | None:
        find = partial(self.sink_for(each.name).find, name)
        return retrying(find, self._run, subject=str(each.name), peer=self.name)

    def _reader(self, leg: Leg) -> Reader | None:
        return Reader(self._bundle, self, self._run, leg.reading) if leg.reading is not None else None

    # Prove

    def prove(self, leg: Leg) -> Leg:
        """Asks for each blob that no bundle has: in the sinks that need it, then where statements say that it is."""
        search = LeftOut(self._bundle, self, self._run, leg)
        return search.proved()

    def has_left_out(self, descriptor: Descriptor, name: Reference, ground: Ground) -> bool:
        """True if the sink of a name has a blob."""
        if self.is_empty(name, ground):
            return False
        return retrying(partial(self.sink_for(name).has_blob, descriptor), self._run, subject=str(name), peer=self.name)

    def places_by_statement(self, _repositories: Iterable[str], /) -> Iterable[Reference]:
        """The names at the target of repositories that had a blob, by the statement that allowed to leave it out."""
        return ()

    def has_blobs(self, leg: Leg, numbers: Collection[int]) -> frozenset[int]:
        """Asks each sink for the blobs that its open images need. One that cannot be asked does not have them."""
        names: dict[int, dict[ImageSink, Reference]] = {}
        for each in leg.result.open_images:
            for number in set(each.missing_blobs).intersection(numbers):
                names.setdefault(number, {}).setdefault(self.sink_for(each.name), each.name)
        found: set[int] = set()
        blobs = self._bundle.manifest.blobs

        def ask(number: int) -> None:
            descriptor = blobs[number].descriptor
            if all(self.has_left_out(descriptor, name, leg.ground) for name in names[number].values()):
                found.add(number)
            self._run.listener(Moved(1))

        title = text("looking at {target} for what is there already", target=self.name)
        self._run.listener(PhaseBegan(title, len(names), in_bytes=False))
        ask_all(sorted(names), ask, self._run)
        self._run.listener(PhaseEnded("looking"))
        return frozenset(found)

    def needs(self, _leg: Leg, each: ImageResult, /) -> tuple[int, ...]:
        """The blobs of the image itself, or of the attachments that the target lacks."""
        return each.missing_blobs

    def expect_pause(self, _descriptor: Descriptor, /) -> None:
        """Does nothing: a file waits for its bytes."""

    def load(self, leg: Leg, _sharing: Sharing, /) -> Leg:
        """Changes nothing: its blobs come in any order."""
        return leg

    def source_at_target(self, leg: Leg, number: int) -> BlobSource | None:
        """The sink that has a blob, read: for a registry that does not mount it."""
        name = leg.holders.get(number)
        return self.source_for(name) if name is not None else None

    # Plan

    def plan(self, leg: Leg) -> Leg:
        """Finds out what would be created, if that is allowed, and how many bytes would be sent."""
        progress, prospect = Progress(leg), Prospect(leg.ground, None, {})
        to_send: Counter[str] = Counter()
        plan = None
        with progress.until_ended():
            prospect = self.look_ahead([each.name for each in progress.open_images], leg.ground)
            plan = prospect.plan
            for each in progress.open_images:
                if each.name.repository in prospect.errors:
                    progress.fail(each, prospect.errors[each.name.repository])
            to_send = self._demand.unsent(progress, prospect.ground)
            progress.note_sent(to_send.total())
            if plan is not None:
                plan = replace(plan, quotas=self.quotas(to_send, prospect.ground))
        planned = progress.leg(ground=prospect.ground)
        planned = replace(planned, result=replace(planned.result, plan=plan))
        return planned if planned.ended else planned.closed(Outcome.WOULD_PUSH)

    # Send

    def prepare(self, leg: Leg) -> Leg:
        """Prepares the store, if there is an image to send."""
        progress = Progress(leg)
        images = progress.open_images
        if not images:
            return leg
        known = [each.name for each in leg.result.images if each.replaced or each.outcome is Outcome.PRESENT]
        with progress.until_ended():
            self.make_ready(leg.ground, [each.name for each in images], known)
        return progress.leg(is_prepared=True)

    def wanted(self, leg: Leg) -> Mapping[int, Destination]:
        """All repositories whose open images need a blob."""
        return self._demand.destinations(leg)

    def settle(self, leg: Leg, copied: Copied) -> Leg:
        """Fails the images that lack a blob in their own repository; in others it may be there."""
        progress = Progress(leg)
        progress.note_sent(copied.bytes_by_peer[self.name])
        self._demand.fail_unserved(progress, copied)
        return progress.leg()

    def complete(self, leg: Leg) -> Leg:
        """Pushes the manifests; then reads back the blobs that images need, if the user asked for that."""
        progress, reader = Progress(leg), self._reader(leg)
        with progress.until_ended():
            manifests, attachments = self._manifests(progress), self._attachments(progress)
            self._step("pushing manifests", progress, partial(self._push, manifests, attachments))
            if reader is not None and not self._is_over(progress):
                mend_open(progress, reader, manifests, self.sink_for)
        return progress.leg(reading=reader.reading if reader else None)

    def _push(self, manifests: Manifests, attachments: Attachments, sink: ImageSink, each: ImageResult) -> None:
        if not each.is_whole:
            root_is_later = self._comes_with_its_tag(each)
            manifests.push(sink, each.image.manifests[: -1 if root_is_later else None], subject=str(each.name))
        attachments.push(manifests, sink, each)

    def _comes_with_its_tag(self, each: ImageResult) -> bool:
        """True if the root of an image is pushed once: under its tag, which is new, after all that the root needs.

        Else it is pushed by its digest before, and read back: a tag that is there must not lose its image to a registry
        that loses manifests; attachments refer to the root; a later stage asks for it; or no tag may move if the
        registry refuses an image. A registry would give a root of SHA-512 another digest.
        """
        waits = self._request.is_all_or_nothing or self._request.is_verifying_target or self._run.is_fail_fast
        is_new = each.replaced is None and not each.is_incomplete and self.tag_of(each.name) is not None
        is_usual = self.tags_take_manifests and each.image.root.digest.algorithm == "sha256"
        return is_usual and is_new and not waits and not each.open_attachments

    def _step(
        self,
        title: str,
        progress: Progress,
        work_on: Callable[[ImageSink, ImageResult], None],
        goes_first: Callable[[ImageResult], bool] = lambda _: True,
    ) -> None:
        """Works on the open images: different repositories in parallel, the images of one in sequence.

        docker-registry rewrites the link of a manifest that is pushed again. An index that is pushed at this moment
        fails, because its child is missing. So only one thread pushes to a repository. Images that do not go first wait
        for all that do.
        """
        images = progress.open_images
        if not images:
            return

        def work(group: tuple[ImageSink, list[ImageResult]]) -> None:
            sink, members = group
            for each in members:
                if self._is_over(progress):
                    return
                with progress.failing(each):
                    work_on(sink, each)
                self._run.listener(Moved(1))

        first: list[ImageResult] = []
        later: list[ImageResult] = []
        for each in images:
            (first if goes_first(each) else later).append(each)
        self._run.listener(PhaseBegan(title, len(images), in_bytes=False))
        for part in filter(None, (first, later)):
            ask_all(self._by_sink(part), work, self._run)
        self._run.listener(PhaseEnded(title))

    def _by_sink(self, images: Iterable[ImageResult]) -> list[tuple[ImageSink, list[ImageResult]]]:
        groups: dict[ImageSink, list[ImageResult]] = {}
        for each in images:
            groups.setdefault(self.sink_for(each.name), []).append(each)
        return list(groups.items())

    def _manifests(self, progress: Progress) -> Manifests:
        return Manifests(self._bundle, progress, self._run, peer=self.name)

    def _is_over(self, progress: Progress) -> bool:
        """True if an image failed and the run ends at the first failure."""
        return self._run.is_fail_fast and progress.has_failures

    def require(self, leg: Leg) -> Leg:
        """Requests every manifest of the open images, and of their open attachments."""
        progress = Progress(leg)
        seen: set[tuple[ImageSink, int]] = set()

        def look(sink: ImageSink, each: ImageResult) -> None:
            attached = (number for item in each.open_attachments for number in item.attachment.manifests)
            for number in (*each.image.manifests, *attached):
                digest = self._bundle.manifest.blobs[number].descriptor.digest
                if (sink, number) not in seen and self._ask_name(each, str(digest)) is None:
                    raise _not_sent(each, digest)
                seen.add((sink, number))

        with progress.until_ended():
            self._step("looking for what shards sent", progress, look)
        return progress.leg()

    # Publish

    def publish(self, leg: Leg, tags: TagLog) -> Leg:
        """Moves the tags, each after one more request for it.

        New tags that bring the roots of their images come first: a tag that is there moves when all images are there.
        """
        progress = Progress(leg)
        with progress.until_ended():
            manifests, attachments = self._manifests(progress), self._attachments(progress)

            def publish(sink: ImageSink, each: ImageResult) -> None:
                """No tag moves before the attachments of its image are listed."""
                self._tag(tags, progress, manifests, sink, attachments.publish(manifests, tags, sink, each))

            self._step("tagging", progress, publish, self._comes_with_its_tag)
            attachments.check_lists()
        return progress.leg()

    def _tag(self, tags: TagLog, progress: Progress, manifests: Manifests, sink: ImageSink, each: ImageResult) -> None:
        before, is_pushed, each = each.replaced, not self._comes_with_its_tag(each), self._looked_at_again(each)
        progress.note(each)
        if each.is_open and each.replaced not in (None, before):
            tags.moving(self.name, each)
        if not each.is_open:
            return
        if not is_pushed and each.replaced is not None:  # another user has pushed to the tag
            manifests.push(sink, each.image.manifests[-1:], subject=str(each.name))
        tag = self.tag_of(each.name)
        if tag is not None:
            manifests.tag(sink, each.image.root, tag, subject=str(each.name))
            read_back: Digest | None = each.image.root.digest  # a tag is read back when it moves
        else:
            found = self._ask_name(each, str(each.image.root.digest))
            read_back = found.digest if found else None
        progress.note(replace(each, read_back=read_back, outcome=Outcome.PUSHED))

    def _looked_at_again(self, each: ImageResult) -> ImageResult:
        """Requests a tag again right before it moves; the image stays open if its tag must still move."""
        if self.tag_of(each.name) is None:
            return each

        def find(named: ImageResult) -> Digest | None:
            found = self._ask_name(named, self.tag_of(named.name) or "")
            return found.digest if found else None

        return settled_again(each, find, ours=(each.image.root.digest,))

    def finish(self, leg: Leg) -> Leg:
        """Completes the store. If that fails, all its images fail: none of them is stored durably."""
        if not leg.is_prepared:
            return leg
        arrived = [each for each in leg.result.images if each.outcome in (Outcome.PUSHED, Outcome.PRESENT)]
        try:
            self.complete_store(is_worth_keeping=bool(arrived))
        except (Exception, KeyboardInterrupt) as error:
            progress = Progress(leg)
            for each in arrived:
                progress.fail(each, as_end(error))
            failed = progress.leg()
            return failed if isinstance(error, BundlerError) else replace(failed, ended=as_end(error))
        return leg


def _not_sent(each: ImageResult, digest: Digest) -> Incomplete:
    return Incomplete(
        text("the shards have not sent {digest}", digest=digest),
        subject=str(each.name),
        hint="run the shards that did not end with 0 again, then the same command",
    )
