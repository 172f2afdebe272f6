"""Lines about attachments: how many of each kind a target has got, and the tags that had another manifest there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from bundler.texts import Text, joined, text
from bundler.views.languages import said, translated
from bundler.views.words import count, escaped, fact

if TYPE_CHECKING:
    from bundler.core.receipt_attachments import ReceiptAttachment
    from bundler.importing.results import ImageResult

_KINDS = {"signature": "signature", "sbom": "SBOM", "attestation": "attestation"}
"""The nouns of the kinds of attachments."""
_OTHER = "other attachment"
_UNFINISHED = "unfinished"
OUTCOMES = {
    _UNFINISHED: text("unfinished"),
    "pushed": text("pushed"),
    "would push": text("would push"),
    "present": text("present"),
    "kept": text("kept, with more signatures at the target"),
    "skipped": text("skipped"),
    "left out": text("left out"),
}
"""The outcomes of attachments, as people read them."""
_WITH_OTHER_TAG = frozenset({"kept", "skipped"})


def kind_words(kinds: Iterable[str]) -> Text:
    """The number of attachments of each kind."""
    nouns = Counter(_KINDS.get(kind, _OTHER) for kind in kinds)
    ordered = [noun for noun in (*_KINDS.values(), _OTHER) if nouns[noun]]
    return joined([count(nouns[noun], noun) for noun in ordered], ", ")


def attached_lines(images: Iterable[ImageResult]) -> list[str]:
    """The lines about the attachments of images at a target: totals, and tags that had another manifest."""
    images = tuple(images)
    lines = _total_lines(
        [
            (each.outcome.value if each.outcome else _UNFINISHED, each.attachment.kind)
            for image in images
            for each in image.attached
        ]
    )
    for image in images:
        for each in image.attached:
            outcome = each.outcome.value if each.outcome else _UNFINISHED
            if each.replaced is not None:
                name = escaped(f"{image.name.name}:{each.attachment.tag}")
                words = translated(OUTCOMES[outcome])
                has = outcome in _WITH_OTHER_TAG
                found = (
                    said("(target has {digest})", digest=each.replaced.short)
                    if has
                    else said("(was {digest})", digest=each.replaced.short)
                )
                lines.append(f"    {words}  {name}  {each.digest.short}  {found}")
    return lines


def attached_words(attached: Sequence[ReceiptAttachment]) -> list[str]:
    """The lines about the attachments in a receipt."""
    return _total_lines([(each.outcome, each.kind) for each in attached])


def _total_lines(found: Sequence[tuple[str, str]]) -> list[str]:
    """A line for each outcome, with the number of attachments of each kind; none if there are no attachments."""
    totals = attached_totals(found)
    return [f"  {fact(said('attached') if number == 0 else '', total)}" for number, total in enumerate(totals)]


def attached_totals(found: Sequence[tuple[str, str]]) -> list[str]:
    """The number of attachments of each kind, for each outcome that some of them have.

    Args:
        found: The outcome and the kind of each attachment.
    """
    return [
        said("{outcome}: {attachments}", outcome=words, attachments=kind_words(kinds))
        for outcome, words in OUTCOMES.items()
        if (kinds := [kind for each, kind in found if each == outcome])
    ]
