"""Scans: the answers of the gate for the scanners that were demanded, and the records of scans that were given."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from bundler.core.frozen import frozen
from bundler.core.manifest import BundleManifest
from bundler.core.scan import Scan, SignedRecord, Waiver, contents_of
from bundler.core.scan.verdict import Finding, State
from bundler.texts import counted, joined, some, text
from bundler.views.html.elements import Element, Node, element
from bundler.views.html.parts import (
    BAD,
    GOOD,
    WARN,
    Column,
    Note,
    Section,
    code,
    facts,
    lines,
    mark,
    row,
    section,
    table,
)
from bundler.views.languages import worded
from bundler.views.scan_report import STATES

if TYPE_CHECKING:
    from bundler.core.receipt import Receipt
    from bundler.core.scan import GateResult

_MOST_OBJECTS, _MOST_FINDINGS, _MOST_WAIVERS, _MOST_CLAIMED = 500, 6, 200, 3
_GATE = (
    Column(text("scanner")),
    Column(text("verdict")),
    Column(text("database")),
    Column(text("record of the scan"), "whole"),
    Column(text("objects"), "number"),
    Column(text("waivers"), "whole"),
)
_SCANS = (
    Column(text("scanner")),
    Column(text("database")),
    Column(text("objects"), "whole"),
    Column(text("findings"), "whole"),
)
_OBJECTS = (
    Column(text("object and images"), "whole"),
    Column(text("scanner")),
    Column(text("verdict")),
    Column(text("findings"), "whole"),
)
_NOT_PASSED = (
    text("{count:,} object has not passed the scan by {scanner}"),
    text("{count:,} objects have not passed the scan by {scanner}"),
)
_NOT_SCANNED = (
    text("{count:,} object is not in the scan by {scanner}"),
    text("{count:,} objects are not in the scan by {scanner}"),
)
_LEVELS = {State.CLEAN: GOOD, State.FOUND: BAD, State.NOT_SCANNED: WARN, State.ERROR: BAD}


@frozen
class Gated:
    """The answer of the gate for one scanner, of this run or in a receipt.

    Attributes:
        scanner: The name of the scanner.
        version: The version of the program; empty without a record.
        database: The version and the date of its database.
        record: The SHA-256 of the record; empty without one.
        created: The time of the scan.
        signers: The key ids of those who signed the record.
        objects: The number of objects that must have passed.
        waivers: The waivers that accepted something.
        reason: The reason for which it was refused; empty if it passed.
    """

    scanner: str
    version: str
    database: str
    record: str
    created: str
    signers: tuple[str, ...]
    objects: int
    waivers: tuple[Waiver, ...]
    reason: str


def gated_by(results: Iterable[GateResult]) -> list[Gated]:
    """The answers of the gate in this run."""
    found = []
    for each in results:
        scanner, record = each.scanner, each.record
        found.append(
            Gated(
                scanner=each.name,
                version=scanner.version if scanner else "",
                database=f"{scanner.database} {scanner.database_date}".strip() if scanner else "",
                record=record.id if record else "",
                created=record.record.created if record else "",
                signers=record.signers if record else (),
                objects=each.objects,
                waivers=each.waivers,
                reason=worded(each.error) if each.error else "",
            )
        )
    return found


def gated_in(receipt: Receipt) -> list[Gated]:
    """The answers of the gate in a receipt."""
    return [
        Gated(
            scanner=each.scanner,
            version=each.version,
            database=f"{each.database} {each.database_date}".strip(),
            record=each.record,
            created=each.created,
            signers=each.signers,
            objects=each.objects,
            waivers=each.waivers,
            reason=each.reason,
        )
        for each in receipt.scans
    ]


def gate_section(results: Sequence[Gated]) -> Section | None:
    """The answers of the gate; None if no scan was demanded."""
    if not results:
        return None
    return section(text("Demanded scans"), "scan-gate", table(_GATE, map(_gate_row, results)))


def gate_notes(results: Sequence[Gated]) -> Iterator[Note]:
    """A remark for each scanner that has not passed the bundle."""
    for each in results:
        if each.reason:
            yield Note(BAD, text("The scan by {scanner} is not passed", scanner=each.scanner), each.reason)


def _gate_row(each: Gated) -> Element:
    verdict = (
        (mark(text("REFUSED"), BAD), element("div", each.reason, class_="hint"))
        if each.reason
        else element("span", text("passed"), class_=GOOD)
    )
    record = lines([each.created, code(each.record), *map(code, each.signers)]) if each.record else None
    waivers = (_waiver_words(waiver) for waiver in each.waivers[:_MOST_WAIVERS])
    cells = (f"{each.scanner} {each.version}".strip(), verdict, each.database, record, f"{each.objects:,}")
    return row(_GATE, (*cells, lines(waivers)))


def record_sections(
    records: Sequence[SignedRecord], bundle_id: str, manifest: BundleManifest
) -> Iterator[Section | None]:
    """A section for each record of a scan of this bundle.

    Args:
        records: The records; those of other bundles are left out.
        bundle_id: The id of the bundle.
        manifest: Its manifest.
    """
    for number, signed in enumerate(_fitting(records, bundle_id), start=1):
        yield _record(signed, f"scan-{number}", manifest)


def record_notes(records: Sequence[SignedRecord], bundle_id: str, manifest: BundleManifest) -> Iterator[Note]:
    """Remarks about objects that have not passed, and about records that prove nothing."""
    for signed in records:
        if signed.record.bundle_id != bundle_id:
            yield Note(WARN, text("{file} is the record of a scan of another bundle", file=signed.source))
    for signed in _fitting(records, bundle_id):
        if not signed.signers:
            unsigned = text("No trusted key has signed {file}, the record of a scan", file=signed.source)
            yield Note(WARN, unsigned, _untrusted_words(signed))
        for scan in signed.record.scans:
            about = {"scanner": scan.scanner.name}
            bad = sum(verdict.state is not State.CLEAN for verdict in scan.verdicts.values())
            if bad:
                one, many = _NOT_PASSED
                yield Note(BAD, counted(bad, one, many, **about))
            missing = _missing(scan, bundle_id, manifest)
            if missing:
                one, many = _NOT_SCANNED
                yield Note(WARN, counted(missing, one, many, **about))


def _fitting(records: Sequence[SignedRecord], bundle_id: str) -> list[SignedRecord]:
    return [each for each in records if each.record.bundle_id == bundle_id]


def _missing(scan: Scan, bundle_id: str, manifest: BundleManifest) -> int:
    """The number of objects that the record does not have. Blobs that are left out are at the receiver already."""
    absent = {number for number, blob in enumerate(manifest.blobs) if blob.is_left_out}
    wanted = contents_of(bundle_id, manifest, absent).objects(scan.scanner.unit)
    return sum(digest not in scan.verdicts for digest in wanted)


def _record(signed: SignedRecord, anchor: str, manifest: BundleManifest) -> Section:
    record = signed.record
    more = sum(_bad(scan) for scan in record.scans) - _MOST_OBJECTS
    return section(
        text("Scan of {created}", created=record.created),
        anchor,
        facts(
            [
                (text("record of the scan"), (code(signed.source), " ", code(signed.id))),
                (text("signed by"), _signers(signed)),
                (text("operator"), text("{operator} on {host}", operator=record.operator, host=record.host)),
                (text("tool"), record.tool),
            ]
        ),
        table(_SCANS, map(_scan_row, record.scans)),
        table(_OBJECTS, _object_rows(record.scans, manifest)) if any(map(_bad, record.scans)) else None,
        element("p", text("and {count:,} more", count=more), class_="soft") if more > 0 else None,
        _waivers(record.waivers),
    )


def _signers(signed: SignedRecord) -> Node:
    if signed.signers:
        return tuple(lines(map(code, signed.signers)))
    if not signed.claimed:
        return mark(text("UNSIGNED"), WARN)
    return (code(some(signed.claimed, most=_MOST_CLAIMED)), " ", mark(text("not a trusted key"), WARN))


def _untrusted_words(signed: SignedRecord) -> str:
    """The reason why a record proves nothing, and the next step."""
    if not signed.claimed:
        return text("It has no signature file. Its verdicts prove nothing. scan --key KEY signs a record.")
    return text(
        "Its signature file names {keys}, not a trusted key. Its verdicts prove nothing. If this is the key of the "
        "person who scanned: --scan-trust NAME.pub",
        keys=some(signed.claimed, most=_MOST_CLAIMED),
    )


def _bad(scan: Scan) -> int:
    return sum(verdict.state is not State.CLEAN for verdict in scan.verdicts.values())


def _scan_row(scan: Scan) -> Element:
    scanner = scan.scanner
    states = (
        element("div", text("{count:,} {state}", count=number, state=STATES[state.value]), class_=_LEVELS[state])
        for state in State
        if (number := scan.states.get(state, 0))
    )
    severities = [
        text("{count:,} {severity}", count=number, severity=severity.value)
        for severity, number in sorted(scan.severities.items(), key=lambda each: -each[0].rank)
    ]
    database = f"{scanner.database} {scanner.database_date}".strip()
    return row(_SCANS, (f"{scanner.name} {scanner.version}".strip(), database, states, joined(severities, ", ")))


def _object_rows(scans: Sequence[Scan], manifest: BundleManifest) -> Iterator[Element]:
    users, left = manifest.users(), _MOST_OBJECTS
    for scan in scans:
        for digest, verdict in sorted(scan.verdicts.items()):
            if verdict.state is State.CLEAN:
                continue
            if not left:
                return
            left -= 1
            names = users.get(digest, [])
            subject = (code(digest), element("div", some(names, most=4), class_="hint") if names else None)
            state = mark(STATES[verdict.state.value], _LEVELS[verdict.state])
            yield row(_OBJECTS, (subject, scan.scanner.name, state, verdict.reason or _findings(verdict.findings)))


def _findings(findings: Sequence[Finding]) -> Node:
    worst = sorted(findings, key=lambda each: (-each.severity.rank, each))
    more = len(worst) - _MOST_FINDINGS
    return (
        lines(map(_finding, worst[:_MOST_FINDINGS])),
        element("div", text("and {count:,} more", count=more), class_="soft") if more > 0 else None,
    )


def _finding(each: Finding) -> Node:
    package = f"{each.package} {each.version}".strip()
    fixed = text("repaired in {version}", version=each.fixed) if each.fixed else None
    parts = [f"{each.id} ({each.severity.value})", package or each.where, fixed]
    return ((", " if number else "", part) for number, part in enumerate(filter(None, parts)))


def _waivers(waivers: Sequence[Waiver]) -> Node:
    if not waivers:
        return None
    words = counted(len(waivers), "{count:,} waiver accepted something", "{count:,} waivers accepted something")
    shown = (element("li", _waiver_words(each)) for each in waivers[:_MOST_WAIVERS])
    return (element("h3", words), element("ul", shown))


def _waiver_words(each: Waiver) -> str:
    return text(
        "{id}: {reason} ({who}, until {expires})", id=each.id, reason=each.reason, who=each.who, expires=each.expires
    )
