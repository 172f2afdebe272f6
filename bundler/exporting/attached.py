"""Attached: finds the attachments of an image, and of these attachments, when the image is resolved.

The source lists all that is attached to the manifests of the image. The chosen attachments are read and pinned by
digest, like the image. The others are counted, because no signature may be left out in silence. Lists are not trusted:
a referrer whose ``subject`` is another manifest is left out, and reported.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import field, replace
from typing import Protocol, TypeVar

from bundler.core.advice import problem
from bundler.core.attachment_choice import AttachmentChoice
from bundler.core.attachments import ATTESTATION, INDEX, WITHOUT_HINT, FoundAttachment, facts_of, too_many
from bundler.core.digest import Digest
from bundler.core.frozen import frozen, slotted
from bundler.core.journal import PinnedAttachment, PinnedAttachments
from bundler.core.limits import ATTACHMENT_DEPTH, ATTACHMENT_MANIFESTS_BYTES, ATTACHMENTS
from bundler.core.oci import Descriptor
from bundler.core.plan import ResolvedAttachment, ResolvedImage
from bundler.core.protocols import ImageSource
from bundler.errors import (
    AttachmentMissing,
    BundlerError,
    Damaged,
    Denied,
    Interrupted,
    NotFound,
    Refused,
    UnknownProject,
)
from bundler.graph import ReadBlob, follow
from bundler.texts import text

NOT_CHOSEN, NEW_INDEX, NOT_ASKED, GONE = "not-chosen", "new-index", "not-asked", "gone"
"""Why attachments are not carried: by the choice; because they belong to the source's index, and the bundle has a new
one; because the source does not say which there are, and none are wanted; because the source lists them and does not
give them."""

_REMARKS = 5
"""Remarks about one image: a source that lists wrong attachments lists many."""

Result = TypeVar("Result")


class Retry(Protocol):
    """Asks the source until it answers, or gives up."""

    def __call__(self, ask: Callable[[], Result], /) -> Result:
        """The answer."""


@frozen
class AttachmentSource:
    """The source of an image, for its attachments.

    Attributes:
        store: Lists the attachments and gives their manifests.
        read_blob: Reads a small blob of the store, verified.
        retry: Asks until there is an answer.
        is_lost: Returns True for an attachment whose manifests are there, and whose blobs are not.
    """

    store: ImageSource
    read_blob: ReadBlob
    retry: Retry
    is_lost: Callable[[ResolvedAttachment], bool] = lambda _: False


@frozen
class Attached:
    """The attachments of an image.

    Attributes:
        image: The image, with the attachments that the bundle carries.
        documents: The bytes of their manifests and configs, by digest.
        left: How many of each kind the bundle leaves out: reason, kind and number.
        remarks: Notices for people.
    """

    image: ResolvedImage
    documents: dict[Digest, bytes]
    left: tuple[tuple[str, str, int], ...] = ()
    remarks: tuple[str, ...] = ()


def with_attachments(
    image: ResolvedImage,
    source: AttachmentSource,
    choice: AttachmentChoice,
    *,
    made: Iterable[Digest] = (),
    cut_off: Iterable[Descriptor] = (),
    pinned: PinnedAttachments | None = None,
    skips_gone: bool = False,
) -> Attached:
    """Finds the attachments of an image.

    Args:
        image: The image, without attachments.
        source: Its source.
        choice: The attachments to carry.
        made: The digests of manifests that were made here: nothing is attached to them.
        cut_off: Attestations that only the source's index lists, which the bundle lacks. Those with a ``subject`` are
            carried as attachments.
        pinned: The attachments when the resumed export started; they are kept, and nothing else is looked for.
        skips_gone: True to go without attachments that are listed and cannot be read; else they are an error.

    Raises:
        Refused: There are too many attachments, they are nested too deeply, or one that is listed cannot be read.
        Damaged: A list, or a manifest, is not valid.
        Unavailable: The source does not answer.
    """
    search = _Search(image, source, choice, skips_gone)
    if pinned is not None:
        search.take_pinned(pinned.carried)
        return replace(search.result(), left=pinned.left)
    search.take_cut_off(cut_off)
    search.find({manifest.descriptor.digest for manifest in image.manifests} - set(made))
    if image.made_from is not None:
        search.count_lost(image.made_from)
    return search.result()


@slotted
class _Search:
    """The search for the attachments of one image. Used once, in one thread."""

    image: ResolvedImage
    source: AttachmentSource
    choice: AttachmentChoice
    skips_gone: bool = False
    _found: dict[tuple[Digest, Digest, str], ResolvedAttachment] = field(default_factory=dict)
    _tags: dict[str, Digest] = field(default_factory=dict)
    _documents: dict[Digest, bytes] = field(default_factory=dict)
    _size_bytes: int = 0
    _listings: int = 0
    """The number of attachments that the source has listed, also of those that are not carried."""
    _left: Counter[tuple[str, str]] = field(default_factory=Counter)
    _remarks: list[str] = field(default_factory=list)

    def result(self) -> Attached:
        """The result."""
        found = tuple(self._found.values())
        return Attached(
            replace(self.image, attachments=found) if found else self.image,
            self._documents,
            tuple((reason, kind, number) for (reason, kind), number in sorted(self._left.items())),
            tuple(self._remarks),
        )

    def find(self, subjects: Iterable[Digest]) -> None:
        """Finds what is attached to some manifests of the image, level by level: a subject before its attachments."""
        ordered = [each.descriptor.digest for each in self.image.manifests]
        wanted = set(subjects)
        taken = [each.root.digest for each in self._found.values()]
        # The root first: cosign signs it, and the first question shows whether the list of tags is complete.
        left = deque((digest, 1) for digest in (*reversed(ordered), *taken) if digest in wanted or digest in taken)
        seen = {*ordered, *taken}
        while left:
            subject, depth = left.popleft()
            listed = self._listed(subject)
            if listed and depth > ATTACHMENT_DEPTH:
                raise self._too_deep(listed[0])
            for attachment in self._chosen(subject, listed):
                below = [each.descriptor.digest for each in attachment.manifests]
                left += [(digest, depth + 1) for digest in below if digest not in seen]
                seen.update(below)

    def count_lost(self, index: Digest) -> None:
        """Counts what is attached to the index of the source, for which the bundle has another one."""
        for each in self._listed(index):
            self._left[NEW_INDEX, each.kind] += 1

    def take_cut_off(self, attestations: Iterable[Descriptor]) -> None:
        """Takes the attestations that only the source's index lists, if they name their subjects themselves."""
        for each in attestations:
            if each.attests is None or self.choice.is_none:
                self._left[NOT_CHOSEN, ATTESTATION] += 1
            else:
                self._take_attestation(each.attests, FoundAttachment(each.bare, INDEX, ATTESTATION))

    def _take_attestation(self, subject: Digest, found: FoundAttachment) -> None:
        try:
            _, stated = self._read(subject, found)
        except AttachmentMissing:
            # As in an index that is carried: some tools copy images without their attestations.
            self._remark(
                text(
                    "{what}: {digest} is listed, but the source does not have it; skipped",
                    what=self._name,
                    digest=found.name,
                )
            )
            return
        if stated == subject:
            self._take(subject, found)
        else:
            self._left[NEW_INDEX, ATTESTATION] += 1

    def take_pinned(self, pinned: Iterable[PinnedAttachment]) -> None:
        """Takes the attachments with which the export started."""
        for each in pinned:
            descriptor = Descriptor("", each.root, 0)
            self._take(each.subject, FoundAttachment(descriptor, each.found, "", tag=each.tag))

    def _listed(self, subject: Digest) -> Sequence[FoundAttachment]:
        """The attachments that the source lists, without manifests of the image itself."""
        try:
            listed = self.source.retry(lambda: self.source.store.attachments_of(subject))
        except Interrupted:
            raise
        except BundlerError:
            if not self.choice.is_none:
                raise
            self._left[NOT_ASKED, ""] += 1
            return ()
        self._listings += len(listed)
        if self._listings > ATTACHMENTS:
            raise too_many(self._name)
        own = {manifest.descriptor.digest for manifest in self.image.manifests}
        return [each for each in listed if each.descriptor is None or each.descriptor.digest not in own]

    def _chosen(self, subject: Digest, listed: Sequence[FoundAttachment]) -> list[ResolvedAttachment]:
        """The attachments of a manifest that are carried. Tags come first: Harbor lists them as referrers too."""
        if self.choice.is_none:
            self._left.update((NOT_CHOSEN, each.kind) for each in listed)
            return []
        taken = [self._take(subject, each) for each in sorted(listed, key=lambda each: not each.tag)]
        return [each for each in taken if each is not None]

    def _take(self, subject: Digest, found: FoundAttachment) -> ResolvedAttachment | None:
        """Reads an attachment and notes it; None if it is not carried."""
        try:
            attachment, stated = self._read(subject, found)
        except (AttachmentMissing, Damaged):
            if not self.skips_gone:
                raise
            self._left[GONE, found.kind] += 1
            return None
        digest = attachment.root.digest
        if digest == subject or any(digest == each.descriptor.digest for each in self.image.manifests):
            self._remark(
                text(
                    "{image}: the tag {tag} names the image itself, not an attachment", tag=found.tag, image=self._name
                )
            )
            return None
        if not attachment.tag and stated != subject:
            if not any(known[:2] == (subject, digest) for known in self._found):
                self._remark(
                    text(
                        "{image}: {digest} is listed as attached to {subject}, but names {stated}; it is not carried",
                        image=self._name,
                        digest=digest,
                        subject=subject,
                        stated=stated or text("no subject"),
                    )
                )
            return None
        if not self.choice.matches(attachment.kind, attachment.artifact_type):
            self._left[NOT_CHOSEN, attachment.kind] += 1
            return None
        key = (subject, digest, attachment.tag)
        if key in self._found:
            return None
        if self.source.is_lost(attachment):
            self._left[GONE, attachment.kind] += 1
            return None
        if attachment.tag and self._tags.setdefault(attachment.tag, digest) != digest:
            self._remark(text("{image}: two attachments have the tag {tag}", image=self._name, tag=attachment.tag))
            return None
        self._found[key] = attachment
        return attachment

    def _read(self, subject: Digest, found: FoundAttachment) -> tuple[ResolvedAttachment, Digest | None]:
        """An attachment with its manifests, and the subject that its manifest states."""
        what = f"{self._name}: {found.name}"
        store = self.source.store

        def ask() -> tuple[ResolvedAttachment, dict[Digest, bytes], Digest | None]:
            descriptor = found.descriptor or store.resolve(found.tag)
            graph = follow(descriptor.bare, (), store, self.source.read_blob, what=what)
            facts = facts_of(graph.documents[graph.root.digest], found.tag, what=what)
            attachment = ResolvedAttachment(
                subject, facts.kind, found.found, graph.manifests, facts.artifact_type, found.tag
            )
            return attachment, graph.documents, facts.subject

        try:
            attachment, documents, stated = self.source.retry(ask)
        except (NotFound, UnknownProject, Denied) as error:
            raise self._unreadable(found, error) from error
        self._size_bytes += sum(len(content) for digest, content in documents.items() if digest not in self._documents)
        if self._size_bytes > ATTACHMENT_MANIFESTS_BYTES:
            raise Refused(
                "the manifests of the attachments are too large",
                subject=self._name,
                expected=text("at most {size:,} bytes", size=ATTACHMENT_MANIFESTS_BYTES),
                actual="more",
                hint=WITHOUT_HINT,
            )
        self._documents.update(documents)
        return attachment, stated

    @property
    def _name(self) -> str:
        return str(self.image.reference)

    def _remark(self, words: str) -> None:
        if len(self._remarks) < _REMARKS:
            self._remarks.append(words)

    def _unreadable(self, found: FoundAttachment, error: BundlerError) -> BundlerError:
        # Not of the family of missing images: the image is there, and --skip-missing must not leave it out.
        return problem("attachment-missing", subject=f"{self._name} ({found.name})", said=str(error.message))

    def _too_deep(self, found: FoundAttachment) -> Refused:
        return Refused(
            "attachments of attachments are nested too deeply",
            subject=f"{self._name} ({found.name})",
            expected=text("at most {depth} levels", depth=ATTACHMENT_DEPTH),
            actual="more",
            hint=WITHOUT_HINT,
        )
