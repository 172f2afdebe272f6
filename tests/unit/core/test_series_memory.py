"""An older bundle of a channel is refused, and so is another one of the same number; a lost memory is never zero."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from bundler.core.manifest import Series
from bundler.core.receipt_series import ReceiptSeries
from bundler.core.series_memory import Accepted, Memory, judge, memory_by_receipts, parse_memory
from bundler.errors import Damaged
from tests.support.errors import raises
from tests.support.tables import each_case
from tests.unit.core.test_receipt import REGISTRY, image, receipt

A, B, C = "a" * 64, "b" * 64, "c" * 64
KNOWN = Accepted(43, A, "platform-43", "2026-11-29T08:00:00Z")
NOW = "2026-11-30T12:00:00Z"
MEMORY = Memory("monthly", REGISTRY, KNOWN, KNOWN)


def judged(sequence: int, bundle_id: str = B, *, previous: str | None = None, memory: Memory | None = MEMORY) -> Any:
    return judge(Series("monthly", sequence, previous), bundle_id, memory, target=REGISTRY)


@each_case(
    "sequence, bundle_id, previous, code",
    [
        pytest.param(41, B, None, "older-bundle", id="S16: an older one"),
        pytest.param(41, A, None, "older-bundle", id="the same id with an older number"),
        pytest.param(1, B, None, "older-bundle", id="the first one"),
        pytest.param(43, B, None, "forked-channel", id="another one of the same number"),
        pytest.param(44, B, C, "forked-channel", id="the next one after another one"),
        pytest.param(1 << 53, B, None, "channel-jump", id="S21: a number that nothing can exceed"),
        pytest.param(1044, B, None, "channel-jump", id="more than a thousand"),
    ],
)
def test_a_bundle_is_refused_with_what_was_accepted(sequence, bundle_id, previous, code):
    found = judged(sequence, bundle_id, previous=previous)
    assert (found.problem.exit_code, found.problem.code) == (5, code)
    assert "43" in found.problem.expected
    assert A[:16] in found.problem.expected
    assert "2026-11-29" in found.problem.expected


@each_case(
    "sequence, bundle_id, previous, remarks",
    [
        pytest.param(43, A, None, 0, id="S17: the same one again"),
        pytest.param(44, B, A, 0, id="the next one"),
        pytest.param(44, B, None, 0, id="the next one, which does not name the one before"),
        pytest.param(46, B, C, 1, id="S20: a gap"),
        pytest.param(1043, B, None, 1, id="a thousand"),
    ],
)
def test_a_bundle_is_accepted_and_a_gap_is_said(sequence, bundle_id, previous, remarks):
    found = judged(sequence, bundle_id, previous=previous)
    assert (found.problem, len(found.remarks)) == (None, remarks)


@each_case("memory", [None, Memory("monthly", REGISTRY)])
def test_nothing_known_is_said_unless_it_is_the_first_bundle(memory):
    assert judged(1, memory=memory) == judged(1, memory=None)
    assert not judged(1, memory=memory).remarks
    assert len(judged(43, memory=memory).remarks) == 1


def test_s28_a_bundle_whose_import_began_may_be_finished_and_no_older_one_may_follow():
    started = replace(MEMORY, started=Accepted(45, B, "platform-45", "2026-11-30T08:00:00Z"))
    assert judged(45, B, memory=started).problem is None
    assert judged(44, C, memory=started).problem.code == "older-bundle"
    assert judged(45, C, memory=started).problem.code == "forked-channel"
    assert judged(46, C, previous=B, memory=started).problem is None
    assert judged(46, C, previous=A, memory=started).problem.code == "forked-channel"


@each_case("memory", [MEMORY, replace(MEMORY, started=None), replace(MEMORY, accepted=None)])
def test_a_memory_is_read_back_as_it_was_written(memory):
    assert parse_memory(memory.to_json(), channel="monthly", target=REGISTRY, what="memory") == memory


def changed(**fields: Any) -> bytes:
    return json.dumps({**json.loads(MEMORY.to_json()), **fields}).encode()


@each_case(
    "content",
    [
        pytest.param(b"", id="S27: empty"),
        pytest.param(MEMORY.to_json()[:-20], id="S27: cut"),
        pytest.param(MEMORY.to_json().replace(b"43", b"-3"), id="S27: a flipped bit"),
        pytest.param(changed(channel="weekly"), id="S27: of another channel"),
        pytest.param(changed(target="other.example.com"), id="of another target"),
        pytest.param(changed(document="bundler.receipt/1"), id="another document"),
        pytest.param(changed(accepted=None, started=None), id="without a bundle"),
        pytest.param(changed(accepted={"sequence": 0, "id": A, "name": "", "time": ""}), id="number zero"),
        pytest.param(changed(accepted={"sequence": 3, "id": "beef", "name": "", "time": ""}), id="no id"),
        pytest.param(changed(accepted=[]), id="a list"),
        pytest.param(b"[]", id="no object"),
    ],
)
def test_a_damaged_memory_is_refused_and_is_never_empty(content):
    with raises(Damaged, subject="memory"):
        parse_memory(content, channel="monthly", target=REGISTRY, what="memory")


def taken(sequence: int, bundle_id: str, hour: str, *outcomes: str, **more: Any) -> Any:
    return receipt(
        *(image(f"app:{number}", outcome) for number, outcome in enumerate(outcomes or ("pushed",))),
        **{
            "started": f"2026-11-29T{hour}:00:00Z",
            "finished": f"2026-11-29T{hour}:30:00Z",
            "bundle_id": bundle_id,
            "series": ReceiptSeries("monthly", sequence),
            **more,
        },
    )


def test_s27_receipts_give_the_memory_back():
    found = memory_by_receipts([taken(2, B, "09"), taken(1, A, "08")], channel="monthly", target=REGISTRY, now=NOW)
    assert found is not None
    assert (found.accepted.sequence, found.accepted.id) == (2, B)
    assert found.started == found.accepted


def test_an_import_by_another_spelling_of_the_registry_counts():
    found = memory_by_receipts(
        [taken(2, B, "09", target=f"{REGISTRY.upper()}:0443")], channel="monthly", target=REGISTRY, now=NOW
    )
    assert found.accepted.sequence == 2


def test_the_newest_receipt_counts_because_a_user_may_have_gone_back():
    found = memory_by_receipts([taken(1, A, "10"), taken(2, B, "09")], channel="monthly", target=REGISTRY, now=NOW)
    assert (found.accepted.sequence, found.started.sequence) == (1, 1)


def test_an_import_with_the_clock_of_a_machine_without_battery_may_be_the_last_one():
    reset = taken(2, B, "10", started="2000-01-01T00:00:00Z", finished="2000-01-01T00:09:00Z")
    found = memory_by_receipts([reset, taken(1, A, "09")], channel="monthly", target=REGISTRY, now=NOW)
    assert found.accepted.sequence == 2


@each_case("year", ["2000", "2099"])
def test_an_old_bundle_with_a_wrong_clock_hides_no_newer_one(year):
    old = taken(1, A, "10", started=f"{year}-01-01T00:00:00Z", finished=f"{year}-01-01T00:09:00Z")
    for receipts in ([old, taken(2, B, "09")], [taken(2, B, "09"), old]):
        found = memory_by_receipts(receipts, channel="monthly", target=REGISTRY, now=NOW)
        assert found.accepted.sequence == 2


@each_case("outcome", ["failed", "unfinished", "not tried", "held back"])
def test_a_receipt_of_an_incomplete_import_says_only_that_it_began(outcome):
    receipts = [taken(1, A, "08"), taken(2, B, "09", "pushed", outcome)]
    found = memory_by_receipts(receipts, channel="monthly", target=REGISTRY, now=NOW)
    assert (found.accepted.sequence, found.started.sequence) == (1, 2)


@each_case(
    "other",
    [
        pytest.param(taken(9, B, "09", series=None), id="without a channel"),
        pytest.param(taken(9, B, "09", series=ReceiptSeries("weekly", 9)), id="another channel"),
        pytest.param(taken(9, B, "09", target="other.example.com"), id="another target"),
        pytest.param(taken(9, B, "09", required_signatures=0), id="without a signature"),
    ],
)
def test_other_receipts_do_not_count(other):
    assert memory_by_receipts([other], channel="monthly", target=REGISTRY, now=NOW) is None
