"""Attachments at a target: found in the survey; their manifests pushed with those of the image; listed before its tag.

They go into the repository of the image, unchanged. FORMAT.md, section 5.11.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Protocol, TypeVar

from bundler.bundle.reader import Bundle
from bundler.core.advice import problem
from bundler.core.digest import Digest
from bundler.core.fallback_index import Entry, entry_of, has_all_layers
from bundler.core.oci import Descriptor
from bundler.core.policies import REPLACE, SKIP
from bundler.core.protocols import ImageSink, ImageSource
from bundler.core.reference import Reference
from bundler.errors import BundlerError, ContentRefused, Damaged
from bundler.importing.attached import Attached, AttachmentResult
from bundler.importing.leg import Ground, Progress
from bundler.importing.links import Links
from bundler.importing.results import ImageResult, Outcome
from bundler.importing.targets.manifests import Manifests
from bundler.importing.targets.target import TagLog
from bundler.run import Run, retrying
from bundler.texts import text
from bundler.transfer import ask_all

Answer = TypeVar("Answer")

_KEEP_OR_REPLACE = (
    "keep the tag with --on-conflict skip, replace it with --on-conflict replace, or import no attachments with "
    "--attachments none"
)


class AttachingTarget(Protocol):
    """A target that holds attachments."""

    @property
    def name(self) -> str:
        """Its name, which is also the peer of its requests."""

    def sink_for(self, name: Reference) -> ImageSink:
        """The sink that takes an image of this name, and its attachments."""

    def source_for(self, name: Reference) -> ImageSource:
        """The source that reads the content of that sink."""

    def links_for(self, name: Reference) -> Links:
        """The lists of attachments of that sink."""

    def attachment_tag(self, name: Reference, tag: str) -> str:
        """The name in the sink of an attachment that a tag attaches to an image of this name."""

    def is_empty(self, name: Reference, ground: Ground) -> bool:
        """True if there can be nothing under this name, so that no request is needed."""


class Attachments:
    """The attachments of the images of one target. Local to a stage; each sink is used by one thread only."""

    def __init__(self, bundle: Bundle, target: AttachingTarget, progress: Progress, run: Run) -> None:
        self._bundle = bundle
        self._target = target
        self._progress = progress
        self._run = run
        self._listed: dict[tuple[ImageSink, Digest, Digest], bool] = {}
        """True for each attachment that this stage added to a list, by sink, subject and digest."""

    # Survey

    def survey(self, ground: Ground) -> tuple[BundlerError, ...]:
        """Finds the attachments that are there, and opens complete images that lack one.

        Returns:
            The conflicts: tags of attachments that refer to other manifests.

        Raises:
            Interrupted: The user stopped the run.
        """
        for each in self._progress.images:
            if each.outcome is Outcome.SKIPPED and each.open_attachments:
                self._progress.note(each.with_attached(item.skipped() for item in each.attached))
        asked = [
            each
            for each in self._progress.images
            if each.open_attachments
            and each.outcome in (None, Outcome.PRESENT)
            and not self._target.is_empty(each.name, ground)
        ]
        for each, error in ask_all(asked, self._look_at, self._run):
            self._progress.fail(each, error)
        found = list(map(self._progress.now, asked))
        for each in found:
            if each.outcome is Outcome.PRESENT and each.open_attachments:
                self._progress.note(replace(each, outcome=None, read_back=None, is_whole=True))
        return tuple(
            error for each in found if each.on_conflict not in (SKIP, REPLACE) for error in self._conflicts(each)
        )

    def fail_refused(self) -> None:
        """Fails the images with conflicts of attachments: a dry run plans the other images."""
        for each in self._progress.images:
            if each.is_open and each.on_conflict not in (SKIP, REPLACE):
                for error in self._conflicts(each)[:1]:
                    self._progress.fail(each, error)

    def _conflicts(self, each: ImageResult) -> list[BundlerError]:
        return [_conflict(each, item) for item in each.open_attachments if item.is_taken]

    def _look_at(self, each: ImageResult) -> None:
        looked: list[AttachmentResult] = []
        if each.outcome is Outcome.PRESENT:
            for subject, items in _by_subject(each.open_attachments).items():
                listed = self._target.links_for(each.name).listed(subject, [item.digest for item in items])
                looked += [replace(item, outcome=Attached.PRESENT) for item in items if item.digest in listed]
        for item in each.open_attachments:
            if item.attachment.tag:
                looked.append(self._tag_looked_at(each, item))
        self._progress.note(each.with_attached(looked))

    def _tag_looked_at(self, each: ImageResult, item: AttachmentResult) -> AttachmentResult:
        """Requests the tag of an attachment."""
        found = self._ask_tag(each, item)
        if found is None:
            return replace(item, replaced=None, is_extending=False)
        if found.digest == item.digest:
            return replace(item, outcome=Attached.PRESENT, replaced=None, is_extending=False)
        return self._compared(each, replace(item, replaced=found.digest, is_extending=False), found)

    def _compared(self, each: ImageResult, item: AttachmentResult, found: Descriptor) -> AttachmentResult:
        """Compares the layers of an attachment with those of the other manifest that its tag has."""
        source = self._target.source_for(each.name)
        theirs = self._ask(each, partial(source.read_manifest, found))
        ours = self._bundle.read_document(self._root(item))
        what = f"{each.name.name}@{found.digest}"
        try:
            if has_all_layers(theirs, ours, what=what):
                return replace(item, outcome=Attached.KEPT)
            item = replace(item, is_extending=has_all_layers(ours, theirs, what=what))
        except Damaged:
            pass  # then it is another one
        return replace(item, outcome=Attached.SKIPPED) if each.on_conflict == SKIP else item

    # Push

    def push(self, manifests: Manifests, sink: ImageSink, each: ImageResult) -> None:
        """Pushes the manifests of the open attachments of an image, by their digests, in the order of the bundle.

        Raises:
            BundlerError: The target refuses one, or cannot be reached.
        """
        for item in each.open_attachments:
            try:
                manifests.push(sink, item.attachment.manifests, subject=self._called(each, item))
            except ContentRefused as error:
                raise _refused(error, self._called(each, item), item) from error

    # Publish

    def publish(self, manifests: Manifests, tags: TagLog, sink: ImageSink, each: ImageResult) -> ImageResult:
        """Makes the target list the open attachments of an image; then moves their tags.

        Attachments of attachments come first: who finds an attachment finds all that is attached to it.

        Raises:
            BundlerError: The target does not list one, or a tag was moved during the import.
        """
        for subject, items in reversed(_by_subject(each.open_attachments).items()):
            each = each.with_attached(self._listed_now(sink, each, subject, items))
            self._progress.note(each)
        for item in each.open_attachments:
            each = self._with_tag(manifests, tags, sink, each, item)
            self._progress.note(each)
        return each

    def _listed_now(
        self, sink: ImageSink, each: ImageResult, subject: Digest, items: Sequence[AttachmentResult]
    ) -> list[AttachmentResult]:
        unknown = [item for item in items if (sink, subject, item.digest) not in self._listed]
        if unknown:
            added = self._target.links_for(each.name).add(subject, self._entries(each, unknown))
            self._listed.update({(sink, subject, item.digest): item.digest in added for item in unknown})
        return [
            replace(item, outcome=Attached.PUSHED, is_in_fallback=self._listed[sink, subject, item.digest])
            for item in items
        ]

    def check_lists(self) -> None:
        """Reads the lists again that this stage wrote, and adds what is lost: another client may have replaced one.

        Raises:
            Interrupted: The user stopped the run.
        """
        written = {(sink, subject) for (sink, subject, _), is_added in self._listed.items() if is_added}
        groups: dict[ImageSink, list[tuple[ImageResult, Digest, list[AttachmentResult]]]] = {}
        for each in self._progress.images if written else ():
            sink = self._target.sink_for(each.name)
            for subject, items in _by_subject(item for item in each.attached if item.is_in_fallback).items():
                if (sink, subject) in written:
                    groups.setdefault(sink, []).append((each, subject, items))
                    written.remove((sink, subject))
        links = [self._target.links_for(members[0][0].name) for members in groups.values()]
        seconds = max((each.settles_after_seconds for each in links), default=0.0)
        if seconds:
            self._run.cancellation.wait(seconds)
            ask_all(list(groups.values()), self._check_group, self._run)

    def _check_group(self, group: Sequence[tuple[ImageResult, Digest, Sequence[AttachmentResult]]]) -> None:
        for each, subject, items in group:
            with self._progress.failing(each):
                self._target.links_for(each.name).add(subject, self._entries(each, items))

    def _entries(self, each: ImageResult, items: Iterable[AttachmentResult]) -> dict[Digest, Entry]:
        """The entries of attachments in a list."""
        entries: dict[Digest, Entry] = {}
        for item in items:
            root = self._root(item)
            content = self._bundle.read_document(root)
            entries[item.digest] = entry_of(root, content, what=self._called(each, item))
        return entries

    def _with_tag(
        self, manifests: Manifests, tags: TagLog, sink: ImageSink, each: ImageResult, item: AttachmentResult
    ) -> ImageResult:
        """Moves the tag of an attachment, after one more request for it."""
        now = self._tag_looked_at(each, item)
        if now.is_open and now.replaced not in (None, item.replaced):
            if now.is_taken and each.on_conflict != REPLACE:
                raise _conflict(each, now).but(message=_MOVED_SINCE)
            tags.moving(self._target.name, each.with_attached([now]))
        if now.is_open:
            root, subject = self._root(item), self._called(each, item)
            try:
                manifests.tag(sink, root, self._target.attachment_tag(each.name, item.attachment.tag), subject=subject)
            except ContentRefused as error:
                raise _refused(error, subject, item) from error
            now = replace(now, outcome=Attached.PUSHED)
        return each.with_attached([now])

    # Requests

    def _ask_tag(self, each: ImageResult, item: AttachmentResult) -> Descriptor | None:
        name = self._target.attachment_tag(each.name, item.attachment.tag)
        return self._ask(each, partial(self._target.sink_for(each.name).find, name))

    def _ask(self, each: ImageResult, question: Callable[[], Answer]) -> Answer:
        return retrying(question, self._run, subject=str(each.name), peer=self._target.name)

    def _root(self, item: AttachmentResult) -> Descriptor:
        return self._bundle.manifest.blobs[item.attachment.manifests[-1]].descriptor

    def _called(self, each: ImageResult, item: AttachmentResult) -> str:
        return f"{each.name.name}@{item.digest}"


_MOVED_SINCE = text("the tag of an attachment was moved during the import, and points to another manifest now")


def _by_subject(items: Iterable[AttachmentResult]) -> dict[Digest, list[AttachmentResult]]:
    """The attachments that a target must list, by their subjects, in the order of the bundle."""
    found: dict[Digest, list[AttachmentResult]] = {}
    for item in items:
        if not item.attachment.tag:
            found.setdefault(item.attachment.subject, []).append(item)
    return found


def _conflict(each: ImageResult, item: AttachmentResult) -> BundlerError:
    error = problem(
        "tag-taken",
        subject=f"{each.name.name}:{item.attachment.tag}",
        expected=str(item.digest),
        actual=str(item.replaced),
    )
    return error.but(message="the tag of an attachment points to another manifest at the target", hint=_KEEP_OR_REPLACE)


def _refused(error: ContentRefused, subject: str, item: AttachmentResult) -> BundlerError:
    """The error for an attachment that a target refuses; the answer of the target is kept."""
    words = text("the registry refuses an attachment of the image ({kind})", kind=item.attachment.kind)
    return problem("attachment-refused", subject=subject, said=error.said or error.message).but(message=words)
