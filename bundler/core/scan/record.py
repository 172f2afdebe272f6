"""The record of a scan, a JSON document that can be signed: the verdict of each scanner on each object of one bundle.

It is bound to the id of the bundle. Findings that objects share are listed once. Specification: docs/json.md. Unknown
fields are ignored; an unknown ``document`` is refused. A record is read after its signature was checked, and still as
hostile: its order, its numbers and its counts must be right.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from itertools import pairwise
from typing import Any

from bundler import texts
from bundler.core import strict_json
from bundler.core.bundle_name import check_bundle_name
from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.json_fields import drained, list_of, mapping, size, text
from bundler.core.limits import SCAN_RECORD_CONTAINERS, SCAN_SCANNERS, SCAN_TEXT_CHARACTERS, SCAN_WAIVERS
from bundler.core.manifest.document import lines_of
from bundler.core.moments import seconds_of
from bundler.core.patterns import lazy_pattern
from bundler.core.scan.verdict import CLEAN, Finding, Scanner, Severity, State, Unit, Verdict
from bundler.core.scan.waivers import Waiver
from bundler.errors import BundlerError, Damaged, Refused

DOCUMENT = "bundler.scan-record/1"
_DOCUMENTS = "bundler.scan-record/"
_ID = lazy_pattern(r"[0-9a-f]{64}")


@frozen
class Scan:
    """The verdicts of one scanner.

    Attributes:
        scanner: The scanner.
        verdicts: Its verdict on each object, by the digest of the object.
    """

    scanner: Scanner
    verdicts: Mapping[Digest, Verdict] = field(default_factory=dict)

    @property
    def states(self) -> Mapping[State, int]:
        """The number of objects by the kind of their verdict."""
        return Counter(verdict.state for verdict in self.verdicts.values())

    @property
    def severities(self) -> Mapping[Severity, int]:
        """The number of different findings by severity."""
        every = {finding for verdict in self.verdicts.values() for finding in verdict.findings}
        return Counter(finding.severity for finding in every)


@frozen
class ScanRecord:
    """The record of a scan of one bundle.

    Attributes:
        tool: Name and version of the program that wrote it.
        bundle_id: The SHA-256 of the bundle's SHA256SUMS.
        bundle_name: The name of the bundle.
        created: The time at which the scan was started, UTC, RFC 3339.
        operator: The user who scanned.
        host: The machine.
        scans: One for each scanner, in the order of their names.
        waivers: The waivers that accepted something.
    """

    tool: str
    bundle_id: str
    bundle_name: str
    created: str
    operator: str
    host: str
    scans: tuple[Scan, ...]
    waivers: tuple[Waiver, ...] = ()

    def to_json(self) -> Iterator[bytes]:
        """The bytes of the document, piece by piece, with a line for each finding and each verdict."""
        findings = sorted({each for scan in self.scans for one in scan.verdicts.values() for each in one.findings})
        numbers = {finding: number for number, finding in enumerate(findings)}
        head = {
            "document": DOCUMENT,
            "tool": self.tool,
            "bundle": {"id": self.bundle_id, "name": self.bundle_name},
            "created": self.created,
            "operator": self.operator,
            "host": self.host,
        }
        lists: dict[str, Iterable[Mapping[str, Any]]] = {
            "scanners": map(_scan_json, self.scans),
            "waivers": map(waiver_json, self.waivers),
            "findings": map(finding_json, findings),
            "verdicts": _verdict_lines(self.scans, numbers),
        }
        return lines_of(head, lists)


def parse_record(content: bytes, *, what: str) -> ScanRecord:
    """Reads the record of a scan. The caller has checked its signature.

    Args:
        content: The bytes; the caller bounds their number.
        what: The name of the document, for messages.

    Raises:
        Damaged: The content is not such a record, or contradicts itself.
        Refused: The record has an unknown version.
    """
    document = strict_json.loads(content, what=what, containers=SCAN_RECORD_CONTAINERS)
    if not isinstance(document, dict) or not isinstance(document.get("document"), str):
        raise Damaged("this is not the record of a scan", subject=what)
    if document["document"] != DOCUMENT:
        found = document["document"][:60]
        if found.startswith(_DOCUMENTS):
            raise Refused("a record of an unknown version", subject=what, expected=DOCUMENT, actual=found)
        raise Damaged("this is not the record of a scan", subject=what, expected=DOCUMENT, actual=found)
    try:
        return _record(document)
    except (KeyError, TypeError, ValueError, BundlerError) as error:
        raise Damaged(texts.text("not a record of bundler: {error}", error=error), subject=what) from error


def scanner_json(scanner: Scanner) -> dict[str, str]:
    """The identity of a scanner."""
    return {
        "name": scanner.name,
        "unit": scanner.unit.value,
        "version": scanner.version,
        "database": scanner.database,
        "databaseDate": scanner.database_date,
    }


def read_scanner(entry: Mapping[str, Any]) -> Scanner:
    """The scanner that an entry describes.

    Raises:
        KeyError, TypeError, ValueError: The entry is not valid.
    """
    scanner = Scanner(
        line(entry["name"]),
        Unit(text(entry["unit"])),
        line(entry["version"]),
        line(entry["database"]),
        line(entry["databaseDate"]),
    )
    if scanner.database_date:
        seconds_of(scanner.database_date)
    return scanner


def finding_json(finding: Finding) -> dict[str, str]:
    """A finding, without its empty fields."""
    optional = {
        "package": finding.package,
        "version": finding.version,
        "fixed": finding.fixed,
        "where": finding.where,
        "title": finding.title,
    }
    given = {name: value for name, value in optional.items() if value}
    return {"id": finding.id, "severity": finding.severity.value, **given}


def read_finding(entry: Mapping[str, Any]) -> Finding:
    """The finding that an entry describes.

    Raises:
        KeyError, TypeError, ValueError: The entry is not valid.
    """
    words = (line(entry.get(name, "")) for name in ("package", "version", "fixed", "where", "title"))
    return Finding(_filled(entry["id"]), Severity(text(entry["severity"])), *words)


def waiver_json(waiver: Waiver) -> dict[str, str]:
    """A waiver, without its empty fields."""
    given = {"object": waiver.object, "scanner": waiver.scanner}
    return {
        "id": waiver.id,
        "reason": waiver.reason,
        "expires": waiver.expires,
        "who": waiver.who,
        **{name: value for name, value in given.items() if value},
    }


def read_waiver(entry: Mapping[str, Any]) -> Waiver:
    """The waiver that an entry describes.

    Raises:
        KeyError, TypeError, ValueError: The entry is not valid.
    """
    waiver = Waiver(
        id=_filled(entry["id"]),
        reason=_filled(entry["reason"]),
        expires=_filled(entry["expires"]),
        who=_filled(entry["who"]),
        object=line(entry.get("object", "")),
        scanner=line(entry.get("scanner", "")),
    )
    waiver.check()
    return waiver


def line(value: object) -> str:
    """The value, if it is a text of one line that a record may hold.

    Raises:
        TypeError, ValueError: It is none.
    """
    found = text(value)
    if len(found) > SCAN_TEXT_CHARACTERS or not found.isprintable():
        raise ValueError(texts.text("not a line of text: {value:.60}", value=repr(found)))
    return found


def _filled(value: object) -> str:
    found = line(value)
    if not found:
        raise ValueError("a text is empty")
    return found


def _scan_json(scan: Scan) -> dict[str, Any]:
    return {
        **scanner_json(scan.scanner),
        "objects": {state.value: scan.states[state] for state in State if scan.states.get(state)},
        "severities": {each.value: scan.severities[each] for each in Severity if scan.severities.get(each)},
    }


def _verdict_lines(scans: Iterable[Scan], numbers: Mapping[Finding, int]) -> Iterator[dict[str, Any]]:
    for number, scan in enumerate(scans):
        for digest in sorted(scan.verdicts):
            verdict = scan.verdicts[digest]
            yield {
                "scanner": number,
                "digest": str(digest),
                "verdict": verdict.state.value,
                **({"reason": verdict.reason} if verdict.reason else {}),
                **({"findings": [numbers[each] for each in verdict.findings]} if verdict.findings else {}),
            }


def _record(document: dict[str, Any]) -> ScanRecord:
    bundle = mapping(document["bundle"])
    entries = list_of(document["scanners"])
    scanners = [read_scanner(mapping(entry)) for entry in entries]
    _check_order("scanners", [scanner.name for scanner in scanners], SCAN_SCANNERS)
    findings = tuple(read_finding(mapping(entry)) for entry in drained(document["findings"]))
    _check_order("findings", findings)
    verdicts = _verdicts(document["verdicts"], len(scanners), findings)
    scans = tuple(Scan(scanner, found) for scanner, found in zip(scanners, verdicts, strict=True))
    if any(_scan_json(scan) != _known(entry) for scan, entry in zip(scans, entries, strict=True)):
        raise ValueError("the counts do not fit the verdicts")
    waivers = tuple(read_waiver(mapping(entry)) for entry in list_of(document["waivers"]))
    if len(waivers) > SCAN_WAIVERS:
        raise ValueError(texts.text("more than {count:,} waivers", count=SCAN_WAIVERS))
    created = text(document["created"])
    seconds_of(created)
    bundle_id = text(bundle["id"])
    if not _ID.fullmatch(bundle_id):
        raise ValueError("not the id of a bundle")
    return ScanRecord(
        tool=line(document["tool"]),
        bundle_id=bundle_id,
        bundle_name=check_bundle_name(text(bundle["name"])),
        created=created,
        operator=line(document["operator"]),
        host=line(document["host"]),
        scans=scans,
        waivers=waivers,
    )


def _known(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a scanner that this version knows."""
    known = ("name", "unit", "version", "database", "databaseDate", "objects", "severities")
    return {name: entry[name] for name in known}


def _verdicts(entries: object, count: int, findings: tuple[Finding, ...]) -> list[dict[Digest, Verdict]]:
    """The verdicts of each scanner. Their order is part of the format: it makes each of them unique."""
    found: list[dict[Digest, Verdict]] = [{} for _ in range(count)]
    before: tuple[int, Digest] | None = None
    for each in drained(entries):
        entry = mapping(each)
        number, digest = size(entry["scanner"]), Digest.parse(entry["digest"])
        if number >= count:
            raise ValueError("a verdict of a scanner that is not listed")
        if before is not None and not before < (number, digest):
            raise ValueError("the verdicts are not in order, or one is there twice")
        before = (number, digest)
        found[number][digest] = read_verdict(entry, findings)
    return found


def read_verdict(entry: Mapping[str, Any], findings: tuple[Finding, ...]) -> Verdict:
    """The verdict that an entry describes.

    Raises:
        KeyError, TypeError, ValueError, IndexError: The entry is not valid.
    """
    state = State(text(entry["verdict"]))
    numbers = [size(number) for number in list_of(entry.get("findings", []))]
    if any(number >= len(findings) for number in numbers):
        raise ValueError("a number of a finding that is not listed")
    _check_order("findings", numbers)
    verdict = Verdict(state, line(entry.get("reason", "")), tuple(findings[number] for number in numbers))
    return CLEAN if verdict == CLEAN else verdict  # one object for the many that are clean


def _check_order(name: str, values: list[Any] | tuple[Any, ...], most: int | None = None) -> None:
    """Checks that each value is larger than the one before: so each is there once."""
    if any(not before < after for before, after in pairwise(values)):
        raise ValueError(texts.text("the field {field} is not in order, or has something twice", field=name))
    if most is not None and len(values) > most:
        raise ValueError(texts.text("more than {count:,} {field}", count=most, field=name))
