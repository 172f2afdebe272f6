"""A receipt is read back as it was written, refused when it is not what bundler writes, and merged without losing proof."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from bundler.core.joined_receipts import finishing, merged, missing_shards, places_of_blobs
from bundler.core.receipt import (
    DOCUMENT,
    DONE,
    Receipt,
    ReceiptImage,
    ReceiptReading,
    ReceiptTarget,
    parse_receipt,
)
from bundler.core.shard import Shard
from bundler.errors import Damaged, Misuse, Refused
from tests.support.errors import raises
from tests.support.tables import each_case
from tests.unit.values import digest

D, OLD = str(digest("image")), str(digest("old"))
REGISTRY = "registry.example.com"


def image(name: str = "app:1", outcome: str = "pushed", **more: Any) -> ReceiptImage:
    return replace(ReceiptImage(f"docker.io/library/{name}", f"{REGISTRY}/library/{name}", D, outcome, 1000), **more)


def receipt(
    *images: ReceiptImage, target: str = REGISTRY, started: str = "2026-11-23T08:00:00Z", **more: Any
) -> Receipt:
    """A receipt about one target."""
    made = Receipt(
        tool="bundler 1.0",
        bundle_id="ab" * 32,
        bundle_name="platform",
        signers=("key-1",),
        trust=("/etc/keys/one.pub",),
        weakened=(),
        operator="alice",
        host="gate-1",
        started=started,
        finished=started.replace("08:", "09:"),
        exit_code=0,
        error=None,
        targets=(ReceiptTarget(target, "registry", 500, images),),
    )
    return replace(made, **more)


FULL = receipt(
    image(blobs=(0, 1)),
    image("b:2", "failed", reason="grüße, 你好 \x1b[31m", code="denied"),
    image("c:3", "skipped", replaced=OLD, read_back=OLD),
    image("d:4", replaced=OLD, read_back=D, taken_name=f"{REGISTRY}/library/d:3"),
    exit_code=3,
    error="stopped",
    weakened=("--insecure-no-signature",),
    merged=("cd" * 32, "ef" * 32),
    blobs=(str(digest("config")), str(digest("layer"))),
)


def read(document: object) -> Receipt:
    return parse_receipt(json.dumps(document).encode(), what="receipt.json")


def document(of: Receipt = FULL) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(of.to_json())
    return found


# Written and read


def test_a_receipt_of_before_targets_were_read_back_is_a_receipt() -> None:
    older = document(receipt(image()))
    del older["targets"][0]["reRead"]
    assert read(older) == receipt(image())


@pytest.mark.parametrize(
    "wrong", [[], 7, {"blobs": 1}, {"blobs": -1, "bytes": 0, "damaged": 0}, {"blobs": "1", "bytes": 0, "damaged": 0}]
)
def test_a_receipt_counts_what_was_read_back_or_is_none(wrong: object) -> None:
    forged = document(receipt(image()))
    forged["targets"][0]["reRead"] = wrong
    with pytest.raises(Damaged):
        read(forged)


@pytest.mark.parametrize(
    "written",
    [
        pytest.param(FULL, id="everything that can be said"),
        pytest.param(receipt(image()), id="the usual"),
        pytest.param(
            replace(FULL, targets=(replace(FULL.targets[0], re_read=ReceiptReading(7, 1 << 40, 2)),)), id="read back"
        ),
        pytest.param(receipt(), id="no image"),
        pytest.param(replace(FULL, targets=(), bundle_id="", bundle_name="", signers=()), id="no bundle was opened"),
        pytest.param(replace(FULL, targets=FULL.targets * 3), id="several targets"),
    ],
)
def test_a_receipt_is_read_back_as_it_was_written(written: Receipt) -> None:
    assert parse_receipt(written.to_json(), what="receipt.json") == written


def test_the_same_receipt_is_the_same_bytes_and_nothing_in_them_moves_a_cursor() -> None:
    content = FULL.to_json()
    assert content == parse_receipt(content, what="x").to_json()
    assert content.isascii()
    assert content.endswith(b"}\n")
    assert b"\x1b" not in content


def test_the_bytes_of_a_large_receipt_need_little_memory() -> None:
    large = receipt(*(image(f"app-{number}:1") for number in range(2000)))
    tracemalloc.start()
    content = large.to_json()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * len(content)  # json.dumps: 6.5


def test_fields_that_a_later_version_adds_are_ignored() -> None:
    later = document()
    later["new"] = {"x": 1}
    later["targets"][0]["images"][0]["new"] = [1]
    assert read(later) == FULL


def test_a_receipt_that_was_never_merged_may_leave_that_out() -> None:
    older = document(receipt(image()))
    del older["merged"]
    assert read(older) == receipt(image())


# Refused


@pytest.mark.parametrize("version", ["bundler.receipt/2", "bundler.receipt/", "bundler.receipt/1.1"])
def test_a_receipt_of_an_unknown_version_is_refused_not_guessed_at(version: str) -> None:
    with raises(Refused, subject="receipt.json", expected="bundler.receipt/1") as caught:
        read({**document(), "document": version})
    assert (caught.value.expected, caught.value.actual) == (DOCUMENT, version)


@each_case(
    "content",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"{}", id="an empty object"),
        pytest.param(b'{"document": 1}', id="a number"),
        pytest.param(b'{"document": "bundler.import/1"}', id="another document"),
        pytest.param(b"\xff\xfe", id="no UTF-8"),
        pytest.param(FULL.to_json()[:-20], id="cut"),
        pytest.param(FULL.to_json() + b"{}", id="more after it"),
        pytest.param(b'{"document": "bundler.receipt/1", ' + FULL.to_json()[1:], id="a key twice"),
        pytest.param(b'{"document":' * 200 + b"1" + b"}" * 200, id="nested"),
    ],
)
def test_what_is_no_receipt_is_refused(content: bytes) -> None:
    with pytest.raises(Damaged) as caught:
        parse_receipt(content, what="receipt.json")
    assert "receipt.json" in str(caught.value)


def at_top(key: str) -> Callable[[dict[str, Any], object], None]:
    return lambda document, value: document.__setitem__(key, value)


def in_target(key: str) -> Callable[[dict[str, Any], object], None]:
    return lambda document, value: document["targets"][0].__setitem__(key, value)


def in_image(key: str) -> Callable[[dict[str, Any], object], None]:
    return lambda document, value: document["targets"][0]["images"][0].__setitem__(key, value)


@each_case(
    ("change", "value"),
    [
        *(
            pytest.param(at_top(key), value, id=f"{key} is {value!r:.12}")
            for key in ("tool", "operator", "host", "started", "finished")
            for value in (None, 1, ["x"])
        ),
        *(
            pytest.param(at_top(key), value, id=f"{key} is {value!r}")
            for key in ("signers", "trust", "weakened", "merged", "blobs")
            for value in (None, "x", [1], {"x": "y"})
        ),
        *(pytest.param(at_top("exitCode"), value, id=f"exitCode is {value!r}") for value in (None, "0", -1, 1.5, True)),
        *(pytest.param(at_top("bundle"), value, id=f"bundle is {value!r}") for value in (None, "x", [], {"id": "x"})),
        *(pytest.param(at_top("targets"), value, id=f"targets is {value!r}") for value in (None, {}, [1], ["x"], [[]])),
        pytest.param(at_top("error"), 1, id="error is a number"),
        *(pytest.param(in_target("bytesSent"), value, id=f"bytesSent is {value}") for value in (-1, 1 << 60, "1")),
        pytest.param(in_target("target"), None, id="no target"),
        pytest.param(in_target("kind"), 7, id="kind is a number"),
        *(pytest.param(in_target("images"), value, id=f"images is {value!r}") for value in (None, {}, ["x"], [None])),
        *(
            pytest.param(in_image("name"), value, id=f"name is {value!r:.30}")
            for value in (None, "", "../../etc/passwd", "a b", "https://h/a:1", "h/a:1\x1b[2J", "user:secret@h/a")
        ),
        *(
            pytest.param(in_image("name"), value, id=f"name is {value}")
            for value in ("quay.io/library/app:1", f"{REGISTRY}.example.org/app:1", f"{REGISTRY}/library/app")
        ),
        *(
            pytest.param(in_image(key), value, id=f"{key} is {value!r:.20}")
            for key in ("digest", "readBack", "replaced")
            for value in ("", "x", "sha256:x", "md5:" + "0" * 32, 1, D.upper())
        ),
        *(pytest.param(in_image("blobs"), value, id=f"blobs is {value!r}") for value in (None, 1, ["0"], [-1], [1.5])),
        pytest.param(in_image("digest"), None, id="no digest"),
        pytest.param(in_image("reference"), None, id="no reference"),
        pytest.param(in_image("outcome"), None, id="no outcome"),
        pytest.param(in_image("outcome"), ["pushed"], id="outcome is a list"),
        pytest.param(in_image("bytes"), -1, id="less than no bytes"),
        *(pytest.param(in_image(key), 1, id=f"{key} is a number") for key in ("takenName", "reason", "code")),
    ],
)
def test_a_hostile_value_is_refused_and_never_a_crash(
    change: Callable[[dict[str, Any], object], None], value: object
) -> None:
    hostile = document()
    change(hostile, value)
    with raises(Damaged, subject="receipt.json"):
        read(hostile)


ABSENT_IN_OLDER = {
    "verdicts",
    "blobs",
    "blobSizes",
    "series",
    "merged",
    "document",
    "requiredSignatures",
    "signerFingerprints",
    "trustedFingerprints",
}


def test_a_receipt_that_does_not_say_how_many_signatures_were_demanded_is_of_the_time_when_it_was_one() -> None:
    older = document()
    del older["requiredSignatures"]
    assert read(older).required_signatures == 1
    assert read(document() | {"requiredSignatures": 2}).required_signatures == 2


@each_case("field", ["signerFingerprints", "trustedFingerprints"])
@each_case("wrong", [["2058aac91f24a08c"], ["x" * 64], ["A" * 64], [7], "ab" * 32, None])
def test_a6_a_fingerprint_in_a_receipt_is_whole(field: str, wrong: object) -> None:
    assert read(document() | {field: ["ab" * 32]}) != read(document())
    with pytest.raises(Damaged):
        read(document() | {field: wrong})


@each_case("key", sorted(set(document()) - ABSENT_IN_OLDER))
def test_a_field_that_is_missing_is_reported(key: str) -> None:
    lacking = document()
    del lacking[key]
    with pytest.raises(Damaged, match=f"'{key}'"):
        read(lacking)


@each_case(
    ("outcome", "is_done"),
    [
        ("pushed", True),
        ("loaded", True),
        ("present", True),
        ("skipped", True),
        ("failed", False),
        ("held back", False),
        ("not tried", False),
        ("unfinished", False),
        ("of a later version", False),
    ],
)
def test_an_image_is_done_when_it_is_where_it_should_be(outcome: str, is_done: bool) -> None:
    assert image(outcome=outcome).is_done is is_done
    assert (outcome in DONE) is is_done


# Merged

FIRST, SECOND, THIRD = (f"2026-11-2{day}T08:00:00Z" for day in (3, 4, 5))


def merge(*receipts: Receipt) -> Receipt:
    return merged(receipts, [f"id-{number}" for number in range(len(receipts))])


@each_case(
    ("earlier", "later", "kept"),
    [
        pytest.param(image(outcome="failed"), image(outcome="pushed"), "later", id="failed, then pushed"),
        pytest.param(image(outcome="not tried"), image(outcome="failed"), "later", id="not tried, then failed"),
        pytest.param(image(outcome="failed"), image(outcome="not tried"), "later", id="failed, then not tried"),
        pytest.param(image(outcome="unfinished"), image(outcome="present"), "later", id="stopped, then present"),
        pytest.param(image(outcome="pushed"), image(outcome="failed"), "earlier", id="pushed, then failed"),
        pytest.param(image(outcome="skipped"), image(outcome="not tried"), "earlier", id="skipped, then not tried"),
        pytest.param(
            image(outcome="pushed", replaced=OLD),
            image(outcome="present"),
            "earlier",
            id="pushed over another, then present",
        ),
        pytest.param(image(outcome="loaded"), image(outcome="present"), "earlier", id="loaded, then present"),
        pytest.param(image(outcome="pushed"), image(outcome="skipped"), "earlier", id="pushed, then left as it is"),
        pytest.param(
            image(outcome="pushed"), image(outcome="pushed", replaced=OLD), "later", id="pushed twice, over another"
        ),
    ],
)
def test_of_each_image_the_best_that_was_reached_is_kept(earlier: ReceiptImage, later: ReceiptImage, kept: str) -> None:
    both = [receipt(earlier, started=FIRST), receipt(later, started=SECOND)]
    for one, other in (both, reversed(both)):
        (found,) = merge(one, other).targets[0].images
        assert found == {"earlier": earlier, "later": later}[kept], "whatever the order they are given in"


def test_what_only_one_receipt_tells_is_kept() -> None:
    one = receipt(image("a:1"), image("b:1"), started=FIRST)
    other = replace(
        receipt(image("b:1"), image("c:1"), started=SECOND),
        targets=(
            ReceiptTarget(REGISTRY, "registry", 7, (image("c:1"),)),
            ReceiptTarget("oci:out", "layout", 9, (image(),)),
        ),
    )
    found = merge(one, other)
    assert [(each.target, each.kind, each.bytes_sent) for each in found.targets] == [
        (REGISTRY, "registry", 507),
        ("oci:out", "layout", 9),
    ]
    assert [each.reference[-3:] for each in found.targets[0].images] == ["a:1", "b:1", "c:1"]


def test_a_merged_receipt_says_who_when_and_what_weakened_of_all() -> None:
    first = receipt(image(), started=FIRST, weakened=("--plain-http a",), signers=("key-1",), required_signatures=3)
    second = receipt(
        image(),
        started=SECOND,
        operator="bob",
        host="gate-2",
        signers=("key-2", "key-1"),
        trust=("two.pub",),
        required_signatures=2,
    )
    third = receipt(image(), started=THIRD, weakened=("--via-daemon", "--plain-http a"), required_signatures=2)
    found = merged([third, first, second], ["id-3", "id-1", "id-2"])
    assert found.merged == ("id-1", "id-2", "id-3")
    assert (found.started, found.finished) == (first.started, third.finished)
    assert (found.operator, found.host) == ("alice, bob", "gate-1, gate-2")
    assert (found.signers, found.required_signatures) == (("key-1", "key-2"), 2)
    assert found.trust == ("/etc/keys/one.pub", "two.pub")
    assert found.weakened == ("--plain-http a", "--via-daemon")
    assert parse_receipt(found.to_json(), what="merged") == found


@pytest.mark.parametrize(
    ("outcomes", "exit_codes", "ends"),
    [
        pytest.param(("failed", "pushed"), (6, 0), (0, None), id="all is done at last"),
        pytest.param(("pushed", "failed"), (0, 6), (0, None), id="all was done before"),
        pytest.param(("failed", "failed"), (3, 6), (6, "error 1"), id="the last failure counts"),
        pytest.param(("failed", "not tried"), (6, 0), (6, "error 1"), id="a failure is not forgotten"),
        pytest.param(("failed", "failed"), (0, 0), (3, "error 1"), id="not done though nobody said so"),
    ],
)
def test_a_merged_receipt_ends_well_only_if_all_is_done(
    outcomes: tuple[str, str], exit_codes: tuple[int, int], ends: tuple[int, str | None]
) -> None:
    found = merge(
        *(
            receipt(image(outcome=outcome), started=started, exit_code=code, error=f"error {number}")
            for number, (outcome, started, code) in enumerate(zip(outcomes, (FIRST, SECOND), exit_codes, strict=True))
        )
    )
    assert (found.exit_code, found.error) == ends


def test_receipts_that_tell_of_no_target_did_not_end_well() -> None:
    assert merge(receipt(targets=()), receipt(targets=(), exit_code=7)).exit_code == 7


@each_case(
    "blobs, sizes", [(("a", "b", "c"), (1, 2, 3)), (("b", "a"), (1, 2)), (("a", "b"), (1, 3)), (("a", "b", "c"), ())]
)
def test_a_receipt_with_other_blobs_of_the_bundle_is_not_merged(blobs: tuple[str, ...], sizes: tuple[int, ...]) -> None:
    one = receipt(image(), blobs=("a", "b"), blob_sizes=(1, 2))
    with pytest.raises(Damaged, match="different blobs"):
        merge(one, receipt(image(), blobs=blobs, blob_sizes=sizes, started=SECOND))
    without = receipt(image(), blobs=(), blob_sizes=(), started=SECOND)
    assert merge(one, without).blobs == ("a", "b")


def test_one_receipt_merged_is_itself() -> None:
    one = receipt(image(), image("b:2", "failed"), exit_code=3)
    assert merge(one) == replace(one, merged=("id-0",))


def test_receipts_of_different_bundles_are_not_mixed() -> None:
    with raises(Misuse, subject="other") as caught:
        merge(receipt(image()), receipt(image(), bundle_id="cd" * 32, bundle_name="other", started=SECOND))
    assert (caught.value.expected, caught.value.actual) == ("ab" * 32, "cd" * 32)
    assert caught.value.subject == "other"


def test_one_image_under_two_names_is_two_entries_and_a_chosen_platform_is_none() -> None:
    elsewhere = replace(image(outcome="pushed"), name=f"{REGISTRY}/library/app:1-x")
    assert merge(receipt(image(), started=FIRST), receipt(elsewhere, started=SECOND)).targets[0].images == (
        image(),
        elsewhere,
    )
    whole = image(outcome="failed", digest=OLD)
    found = merge(receipt(whole, started=FIRST), receipt(image(), started=SECOND))
    assert found.targets[0].images == (image(),)
    assert found.exit_code == 0


# One that was cut off, and the one that finishes it

BEFORE, OURS = f"sha256:{'b' * 64}", f"sha256:{'a' * 64}"


def one_image(**fields):
    return replace(FULL, error=None, targets=(replace(FULL.targets[0], images=(image(digest=OURS, **fields),)),))


@pytest.mark.parametrize(
    ("earlier", "later", "outcome", "replaced"),
    [
        pytest.param(
            {"outcome": "unfinished", "replaced": BEFORE},
            {"outcome": "present"},
            "pushed",
            BEFORE,
            id="it moved the tag",
        ),
        pytest.param(
            {"outcome": "unfinished", "replaced": BEFORE},
            {"outcome": "pushed", "replaced": BEFORE},
            "pushed",
            BEFORE,
            id="the later one moved it",
        ),
        pytest.param({"outcome": "unfinished"}, {"outcome": "present"}, "present", None, id="a tag that was new"),
        pytest.param(
            {"outcome": "unfinished", "replaced": OURS}, {"outcome": "present"}, "present", None, id="nothing to move"
        ),
    ],
)
def test_a_receipt_takes_up_the_unfinished_one_that_it_finishes(earlier, later, outcome, replaced):
    made = finishing(one_image(**later), one_image(**earlier), "f" * 64)
    assert made is not None
    (reported,) = made.targets[0].images
    assert (reported.outcome, reported.replaced) == (outcome, replaced)
    assert made.merged[-1] == "f" * 64
    assert not made.is_unfinished


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda earlier: replace(earlier, bundle_id="c" * 64), id="another bundle"),
        pytest.param(lambda earlier: replace(earlier, error="stopped"), id="it came to its end"),
        pytest.param(
            lambda earlier: replace(earlier, targets=(replace(earlier.targets[0], target="elsewhere:1"),)),
            id="another target",
        ),
        pytest.param(
            lambda earlier: replace(
                earlier,
                targets=(replace(earlier.targets[0], images=(*earlier.targets[0].images, image(name="more:1"))),),
            ),
            id="more images",
        ),
    ],
)
def test_an_unfinished_receipt_of_something_else_stays(change):
    earlier = one_image(outcome="unfinished", replaced=BEFORE)
    assert finishing(one_image(outcome="present"), change(earlier), "f" * 64) is None
    assert finishing(one_image(outcome="failed"), earlier, "f" * 64) is None


# The places of blobs


def test_blobs_are_where_the_newest_receipt_says() -> None:
    layer, config = str(digest("layer")), str(digest("config"))
    older = receipt(image("old:1", blobs=(0, 1)), blobs=(config, layer))
    newer = receipt(image("new:1", "present", blobs=(0,)), blobs=(layer,))
    found = places_of_blobs([newer, older], REGISTRY)
    assert {blob: str(name) for blob, name in found.items()} == {
        layer: f"{REGISTRY}/library/new:1",
        config: f"{REGISTRY}/library/old:1",
    }


@pytest.mark.parametrize(
    "of",
    [
        receipt(image(outcome="failed", blobs=(0,)), blobs=(D,)),
        receipt(image(outcome="skipped", blobs=(0,)), blobs=(D,)),
        receipt(image(blobs=(0,)), blobs=(D,), targets=(ReceiptTarget("docker-daemon:", "daemon", 0, (image(),)),)),
        receipt(image(name="elsewhere:1", blobs=(7,)), blobs=(D,)),
        receipt(replace(image(blobs=(0,)), name="other.example.com/app:1"), blobs=(D,)),
        receipt(image()),
    ],
    ids=["failed", "skipped", "a daemon", "a number of no blob", "another registry", "an older receipt"],
)
def test_a_blob_that_no_import_brought_is_nowhere(of: Receipt) -> None:
    assert places_of_blobs([of], REGISTRY) == {}


# Shards


def of_shard(*shards: str, **more: Any) -> Receipt:
    return receipt(image(), shards=tuple(Shard.parse(each, {}) for each in shards), **more)


def test_a_receipt_of_a_shard_is_read_back_and_one_of_all_has_no_such_field() -> None:
    assert parse_receipt(of_shard("2/3").to_json(), what="x") == of_shard("2/3")
    assert "shards" not in document(receipt(image()))


@pytest.mark.parametrize("wrong", ["2/3", ["4/3"], ["auto"], [2], [None]])
def test_a_receipt_names_shards_or_is_none(wrong: object) -> None:
    with pytest.raises(Damaged):
        read({**document(), "shards": wrong})


@pytest.mark.parametrize(
    ("receipts", "missing"),
    [
        ([of_shard("1/2"), of_shard("2/2")], []),
        ([of_shard("1/3"), of_shard("3/3")], ["2/3"]),
        ([of_shard("1/3", "3/3"), of_shard("2/3")], []),
        ([of_shard("1/3"), receipt(image())], []),
        ([of_shard("1/3"), of_shard("1/2"), of_shard("2/2")], []),
        ([of_shard("1/3"), of_shard("2/3"), of_shard("1/9")], ["3/3"]),
    ],
)
def test_a_merged_receipt_names_the_shards_that_have_none(receipts: list[Receipt], missing: list[str]) -> None:
    assert [str(each) for each in missing_shards(receipts)] == missing
    whole = merged(receipts, ["id"] * len(receipts))
    assert whole.exit_code == (9 if missing else 0)
    assert whole.error == (f"no receipt of the shards {', '.join(missing)}" if missing else None)
    assert bool(whole.shards) == bool(missing)


def of_some(*chosen: str, shards: tuple[str, ...] = ()) -> Receipt:
    return of_shard(*shards, chosen=chosen)


@pytest.mark.parametrize(
    ("receipts", "missing", "chosen"),
    [
        ([of_shard("1/3"), of_some("--only nginx*")], ["2/3", "3/3"], ()),
        ([of_some("--retry-failed"), of_shard("1/2")], ["2/2"], ()),
        ([of_some("--only a"), of_shard("1/2"), of_shard("2/2")], [], ()),
        ([of_some("--only a"), receipt(image())], [], ()),
        ([of_some("--only a"), of_some("--only b")], [], ("--only a", "--only b")),
        ([of_some("--only a", shards=("1/2",)), of_some("--only a", shards=("2/2",))], [], ("--only a",)),
        ([of_some("--only a"), of_some("--only b", shards=("1/2",))], ["2/2"], ("--only a", "--only b")),
        ([of_some("--only a", shards=("1/2",)), of_shard("2/2")], ["1/2"], ()),
    ],
)
def test_a_receipt_of_chosen_images_completes_no_shards(
    receipts: list[Receipt], missing: list[str], chosen: tuple[str, ...]
) -> None:
    whole = merged(receipts, ["id"] * len(receipts))
    assert [str(each) for each in missing_shards(receipts)] == missing
    assert (whole.exit_code, whole.chosen) == (9 if missing else 0, chosen)
    assert parse_receipt(whole.to_json(), what="x") == whole


def test_a_failed_image_counts_more_than_a_missing_shard() -> None:
    failed = receipt(image(outcome="failed"), shards=(Shard(1, 2),), exit_code=6, error="denied")
    assert (merged([failed], ["id"]).exit_code, merged([failed], ["id"]).error) == (6, "denied")
