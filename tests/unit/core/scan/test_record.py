"""The record of a scan is read back as it was written, and refused when it is not what bundler writes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from bundler.core.limits import SCAN_TEXT_CHARACTERS
from bundler.core.scan import (
    CLEAN,
    Finding,
    Scanner,
    ScanRecord,
    Severity,
    State,
    Unit,
    Verdict,
    failed,
    found,
    not_scanned,
    parse_record,
)
from bundler.errors import Damaged, Refused
from tests.support.errors import raises
from tests.support.tables import each_case
from tests.unit.core.scan.values import BLOBS, CLAMAV, HIGH, IMAGES, LOW, TRIVY, VIRUS, record, scan, waiver

FULL = record(
    scan(CLAMAV, {BLOBS[0]: found([VIRUS]), BLOBS[1]: not_scanned("larger than 2 GiB")}),
    scan(TRIVY, {IMAGES[0]: found([HIGH, LOW]), IMAGES[1]: failed("it crashed")}),
    waivers=(waiver(), waiver("not-scanned", object=str(BLOBS[1]), scanner="clamav")),
)


def written(of: ScanRecord = FULL) -> bytes:
    return b"".join(of.to_json())


def document() -> dict[str, Any]:
    return json.loads(written())  # type: ignore[no-any-return]


def test_a_record_is_read_as_it_was_written_and_written_the_same_again() -> None:
    read = parse_record(written(), what="scan.json")
    assert read == FULL
    assert written(read) == written()


def test_findings_that_objects_share_are_listed_once() -> None:
    both = record(scan(TRIVY, dict.fromkeys(IMAGES, found([HIGH, LOW]))))
    assert written(both).count(b"CVE-2026-2") == 1
    assert parse_record(written(both), what="scan.json") == both


def test_a_record_counts_objects_by_verdict_and_findings_by_severity() -> None:
    clamav, trivy = document()["scanners"]
    assert clamav["objects"] == {"clean": 1, "found": 1, "not-scanned": 1}
    assert trivy["severities"] == {"low": 1, "high": 1}


def test_fields_of_later_versions_are_ignored() -> None:
    later = document()
    later["scanners"][0]["mood"] = later["verdicts"][0]["mood"] = later["mood"] = "good"
    assert parse_record(json.dumps(later).encode(), what="scan.json") == FULL


def changed(change: Callable[[dict[str, Any]], object]) -> bytes:
    made = document()
    change(made)
    return json.dumps(made).encode()


def _twice(made: dict[str, Any]) -> None:
    made["verdicts"].insert(0, made["verdicts"][0])


def _clean_and_found(made: dict[str, Any]) -> None:
    first = next(each for each in made["verdicts"] if each["verdict"] == "found")
    first["verdict"] = "clean"


def _found_nothing(made: dict[str, Any]) -> None:
    next(each for each in made["verdicts"] if each["verdict"] == "found")["findings"] = []


def _no_reason(made: dict[str, Any]) -> None:
    del next(each for each in made["verdicts"] if each["verdict"] == "error")["reason"]


FAULTS: dict[str, Callable[[dict[str, Any]], object]] = {
    "no bundle": lambda made: made.pop("bundle"),
    "an id in capitals": lambda made: made["bundle"].update(id="AB" * 32),
    "a short id": lambda made: made["bundle"].update(id="ab"),
    "a name that leads out": lambda made: made["bundle"].update(name="../x"),
    "no time": lambda made: made.update(created="yesterday"),
    "a database of no time": lambda made: made["scanners"][0].update(databaseDate="2026"),
    "a scanner twice": lambda made: made["scanners"].insert(0, made["scanners"][0]),
    "scanners out of order": lambda made: made["scanners"].reverse(),
    "a scanner with a path for a name": lambda made: made["scanners"][0].update(name="../clamav"),
    "clamav that scans images": lambda made: made["scanners"][0].update(unit="image"),
    "an unknown unit": lambda made: made["scanners"][0].update(unit="file"),
    "a verdict twice": _twice,
    "verdicts out of order": lambda made: made["verdicts"].reverse(),
    "a verdict of no scanner": lambda made: made["verdicts"][-1].update(scanner=2),
    "a verdict of scanner true": lambda made: made["verdicts"][-1].update(scanner=True),
    "an unknown verdict": lambda made: made["verdicts"][0].update(verdict="fine"),
    "clean with findings": _clean_and_found,
    "found without findings": _found_nothing,
    "an error without a reason": _no_reason,
    "a finding that is not listed": lambda made: made["verdicts"][-1].update(verdict="found", findings=[7]),
    "a finding of a negative number": lambda made: made["verdicts"][-1].update(verdict="found", findings=[-1]),
    "no digest": lambda made: made["verdicts"][0].update(digest="sha256:12"),
    "counts that lie": lambda made: made["scanners"][0].update(objects={"clean": 3}),
    "severities that lie": lambda made: made["scanners"][1].update(severities={"low": 2}),
    "no counts": lambda made: made["scanners"][0].pop("objects"),
    "findings out of order": lambda made: made["findings"].reverse(),
    "an unknown severity": lambda made: made["findings"][0].update(severity="terrible"),
    "a finding without a name": lambda made: made["findings"][0].update(id=""),
    "a long text": lambda made: made["findings"][0].update(title="x" * (SCAN_TEXT_CHARACTERS + 1)),
    "a text of two lines": lambda made: made.update(operator="alice\nmallory"),
    "a text that moves the cursor": lambda made: made["findings"][0].update(title="\x1b[2Jclean"),
    "a waiver without a reason": lambda made: made["waivers"][0].update(reason=""),
    "a waiver of no day": lambda made: made["waivers"][0].update(expires="2026-02-30"),
    "a waiver for ever": lambda made: made["waivers"][0].update(expires="never"),
    "a waiver of all that was not scanned": lambda made: made["waivers"][1].pop("object"),
    "scanners as an object": lambda made: made.update(scanners={}),
    "a verdict that is a text": lambda made: made.update(verdicts=["clean"]),
}


@each_case("fault", FAULTS.values(), ids=FAULTS)
def test_what_bundler_does_not_write_is_refused(fault: Callable[[dict[str, Any]], object]) -> None:
    with raises(Damaged, subject="scan.json"):
        parse_record(changed(fault), what="scan.json")


def test_another_document_is_no_record_and_a_later_version_is_refused() -> None:
    for content in (b"[]", b"{}", b'{"document": "bundler.receipt/1"}', b"clean", written()[:-9]):
        with raises(Damaged, subject="scan.json"):
            parse_record(content, what="scan.json")
    with raises(Refused, expected="bundler.scan-record/1", actual="bundler.scan-record/2"):
        parse_record(changed(lambda made: made.update(document="bundler.scan-record/2")), what="scan.json")


def test_words_of_a_scanner_are_cut_to_what_a_record_holds() -> None:
    hostile = Finding.reported("CVE\n\x1b[2J-1", Severity.LOW, where="a" * 5000, title="\ud800 \u202e x", package=" p ")
    assert hostile.id == "CVE  [2J-1"
    assert (len(hostile.where), hostile.package) == (SCAN_TEXT_CHARACTERS, "p")
    assert Finding.reported("\n", Severity.LOW).id == "unnamed"
    made = record(scan(TRIVY, {IMAGES[0]: found([hostile]), IMAGES[1]: failed("\x00" * 9)}))
    assert parse_record(written(made), what="scan.json") == made


def test_a_verdict_cannot_contradict_itself() -> None:
    assert found([]) is CLEAN
    assert found([HIGH, LOW, HIGH]).findings == tuple(sorted({HIGH, LOW}))
    for state, reason, findings in (
        (State.CLEAN, "", (LOW,)),
        (State.CLEAN, "it was too large", ()),
        (State.FOUND, "", ()),
        (State.NOT_SCANNED, "", ()),
        (State.ERROR, "it failed", (LOW,)),
    ):
        with pytest.raises(ValueError, match="contradicts"):
            Verdict(state, reason, findings)


def test_severities_have_an_order_and_an_unknown_one_reaches_all() -> None:
    assert [each for each in Severity if each.reaches(Severity.HIGH)] == [
        Severity.UNKNOWN,
        Severity.HIGH,
        Severity.CRITICAL,
    ]
    assert Severity.of("Negligible") is Severity.NEGLIGIBLE
    assert Severity.of("dreadful") is Severity.UNKNOWN


def test_a_command_cannot_take_the_place_of_a_known_scanner() -> None:
    with pytest.raises(ValueError, match="trivy"):
        Scanner("trivy", Unit.BLOB)
    assert Scanner("my-scan.sh", Unit.BLOB).title == "my-scan.sh"
