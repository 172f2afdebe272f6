"""The scan gate: verdicts of scanners on the objects of a bundle, the record of them, and the decision on it. Pure.

::

    bundle ──contents_of──► Contents: blobs, images
                               │ each object, once
                    Engine ──scan──► Verdict: clean | found | not-scanned | error
                               │ all of them, with the identity of each scanner
                               ▼
                          ScanRecord ── signed, carried with the bundle ──► judge ──► GateResult

`bundler.hooks` has the engines. `bundler.core.scan.waivers_file` reads waivers; it loads YAML.
"""

from bundler.core.scan.contents import Contents, contents_of
from bundler.core.scan.engine import Engine, ImageEngine, Subject, SubjectBlobs, takes_registry
from bundler.core.scan.gate import GateResult, ScanDemand, SignedRecord, Weighed, judge, weigh, worst_first
from bundler.core.scan.record import DOCUMENT, Scan, ScanRecord, parse_record
from bundler.core.scan.verdict import (
    CLEAN,
    UNITS,
    Finding,
    Scanner,
    Severity,
    State,
    Unit,
    Verdict,
    cut,
    failed,
    found,
    not_scanned,
)
from bundler.core.scan.waivers import Waiver

__all__ = [
    "CLEAN",
    "DOCUMENT",
    "UNITS",
    "Contents",
    "Engine",
    "Finding",
    "GateResult",
    "ImageEngine",
    "Scan",
    "ScanDemand",
    "ScanRecord",
    "Scanner",
    "Severity",
    "SignedRecord",
    "State",
    "Subject",
    "SubjectBlobs",
    "Unit",
    "Verdict",
    "Waiver",
    "Weighed",
    "contents_of",
    "cut",
    "failed",
    "found",
    "judge",
    "not_scanned",
    "parse_record",
    "takes_registry",
    "weigh",
    "worst_first",
]
