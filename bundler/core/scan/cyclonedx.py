"""The record of a scan as CycloneDX 1.6 JSON (ECMA-424): the objects as components, the findings as vulnerabilities.

A waiver is the analysis of a vulnerability, as VEX has it: ``not_affected`` would say more than a waiver knows, so the
response is ``will_not_fix`` and the reason is its detail. An object that was not scanned has a property that says so,
because the form has no place for it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from bundler.core.digest import Digest
from bundler.core.scan.gate import weigh
from bundler.core.scan.record import Scan, ScanRecord
from bundler.core.scan.verdict import Finding, Severity, State, Unit
from bundler.core.scan.waivers import Waiver

_SEVERITIES = {Severity.NEGLIGIBLE: "info"}
_HASHES = {"sha256": "SHA-256", "sha512": "SHA-512"}
Names = Callable[[Digest], Sequence[str]]


def cyclonedx_of(record: ScanRecord, names: Names) -> dict[str, Any]:
    """The document. The same record gives the same bytes.

    Args:
        record: The record.
        names: Returns the names of the images that have an object.
    """
    digests = sorted({digest for scan in record.scans for digest in scan.verdicts})
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": _serial(record),
        "version": 1,
        "metadata": {
            "timestamp": record.created,
            "tools": {"components": [_tool(scan) for scan in record.scans]},
            "component": {
                "type": "data",
                "bom-ref": f"sha256:{record.bundle_id}",
                "name": record.bundle_name,
                "version": record.bundle_id,
            },
        },
        "components": [_component(digest, record, names(digest)) for digest in digests],
        "vulnerabilities": [_vulnerability(*each) for each in _found(record, names)],
    }


def _serial(record: ScanRecord) -> str:
    """A UUID of version 5's form out of the record, so that a document can be made again."""
    found = hashlib.sha256(b"".join(record.to_json())).hexdigest()
    return f"urn:uuid:{found[:8]}-{found[8:12]}-5{found[13:16]}-a{found[17:20]}-{found[20:32]}"


def _tool(scan: Scan) -> dict[str, Any]:
    scanner = scan.scanner
    properties = {"database": scanner.database, "databaseDate": scanner.database_date}
    return {
        "type": "application",
        "name": scanner.name,
        "version": scanner.version,
        "properties": [{"name": f"bundler:{name}", "value": value} for name, value in properties.items() if value],
    }


def _component(digest: Digest, record: ScanRecord, images: Sequence[str]) -> dict[str, Any]:
    scans = [scan for scan in record.scans if digest in scan.verdicts]
    is_image = any(scan.scanner.unit is Unit.IMAGE for scan in scans)
    properties = [("bundler:image", name) for name in images]
    for scan in scans:
        verdict = scan.verdicts[digest]
        words = f"{verdict.state.value}: {verdict.reason}" if verdict.reason else verdict.state.value
        properties.append((f"bundler:verdict:{scan.scanner.name}", words))
    return {
        "type": "container" if is_image else "file",
        "bom-ref": str(digest),
        "name": images[0] if is_image and images else digest.path,
        "version": str(digest),
        "hashes": [{"alg": _HASHES[digest.algorithm], "content": digest.encoded}],
        "properties": [{"name": name, "value": value} for name, value in properties],
    }


def _found(record: ScanRecord, names: Names) -> Iterator[tuple[Scan, Finding, Mapping[Digest, Waiver | None]]]:
    """Each finding of each scanner, with the objects that have it and the waivers that accept it there."""
    for scan in record.scans:
        objects: dict[Finding, dict[Digest, Waiver | None]] = {}
        for digest in sorted(scan.verdicts):
            verdict = scan.verdicts[digest]
            if verdict.state is not State.FOUND:
                continue
            weighed = weigh(verdict, digest, names(digest), scanner=scan.scanner.name, waivers=record.waivers)
            waived = {waiver.id: waiver for waiver in weighed.waivers}
            for finding in verdict.findings:
                objects.setdefault(finding, {})[digest] = waived.get(finding.id)
        for finding in sorted(objects):
            yield scan, finding, objects[finding]


def _vulnerability(scan: Scan, finding: Finding, objects: Mapping[Digest, Waiver | None]) -> dict[str, Any]:
    waivers = {waiver for waiver in objects.values() if waiver is not None}
    is_waived = waivers and None not in objects.values()
    properties = {"package": finding.package, "version": finding.version, "where": finding.where}
    return {
        "id": finding.id,
        "source": {"name": scan.scanner.name},
        "ratings": [{"severity": _SEVERITIES.get(finding.severity, finding.severity.value)}],
        **({"description": finding.title} if finding.title else {}),
        **({"recommendation": f"update {finding.package} to {finding.fixed}"} if finding.fixed else {}),
        **({"analysis": _analysis(sorted(waivers, key=_order)[0])} if is_waived else {}),
        "affects": [{"ref": str(digest)} for digest in objects],
        "properties": [{"name": f"bundler:{name}", "value": value} for name, value in properties.items() if value],
    }


def _order(waiver: Waiver) -> tuple[str, str, str]:
    return waiver.expires, waiver.reason, waiver.who


def _analysis(waiver: Waiver) -> dict[str, Any]:
    detail = f"{waiver.reason} ({waiver.who}, until {waiver.expires})"
    return {"response": ["will_not_fix"], "detail": detail}
