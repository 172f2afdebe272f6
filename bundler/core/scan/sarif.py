"""The record of a scan as SARIF 2.1.0 (OASIS, 2020), the form that code scanning and dashboards read.

Each scanner is a run; each finding is a rule; each object that has the finding is a result. A waiver is an external
suppression. An object that was not scanned, or at which the scanner failed, is a notification of the run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from bundler.core.digest import Digest
from bundler.core.scan.gate import weigh
from bundler.core.scan.record import Scan, ScanRecord
from bundler.core.scan.verdict import Finding, Severity, State, Verdict
from bundler.core.scan.waivers import Waiver

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {Severity.CRITICAL: "error", Severity.HIGH: "error", Severity.MEDIUM: "warning", Severity.UNKNOWN: "warning"}
_SCORES = {Severity.CRITICAL: "9.5", Severity.HIGH: "8.0", Severity.MEDIUM: "5.5", Severity.LOW: "2.0"}
"""The scores of ``security-severity``, a property of rules that code scanning sorts by; in the middle of each class."""
Names = Callable[[Digest], Sequence[str]]


def sarif_of(record: ScanRecord, names: Names) -> dict[str, Any]:
    """The document.

    Args:
        record: The record.
        names: Returns the names of the images that have an object.
    """
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [_run(record, scan, names) for scan in record.scans]}


def _run(record: ScanRecord, scan: Scan, names: Names) -> dict[str, Any]:
    found = (scan.verdicts[digest] for digest in sorted(scan.verdicts))
    used = (finding.id for verdict in found if verdict.state is State.FOUND for finding in verdict.findings)
    rules = {rule: number for number, rule in enumerate(dict.fromkeys(used))}
    results = list(_results(record, scan, names, rules))
    severities: dict[str, Finding] = {}
    for verdict in scan.verdicts.values():
        for finding in verdict.findings:
            known = severities.setdefault(finding.id, finding)
            if finding.severity.rank > known.severity.rank:
                severities[finding.id] = finding
    scanner = scan.scanner
    return {
        "tool": {
            "driver": {
                "name": scanner.name,
                **({"version": scanner.version} if scanner.version else {}),
                "rules": [_rule(severities[each]) for each in rules],
                "properties": {"database": scanner.database, "databaseDate": scanner.database_date},
            }
        },
        "invocations": [
            {
                "executionSuccessful": all(each.state is not State.ERROR for each in scan.verdicts.values()),
                "startTimeUtc": record.created,
                "toolExecutionNotifications": list(_notifications(scan, names)),
            }
        ],
        "results": results,
        "properties": {"bundle": record.bundle_name, "bundleId": record.bundle_id},
    }


def _results(record: ScanRecord, scan: Scan, names: Names, rules: Mapping[str, int]) -> Iterator[dict[str, Any]]:
    """The results. They name their rules by the numbers of the rules."""
    for digest in sorted(scan.verdicts):
        verdict = scan.verdicts[digest]
        if verdict.state is not State.FOUND:
            continue
        images = names(digest)
        waived = _waived(record, scan, digest, verdict, images)
        for finding in verdict.findings:
            yield {
                "ruleId": finding.id,
                "ruleIndex": rules[finding.id],
                "level": _LEVELS.get(finding.severity, "note"),
                "message": {"text": _message(finding)},
                "locations": [_location(digest, images, finding.where)],
                "suppressions": [_suppression(waived[finding.id])] if finding.id in waived else [],
            }


def _waived(
    record: ScanRecord, scan: Scan, digest: Digest, verdict: Verdict, images: Sequence[str]
) -> dict[str, Waiver]:
    weighed = weigh(verdict, digest, images, scanner=scan.scanner.name, waivers=record.waivers)
    return {waiver.id: waiver for waiver in weighed.waivers}


def _notifications(scan: Scan, names: Names) -> Iterator[dict[str, Any]]:
    for digest in sorted(scan.verdicts):
        verdict = scan.verdicts[digest]
        if verdict.state in (State.NOT_SCANNED, State.ERROR):
            yield {
                "level": "error" if verdict.state is State.ERROR else "warning",
                "message": {"text": f"{verdict.state.value}: {verdict.reason}"},
                "locations": [_location(digest, names(digest), "")],
            }


def _rule(finding: Finding) -> dict[str, Any]:
    score = _SCORES.get(finding.severity)
    return {
        "id": finding.id,
        "shortDescription": {"text": finding.title or finding.id},
        "properties": {"severity": finding.severity.value, **({"security-severity": score} if score else {})},
    }


def _message(finding: Finding) -> str:
    package = f" in {finding.package} {finding.version}".rstrip() if finding.package else ""
    fixed = f"; repaired in {finding.fixed}" if finding.fixed else ""
    return f"{finding.id} ({finding.severity.value}){package}{fixed}"


def _location(digest: Digest, images: Sequence[str], where: str) -> dict[str, Any]:
    """The place of a result: the object in the layout of the bundle, and the images that have it."""
    logical = [{"fullyQualifiedName": name, "kind": "module"} for name in images]
    return {
        "physicalLocation": {"artifactLocation": {"uri": digest.path}},
        **({"logicalLocations": logical} if logical else {}),
        **({"message": {"text": where}} if where else {}),
    }


def _suppression(waiver: Waiver) -> dict[str, Any]:
    words = f"{waiver.reason} ({waiver.who}, until {waiver.expires})"
    return {"kind": "external", "status": "accepted", "justification": words}
