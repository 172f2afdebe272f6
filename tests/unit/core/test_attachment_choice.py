"""The choice of attachments, as flags and lists spell it."""

from __future__ import annotations

from bundler.core.attachment_choice import ALL_ATTACHMENTS, AttachmentChoice
from bundler.core.attachments import ATTESTATION, KINDS, OTHER, SBOM, SIGNATURE
from bundler.errors import Misuse
from tests.support.errors import raises
from tests.support.tables import each_case

TYPE = "application/spdx+json"


@each_case(
    "parts, shown",
    [
        (["all"], "all"),
        (["NONE"], "none"),
        (["signatures", "sboms"], "sboms,signatures"),
        (["sboms, signatures", "sboms"], "sboms,signatures"),
        ([f"{TYPE},attestations"], f"{TYPE},attestations"),
    ],
)
def test_one_choice_has_one_spelling(parts, shown):
    choice = AttachmentChoice.parse(parts)
    assert str(choice) == shown
    assert AttachmentChoice.parse([str(choice)]) == choice
    assert choice.is_none == (shown == "none")


def test_the_default_is_all():
    assert AttachmentChoice.parse(["all"]) == ALL_ATTACHMENTS


@each_case(
    "parts",
    [[], [""], ["signature"], ["all,none"], ["none", "sboms"], ["all", "all,sboms"], ["a\n/b"], ["signatures,"]],
)
def test_what_is_no_choice_is_refused(parts):
    with raises(Misuse):
        AttachmentChoice.parse(parts)


@each_case(
    "part, kinds",
    [
        ("all", set(KINDS)),
        ("none", set()),
        ("signatures", {SIGNATURE}),
        ("sboms", {SBOM}),
        ("attestations", {ATTESTATION}),
        ("signatures,attestations", {SIGNATURE, ATTESTATION}),
    ],
)
def test_kinds_match(part, kinds):
    choice = AttachmentChoice.parse([part])
    assert {kind for kind in KINDS if choice.matches(kind, "a/b")} == kinds


def test_a_type_matches_whatever_its_kind_and_case():
    choice = AttachmentChoice.parse(["application/SPDX+json", "signatures"])
    assert choice.matches(OTHER, "Application/spdx+json")
    assert choice.matches(SIGNATURE, "")
    assert not choice.matches(OTHER, "")
