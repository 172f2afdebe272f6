"""A status says what is there, what no receipt accounts for, and how long nothing new has arrived: honestly, or not at all."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bundler.core.arrivals import Arrivals, arrivals, is_within
from bundler.core.attachments import fallback_tag
from bundler.core.inventory_table import FoundManifest, FoundRepository, Table, table
from bundler.core.moments import seconds_of
from bundler.core.oci import OCI_MANIFEST, Descriptor, Manifest
from bundler.core.receipt import Receipt, ReceiptImage, ReceiptTarget
from bundler.core.receipt_attachments import ReceiptAttachment
from bundler.core.receipt_series import ReceiptSeries
from bundler.core.shard import Shard
from bundler.core.standing import Standing, standing_of_receipts, standing_of_registry, unneeded_blobs
from tests.unit.core.test_receipt import receipt
from tests.unit.values import digest, layer

HOST = "registry.example.com:5000"
BASE, OWN, OLD = layer("base", 900), layer("own", 100), layer("old", 70)
ONE = Manifest(Descriptor(OCI_MANIFEST, digest("one"), 300), layers=(BASE, OWN))
TWO = Manifest(Descriptor(OCI_MANIFEST, digest("two"), 300), layers=(BASE,))
BLOBS = tuple(str(each.digest) for each in (BASE, OWN, OLD))
NOW = seconds_of("2026-12-24T09:00:00Z")
DAY = 86_400


def image(name: str, word: str = "one", *, blobs: tuple[int, ...] = (0, 1), **more: Any) -> ReceiptImage:
    return replace(
        ReceiptImage(f"docker.io/{name}", f"{HOST}/{name}", str(digest(word)), "pushed", 1, blobs=blobs), **more
    )


def imported(*images: ReceiptImage, day: str = "2026-11-23", target: str = HOST, **more: Any) -> Receipt:
    reported = {
        "blobs": BLOBS,
        "blob_sizes": (900, 100, 70),
        "targets": (ReceiptTarget(target, "registry", 1, images),),
    }
    return receipt(started=f"{day}T08:00:00Z", **{**reported, **more})


def here(**tags: dict[str, Manifest]) -> Table:
    found = [
        FoundRepository(
            name.replace("_", "/"),
            {tag: manifest.descriptor.digest for tag, manifest in own.items()},
            frozenset(manifest.descriptor.digest for manifest in own.values()),
        )
        for name, own in tags.items()
    ]
    return table(found, {each.descriptor.digest: FoundManifest.of(each) for each in (ONE, TWO)})


def standing_of(content: Table, *receipts: Receipt, place: str = HOST, now: int = NOW) -> Standing:
    return standing_of_registry(place, content, arrivals(receipts, place), now=now)


def test_another_spelling_of_the_host_is_the_same_registry():
    arrived = replace(image("team/a:1"), name="Registry.Example.com:5000/team/a:1")
    known = arrivals([imported(arrived, target="Registry.Example.com:5000")], f"{HOST}/team")
    assert list(known.tags) == [f"{HOST}/team/a"]
    assert is_within("r.example.com:443/team", "R.example.com")
    assert not is_within("r.example.com:80", "r.example.com")
    assert not is_within("r.example.com/teams", "r.example.com/team")


def test_bytes_of_one_repository_are_its_own_and_those_of_several_are_shared():
    found = standing_of(here(a={"1": ONE}, team_b={"2": TWO, "3": TWO}))
    assert [(each.name, each.tags, each.own_bytes, each.shared_bytes) for each in found.repositories] == [
        (f"{HOST}/a", 1, 300 + 100, 900),
        (f"{HOST}/team/b", 2, 300, 900),
    ]
    assert (found.size_bytes, found.blobs, found.manifests, found.tags) == (1600, 2, 2, 3)


def test_tags_that_no_receipt_names_have_moved_or_are_gone_are_named():
    attached = ReceiptAttachment(str(digest("one")), str(digest("sbom")), "sbom", "pushed")
    known, strange = fallback_tag(digest("one")), fallback_tag(digest("two"))
    content = here(a={"1": ONE, "2": TWO, "9": ONE, known: TWO, strange: TWO})
    found = standing_of(content, imported(image("a:1", attached=(attached,)), image("a:2"), image("a:3"), image("b:1")))
    a, b = found.repositories
    assert (a.tags, a.attachment_tags) == (3, 2)
    assert (a.unknown, a.moved, a.gone) == (("9", strange), ("2",), ("3",))
    assert (b.name, b.tags, b.gone) == (f"{HOST}/b", 0, ("1",))
    assert (found.unknown_tags, found.moved_tags, found.gone_tags) == (2, 1, 2)


def test_the_newest_receipt_decides_about_a_tag_in_whatever_order_they_are_read():
    old, new = imported(image("a:1", "two"), day="2026-10-01", bundle_name="old"), imported(image("a:1"))
    for order in ((old, new), (new, old)):
        (found,) = standing_of(here(a={"1": ONE}), *order).repositories
        assert (found.moved, found.bundle, found.newest) == ((), "platform", seconds_of("2026-11-23T09:00:00Z"))


@pytest.mark.parametrize("outcome", ["failed", "skipped", "held back", "not tried", "unfinished"])
def test_an_image_that_did_not_arrive_is_not_known(outcome):
    found = standing_of(here(a={"1": ONE}), imported(image("a:1", outcome=outcome)))
    assert (found.repositories[0].unknown, found.receipts, found.elsewhere) == (("1",), 0, (HOST,))


def test_only_the_place_counts_and_receipts_of_other_registries_are_named():
    inside, outside = image("team/a:1"), image("teams/a:1")
    known = arrivals([imported(inside, outside), imported(target="other.example.com")], f"{HOST}/team")
    assert (set(known.tags), known.registries) == ({f"{HOST}/team/a"}, ("other.example.com", HOST))
    assert arrivals([imported(target="other.example.com")], HOST).receipts == 0


def test_an_old_bundle_that_is_imported_again_is_no_news():
    series = ReceiptSeries("stable", 7)
    first = imported(image("a:1"), day="2026-09-01", bundle_id="07" * 32, bundle_name="p-7", series=series)
    again = replace(first, started="2026-12-23T08:00:00Z", finished="2026-12-23T09:00:00Z")
    older = imported(image("a:1"), day="2026-12-20", bundle_id="06" * 32, series=ReceiptSeries("stable", 6))
    none = imported(image("a:1"), day="2026-12-01", bundle_id="aa" * 32, bundle_name="single")
    found = standing_of(here(a={"1": ONE}), again, first, older, none)
    single, stable = found.channels
    assert (single.channel, single.name) == ("", "single")
    assert (stable.channel, stable.sequence, stable.name, stable.imports) == ("stable", 7, "p-7", 2)
    assert found.age_seconds(stable.first) == NOW - seconds_of("2026-09-01T09:00:00Z")


def test_a_bundle_that_never_arrived_completely_says_so():
    failed, whole = imported(image("a:1"), exit_code=3), imported(image("a:1"), day="2026-11-24")
    assert not standing_of(here(), failed).channels[0].is_whole
    assert standing_of(here(), failed, whole).channels[0].is_whole
    some = replace(whole, chosen=("--only a*",))
    assert not standing_of(here(), failed, some).channels[0].is_whole
    shards = [replace(whole, shards=(Shard(number, 3),)) for number in (1, 2, 3)]
    assert not standing_of(here(), failed, *shards[:2], shards[1]).channels[0].is_whole
    assert not standing_of(here(), *shards[:2], replace(shards[2], exit_code=3)).channels[0].is_whole
    assert standing_of(here(), failed, *shards).channels[0].is_whole


def test_a_clock_before_the_newest_receipt_gives_no_age():
    found = standing_of(here(a={"1": ONE}), imported(image("a:1"), day="2027-01-01"))
    assert (found.is_clock_wrong, found.age_seconds(found.channels[0].first)) == (True, None)
    assert not standing_of(here(), imported(image("a:1"))).is_clock_wrong


def test_blobs_of_receipts_that_no_tag_needs_are_an_estimate_of_the_garbage():
    found = standing_of(here(a={"1": TWO}), imported(image("a:1", blobs=(0, 1, 2))))
    assert found.unneeded is not None
    assert (found.unneeded.listed, found.unneeded.listed_bytes) == (1, 70)  # the table has OWN by ONE
    known = arrivals([imported(image("a:1", blobs=(0, 1, 2)))], HOST)
    assert [(blob.digest, blob.repository) for blob in unneeded_blobs(Table(), known)] == [
        (BLOBS[0], f"{HOST}/a"),
        (BLOBS[1], f"{HOST}/a"),
        (BLOBS[2], f"{HOST}/a"),
    ]
    unsized = arrivals([imported(image("a:1"), blob_sizes=())], HOST)
    assert unneeded_blobs(Table(), unsized) == ()


def test_receipts_alone_say_what_should_be_there():
    known = arrivals([imported(image("a:1"), image("b:1", blobs=(0,))), imported(image("a:1"), blobs=())])
    found = standing_of_receipts(known, now=NOW)
    assert [(each.name, each.tags, each.unknown) for each in found.repositories] == [
        (f"{HOST}/a", 1, ()),
        (f"{HOST}/b", 1, ()),
    ]
    assert (found.place, found.receipts, found.without_blobs, found.unneeded) == ("", 2, 1, None)
    one = standing_of_receipts(arrivals([imported(image("a:1"), image("b:1", blobs=(0,)))]), now=NOW)
    assert [(each.own_bytes, each.shared_bytes) for each in one.repositories] == [(100, 900), (0, 900)]
    assert one.size_bytes == 1000


def test_each_registry_has_its_own_copy_of_a_blob():
    there = [replace(image("a:1"), name="other.example/a:1")]
    known = arrivals([imported(image("a:1")), imported(*there, target="other.example")])
    found = standing_of_receipts(known, now=NOW)
    assert [(each.own_bytes, each.shared_bytes) for each in found.repositories] == [(1000, 0), (1000, 0)]
    assert (found.size_bytes, found.blobs) == (2000, 4)


def test_without_receipts_nothing_is_known():
    found = standing_of_receipts(arrivals([]), now=NOW)
    assert found == Standing("", NOW, (), 0, 0, 0)
    assert arrivals([]) == Arrivals()
