"""Writes the results of a scan in the forms of other programs: SARIF and CycloneDX. The record stays the evidence."""

from __future__ import annotations

import json

from bundler.core.scan.cyclonedx import cyclonedx_of
from bundler.core.scan.sarif import sarif_of
from bundler.scanning.request import ScanRequest, ScanResult
from bundler.system.durable_files import place_durably


def write_results(result: ScanResult, request: ScanRequest) -> None:
    """Writes the files that a request wants. An older file is replaced: the record says the same, and is signed.

    Raises:
        Misuse: A file that is not ours has that name.
        LocalStorage: One cannot be written.
    """
    for path, form in ((request.sarif, sarif_of), (request.cyclonedx, cyclonedx_of)):
        if path is not None:
            document = form(result.record, result.names)
            place_durably(path, json.dumps(document, indent=1).encode("ascii") + b"\n")
