"""The flags of the scan gate, and of all that a bundle must meet."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

import bundler
from bundler.cli import options
from bundler.cli.collected import together
from bundler.cli.trust_options import PolicyFlags, SignerFlags, policy_options
from bundler.core.frozen import frozen
from bundler.errors import Misuse
from bundler.texts import text

if TYPE_CHECKING:
    from bundler import ScanGate, Severity

_AGE = re.compile(r"([1-9]\d{0,5})([hdw])", re.ASCII)
_SECONDS = {"h": 3600, "d": 86_400, "w": 7 * 86_400}
_REASON_CHARACTERS = 500
"""The longest reason that a receipt gets."""

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
gate_options = together(
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
"""Gives a command the flags of `GateFlags`."""
demand_options = together(policy_options, gate_options)
"""Gives a command the flags for policies and scans."""


@frozen
class GateFlags:
    """The values of the flags of the scan gate, by their names in the command."""

    scanners: tuple[str, ...]
    max_severity: str | None
    scan_age: str | None
    records: tuple[str, ...]
    scan_trust: tuple[str, ...]

    def gate(self) -> ScanGate | None:
        """The demand of ``--require-scan``; None without it.

        Raises:
            Misuse: A value is not valid, or another flag of the gate was given without it.
        """
        names = tuple(name.strip() for given in self.scanners for name in given.split(",") if name.strip())
        if not names:
            self._refuse_others()
            return None
        return bundler.ScanGate(
            scanners=names,
            max_severity=severity(self.max_severity),
            most_seconds=_seconds(self.scan_age) if self.scan_age else None,
            records=options.paths(self.records),
            trust=options.paths(self.scan_trust),
        )

    def _refuse_others(self) -> None:
        others = {
            "--max-severity": self.max_severity,
            "--scan-age": self.scan_age,
            "--scan-record": self.records,
            "--scan-trust": self.scan_trust,
        }
        alone = [flag for flag, value in others.items() if value]
        if alone or self.scanners:
            raise Misuse(
                "the name of a scanner is missing",
                subject=alone[0] if alone else "--require-scan",
                hint="name the scanners that must have passed the bundle: --require-scan clamav",
            )


@frozen
class DemandFlags:
    """The flags for all that a bundle must meet: signatures, policies, scans, and its place in a series."""

    signers: SignerFlags
    policy: PolicyFlags
    scans: GateFlags
    allow_rollback: str | None = None

    def reason(self) -> str:
        """The reason of ``--allow-rollback``.

        Raises:
            Misuse: It is too long.
        """
        given = self.allow_rollback
        if given is None:
            return ""
        if len(given) > _REASON_CHARACTERS:
            raise Misuse(
                "the reason is too long",
                subject="--allow-rollback",
                expected=text("1 to {most} characters", most=_REASON_CHARACTERS),
                actual=str(len(given)),
            )
        return given.strip()


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
