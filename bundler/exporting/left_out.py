"""Attachments that an export leaves out: counted by reason and kind, and reported once in a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from bundler.core.attachments import ATTESTATION, OTHER, SBOM, SIGNATURE
from bundler.core.events import Listener, Noticed
from bundler.core.frozen import frozen
from bundler.core.reference import Reference
from bundler.exporting.attached import GONE, NEW_INDEX, NOT_ASKED, NOT_CHOSEN
from bundler.texts import Text, joined, some, text

_KINDS = {
    SIGNATURE: text("signatures"),
    SBOM: text("SBOMs"),
    ATTESTATION: text("attestations"),
    OTHER: text("others"),
}


@frozen
class NotCarried:
    """Attachments of one image and kind that the bundle leaves out.

    Attributes:
        reference: The image.
        reason: ``not-chosen``, ``new-index``, ``not-asked`` or ``gone``; see `bundler.exporting.attached`.
        kind: Their kind; empty if the source does not say.
        count: How many there are; their own attachments are not counted.
    """

    reference: Reference
    reason: str
    kind: str
    count: int


def notice_left(left: Sequence[NotCarried], listener: Listener) -> None:
    """Reports what is left out: one notice for each reason."""
    for reason in (NOT_CHOSEN, NEW_INDEX, NOT_ASKED, GONE):
        found = [each for each in left if each.reason == reason]
        if found:
            listener(Noticed(_words(reason, found)))


def _words(reason: str, left: Iterable[NotCarried]) -> Text:
    left = tuple(left)
    images = some(dict.fromkeys(str(each.reference) for each in left))
    if reason == NOT_ASKED:
        return text("the source does not say which attachments these images have: {images}", images=images)
    counts: Counter[str] = Counter()
    for each in left:
        counts[each.kind] += each.count
    kinds = joined(
        [text("{kind}: {count:,}", kind=words, count=counts[kind]) for kind, words in _KINDS.items() if counts[kind]],
        ", ",
    )
    if reason == NEW_INDEX:
        return text(
            "not carried, because they are for the index of all platforms, and the bundle has only some: {kinds}; of "
            "{images}",
            kinds=kinds,
            images=images,
        )
    if reason == GONE:
        return text(
            "not carried, because the source lists them and does not give them: {kinds}; of {images}",
            kinds=kinds,
            images=images,
        )
    return text(
        "not carried, by the choice of attachments (--attachments): {kinds}; of {images}", kinds=kinds, images=images
    )
