"""Scanned: the bundle has passed the scanners that the importer demands, by their signed records. Nothing was sent."""

from __future__ import annotations

from bundler.core.scan import GateResult
from bundler.importing.opened import Opened
from bundler.keys.scan_records import put_to_gate


def scanned(opened: Opened) -> tuple[GateResult, ...]:
    """The answers of the scan gate for the bundle of an import; empty if no scan is demanded.

    All of the bundle must have passed, also images that are not chosen: a medium with malware is for a person to look
    at first.

    Raises:
        Misuse: A file of a record is missing.
        Untrusted: No trusted key has signed a record.
        Damaged, Refused, LocalStorage: A record cannot be read.
    """
    gate = opened.request.scans
    return put_to_gate(gate, opened.bundle, opened.request.trust) if gate else ()
