"""Bundles that follow each other are counted together, and one that did not arrive pushes none out."""

from __future__ import annotations

from dataclasses import replace

from bundler.core.receipt import Receipt, ReceiptImage, ReceiptTarget
from bundler.core.receipt_series import ReceiptSeries
from bundler.core.retention.imported import ImportedBundle, imported_bundle, joined, kept_bundles, kind_of
from tests.support.tables import each_case
from tests.unit.values import digest

HOST = "registry.internal:5000"
NOW = "2026-11-30T00:00:00Z"


def receipt(name: str, day: int, *images: tuple[str, str, str], host: str = HOST) -> Receipt:
    found = tuple(
        ReceiptImage(f"docker.io/{image}", f"{host}/{image}", str(digest(content)), outcome, 1)
        for image, content, outcome in images
    )
    started = f"2026-11-{day:02}T00:00:00Z"
    target = ReceiptTarget(host, "registry", 1, found)
    return Receipt("t", f"id of {name}", name, (), (), (), "o", "h", started, started, 0, None, (target,))


def bundles(*receipts: Receipt) -> tuple[ImportedBundle, ...]:
    return joined(each for one in receipts if (each := imported_bundle(one, HOST, {}, NOW)))


@each_case(
    "name, kind",
    [
        ("platform-2026.11", "platform"),
        ("platform-v1.2", "platform"),
        ("apps_7", "apps"),
        ("k8s", "k8s"),
        ("1.27", "1.27"),
        ("base-1.2-rc", "base-1.2-rc"),
    ],
)
def test_bundles_whose_names_differ_in_the_number_at_the_end_are_of_one_kind(name: str, kind: str) -> None:
    assert kind_of(receipt(name, 1)) == kind


def test_another_spelling_of_the_registry_is_the_same_one() -> None:
    for host, is_same in (("Registry.Internal:5000", True), ("registry.internal", False)):
        found = imported_bundle(receipt("platform-1", 1, ("a:1", "a", "pushed"), host=host), HOST, {}, NOW)
        assert (found is not None) is is_same
    port = imported_bundle(
        receipt("platform-1", 1, ("a:1", "a", "pushed"), host="r.internal:443"), "r.internal", {}, NOW
    )
    assert port is not None


def test_a_channel_is_stronger_than_the_name() -> None:
    assert kind_of(replace(receipt("platform-1", 1), series=ReceiptSeries("stable", 3, "first"))) == "stable"


def test_the_newest_of_each_kind_stay() -> None:
    found = bundles(
        receipt("platform-1", 1, ("a:2", "p1", "pushed")),
        receipt("platform-3", 3, ("a:3", "p3", "pushed")),
        receipt("platform-5", 5, ("a:1", "p5", "pushed")),
        receipt("apps-1", 2, ("b:1", "b", "pushed")),
    )
    present = {("a", "1"): digest("p5"), ("a", "3"): digest("p3"), ("a", "2"): digest("p1"), ("b", "1"): digest("b")}
    names = [each.name for each in kept_bundles(found, 1, present).kept]
    assert names == ["platform-5", "apps-1"]


def test_an_import_that_failed_or_was_undone_pushes_none_out() -> None:
    good = receipt("platform-1", 1, ("a:1", "good", "pushed"))
    failed = receipt("platform-2", 2, ("a:1", "bad", "pushed"), ("a:2", "lost", "failed"))
    undone = receipt("platform-3", 3, ("a:1", "undone", "pushed"))
    found = kept_bundles(bundles(good, failed, undone), 1, {("a", "1"): digest("good")})
    assert [each.name for each in found.kept] == ["platform-3", "platform-2", "platform-1"]
    assert found.old == ()


@each_case("clock", ["1970-01-01T00:05:00Z", "2000-01-01T00:00:00Z", "2099-01-01T00:00:00Z", "soon"])
def test_a_bundle_that_was_imported_with_a_wrong_clock_stays_and_pushes_none_out(clock: str) -> None:
    one, two, three = (receipt(f"platform-{n}", n, (f"a:{n}", f"p{n}", "pushed")) for n in (1, 2, 3))
    found = bundles(one, two, replace(three, started=clock))
    present = {("a", str(n)): digest(f"p{n}") for n in (1, 2, 3)}
    chosen = kept_bundles(found, 1, present)
    assert [bundle.name for bundle in chosen.kept] == ["platform-2", "platform-3"]
    assert [bundle.name for bundle in chosen.old] == ["platform-1"]
    (again,) = bundles(replace(three, started=clock), three)
    assert again.imported == three.started


def test_bundles_whose_tags_all_moved_on_to_newer_ones_count() -> None:
    found = bundles(*(receipt(f"platform-{day}", day, ("a:stable", f"p{day}", "pushed")) for day in (1, 2, 3)))
    chosen = kept_bundles(found, 2, {("a", "stable"): digest("p3")})
    assert [each.name for each in chosen.kept] == ["platform-3", "platform-2"]
    undone = kept_bundles(found, 1, {("a", "stable"): digest("p2")})
    assert [each.name for each in undone.kept] == ["platform-3", "platform-2"]


def test_several_imports_of_one_bundle_count_once_with_all_that_arrived() -> None:
    first = receipt("platform-1", 1, ("a:1", "one", "pushed"), ("a:2", "two", "failed"))
    second = receipt("platform-1", 2, ("a:2", "two", "pushed"))
    (found,) = bundles(first, second)
    assert (found.lacking, found.imported) == (frozenset(), "2026-11-02T00:00:00Z")
    assert found.digests_in("a") == {digest("one"), digest("two")}


def test_images_without_a_tag_count_and_those_of_other_registries_do_not() -> None:
    (found,) = bundles(
        receipt("platform-1", 1, (f"a@{digest('x')}", "x", "pushed")),
        receipt("platform-2", 1, ("a:1", "y", "pushed"), host="other.internal"),
    )
    assert found.untagged == {"a": (digest("x"),)}
    assert found.repositories == {"a"}
