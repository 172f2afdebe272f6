"""Reads the records of scans that belong to a bundle, and puts the demand of an import to them.

The record of a scan is a file of its own, with its signature next to it: `bundler.keys.signed_files`. A bundle cannot
hold the record of its own scan, because the record names the id of the finished bundle. It travels in the folder that
has the bundle's folder, as ``NAME.scan.json``, or apart.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from bundler.bundle.locked import LockedBundle
from bundler.bundle.reader import Bundle
from bundler.core.frozen import frozen
from bundler.core.limits import SCAN_RECORDS
from bundler.core.policies import SEVERITIES
from bundler.core.scan import GateResult, ScanDemand, Severity, SignedRecord, contents_of, judge, parse_record
from bundler.errors import Misuse
from bundler.keys.signed_files import SCAN_FILE, Demand, read_signed
from bundler.system.bundle_paths import locals_of
from bundler.system.clock import now_seconds
from bundler.system.request_fields import complete
from bundler.texts import text

ENDING = ".scan.json"
"""The end of the name of a record in the folder that has the bundle's folder."""


@frozen
class ScanGate:
    """The demand that a bundle has passed scanners.

    Attributes:
        scanners: The names of the scanners that must all have passed it.
        max_severity: Findings of this severity and above are refused; the default is any finding.
        most_seconds: The greatest age of a scan and of the database of its scanner; None for any age.
        records: The files of records; empty to look for ``NAME.scan.json`` in the folder that has the bundle's folder.
        trust: Public keys that may sign records, or folders of them; empty for those that may sign bundles.
        now: Returns the time in seconds since 1970.
    """

    scanners: tuple[str, ...]
    max_severity: Severity = Severity.NEGLIGIBLE
    most_seconds: int | None = None
    records: tuple[Path, ...] = ()
    trust: tuple[Path, ...] = ()
    now: Callable[[], int] = now_seconds

    def __post_init__(self) -> None:
        """Reads the fields as `bundler.system.request_fields` does.

        Raises:
            Misuse: A field has a value of another type.
        """
        complete(self, max_severity=severity_of)

    @property
    def demand(self) -> ScanDemand:
        """The demand on records."""
        return ScanDemand(self.scanners, self.max_severity, self.most_seconds)


def severity_of(given: object, field: str) -> Severity:
    """The severity that a caller gave, perhaps by its name.

    Raises:
        Misuse: It is none, or unknown: findings of unknown severity are never below any.
    """
    if given not in SEVERITIES:
        raise Misuse.of_field(field, expected=", ".join(SEVERITIES), actual=repr(given)[:80])
    return Severity(given)


def put_to_gate(gate: ScanGate, bundle: Bundle, trust: Sequence[Path] = ()) -> tuple[GateResult, ...]:
    """The answer of the gate for each scanner that is demanded.

    Args:
        gate: The demand.
        bundle: The open bundle, with the other bundles whose blobs are read with it.
        trust: The keys that may sign bundles, or folders of them; empty for the user's trust folder.

    Raises:
        Misuse: A file of a record is missing, or there are too many.
        Untrusted: No trusted key has signed a record. This is checked before it is parsed.
        Damaged, Refused, LocalStorage: A record cannot be read.
    """
    files = gate.records or tuple(dict.fromkeys(records_near(bundle)))
    if len(files) > SCAN_RECORDS:
        raise Misuse(
            "too many records of scans",
            subject="--scan-record",
            expected=text("at most {count}", count=SCAN_RECORDS),
            actual=str(len(files)),
        )
    records = [read_scan_record(file, gate.trust or trust) for file in files]
    contents = contents_of(bundle.id, bundle.manifest, bundle.absent)
    return judge(gate.demand, contents, records, gate.now())


def read_scan_record(path: Path, trust: Sequence[Path] = (), *, demand: Demand = Demand.REQUIRED) -> SignedRecord:
    """Reads the record of a scan.

    Args:
        path: Its file.
        trust: Public keys or folders of them; empty for the trust folder.
        demand: The signature that it must have.

    Raises:
        Misuse: There is no such file.
        Untrusted: No trusted key has signed it. This is checked before it is parsed.
        Damaged, Refused: The file is no such record.
    """
    file = read_signed(path, SCAN_FILE, trust, demand=demand)
    record = parse_record(file.content, what=str(path))
    return SignedRecord(record, file.id, str(path), tuple(key.id for key in file.signers), file.claimed)


def records_near(bundle: Bundle | LockedBundle) -> Iterator[Path]:
    """The records in the folders that have the folders of a bundle, as far as they are there."""
    for folder in locals_of(bundle.sealed.folders):
        parent = folder.absolute().parent
        for name in dict.fromkeys((folder.absolute().name, bundle.manifest.name)):
            file = parent / f"{name}{ENDING}"
            if os.path.lexists(file):
                yield file
