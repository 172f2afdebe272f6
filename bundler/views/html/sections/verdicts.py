"""The verdicts of policies on the signatures of images: the receiver's own, or the builder's as a remark."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from bundler.core.frozen import frozen
from bundler.core.policy.verdict import ACCEPTED
from bundler.texts import text
from bundler.views.html.elements import Element, element
from bundler.views.html.parts import BAD, GOOD, Column, Note, Section, code, mark, row, section, table
from bundler.views.policy_report import reason_words
from bundler.views.words import count

if TYPE_CHECKING:
    from bundler.core.manifest import BundleManifest
    from bundler.core.policy import PolicyVerdict
    from bundler.core.receipt import Receipt

_COLUMNS = (
    Column(text("image"), "whole"),
    Column(text("verdict")),
    Column(text("rule")),
    Column(text("signed by")),
    Column(text("why"), "whole"),
)


@frozen
class Judged:
    """A verdict of this run, of a builder or of a receipt.

    Attributes:
        image: The image.
        policy: The file of the policy, or its SHA-256.
        rule: The rule that decided.
        result: ``accepted``, ``refused``, or another word.
        signers: The keys or identities that signed.
        reason: The reason.
    """

    image: str
    policy: str
    rule: str
    result: str
    signers: tuple[str, ...]
    reason: str

    @property
    def is_accepted(self) -> bool:
        """True if the policy accepts the image."""
        return self.result == ACCEPTED


def own_verdicts(verdicts: Iterable[PolicyVerdict]) -> list[Judged]:
    """The verdicts of the policies of this run."""
    return [
        Judged(str(each.reference), each.source, each.rule, each.result, each.signers, reason_words(each))
        for each in verdicts
    ]


def builders_verdicts(manifest: BundleManifest) -> list[Judged]:
    """The verdicts that the builder wrote into the bundle."""
    return [
        Judged(
            str(image.reference),
            f"sha256:{each.policy[:12]}",
            each.rule,
            each.result,
            (each.signer,) if each.signer else (),
            each.reason,
        )
        for image in manifest.images
        for each in image.verdicts
    ]


def receipt_verdicts(receipt: Receipt) -> list[Judged]:
    """The verdicts in a receipt."""
    return [
        Judged(each.reference, f"sha256:{each.policy[:12]}", each.rule, each.result, each.signers, each.reason)
        for each in receipt.verdicts
    ]


def verdicts_section(verdicts: Sequence[Judged], *, is_remark: bool = False) -> Section | None:
    """A table of verdicts for each policy, refused images first; None without any.

    Args:
        verdicts: The verdicts.
        is_remark: True if the builder gave them: they prove nothing to the receiver.
    """
    if not verdicts:
        return None
    remark = text("The builder's policies decided this. It is a remark: bundler verify --policy judges by yours.")
    return section(
        text("Policy verdicts"),
        "policy",
        element("p", remark) if is_remark else None,
        (_of_policy(policy, verdicts) for policy in dict.fromkeys(each.policy for each in verdicts)),
    )


def verdict_notes(verdicts: Sequence[Judged]) -> Iterator[Note]:
    """A remark about images that a policy refuses."""
    refused = {each.image for each in verdicts if not each.is_accepted}
    if refused:
        yield Note(
            BAD, text("A policy refuses {images}", images=count(len(refused), "image")), text("See: Policy verdicts")
        )


def _of_policy(policy: str, verdicts: Sequence[Judged]) -> tuple[Element, Element]:
    own = sorted((each for each in verdicts if each.policy == policy), key=lambda each: each.is_accepted)
    accepted = sum(each.is_accepted for each in own)
    words = text("{accepted:,} accepted, {refused:,} refused", accepted=accepted, refused=len(own) - accepted)
    return element("h3", code(policy), " ", element("span", words, class_="soft")), table(_COLUMNS, map(_row, own))


def _row(each: Judged) -> Element:
    if each.is_accepted:
        verdict = element("span", text("accepted"), class_=GOOD)
    else:
        verdict = mark(text("REFUSED") if each.result == "refused" else each.result, BAD)
    signers = [element("div", signer) for signer in each.signers]
    return row(_COLUMNS, (element("bdi", each.image), verdict, each.rule, signers, each.reason))
