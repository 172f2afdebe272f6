"""Of several bundles the newest is imported, if they follow each other; else nobody guesses."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

from bundler.core.at_receiver import NOTHING_THERE, AtReceiver, by_statement, together
from bundler.core.manifest import BundleManifest, Series
from bundler.core.newest import newest
from bundler.core.statement import Statement
from tests.support.tables import each_case
from tests.unit.values import MIB, layer, plan_with, resolved

LISTS: dict[str, list[tuple[str, str]]] = {
    "1": [("a:1", "old"), ("b:1", "b")],
    "2": [("a:1", "mid"), ("b:1", "b")],
    "3": [("a:1", "new"), ("b:1", "b")],
    "z": [("z:1", "z")],
}
"""Names and layers. The images that are new in the second month are gone in the third."""


def bundle(name: str, there: AtReceiver = NOTHING_THERE, **more: Any) -> BundleManifest:
    images = [resolved(f"registry.example.com/{image}", layer(content, 100)) for image, content in LISTS[name]]
    facts = {"name": f"month-{name}", "created": f"2026-0{name}-01T00:00:00Z", "tool": "t", "signed": True, **more}
    made = plan_with(images, bases=there.bases, left_out=dict(there.blobs), chunk_size_bytes=MIB, **facts)
    return made.manifest


def since(**manifests: BundleManifest) -> AtReceiver:
    return together([by_statement(Statement(name * 64, manifest)) for name, manifest in manifests.items()])


FIRST = bundle("1")
SECOND = bundle("2", since(a=FIRST))
THIRD = bundle("3", since(b=SECOND))
STRANGER = bundle("z")
SERIES = {"a" * 64: FIRST, "b" * 64: SECOND, "c" * 64: THIRD}


def chosen(*manifests: tuple[str, BundleManifest]) -> set[str | None]:
    """The choice in each order."""
    return {newest(dict(order)) for order in itertools.permutations(manifests)}


@each_case("count", [1, 2, 3])
def test_of_any_bundles_of_a_series_the_last_is_the_newest(count: int) -> None:
    for some in itertools.combinations(SERIES.items(), count):
        assert chosen(*some) == {max(name for name, _ in some)}


def test_a_bundle_that_has_nothing_for_the_newest_is_still_of_its_series() -> None:
    assert {base.id for base in THIRD.bases} == {"a" * 64}, "the second month is no base of the third"
    assert chosen(*SERIES.items()) == {"c" * 64}


def test_bundles_that_share_nothing_have_no_newest() -> None:
    for some in ([("a" * 64, FIRST)], list(SERIES.items())):
        assert chosen(*some, ("f" * 64, STRANGER)) == {None}


def test_complete_bundles_have_no_newest_although_they_have_blobs_in_common() -> None:
    assert chosen(("a" * 64, FIRST), ("d" * 64, bundle("2"))) == {None}


def test_bundles_that_are_based_on_receipts_follow_each_other_by_their_blobs() -> None:
    by_receipt = replace(THIRD, bases=(replace(THIRD.bases[0], id="9" * 64, kind="receipt", name="r"),))
    assert chosen(("a" * 64, FIRST), ("c" * 64, by_receipt)) == {"c" * 64}


def test_a_supplement_is_not_newer_than_the_bundle_that_it_completes() -> None:
    supplement = bundle("3", completes="b" * 64)
    assert chosen(("b" * 64, SECOND), ("e" * 64, supplement)) == {"b" * 64}
    assert chosen(*SERIES.items(), ("e" * 64, supplement)) == {"c" * 64}
    assert chosen(("e" * 64, supplement)) == {"e" * 64}


def test_two_lists_on_one_base_are_not_one_series() -> None:
    other = bundle("2", since(a=FIRST))
    images = tuple(
        replace(image, reference=replace(image.reference, repository=f"other/{image.reference.repository}"))
        for image in other.images
    )
    assert chosen(("a" * 64, FIRST), ("c" * 64, THIRD), ("d" * 64, replace(other, images=images))) == {None}


def test_of_bundles_of_one_time_nobody_knows_the_newest() -> None:
    assert chosen(("b" * 64, replace(SECOND, created=THIRD.created)), ("c" * 64, THIRD)) == {None}


def test_the_number_in_a_channel_counts_more_than_the_time() -> None:
    late = replace(SECOND, created="2027-01-01T00:00:00Z", series=Series("prod", 2))
    last = replace(THIRD, series=Series("prod", 3))
    assert chosen(("b" * 64, late), ("c" * 64, last)) == {"c" * 64}
    assert chosen(("b" * 64, late), ("c" * 64, replace(THIRD, series=Series("test", 3)))) == {None}


def test_a_complete_bundle_is_not_the_newest_of_others_that_it_does_not_need() -> None:
    whole = replace(bundle("3"), series=Series("prod", 3))
    assert chosen(("a" * 64, replace(FIRST, series=Series("prod", 1))), ("c" * 64, whole)) == {None}
