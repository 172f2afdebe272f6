"""A check looks for what an import put at a registry, under the names that it gave, and for nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bundler.core.receipt import Receipt, ReceiptImage, ReceiptTarget
from bundler.core.receipt_attachments import ReceiptAttachment
from bundler.core.selection import Selection
from bundler.errors import Damaged, Misuse
from bundler.run import Run
from bundler.standing.check_request import CheckRequest
from bundler.standing.wanted import Wanted, wanted_by_receipt
from bundler.transports.parsing import parse_target
from tests.support.errors import raises
from tests.unit.core.test_receipt import receipt
from tests.unit.values import digest

ONE, TWO = "one.example:5000", "two.example/mirror"


def image(at: str, name: str, outcome: str = "pushed", **more: Any) -> ReceiptImage:
    return replace(ReceiptImage(f"docker.io/{name}", f"{at}/{name}", str(digest("root")), outcome, 1), **more)


def imported(*targets: tuple[str, tuple[ReceiptImage, ...]], **more: Any) -> Receipt:
    made = tuple(ReceiptTarget(target, "registry", 1, images) for target, images in targets)
    return replace(receipt(), targets=made, **more)


def wanted(given: Receipt, to: str = "", **more: Any) -> Wanted:
    target = parse_target(to) if to else None
    return wanted_by_receipt(given, CheckRequest((Path("r"),), target=target, **more), Run())


def names(found: Wanted) -> list[str]:
    return [str(each.name) for each in found.images]


def test_only_images_that_arrived_are_looked_for():
    outcomes = ("pushed", "present", "failed", "skipped", "held back", "not tried", "unfinished")
    images = tuple(image(ONE, f"{outcome.replace(' ', '-')}:1", outcome) for outcome in outcomes)
    found = wanted(imported((ONE, images)))
    assert (names(found), found.left_out) == ([f"{ONE}/pushed:1", f"{ONE}/present:1"], 5)


def test_of_several_registries_one_is_chosen_and_another_name_needs_the_only_one():
    both = imported((ONE, (image(ONE, "a:1"),)), (TWO, (image(TWO, "a:1"),)))
    assert names(wanted(both, TWO)) == [f"{TWO}/a:1"]
    with raises(Misuse, actual=f"{ONE}, {TWO}"):
        wanted(both)
    with raises(Misuse):
        wanted(both, "copy.example")
    single = imported((TWO, (image(TWO, "a:1"),)))
    assert names(wanted(single, "copy.example/x")) == ["copy.example/x/a:1"]
    layout = replace(single, targets=(replace(single.targets[0], kind="layout"),))
    with raises(Misuse):
        wanted(layout)


def test_the_digest_that_was_read_back_is_the_one_that_is_looked_for():
    (found,) = wanted(imported((ONE, (image(ONE, "a:1", read_back=str(digest("there"))),)))).images
    assert found.root == digest("there")


def test_blobs_have_their_sizes_if_the_receipt_has_them():
    blobs = (str(digest("x")), str(digest("y")))
    given = imported((ONE, (image(ONE, "a:1", blobs=(1, 7)),)), blobs=blobs, blob_sizes=(5, 6))
    assert [(part.digest, part.size_bytes) for part in wanted(given).images[0].parts] == [(digest("y"), 6)]
    unsized = wanted(replace(given, blob_sizes=())).images[0]
    assert [(part.digest, part.size_bytes) for part in unsized.parts] == [(digest("y"), None)]


def test_attachments_that_did_not_arrive_are_not_looked_for():
    subject = str(digest("root"))
    outcomes = ("pushed", "present", "kept", "skipped", "left out", "unfinished")
    attached = tuple(ReceiptAttachment(subject, str(digest(each)), "sbom", each) for each in outcomes)
    given = imported((ONE, (image(ONE, "a:1", attached=attached),)))
    (found,) = wanted(given).images
    assert [(each.digest, each.is_kept) for each in found.attached] == [
        (digest("pushed"), False),
        (digest("present"), False),
        (digest("kept"), True),
    ]
    assert wanted(given, has_attachments=False).images[0].attached == ()


def test_a_selection_is_by_the_names_in_the_bundle():
    given = imported((ONE, (image(ONE, "team/a:1"), image(ONE, "team/b:1"))))
    assert names(wanted(given, selection=Selection(("team/a",)))) == [f"{ONE}/team/a:1"]
    with raises(Misuse):
        wanted(given, selection=Selection(("nothing",)))


@pytest.mark.parametrize("name", ["not a name", "UPPER/case:1"])
def test_a_name_that_is_none_is_a_damaged_receipt(name):
    with raises(Damaged):
        wanted(imported((ONE, (replace(image(ONE, "a:1"), name=f"{ONE}/{name}"),))))
