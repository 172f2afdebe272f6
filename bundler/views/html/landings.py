"""Images at their targets as values, whether an import has just run, would run, or left a receipt."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from bundler.core.frozen import frozen
from bundler.views.import_report import OUTCOMES, outcome_of
from bundler.views.languages import hint_of, said, worded

if TYPE_CHECKING:
    from bundler.core.manifest import BundleManifest
    from bundler.core.receipt import Receipt, ReceiptImage, ReceiptTarget
    from bundler.importing.results import ImageResult, ImportResult, TargetResult

_BAD = frozenset({"failed", "conflict", "held back", "not tried", "unfinished"})
"""The outcomes of images that are not at their target."""


@frozen
class Landing:
    """One image at one target.

    Attributes:
        image: Its name in the bundle.
        name: Its name at the target.
        digest: The digest that its name has, or would have, there.
        outcome: One of `bundler.views.import_report.OUTCOMES`, or a word that this version does not know.
        size_bytes: The size of all that it needs.
        before: The digest that its tag had there before, if it had another one.
        remarks: Further facts: another digest there, another name.
        reason: The reason of a failure; empty without one.
        hint: The next step after a failure.
        attached: The kinds of its attachments at the target, by their outcomes.
    """

    image: str
    name: str
    digest: str
    outcome: str
    size_bytes: int = 0
    before: str = ""
    remarks: tuple[str, ...] = ()
    reason: str = ""
    hint: str = ""
    attached: tuple[tuple[str, str], ...] = ()

    @property
    def is_bad(self) -> bool:
        """True if the image is not at its target, and the user did not ask to skip it."""
        return self.outcome in _BAD

    @property
    def is_moved(self) -> bool:
        """True if its tag had another digest before."""
        return bool(self.before) and self.before != self.digest


@frozen
class Landed:
    """All images at one target.

    Attributes:
        target: The target.
        kind: ``registry``, ``daemon`` or ``layout``.
        bytes_sent: The bytes that were sent, or would be.
        images: The images.
        read_back: The blobs that were read back, their bytes, and how many of them are damaged; None if none were.
    """

    target: str
    kind: str
    bytes_sent: int
    images: tuple[Landing, ...]
    read_back: tuple[int, int, int] | None = None

    @property
    def counts(self) -> dict[str, int]:
        """The number of images with each outcome; those that need an action come first."""
        found = Counter(each.outcome for each in self.images)
        known = [outcome for outcome in OUTCOMES if outcome in found]
        return {outcome: found[outcome] for outcome in [*known, *(each for each in found if each not in OUTCOMES)]}


def landed_by(result: ImportResult) -> tuple[Landed, ...]:
    """The targets of an import or of its dry run."""
    return tuple(_target(target, result.bundle.manifest) for target in result.targets)


def landed_in(receipt: Receipt) -> tuple[Landed, ...]:
    """The targets in a receipt."""
    return tuple(map(_receipt_target, receipt.targets))


def _target(target: TargetResult, manifest: BundleManifest) -> Landed:
    back = target.re_read
    return Landed(
        target.target,
        target.kind,
        target.bytes_sent,
        tuple(_image(each, manifest) for each in target.images),
        (back.blobs, back.size_bytes, back.damaged) if back else None,
    )


def _image(each: ImageResult, manifest: BundleManifest) -> Landing:
    remarks = [
        said("({tag} has another image)", tag=each.taken_name.tag) if each.taken_name else "",
        said("(chosen from {digest})", digest=each.image.made_from.short) if each.image.made_from else "",
        said("(had no tag)") if each.has_digest_tag else "",
        said("(target has {digest})", digest=each.there.short) if each.there else "",
    ]
    return Landing(
        image=str(each.image.reference),
        name=str(each.name),
        digest=str(each.image.root.digest),
        outcome=outcome_of(each),
        size_bytes=manifest.size_of(each.image),
        before=str(each.replaced) if each.replaced else "",
        remarks=tuple(filter(None, remarks)),
        reason=worded(each.error) if each.error else "",
        hint=(hint_of(each.error) or "") if each.error else "",
        attached=tuple(
            (one.outcome.value if one.outcome else "unfinished", one.attachment.kind) for one in each.attached
        ),
    )


def _receipt_target(target: ReceiptTarget) -> Landed:
    back = target.re_read
    return Landed(
        target.target,
        target.kind,
        target.bytes_sent,
        tuple(map(_receipt_image, target.images)),
        (back.blobs, back.size_bytes, back.damaged) if back else None,
    )


def _receipt_image(image: ReceiptImage) -> Landing:
    is_other = image.read_back and image.read_back != image.digest
    remarks = [
        said("(target has {digest})", digest=image.read_back) if is_other else "",
        said("(in addition to {name})", name=image.taken_name) if image.taken_name else "",
    ]
    return Landing(
        image=image.reference,
        name=image.name,
        digest=image.digest,
        outcome=image.outcome,
        size_bytes=image.size_bytes,
        before=image.replaced or "",
        remarks=tuple(filter(None, remarks)),
        reason=image.reason or "",
        attached=tuple((one.outcome, one.kind) for one in image.attached),
    )
