"""The attachments in receipts: read back as written, refused when another import could not have written them, merged."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from bundler.core.joined_receipts import finishing, merged
from bundler.core.receipt import Receipt, parse_receipt
from bundler.core.receipt_attachments import ReceiptAttachment
from bundler.errors import Damaged
from tests.support.errors import raises
from tests.support.tables import each_case
from tests.unit.core.test_receipt import OLD, D, image, receipt
from tests.unit.values import digest

SUBJECT = digest("image")
TAG = f"sha256-{SUBJECT.encoded}.sig"
SBOM = ReceiptAttachment(D, str(digest("sbom")), "sbom", "pushed", "application/spdx+json", is_in_fallback=True)
SIGNATURE = ReceiptAttachment(D, str(digest("signature")), "signature", "pushed", tag=TAG, replaced=OLD)
FULL = receipt(image(attached=(SBOM, SIGNATURE)))


def attached(of: Receipt | None) -> tuple[ReceiptAttachment, ...]:
    assert of is not None
    return of.targets[0].images[0].attached


def test_they_are_read_back_as_they_were_written() -> None:
    assert parse_receipt(FULL.to_json(), what="receipt.json") == FULL
    assert "attached" not in json.loads(receipt(image()).to_json())["targets"][0]["images"][0]


HOSTILE: dict[str, dict[str, Any]] = {
    "the tag of an image": {"tag": "latest"},
    "the tag for another subject": {"tag": TAG.replace("a", "b")},
    "no digest": {"digest": "sha256:0"},
    "a subject that is no digest": {"subject": "../"},
    "an unknown outcome": {"outcome": "exploded"},
    "a text for a boolean": {"inFallbackIndex": "yes"},
    "a kind that is no text": {"kind": 7},
    "an earlier digest that is none": {"replaced": "latest"},
}


@each_case("changes", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_value_is_refused(changes: dict[str, Any]) -> None:
    document = json.loads(FULL.to_json())
    document["targets"][0]["images"][0]["attached"][1].update(changes)
    with raises(Damaged, subject="receipt.json"):
        parse_receipt(json.dumps(document).encode(), what="receipt.json")


PRESENT = tuple(replace(each, outcome="present", replaced=None, is_in_fallback=False) for each in (SBOM, SIGNATURE))
OPEN = tuple(replace(each, outcome="unfinished", is_in_fallback=False) for each in (SBOM, SIGNATURE))


def merge(
    earlier: tuple[ReceiptAttachment, ...], later: tuple[ReceiptAttachment, ...]
) -> tuple[ReceiptAttachment, ...]:
    first = receipt(image(attached=earlier))
    second = receipt(image(outcome="present", attached=later), started="2026-11-24T08:00:00Z")
    return attached(merged([first, second], ["a" * 64, "b" * 64]))


def test_the_push_that_brought_one_is_kept_when_receipts_are_merged() -> None:
    assert merge((SBOM, SIGNATURE), PRESENT) == (SBOM, SIGNATURE)
    assert merge((SBOM, SIGNATURE), OPEN) == (SBOM, SIGNATURE)
    assert merge(OPEN, (SBOM, SIGNATURE)) == (SBOM, SIGNATURE), "a later import brought them"
    assert merge((SBOM, SIGNATURE), ()) == (SBOM, SIGNATURE)
    assert merge((), PRESENT) == PRESENT


def test_the_earlier_digest_of_a_tag_that_a_killed_import_moved_is_kept() -> None:
    killed = receipt(image(outcome="unfinished", attached=OPEN))
    done = receipt(image(attached=PRESENT), started="2026-11-24T08:00:00Z")
    finished = attached(finishing(done, killed, "ab" * 32))
    assert finished == (PRESENT[0], replace(PRESENT[1], outcome="pushed", replaced=OLD))
    unmoved = receipt(image(outcome="unfinished", attached=(OPEN[0], replace(OPEN[1], replaced=None))))
    assert attached(finishing(done, unmoved, "ab" * 32)) == PRESENT
