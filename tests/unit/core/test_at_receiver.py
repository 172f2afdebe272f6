"""The blobs that the receiver has: each statement counts for what it proves, and their order makes no difference."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from bundler.core.at_receiver import NOTHING_THERE, AtReceiver, by_statement, together
from bundler.core.digest import Digest
from bundler.core.inventory import HeldBlob, HeldManifest, HeldRepository, Inventory
from bundler.core.limits import BASE_REPOSITORIES, BASES, CARRIED_ATTACHED_BYTES
from bundler.core.manifest import Base, BundleManifest, InBase
from bundler.core.plan import BundleFacts, ResolvedAttachment, plan_bundle
from bundler.core.receipt import Receipt, ReceiptImage, ReceiptTarget
from bundler.core.statement import Statement
from bundler.errors import Damaged, Misuse
from tests.support.errors import raises
from tests.support.tables import each_case
from tests.unit.values import MIB, digest, image_manifest, layer, plan_with, planned, resolved

OLD, NEW, BIG = layer("old", 100), layer("new", 100), layer("big", 3 * MIB)
FACTS: dict[str, Any] = {"created": "2026-11-01T00:00:00Z", "tool": "t", "signed": True, "chunk_size_bytes": MIB}


def by_bundle(manifest: BundleManifest, bundle_id: str) -> AtReceiver:
    return by_statement(Statement(bundle_id, manifest))


def by_receipt(receipt: Receipt, receipt_id: str) -> AtReceiver:
    return by_statement(Statement(receipt_id, receipt))


def places(there: AtReceiver, of: Digest) -> set[tuple[str, str, tuple[int, ...], tuple[str, ...]]]:
    """Kind and id of each base that has a blob, with chunks and repositories."""
    bases = ((there.bases[place.base], place) for place in there.blobs.get(of, ()))
    return {(base.kind, base.id, place.chunks, place.repositories) for base, place in bases}


def test_a_bundle_says_in_which_chunks_each_of_its_blobs_is_and_says_nothing_about_manifests() -> None:
    manifest = planned(resolved("a:1", OLD, BIG), chunk_size_bytes=MIB).manifest
    there = by_bundle(manifest, "ab" * 32)
    assert there.bases == (Base("ab" * 32, "bundle", "test-1.0", "2026-11-23T00:00:00Z"),)
    chunks = {blob.descriptor.digest: tuple(piece.chunk for piece in blob.stored.pieces) for blob in manifest.blobs}
    assert len(chunks[BIG.digest]) > 2
    assert {each: place.chunks for each, (place,) in there.blobs.items()} == {
        blob.descriptor.digest: chunks[blob.descriptor.digest] for blob in manifest.blobs if blob.kind != "manifest"
    }


def test_a_bundle_with_bases_passes_on_what_its_bases_have() -> None:
    first = by_bundle(planned(resolved("a:1", OLD)).manifest, "ab" * 32)
    second = plan_with(
        [resolved("a:2", OLD, NEW)], name="second", bases=first.bases, left_out=dict(first.blobs), **FACTS
    ).manifest
    assert second.left_out
    there = by_bundle(second, "cd" * 32)
    assert places(there, OLD.digest) == {("bundle", "ab" * 32, (1,), ())}
    assert places(there, NEW.digest) == {("bundle", "cd" * 32, (1,), ())}
    assert [there.bases[number].id for number in there.given] == ["cd" * 32]


def receipt(*images: ReceiptImage, kind: str = "registry", blobs: int = 3) -> Receipt:
    return Receipt(
        tool="bundler 1.0",
        bundle_id="ab" * 32,
        bundle_name="platform",
        signers=(),
        trust=(),
        weakened=(),
        operator="",
        host="",
        started="2026-11-23T08:00:00Z",
        finished="2026-11-23T09:00:00Z",
        exit_code=0,
        error=None,
        targets=(ReceiptTarget("registry.example.com", kind, 0, images),),
        blobs=tuple(str(digest(str(number))) for number in range(blobs)),
    )


def image(name: str, *blobs: int, outcome: str = "pushed") -> ReceiptImage:
    return ReceiptImage(f"docker.io/{name}", f"registry.example.com/{name}", str(digest(name)), outcome, 1, blobs=blobs)


def test_a_receipt_proves_the_blobs_of_images_that_are_there_with_their_repositories() -> None:
    made = receipt(image("a/one:1", 0, 1), image("b/two:1", 1, outcome="present"))
    there = by_receipt(made, "ef" * 32)
    assert there.bases == (Base("ef" * 32, "receipt", "platform at registry.example.com", "2026-11-23T09:00:00Z"),)
    assert places(there, digest("0")) == {("receipt", "ef" * 32, (), ("a/one",))}
    assert places(there, digest("1")) == {("receipt", "ef" * 32, (), ("a/one", "b/two"))}
    assert digest("2") not in there.blobs


@each_case("outcome", ["skipped", "failed", "held back", "not tried", "unfinished", "loaded"])
def test_a_receipt_proves_nothing_about_images_that_it_did_not_see_in_place(outcome: str) -> None:
    assert not by_receipt(receipt(image("a/one:1", 0, outcome=outcome)), "ef" * 32).blobs


def test_a_daemon_keeps_no_blobs_so_its_receipt_proves_none() -> None:
    assert not by_receipt(receipt(image("a/one:1", 0), kind="daemon"), "ef" * 32).blobs


def test_a_layout_has_the_blobs_but_no_repositories() -> None:
    there = by_receipt(receipt(image("a/one:1", 0), kind="layout"), "ef" * 32)
    assert places(there, digest("0")) == {("receipt", "ef" * 32, (), ())}


def test_a_blob_of_many_repositories_has_no_more_than_a_bundle_may_list() -> None:
    there = by_receipt(receipt(*(image(f"a/{number}:1", 0) for number in range(20))), "ef" * 32)
    assert len(there.blobs[digest("0")][0].repositories) == BASE_REPOSITORIES


@each_case(
    "broken",
    [
        replace(receipt(image("a/one:1", 0)), blobs=("sha256:nonsense",)),
        receipt(replace(image("a/one:1", 0), name="../up:1")),
    ],
    ids=["a digest", "a name"],
)
def test_a_receipt_with_a_wrong_digest_or_name_is_damaged(broken: Receipt) -> None:
    with raises(Damaged, subject="platform"):
        by_receipt(broken, "ef" * 32)


def test_a_number_that_names_no_blob_of_the_receipt_is_passed_over() -> None:
    assert not by_receipt(receipt(image("a/one:1", 7)), "ef" * 32).blobs


def inventory(kind: str, **more: Any) -> Inventory:
    """A place with one blob in two repositories, and one in a repository that has no more tags than manifests."""
    digests = sorted((digest("0"), digest("1")))
    manifests = sorted((resolved("a:1").root, resolved("b:1").root), key=lambda each: each.digest)
    return Inventory(
        tool="bundler 1.0",
        place="registry.example.com",
        kind=kind,
        created="2026-11-24T00:00:00Z",
        operator="",
        host="",
        repositories=(HeldRepository("a/one", (("1", 0),), (0, 1)), HeldRepository("b/two", (), (1,))),
        manifests=(HeldManifest(manifests[0], blobs=(0,)), HeldManifest(manifests[1], blobs=(1,))),
        blobs=tuple(HeldBlob(each, 100) for each in digests),
        **more,
    )


def test_an_inventory_proves_the_blobs_of_each_repository() -> None:
    there = by_statement(Statement("12" * 32, inventory("registry")))
    first, second = sorted((digest("0"), digest("1")))
    assert there.bases == (Base("12" * 32, "inventory", "registry.example.com", "2026-11-24T00:00:00Z"),)
    assert places(there, first) == {("inventory", "12" * 32, (), ("a/one",))}
    assert places(there, second) == {("inventory", "12" * 32, (), ("a/one", "b/two"))}


def test_the_blobs_of_a_manifest_are_looked_at_once_in_however_many_repositories_it_is() -> None:
    class Counted(tuple[int, ...]):
        looks = 0

        def __iter__(self) -> Iterator[int]:
            Counted.looks += 1
            return super().__iter__()

    few = inventory("registry")
    large = replace(few.manifests[1], blobs=Counted((0, 1)))
    many = tuple(HeldRepository(f"a/{number:02}", (), (1,)) for number in range(40))
    there = by_statement(Statement("12" * 32, replace(few, repositories=many, manifests=(few.manifests[0], large))))
    assert Counted.looks == 1
    expected = tuple(f"a/{number:02}" for number in range(BASE_REPOSITORIES))
    assert [found[0].repositories for found in there.blobs.values()] == [expected, expected]


def test_an_inventory_of_a_layout_names_no_repository_and_one_of_a_daemon_no_blob() -> None:
    assert {
        place for there in by_statement(Statement("12" * 32, inventory("layout"))).blobs.values() for place in there
    } == {InBase(0)}
    assert not by_statement(Statement("12" * 32, inventory("daemon"))).blobs


def statements() -> list[AtReceiver]:
    first = by_bundle(planned(resolved("a:1", OLD)).manifest, "ab" * 32)
    second = by_bundle(
        plan_with(
            [resolved("a:2", OLD, NEW)], name="x", bases=first.bases, left_out=dict(first.blobs), **FACTS
        ).manifest,
        "cd" * 32,
    )
    proof = by_receipt(receipt(image("a/one:1", 0)), "ef" * 32)
    return [first, second, replace(proof, blobs={**proof.blobs, OLD.digest: (InBase(0, (), ("a/one",)),)})]


def test_several_statements_are_one_in_any_order() -> None:
    results = [together(order) for order in itertools.permutations(statements())]
    assert all(each == results[0] for each in results)
    assert all(list(each.bases) == list(results[0].bases) for each in results)
    assert places(results[0], OLD.digest) == {
        ("bundle", "ab" * 32, (1,), ()),
        ("receipt", "ef" * 32, (), ("a/one",)),
    }
    assert len(results[0].given) == 3


def test_a_statement_that_is_given_decides_about_itself_whatever_others_say_of_it() -> None:
    first, second, _ = statements()
    silent = replace(first, blobs={})
    assert OLD.digest in together([second]).blobs
    assert OLD.digest not in together([second, silent]).blobs
    lying = replace(first, blobs={OLD.digest: (InBase(0, (9,)),)})
    assert places(together([second, lying]), OLD.digest) == {("bundle", "ab" * 32, (9,), ())}


def test_without_statements_the_receiver_has_nothing() -> None:
    assert together([]) == NOTHING_THERE


@each_case("size_bytes, is_left_out", [(CARRIED_ATTACHED_BYTES, False), (CARRIED_ATTACHED_BYTES + 1, True)])
def test_signatures_are_carried_and_large_attachments_are_left_out(size_bytes: int, is_left_out: bool) -> None:
    payload = layer("payload", size_bytes)
    signature = image_manifest("signature", payload)
    plain = resolved("a:1", OLD)
    attached = ResolvedAttachment(plain.root.digest, "signature", "referrers", (signature,))
    there = AtReceiver(
        (Base("ab" * 32, "bundle", "b"),), {each: (InBase(0, (1,)),) for each in (OLD.digest, payload.digest)}
    )
    made = plan_bundle(
        [replace(plain, attachments=(attached,))],
        BundleFacts("x", "2026-11-01T00:00:00Z", "t", True),
        chunk_size_bytes=8 * MIB,
        there=there,
    )
    left_out = {blob.descriptor.digest for blob in made.manifest.left_out}
    assert left_out == {OLD.digest} | ({payload.digest} if is_left_out else set())


@pytest.mark.parametrize("count", [BASES, BASES + 1])
def test_a_bundle_relies_on_a_limited_number_of_statements(count: int) -> None:
    bases = tuple(Base(f"{number:064x}", "bundle", "b") for number in range(count))
    left_out = {OLD.digest: tuple(InBase(number, (1,)) for number in range(count))}

    def made() -> object:
        return plan_with([resolved("a:1", OLD)], name="x", bases=bases, left_out=left_out, **FACTS)

    if count > BASES:
        with raises(Misuse, subject="--since", actual=str(count)):
            made()
    else:
        made()
