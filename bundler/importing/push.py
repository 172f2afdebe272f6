"""The way of images into a registry, or into an OCI image layout: blobs, then manifests, then tags."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial

from bundler.bundle.reader import Bundle
from bundler.core import oci
from bundler.core.digest import Digest
from bundler.core.events import Moved, Noticed, PhaseBegan, PhaseEnded, nobody
from bundler.core.oci import Descriptor
from bundler.core.protocols import BlobSink, ImageSink
from bundler.core.reference import Reference
from bundler.errors import BundlerError, Interrupted, Unreachable
from bundler.importing.results import (
    ImageResult,
    Outcome,
    TargetResult,
    settle_again,
    settle_conflicts,
    step_aside,
)
from bundler.importing.target_check import TargetCheck
from bundler.importing.targets import ImportTarget, RegistryImportTarget
from bundler.run import Run, retrying
from bundler.texts import counted, text
from bundler.transfer import BlobCopy, Copied, Destination, ask_all, copy_blobs


@dataclass(frozen=True, slots=True)
class _Group:
    """Images that go into one repository."""

    sink: ImageSink
    images: list[ImageResult]


class Push:
    """The images of a bundle on their way to one target. To be called in the order of its methods."""

    def __init__(
        self,
        bundle: Bundle,
        import_target: ImportTarget,
        result: TargetResult,
        run: Run,
        *,
        is_dry_run: bool,
        is_verifying: bool = False,
        note_tags: Callable[[], None] = lambda: None,
    ) -> None:
        """Images on their way.

        Args:
            bundle: Where they are.
            import_target: Where they go.
            result: What becomes of them.
            run: The run that this is part of.
            is_dry_run: Only the plan is wanted.
            is_verifying: What they need is read back before a tag moves.
            note_tags: Called before a tag moves that stands for something else than it did when it was asked first.
        """
        self._bundle = bundle
        self._import_target = import_target
        self.result = result
        self._is_dry_run = is_dry_run
        self._run = run
        self._peer = str(result.target)
        self._is_prepared = False
        self._note_tags = note_tags
        self._check = TargetCheck(bundle, import_target, run, target=self._peer) if is_verifying else None
        result.re_read = self._check.counted if self._check else None
        self._lock = threading.Lock()

    def look(self) -> None:
        """Finds out what is there already, and what conflicts. Sends nothing.

        Raises:
            Refused: There are conflicts, and they were not allowed.
            Unavailable: The target does not answer.
        """
        self._import_target.check(each.name for each in self.result.open_images)
        for each in self.result.open_images:
            fault = self._import_target.fault(each.name)
            if fault is not None:
                each.fail(fault)
        usable = [each for each in self.result.open_images if not self._import_target.is_empty(each.name)]
        self._run.listener(PhaseBegan(text("asking {target}", target=self.result.target), len(usable), in_bytes=False))
        if usable:
            self._look_first(usable[0])
        self._note(ask_all(usable[1:], self._look_at, self._run))
        self._note(ask_all(step_aside(self.result.open_images), self._look_at, self._run))
        self._run.listener(PhaseEnded("asking"))
        settle_conflicts(self.result.open_images, is_dry_run=self._is_dry_run)
        self._open_what_lacks_something()

    def plan_only(self) -> None:
        """Finds out what would be made, whether it may be, and how many bytes would be sent."""
        if isinstance(self._import_target, RegistryImportTarget):
            self._look_ahead(self._import_target)
        blobs = self._bundle.manifest.blobs
        to_send: Counter[str] = Counter()

        def ask(question: tuple[int, Destination]) -> None:
            number, destination = question
            descriptor = blobs[number].descriptor
            first = destination.sinks[0]
            to_ask = [
                *([] if self._import_target.is_empty(names[first]) else [first]),
                *filter(None, [destination.holder]),
            ]
            subject = str(descriptor.digest)
            if not any(
                retrying(partial(sink.has_blob, descriptor), self._run, subject=subject, peer=self._peer)
                for sink in to_ask
            ):
                with self._lock:
                    to_send[names[first].repository] += descriptor.size_bytes

        names: dict[BlobSink, Reference] = {
            self._import_target.sink_for(each.name): each.name for each in self.result.open_images
        }
        wanted = self.wanted()
        errors = {question[0]: error for question, error in ask_all(list(wanted.items()), ask, self._run)}
        for each in self.result.open_images:
            for number in each.image.blobs:
                if number in errors:
                    each.fail(errors[number])
        self.result.bytes_sent += to_send.total()
        if isinstance(self._import_target, RegistryImportTarget) and self.result.plan is not None:
            self.result.plan.quotas = self._import_target.quotas(to_send)
        self.result.close(Outcome.WOULD_PUSH)

    def prepare(self) -> None:
        """Makes the target ready for the first blob."""
        images = self.result.open_images
        self._is_prepared = bool(images)
        self._expect_nothing_where_no_tag_is()
        if self._is_prepared:
            self._import_target.prepare(each.name for each in images)

    def wanted(self) -> dict[int, Destination]:
        """Who takes each blob that an open image needs: all repositories that need it."""
        sinks: dict[int, dict[int, ImageSink]] = {}
        for each in self.result.open_images:
            sink = self._import_target.sink_for(each.name)
            for number in each.image.blobs:
                sinks.setdefault(number, {})[id(sink)] = sink
        holders = self._holders(sinks) if sinks else {}
        return {
            number: Destination(tuple(destinations.values()), self._peer, holders.get(number))
            for number, destinations in sinks.items()
        }

    def _holders(self, wanted: Iterable[int]) -> dict[int, ImageSink]:
        """For the numbers of blobs, repositories that they can be mounted from.

        An image that is there with its tag has all its blobs; what an earlier import brought is likely still there.
        """
        holders: dict[int, ImageSink] = {}
        for each in self.result.images:
            if each.outcome is Outcome.PRESENT:
                sink = self._import_target.sink_for(each.name)
                for number in each.image.blobs:
                    holders.setdefault(number, sink)
        places, blobs = self._import_target.places(), self._bundle.manifest.blobs
        for number in wanted:
            name = places.get(str(blobs[number].descriptor.digest))
            if name is not None and number not in holders:
                holders[number] = self._import_target.sink_for(name)
        return holders

    def settle(self, copied: Copied) -> None:
        """Fails the images that lack a blob in their own repository; in others it may be there."""
        self.result.bytes_sent += copied.bytes_by_peer[self._peer]
        errors = {
            (copy.descriptor.digest, id(sink)): error
            for copy, error in copied.failed
            for destination in copy.destinations
            for sink in destination.sinks
        }
        if not errors:
            return
        blobs = self._bundle.manifest.blobs
        for each in self.result.open_images:
            sink = self._import_target.sink_for(each.name)
            for number in each.image.blobs:
                error = errors.get((blobs[number].descriptor.digest, id(sink)))
                if error is not None:
                    each.fail(error)

    def push_manifests(self) -> None:
        """Pushes the manifests of the images whose blobs are there. No tag moves."""
        self._step("pushing manifests", self._push_manifests)

    def read_back(self) -> None:
        """Reads back what the images need, where that was asked for; those that are not there whole get no tag."""
        if self._check is None:
            return
        lacking = []
        for each, faults in self._check.faults(self.result.open_images):
            final = [fault.error for fault in faults if not fault.is_mendable]
            if final:
                each.fail(final[0])
            else:
                lacking.append(each)
                self._send_again(each)
        for each, faults in self._check.faults([each for each in lacking if each.is_open]):
            each.fail(faults[0].error)

    def publish(self) -> None:
        """Moves the tags of the images that are there with all they need."""
        self._step("tagging", self._tag)

    def finish(self) -> None:
        """Completes the target, whatever has arrived. If that fails, nothing has arrived there for good."""
        if not self._is_prepared:
            return
        arrived = [each for each in self.result.images if each.outcome in (Outcome.PUSHED, Outcome.PRESENT)]
        try:
            self._import_target.finish(is_worth_keeping=bool(arrived))
        except BundlerError as error:
            for each in arrived:
                each.fail(error)

    def _expect_nothing_where_no_tag_is(self) -> None:
        sink_for = self._import_target.sink_for
        found = [each for each in self.result.images if each.replaced or each.outcome is Outcome.PRESENT]
        known = {id(sink_for(each.name)) for each in found}
        for each in self.result.open_images:
            if id(sink_for(each.name)) not in known:
                self._import_target.expect_nothing(each.name)

    def _look_ahead(self, import_target: RegistryImportTarget) -> None:
        self.result.plan, errors = import_target.look_ahead([each.name for each in self.result.open_images])
        for each in self.result.open_images:
            if each.name.repository in errors:
                each.fail(errors[each.name.repository])

    def _open_what_lacks_something(self) -> None:
        """Images whose tags are there already are sent again if something is missing that can be sent again."""
        if self._check is None:
            return
        present = [each for each in self.result.images if each.outcome is Outcome.PRESENT]
        for each, faults in self._check.faults(present):
            final = [fault.error for fault in faults if not fault.is_mendable]
            if final:
                each.fail(final[0])
                continue
            each.outcome = each.read_back = None
            told = counted(
                len(faults),
                "{name}: a blob is missing or damaged at the target; sent again",
                "{name}: {count} blobs are missing or damaged at the target; sent again",
                name=each.name,
            )
            self._run.listener(Noticed(told))

    def _look_first(self, each: ImageResult) -> None:
        """The first question goes alone: if the target does not answer, one error is enough."""
        try:
            self._look_at(each)
        except (Unreachable, Interrupted):
            raise
        except BundlerError as error:
            each.fail(error)

    def _look_at(self, each: ImageResult) -> None:
        sink = self._import_target.sink_for(each.name)
        name = self._import_target.tag_of(each.name) or str(each.image.root.digest)
        found = retrying(lambda: sink.find(name), self._run, subject=str(each.name), peer=self._peer)
        root = each.image.root
        if found is not None and found.digest == root.digest:
            if found.size_bytes in (0, root.size_bytes):  # of another length, it is sent again
                each.outcome, each.read_back = Outcome.PRESENT, found.digest
        elif found is not None:
            each.replaced = found.digest
        self._run.listener(Moved(1))

    def _step(self, title: str, work_on: Callable[[_Group], None]) -> None:
        """Works on the open images: side by side in different repositories, one after the other within one.

        docker-registry rewrites the link of a manifest that is pushed again; an index that is pushed in this moment
        finds its child missing. So nothing is pushed to a repository by two threads.
        """
        images = self.result.open_images
        if not self._is_prepared or not images:
            return
        groups: dict[int, _Group] = {}
        for each in images:
            sink = self._import_target.sink_for(each.name)
            groups.setdefault(id(sink), _Group(sink, [])).images.append(each)
        self._run.listener(PhaseBegan(title, len(images), in_bytes=False))
        ask_all(list(groups.values()), work_on, self._run)
        self._run.listener(PhaseEnded(title))

    def _push_manifests(self, group: _Group) -> None:
        pushed: dict[int, BundlerError | None] = {}
        for each in group.images:
            if self._is_over():
                return
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
            self._put_with_parts(sink, descriptor, sink.put_manifest, subject=str(each.name))
        except Interrupted:
            raise
        except BundlerError as error:
            return error
        return None

    def _send_again(self, each: ImageResult) -> None:
        """Sends what an image lacks after it was pushed as a whole."""
        sink, subject = self._import_target.sink_for(each.name), str(each.name)
        self._run.listener(
            Noticed(text("{subject}: the registry has lost parts of it meanwhile; sent again", subject=subject))
        )
        try:
            for number in each.image.manifests:
                descriptor = self._bundle.manifest.blobs[number].descriptor
                self._bring_parts(sink, descriptor, self._bundle.read_document(descriptor), subject=subject)
                self._put_with_parts(sink, descriptor, sink.put_manifest, subject=subject)
        except Interrupted:
            raise
        except BundlerError as error:
            each.fail(error)

    def _put_with_parts(
        self, sink: ImageSink, descriptor: Descriptor, put: Callable[[Descriptor, bytes], None], *, subject: str
    ) -> None:
        """Pushes a manifest. What it needs and the registry has lost meanwhile is sent again.

        A garbage collection takes what has no manifest, or no tag, yet; and while somebody else pushes the same image
        its parts may be missing for a moment.
        """
        content = self._bundle.read_document(descriptor)

        def attempt() -> None:
            try:
                put(descriptor, content)
            except BundlerError as error:
                if error.code == "parts-missing":
                    self._run.listener(
                        Noticed(
                            text("{subject}: the registry has lost parts of it meanwhile; sent again", subject=subject)
                        )
                    )
                    self._bring_parts(sink, descriptor, content, subject=subject)
                    error.retryable = True
                raise

        retrying(attempt, self._run, subject=subject, peer=self._peer)

    def _bring_parts(self, sink: ImageSink, parent: Descriptor, content: bytes, *, subject: str) -> None:
        """Sends what a manifest needs and a sink has not."""
        manifest = oci.parse_manifest(content, parent.media_type, what=subject)
        numbers = {blob.descriptor.digest: number for number, blob in enumerate(self._bundle.manifest.blobs)}
        for child in manifest.children:
            find = partial(sink.find, str(child.digest))
            if retrying(find, self._run, subject=subject, peer=self._peer) is None:
                listed = self._bundle.manifest.blobs[numbers[child.digest]].descriptor
                self._put_with_parts(sink, listed, sink.put_manifest, subject=subject)
        destination = Destination((sink,), self._peer)
        digests = dict.fromkeys(blob.digest for blob in manifest.blobs)
        copies = [copy_of(self._bundle, numbers[digest], (destination,)) for digest in digests]
        copied = copy_blobs(copies, replace(self._run, listener=nobody))
        with self._lock:
            self.result.bytes_sent += copied.bytes_by_peer[self._peer]
        for _, error in copied.failed:
            raise error

    def _tag(self, group: _Group) -> None:
        for each in group.images:
            if self._is_over():
                return
            try:
                if self._may_move(group.sink, each):
                    tag = self._import_target.tag_of(each.name)
                    if tag is not None:
                        move = partial(_tag, group.sink, tag)
                        self._put_with_parts(group.sink, each.image.root, move, subject=str(each.name))
                    each.read_back = self._read_back(group.sink, each, tag)
                    each.outcome = Outcome.PUSHED
            except Interrupted:
                raise
            except BundlerError as error:
                each.fail(error)
            self._run.listener(Moved(1))

    def _may_move(self, sink: ImageSink, each: ImageResult) -> bool:
        """Looks at a tag again right before it moves; whether it is still to move."""
        if self._import_target.tag_of(each.name) is None:
            return True

        def find() -> Digest | None:
            ask = partial(sink.find, self._import_target.tag_of(each.name) or "")
            found = retrying(ask, self._run, subject=str(each.name), peer=self._peer)
            return found.digest if found else None

        before = each.replaced
        is_moving = settle_again(each, find, ours=(each.image.root.digest,))
        if is_moving and each.replaced not in (None, before):
            self._note_tags()
        return is_moving

    def _read_back(self, sink: ImageSink, each: ImageResult, tag: str | None) -> Digest | None:
        """What the image's name stands for now. A tag was read back when it moved; a digest is asked for."""
        root = each.image.root.digest
        if tag is not None:
            return root
        find = partial(sink.find, str(root))
        found = retrying(find, self._run, subject=str(each.name), peer=self._peer)
        return found.digest if found else None

    def _is_over(self) -> bool:
        """Whether an image failed, and the run was to end then."""
        return self._run.is_fail_fast and self.result.has_failures

    def _note(self, failed: Iterable[tuple[ImageResult, BundlerError]]) -> None:
        for each, error in failed:
            each.fail(error)


def _tag(sink: ImageSink, name: str, root: Descriptor, content: bytes) -> None:
    sink.tag(root, content, name)


def copy_of(bundle: Bundle, number: int, destinations: tuple[Destination, ...], image: str = "") -> BlobCopy:
    """The copy of a blob of the bundle, for an image, to those who want it."""
    descriptor = bundle.manifest.blobs[number].descriptor
    return BlobCopy(descriptor, bundle, destinations, f"{descriptor.digest.short} ({bundle.where(descriptor)})", image)
