"""The lines about scans: the record that ``scan`` wrote, and the answers of the gate of ``import`` and ``verify``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from bundler.texts import counted, joined, some, text
from bundler.views.errors import error_lines
from bundler.views.languages import said, translated
from bundler.views.words import escaped, fact, fact_below, limited, table

if TYPE_CHECKING:
    from bundler.core.digest import Digest
    from bundler.core.scan import Finding, GateResult, Scan, Scanner, Waiver, Weighed
    from bundler.scanning.request import ScanResult

_SHOWN = 3
"""The findings of an object in one line."""
STATES = {
    "clean": text("clean"),
    "found": text("found"),
    "not-scanned": text("not scanned"),
    "error": text("failed"),
}
"""The verdicts on objects, as people read them."""


def lines(result: ScanResult, *, is_verbose: bool) -> list[str]:
    """The record, the counts of each scanner, and the objects that have not passed."""
    record = result.record
    key = said("signed by key {key}", key=result.key_id) if result.key_id else said("UNSIGNED: no import accepts it")
    if result.is_old:
        key = said("complete already: the same as the scan of {created}", created=record.created)
    shown = [
        fact(said("record"), escaped(result.path)),
        fact_below(key),
        fact(said("id"), result.id),
        fact(said("bundle"), f"{escaped(record.bundle_name)}  {record.bundle_id}"),
    ]
    for scan in record.scans:
        shown += [fact(escaped(scan.scanner.name), _scanner(scan.scanner)), fact_below(translated(_counts(scan)))]
    if result.kept:
        kept = counted(result.kept, "{count:,} verdict of earlier scans", "{count:,} verdicts of earlier scans")
        shown.append(fact(said("kept"), translated(kept)))
    shown += _waiver_lines(result)
    rows = [*_refused_rows(result)]
    if not rows:
        return [*shown, "", said("every object has passed")]
    first, *others = table([(said("scanner"), said("object"), said("image"), said("verdict")), *rows])
    return [
        *shown,
        "",
        said("NOT PASSED: {objects}", objects=translated(_objects(len(rows)))),
        first,
        *limited(others, is_verbose=is_verbose),
        f"  {said('more: bundler explain {code}', code='scan-not-clean')}",
    ]


def gate_lines(results: Sequence[GateResult]) -> list[str]:
    """A line for each scanner that is demanded: passed, with the record that says so, or refused."""
    return [fact(said("scan"), _gate_words(result)) for result in results]


def verify_lines(results: Sequence[GateResult]) -> list[str]:
    """The same, with the reason for which the bundle is refused."""
    refused = [line for result in results if result.error for line in error_lines(result.error)]
    return [*gate_lines(results), *refused]


def scan_document(result: ScanResult) -> dict[str, Any]:
    """The fields of ``scan --json``, without its head."""
    record = result.record
    return {
        "path": str(result.path),
        "id": result.id,
        "keyId": result.key_id,
        "completeAlready": result.is_old,
        "bundleId": record.bundle_id,
        "name": record.bundle_name,
        "created": record.created,
        "kept": result.kept,
        "scanners": [_scan_document(scan) for scan in record.scans],
        "waivers": {
            "used": [waiver.id for waiver in record.waivers],
            "expired": [waiver.id for waiver in result.expired],
            "unused": [waiver.id for waiver in result.unused],
        },
        "refused": [
            {
                "scanner": name,
                "digest": str(digest),
                "images": list(result.names(digest)),
                "reason": weighed.why or None,
                "findings": [_finding_document(each) for each in weighed.findings],
            }
            for name, left in result.refused.items()
            for digest, weighed in sorted(left.items())
        ],
    }


def gate_document(results: Sequence[GateResult]) -> list[dict[str, Any]]:
    """The field ``scans`` of ``import --json`` and ``verify --json``."""
    return [
        {
            "scanner": result.name,
            "result": "refused" if result.error else "passed",
            "record": result.record.id if result.record else None,
            "path": result.record.source if result.record else None,
            "signers": list(result.record.signers) if result.record else [],
            "created": result.record.record.created if result.record else None,
            "version": result.scanner.version if result.scanner else None,
            "database": result.scanner.database if result.scanner else None,
            "databaseDate": result.scanner.database_date if result.scanner else None,
            "objects": result.objects,
            "waivers": [waiver.id for waiver in result.waivers],
            "reason": str(result.error) if result.error else None,
            "code": result.error.code if result.error else None,
        }
        for result in results
    ]


def _scan_document(scan: Scan) -> dict[str, Any]:
    scanner = scan.scanner
    return {
        "name": scanner.name,
        "unit": scanner.unit.value,
        "version": scanner.version,
        "database": scanner.database,
        "databaseDate": scanner.database_date,
        "objects": {state.value: number for state, number in scan.states.items()},
        "severities": {severity.value: number for severity, number in scan.severities.items()},
    }


def _finding_document(finding: Finding) -> dict[str, str]:
    return {"id": finding.id, "severity": finding.severity.value, "package": finding.package, "fixed": finding.fixed}


def _scanner(scanner: Scanner) -> str:
    words = [text("{version}", version=escaped(scanner.version))] if scanner.version else []
    if scanner.database:
        words.append(text("database {database}", database=escaped(scanner.database)))
    if scanner.database_date:
        words.append(text("of {date}", date=scanner.database_date))
    return translated(joined(words, ", ")) if words else said("of unknown version")


def _counts(scan: Scan) -> str:
    states = {state.value: number for state, number in scan.states.items()}
    counts = [
        text("{count:,} {state}", count=states[name], state=words) for name, words in STATES.items() if name in states
    ]
    found = [
        text("{count:,} {severity}", count=scan.severities[each], severity=each.value)
        for each in sorted(scan.severities, key=lambda each: -each.rank)
    ]
    parts = [text("{objects}: {counts}", objects=_objects(len(scan.verdicts)), counts=joined(counts, ", "))]
    return joined([*parts, *([text("findings: {counts}", counts=joined(found, ", "))] if found else [])])


def _objects(number: int) -> str:
    return counted(number, "{count:,} object", "{count:,} objects")


def _waiver_lines(result: ScanResult) -> list[str]:
    words = [
        (text("{count:,} accepted something", count=len(result.record.waivers)), result.record.waivers),
        (text("{count:,} EXPIRED: {names}", count=len(result.expired), names=_names(result.expired)), result.expired),
        (text("{count:,} accepted nothing: {names}", count=len(result.unused), names=_names(result.unused)),
         result.unused),
    ]  # fmt: skip
    first, *others = [translated(each) for each, waivers in words if waivers] or [""]
    return [fact(said("waivers"), first), *map(fact_below, others)] if first else []


def _names(waivers: Sequence[Waiver]) -> str:
    return some(map(escaped, (waiver.id for waiver in waivers)))


def _refused_rows(result: ScanResult) -> Iterator[tuple[str, str, str, str]]:
    for name, left in result.refused.items():
        for digest, weighed in sorted(left.items()):
            yield escaped(name), digest.short, _images(result, digest), translated(_words(weighed))


def _images(result: ScanResult, digest: Digest) -> str:
    return translated(some(map(escaped, result.names(digest)), most=1)) or "-"


def _words(weighed: Weighed) -> str:
    if not weighed.findings:
        return text("{reason}", reason=escaped(weighed.why))
    worst = sorted(weighed.findings, key=lambda each: (-each.severity.rank, each))
    return some((f"{escaped(each.id)} ({each.severity.value})" for each in worst), most=_SHOWN)


def _gate_words(result: GateResult) -> str:
    if result.record is None or result.scanner is None:
        return said("{scanner}: REFUSED, no record of this bundle", scanner=escaped(result.name))
    values = {
        "scanner": escaped(result.name),
        "objects": translated(_objects(result.objects)),
        "created": result.record.record.created,
        "signers": ", ".join(result.record.signers),
    }
    if result.error:
        return said("{scanner}: REFUSED, scanned {created}, signed by {signers}", **values)
    waived = counted(len(result.waivers), "{count:,} waiver", "{count:,} waivers")
    passed = said("{scanner}: passed, {objects}, scanned {created}, signed by {signers}", **values)
    return f"{passed}, {translated(waived)}" if result.waivers else passed
