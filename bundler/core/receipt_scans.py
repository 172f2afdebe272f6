"""The records of scans that an import demanded, in its receipt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bundler.core.frozen import frozen
from bundler.core.json_fields import list_of, mapping, size, text

if TYPE_CHECKING:
    from bundler.core.scan.gate import GateResult
    from bundler.core.scan.waivers import Waiver

PASSED, REFUSED = "passed", "refused"


@frozen
class ReceiptScan:
    """The answer of the gate for one scanner.

    Attributes:
        scanner: The name of the scanner.
        result: ``passed`` or ``refused``.
        version: The version of the program; empty without a record.
        database: The version of its database; empty if it is not known.
        database_date: The date of its database; empty if it is not known.
        record: The SHA-256 of the record, in hex; empty without a record.
        created: The time of the scan; empty without a record.
        signers: The key ids of the trusted keys that have signed the record.
        objects: The number of objects that must have passed.
        waivers: The waivers that accepted something.
        reason: The reason for which it was refused, in words; empty if it passed.
    """

    scanner: str
    result: str
    version: str = ""
    database: str = ""
    database_date: str = ""
    record: str = ""
    created: str = ""
    signers: tuple[str, ...] = ()
    objects: int = 0
    waivers: tuple[Waiver, ...] = ()
    reason: str = ""


def receipt_scan_of(result: GateResult) -> ReceiptScan:
    """The answer of the gate, for a receipt."""
    reason = str(result.error) if result.error else ""
    if result.scanner is None or result.record is None:
        return ReceiptScan(result.name, REFUSED, reason=reason)
    scanner, signed = result.scanner, result.record
    return ReceiptScan(
        scanner=result.name,
        result=REFUSED if result.error else PASSED,
        version=scanner.version,
        database=scanner.database,
        database_date=scanner.database_date,
        record=signed.id,
        created=signed.record.created,
        signers=signed.signers,
        objects=result.objects,
        waivers=result.waivers,
        reason=reason,
    )


def scan_document(scan: ReceiptScan) -> dict[str, Any]:
    """An entry of ``scans``."""
    from bundler.core.scan.record import waiver_json

    return {
        "scanner": scan.scanner,
        "result": scan.result,
        "version": scan.version,
        "database": scan.database,
        "databaseDate": scan.database_date,
        "record": scan.record,
        "created": scan.created,
        "signers": list(scan.signers),
        "objects": scan.objects,
        "waivers": list(map(waiver_json, scan.waivers)),
        "reason": scan.reason,
    }


def read_receipt_scan(document: dict[str, Any]) -> ReceiptScan:
    """The answer that an entry describes.

    Raises:
        KeyError, TypeError, ValueError: The entry is not valid.
    """
    if document["result"] not in (PASSED, REFUSED):
        raise ValueError("an unknown result of a scan")
    from bundler.core.scan.record import read_waiver

    return ReceiptScan(
        scanner=text(document["scanner"]),
        result=document["result"],
        version=text(document["version"]),
        database=text(document["database"]),
        database_date=text(document["databaseDate"]),
        record=text(document["record"]),
        created=text(document["created"]),
        signers=tuple(text(each) for each in list_of(document["signers"])),
        objects=size(document["objects"]),
        waivers=tuple(read_waiver(mapping(each)) for each in list_of(document["waivers"])),
        reason=text(document["reason"]),
    )
