"""The flags of the scan gate, and their values."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

import bundler
from bundler.cli import options
from bundler.errors import Misuse

if TYPE_CHECKING:
    from bundler import ScanGate, Severity

_Command = TypeVar("_Command", bound=Callable[..., Any])

_AGE = re.compile(r"([1-9]\d{0,5})([hdw])", re.ASCII)
_SECONDS = {"h": 3600, "d": 86_400, "w": 7 * 86_400}

max_severity_option = click.option(
    "--max-severity",
    type=click.Choice(bundler.SEVERITIES),
    help="Findings of this severity and above are no pass; so are those of unknown severity. Default: any finding.",
)
scan_trust_option = click.option(
    "--scan-trust",
    multiple=True,
    metavar="PUB",
    help="Public key, or a folder of them, that may sign records of scans. May be repeated. Default: the keys that "
    "may sign bundles.",
)
_GATE = (
    click.option(
        "--require-scan",
        "scanners",
        multiple=True,
        metavar="SCANNER,...",
        help="Refuse the bundle unless a signed record says that these scanners have passed all of it: clamav,trivy.",
    ),
    max_severity_option,
    click.option(
        "--scan-age",
        metavar="AGE",
        help="Refuse scans, and databases of scanners, that are older: 12h, 7d, 4w. Default: any age.",
    ),
    click.option(
        "--scan-record",
        "records",
        multiple=True,
        metavar="FILE",
        help="Record of a scan. May be repeated. Default: NAME.scan.json in the folder that has the bundle's folder.",
    ),
    scan_trust_option,
)


def gate_options(command: _Command) -> _Command:
    """Adds the flags of the scan gate to a command: ``scanners``, ``max_severity`` and so on."""
    for option in reversed(_GATE):
        command = option(command)
    return command


def gate(
    scanners: tuple[str, ...],
    max_severity: str | None,
    scan_age: str | None,
    records: tuple[str, ...],
    scan_trust: tuple[str, ...],
) -> ScanGate | None:
    """The demand of ``--require-scan``; None without it.

    Raises:
        Misuse: A value is not valid, or another flag of the gate was given without it.
    """
    names = tuple(name.strip() for given in scanners for name in given.split(",") if name.strip())
    if not names:
        others = {
            "--max-severity": max_severity,
            "--scan-age": scan_age,
            "--scan-record": records,
            "--scan-trust": scan_trust,
        }
        alone = [flag for flag, value in others.items() if value]
        if alone or scanners:
            raise Misuse(
                "the name of a scanner is missing",
                subject=alone[0] if alone else "--require-scan",
                hint="name the scanners that must have passed the bundle: --require-scan clamav",
            )
        return None
    return bundler.ScanGate(
        scanners=names,
        max_severity=severity(max_severity),
        most_seconds=_seconds(scan_age) if scan_age else None,
        records=options.paths(records),
        trust=options.paths(scan_trust),
    )


def severity(given: str | None) -> Severity:
    """The value of ``--max-severity``."""
    return bundler.Severity.of(given) if given else bundler.Severity.NEGLIGIBLE


def _seconds(age: str) -> int:
    """The seconds of an age.

    Raises:
        Misuse: It is none.
    """
    match = _AGE.fullmatch(age)
    if match is None:
        raise Misuse(
            "not an age", subject=f"--scan-age {age[:40]}", hint="write a number of hours, days or weeks: 12h, 7d, 4w"
        )
    return int(match[1]) * _SECONDS[match[2]]
