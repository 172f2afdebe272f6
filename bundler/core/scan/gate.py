"""The gate: has every object of a bundle passed the scanners that the importer demands? A pure function of records.

It refuses by default. A scanner passes only if there is a record of this bundle by it that is young enough, and in
which each object is clean, or each of its findings is waived or below the severity. Of several records by one scanner
the newest decides, so that an earlier clean one hides nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from bundler.core.advice import problem
from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.limits import SCAN_FUTURE_SECONDS
from bundler.core.moments import seconds_of, shown
from bundler.core.scan.contents import Contents
from bundler.core.scan.record import Scan, ScanRecord
from bundler.core.scan.verdict import Finding, Scanner, Severity, State, Unit, Verdict
from bundler.core.scan.waivers import Waiver
from bundler.errors import BundlerError
from bundler.texts import joined, some, text

_SHOWN = 3
"""The objects, and the findings of an object, that an error names."""


@frozen
class ScanDemand:
    """The demand of an importer.

    Attributes:
        scanners: The names of the scanners that must all have passed the bundle; empty for no demand.
        least: Findings of this severity and above are refused. The default is any finding.
        most_seconds: The greatest age of a record and of the database of its scanner; None for any age.
    """

    scanners: tuple[str, ...] = ()
    least: Severity = Severity.NEGLIGIBLE
    most_seconds: int | None = None


@frozen
class SignedRecord:
    """A record whose signature was checked.

    Attributes:
        record: The record.
        id: The SHA-256 of its bytes, 64 hex digits.
        source: Its file.
        signers: The key ids of the trusted keys that have signed it.
        claimed: Without these, the key ids that its signature files name. They prove nothing.
    """

    record: ScanRecord
    id: str
    source: str
    signers: tuple[str, ...]
    claimed: tuple[str, ...] = ()

    @property
    def bare(self) -> SignedRecord:
        """The same without the verdicts, which take much memory."""
        return replace(self, record=replace(self.record, scans=()))


@frozen
class Weighed:
    """The rest of a verdict after waivers and the severity.

    Attributes:
        is_pass: True if nothing is left that refuses the object.
        findings: The findings that refuse it.
        why: The reason for which it was not scanned, or the error.
        waivers: The waivers that accepted something.
    """

    is_pass: bool
    findings: tuple[Finding, ...] = ()
    why: str = ""
    waivers: tuple[Waiver, ...] = ()


@frozen
class GateResult:
    """The answer of the gate for one scanner.

    Attributes:
        name: The scanner that was demanded.
        scanner: The scanner of the record; None without a record of this bundle by it.
        record: The record that decided, without its verdicts; None without one.
        objects: The number of objects that must have passed.
        waivers: The waivers that accepted something.
        error: The reason for which the bundle is refused; None if it passed.
    """

    name: str
    scanner: Scanner | None = None
    record: SignedRecord | None = None
    objects: int = 0
    waivers: tuple[Waiver, ...] = ()
    error: BundlerError | None = None


def weigh(
    verdict: Verdict,
    digest: Digest,
    names: Collection[str],
    *,
    scanner: str,
    waivers: Sequence[Waiver],
    least: Severity = Severity.NEGLIGIBLE,
) -> Weighed:
    """The rest of a verdict on an object, after waivers and the severity.

    Args:
        verdict: The verdict.
        digest: The digest of the object.
        names: The images that have it.
        scanner: The name of the scanner.
        waivers: Waivers that have not expired.
        least: Findings of this severity and above are refused.
    """
    if verdict.state is State.CLEAN:
        return _PASS
    fitting = [waiver for waiver in waivers if waiver.fits(str(digest), names, scanner)]
    if verdict.state is not State.FOUND:
        used = tuple(waiver for waiver in fitting if waiver.accepts_unscanned(verdict))[:1]
        return Weighed(bool(used), why="" if used else verdict.reason, waivers=used)
    used_by = {waiver.id: waiver for waiver in reversed(fitting)}
    left = tuple(each for each in verdict.findings if each.severity.reaches(least) and each.id not in used_by)
    # Also those below the severity: the record must serve an importer who demands more.
    used = tuple({used_by[each.id]: None for each in verdict.findings if each.id in used_by})
    return Weighed(not left, left, waivers=used)


_PASS = Weighed(True)


def judge(demand: ScanDemand, contents: Contents, records: Sequence[SignedRecord], now: int) -> tuple[GateResult, ...]:
    """The answer of the gate for each scanner that is demanded.

    Args:
        demand: The demand.
        contents: The objects of the bundle.
        records: All records that were found, of any bundle.
        now: The time in seconds since 1970.
    """
    return tuple(_judge_one(name, demand, contents, records, now) for name in dict.fromkeys(demand.scanners))


def _judge_one(
    name: str, demand: ScanDemand, contents: Contents, records: Sequence[SignedRecord], now: int
) -> GateResult:
    own = [each for each in records if each.record.bundle_id == contents.bundle_id]
    fitting = [(each, scan) for each in own for scan in each.record.scans if scan.scanner.name == name]
    if not fitting:
        return GateResult(name, error=_missing(name, contents, records, own))
    signed, scan = max(fitting, key=lambda pair: (seconds_of(pair[0].record.created), pair[0].id))
    objects = _objects_of(contents, scan)
    waivers = [waiver for waiver in signed.record.waivers if waiver.counts_at(now)]
    used: dict[Waiver, None] = {}
    refused: list[tuple[Digest, str]] = []
    for digest in objects:
        verdict = scan.verdicts.get(digest)
        if verdict is None:
            refused.append((digest, text("no verdict")))
            continue
        if verdict.state is State.CLEAN:
            continue
        names = contents.names(digest)
        weighed = weigh(verdict, digest, names, scanner=name, waivers=waivers, least=demand.least)
        used.update(dict.fromkeys(weighed.waivers))
        if not weighed.is_pass:
            refused.append((digest, _words(weighed, verdict)))
    error = _too_old(signed, scan, demand, now) or _not_clean(name, demand, contents, refused)
    return GateResult(name, scan.scanner, signed.bare, len(objects), tuple(used), error)


def _objects_of(contents: Contents, scan: Scan) -> tuple[Digest, ...]:
    """The objects that must have passed: for a scanner of images also those that only the scan saw to be images."""
    listed = contents.objects(scan.scanner.unit)
    return listed if scan.scanner.unit is Unit.BLOB else tuple(dict.fromkeys((*listed, *scan.verdicts)))


def _missing(
    name: str, contents: Contents, records: Sequence[SignedRecord], own: Sequence[SignedRecord]
) -> BundlerError:
    if own:
        others = sorted({scan.scanner.name for each in own for scan in each.record.scans})
        found = text("a record by {scanners}", scanners=some(others))
    elif records:
        bundles = sorted({f"{each.record.bundle_name} ({each.record.bundle_id[:16]})" for each in records})
        found = text("a record of another bundle: {bundles}", bundles=some(bundles, most=_SHOWN))
    else:
        found = text("no record")
    wanted = text("a record of the bundle {id} by {scanner}", id=contents.bundle_id[:16], scanner=name)
    return problem("scan-missing", subject=contents.bundle_name, expected=wanted, actual=found, scanner=name)


def _too_old(signed: SignedRecord, scan: Scan, demand: ScanDemand, now: int) -> BundlerError | None:
    """The error for a record whose time or database does not fit; None if both do."""
    name, created = scan.scanner.name, seconds_of(signed.record.created)
    dated = seconds_of(scan.scanner.database_date) if scan.scanner.database_date else None
    times = [(created, text("the scan is of {time}", time=shown(created)))]
    if dated is not None:
        times.append((dated, text("the database of the scanner is of {time}", time=shown(dated))))
    for moment, found in times:
        if moment > now + SCAN_FUTURE_SECONDS:
            return problem("scan-future", subject=signed.source, expected=shown(now), actual=found, scanner=name)
    if demand.most_seconds is None:
        return None
    if dated is None:
        times.append((0, text("the database of the scanner has no date")))
    oldest = now - demand.most_seconds
    wanted = text("not before {time}", time=shown(oldest))
    for moment, found in times:
        if moment < oldest:
            return problem("scan-old", subject=signed.source, expected=wanted, actual=found, scanner=name)
    return None


def _not_clean(
    name: str, demand: ScanDemand, contents: Contents, refused: Sequence[tuple[Digest, str]]
) -> BundlerError | None:
    if not refused:
        return None
    shown = refused[:_SHOWN]
    reasons = [text("{object}: {reason}", object=_object(digest, contents), reason=why) for digest, why in shown]
    more = len(refused) - len(reasons)
    return problem(
        "scan-not-clean",
        subject=contents.bundle_name,
        expected=_wanted(demand.least),
        actual=joined([*reasons, *([text("and {count:,} more", count=more)] if more else [])]),
        count=f"{len(refused):,}",
        scanner=name,
    )


def _wanted(least: Severity) -> str:
    if least is Severity.NEGLIGIBLE:
        return text("every object clean, or its findings waived")
    return text("every object clean, or its findings waived or below {severity}", severity=least.value)


def _object(digest: Digest, contents: Contents) -> str:
    names = contents.names(digest)
    return text("{digest} of {images}", digest=digest, images=some(names, most=1)) if names else str(digest)


def _words(weighed: Weighed, verdict: Verdict) -> str:
    if weighed.findings:
        return text("found {findings}", findings=some(map(_finding, worst_first(weighed.findings)), most=_SHOWN))
    if verdict.state is State.NOT_SCANNED:
        return text("not scanned: {reason}", reason=weighed.why)
    return text("the scanner failed: {reason}", reason=weighed.why)


def _finding(finding: Finding) -> str:
    package = f" {finding.package}" if finding.package else ""
    return f"{finding.id} ({finding.severity.value}{package})"


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Findings with the most severe first."""
    return sorted(findings, key=lambda each: (-each.severity.rank, each))
