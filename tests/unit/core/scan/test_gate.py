"""A bundle passes the gate only with a fitting record in which each object has passed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bundler.core.moments import seconds_of
from bundler.core.scan import (
    GateResult,
    ScanDemand,
    Scanner,
    Severity,
    SignedRecord,
    Unit,
    failed,
    found,
    judge,
    not_scanned,
)
from bundler.errors import Untrusted
from tests.support.tables import each_case
from tests.unit.core.scan.values import BLOBS, CLAMAV, CONTENTS, HIGH, IMAGES, LOW, TRIVY, VIRUS, scan, signed, waiver
from tests.unit.values import digest

NOW = seconds_of("2026-11-30T08:00:00Z")
DAY = 86_400


def gate(*records: SignedRecord, now: int = NOW, **demand: Any) -> GateResult:
    (result,) = judge(ScanDemand(**{"scanners": ("clamav",), **demand}), CONTENTS, records, now)
    return result


def code(result: GateResult) -> str | None:
    assert result.error is None or isinstance(result.error, Untrusted)
    return result.error.code if result.error else None


def test_a_bundle_whose_objects_are_all_clean_passes() -> None:
    result = gate(signed())
    assert (result.error, result.scanner, result.objects) == (None, CLAMAV, 3)
    assert result.record == signed().bare


def test_without_a_demand_nothing_is_judged() -> None:
    assert judge(ScanDemand(), CONTENTS, (), NOW) == ()


def test_each_scanner_that_is_demanded_must_pass() -> None:
    both = ScanDemand(("clamav", "trivy", "clamav"))
    results = judge(both, CONTENTS, [signed(scan(CLAMAV))], NOW)
    assert [(each.name, code(each)) for each in results] == [("clamav", None), ("trivy", "scan-missing")]
    assert [each.error for each in judge(both, CONTENTS, [signed(scan(CLAMAV), scan(TRIVY))], NOW)] == [None, None]


OLD = Scanner("clamav", Unit.BLOB, "1", "2", "2026-10-01T00:00:00Z")
UNDATED = Scanner("clamav", Unit.BLOB, "1", "2")
AHEAD = Scanner("clamav", Unit.BLOB, "1", "2", "2027-11-28T09:00:00Z")
VERDICTS: dict[str, tuple[Sequence[SignedRecord], dict[str, Any], str | None]] = {
    "no record": ([], {}, "scan-missing"),
    "a record of another bundle": ([signed(bundle_id="cd" * 32)], {}, "scan-missing"),
    "a record by another scanner": ([signed(scan(TRIVY))], {}, "scan-missing"),
    "a record of it among others": ([signed(bundle_id="cd" * 32), signed(scan(TRIVY)), signed()], {}, None),
    "an old record": ([signed()], {"now": NOW + 8 * DAY, "most_seconds": 7 * DAY}, "scan-old"),
    "an old record, and no bound": ([signed()], {"now": NOW + 8 * DAY}, None),
    "an old database": ([signed(scan(OLD))], {"most_seconds": 7 * DAY}, "scan-old"),
    "a database without a date": ([signed(scan(UNDATED))], {"most_seconds": 7 * DAY}, "scan-old"),
    "a database without a date, and no bound": ([signed(scan(UNDATED))], {}, None),
    "a young record": ([signed()], {"most_seconds": 7 * DAY}, None),
    "a record from the future": ([signed()], {"now": NOW - 3 * DAY}, "scan-future"),
    "a clock that is an hour slow": ([signed()], {"now": seconds_of("2026-11-29T07:00:00Z")}, None),
    "a database from the future": ([signed(scan(AHEAD))], {}, "scan-future"),
    "an object without a verdict": ([signed(scan(but={BLOBS[1]: None}))], {}, "scan-not-clean"),
    "an object that was not scanned": ([signed(scan(but={BLOBS[1]: not_scanned("too large")}))], {}, "scan-not-clean"),
    "an object at which it failed": ([signed(scan(but={BLOBS[1]: failed("crash")}))], {}, "scan-not-clean"),
    "an object with malware": ([signed(scan(but={BLOBS[1]: found([VIRUS])}))], {}, "scan-not-clean"),
    "malware, and a bound": (
        [signed(scan(but={BLOBS[1]: found([VIRUS])}))], {"least": Severity.CRITICAL}, "scan-not-clean"
    ),
    "an image that only the scan saw": (
        [signed(scan(TRIVY, {digest("other"): not_scanned("not a container image")}))],
        {"scanners": ("trivy",)},
        "scan-not-clean",
    ),
    "a verdict on another object": ([signed(scan(but={digest("other"): found([VIRUS])}))], {}, None),
    "no verdict at all": ([signed(scan(but=dict.fromkeys(BLOBS)))], {}, "scan-not-clean"),
    "an earlier clean record": (
        [signed(), signed(scan(but={BLOBS[1]: found([VIRUS])}), created="2026-11-29T08:00:01Z")], {}, "scan-not-clean"
    ),
    "a later clean record": (
        [signed(scan(but={BLOBS[1]: found([VIRUS])})), signed(created="2026-11-29T10:00:00+01:00")], {}, None
    ),
}  # fmt: skip


@each_case("case", VERDICTS.values(), ids=VERDICTS)
def test_the_gate_refuses_what_does_not_fit(case: tuple[Sequence[SignedRecord], dict[str, Any], str | None]) -> None:
    records, demand, wanted = case
    assert code(gate(*records, **demand)) == wanted


FOUND = {IMAGES[0]: found([LOW, HIGH])}
UNKNOWN = {IMAGES[0]: found([LOW.__class__("X-1", Severity.UNKNOWN)])}
UNSEEN = {IMAGES[0]: not_scanned("no operating system was recognised")}
WAIVERS: dict[str, tuple[SignedRecord, dict[str, Any], int | None]] = {
    "no waiver": (signed(scan(TRIVY, FOUND)), {}, None),
    "below the severity": (signed(scan(TRIVY, FOUND)), {"least": Severity.CRITICAL}, 0),
    "at the severity": (signed(scan(TRIVY, FOUND)), {"least": Severity.HIGH}, None),
    "an unknown severity is never below": (signed(scan(TRIVY, UNKNOWN)), {"least": Severity.CRITICAL}, None),
    "one of two waived": (signed(scan(TRIVY, FOUND), waivers=(waiver(),)), {}, None),
    "one waived, one below": (signed(scan(TRIVY, FOUND), waivers=(waiver(),)), {"least": Severity.MEDIUM}, 1),
    "both waived": (signed(scan(TRIVY, FOUND), waivers=(waiver(), waiver(LOW.id))), {}, 2),
    "expired": (signed(scan(TRIVY, FOUND), waivers=(waiver(expires="2026-11-29"),)), {"least": Severity.HIGH}, None),
    "its last day": (signed(scan(TRIVY, FOUND), waivers=(waiver(expires="2026-11-30"),)), {"least": Severity.HIGH}, 1),
    "another scanner's": (signed(scan(TRIVY, FOUND), waivers=(waiver(scanner="grype"),)), {"least": Severity.HIGH}, None),
    "this scanner's": (signed(scan(TRIVY, FOUND), waivers=(waiver(scanner="trivy"),)), {"least": Severity.HIGH}, 1),
    "another object's": (
        signed(scan(TRIVY, FOUND), waivers=(waiver(object=str(IMAGES[1])),)), {"least": Severity.HIGH}, None
    ),
    "this object's": (signed(scan(TRIVY, FOUND), waivers=(waiver(object=str(IMAGES[0])),)), {"least": Severity.HIGH}, 1),
    "all its names": (
        signed(scan(TRIVY, FOUND), waivers=(waiver(object="quay.io/team/*"),)), {"least": Severity.HIGH}, 1
    ),
    "one of its names": (
        signed(scan(TRIVY, FOUND), waivers=(waiver(object="quay.io/team/app:1"),)), {"least": Severity.HIGH}, None
    ),
    "an object without a name": (
        signed(scan(TRIVY, {IMAGES[1]: found([HIGH])}), waivers=(waiver(object="*"),)), {}, None
    ),
    "not scanned": (signed(scan(TRIVY, UNSEEN), waivers=(waiver("not-scanned", object="quay.io/*"),)), {}, 1),
    "not scanned, of another": (
        signed(scan(TRIVY, UNSEEN), waivers=(waiver("not-scanned", object=str(IMAGES[1])),)), {}, None
    ),
    "an error is never waived": (
        signed(scan(TRIVY, {IMAGES[0]: failed("no")}), waivers=(waiver("not-scanned", object=str(IMAGES[0])),)), {}, None
    ),
    "a missing verdict is never waived": (
        signed(scan(TRIVY, {IMAGES[0]: None}), waivers=(waiver("not-scanned", object=str(IMAGES[0])),)), {}, None
    ),
}  # fmt: skip


@each_case("case", WAIVERS.values(), ids=WAIVERS)
def test_a_finding_passes_only_if_it_is_waived_or_below_the_severity(
    case: tuple[SignedRecord, dict[str, Any], int | None],
) -> None:
    record, demand, used = case
    result = gate(record, scanners=("trivy",), **demand)
    assert (None if result.error else len(result.waivers)) == used
    assert code(result) in (None, "scan-not-clean")


def test_an_error_names_the_objects_their_images_and_what_was_found() -> None:
    result = gate(signed(scan(but={BLOBS[1]: found([VIRUS]), BLOBS[0]: not_scanned("too large"), BLOBS[2]: None})))
    assert result.error is not None
    words = str(result.error)
    for each in (*map(str, BLOBS), "quay.io/team/app:1", VIRUS.id, "too large", "no verdict", ": 3"):
        assert each in words
    many = gate(signed(scan(TRIVY, dict.fromkeys(IMAGES, found([LOW, HIGH, *(waiver_like(n) for n in range(9))])))),
                scanners=("trivy",))  # fmt: skip
    assert HIGH.id in str(many.error), "the worst one is named first"


def waiver_like(number: int) -> Any:
    return LOW.__class__(f"CVE-2025-{number}", Severity.LOW)
