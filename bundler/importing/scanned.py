"""Scanned: the bundle has passed the scanners that the importer demands, by their signed records. Nothing was sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bundler.core.several import together
from bundler.errors import BundlerError
from bundler.importing.opened import Opened
from bundler.texts import counted

if TYPE_CHECKING:
    from bundler.core.scan import GateResult


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
    if gate is None:
        return ()
    from bundler.keys.scan_records import put_to_gate

    return put_to_gate(gate, opened.bundle, opened.request.trust)


def refused_by(results: Sequence[GateResult]) -> BundlerError | None:
    """The error for a bundle that a scanner has not passed; None if all have."""
    errors: list[BundlerError] = [result.error for result in results if result.error is not None]
    message = counted(len(errors), "{count} scanner has not passed it", "{count} scanners have not passed it")
    return together(message, errors) if errors else None
