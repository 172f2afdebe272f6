"""Writes the results of a scan in the forms of other programs: SARIF and CycloneDX. The record stays the evidence."""

from __future__ import annotations

import json
import os

from bundler.core import roles
from bundler.core.scan.cyclonedx import cyclonedx_of
from bundler.core.scan.sarif import sarif_of
from bundler.errors import Misuse
from bundler.keys.signed_files import check_writable
from bundler.scanning.request import ScanRequest, ScanResult
from bundler.system.durable_files import place_durably
from bundler.system.given_files import read_beginning

_SARIF, _CYCLONEDX = b"sarif", b"CycloneDX"
_BEGINNING_BYTES = 200
"""The beginning of a document that has its schema."""


def check_results(request: ScanRequest) -> None:
    """Checks the files that a request wants, before the work for them begins.

    Raises:
        Misuse: One is there and is no such document, is given twice, or would be in the folder of a bundle.
        LocalStorage: One cannot be written.
    """
    taken = {request.output.absolute()}
    for path, mark in ((request.sarif, _SARIF), (request.cyclonedx, _CYCLONEDX)):
        if path is None:
            continue
        check_writable(path)
        if (path.absolute().parent / roles.SUMS.file).exists():
            raise Misuse(
                "in the folder of a bundle it would be a file that nobody signed",
                subject=str(path),
                hint="write it next to the folder",
            )
        is_other = os.path.lexists(path) and mark not in read_beginning(path, _BEGINNING_BYTES)
        if is_other or path.absolute() in taken:
            raise Misuse("the file exists and is no report", subject=str(path), hint="choose another name")
        taken.add(path.absolute())


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
