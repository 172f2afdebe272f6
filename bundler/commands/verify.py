"""``bundler verify``: signature, then every byte of every file. Needs no network, no Docker and no write access."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bundler.bundle.check import Finding, check
from bundler.bundle.reader import Bundle
from bundler.commands.open_bundle import open_trusted
from bundler.core.events import PhaseBegan, PhaseEnded
from bundler.errors import worst
from bundler.transfer import Run


@dataclass(frozen=True, slots=True)
class VerifyResult:
    """The bundle, and all that is wrong with it."""

    bundle: Bundle
    findings: tuple[Finding, ...]

    @property
    def exit_code(self) -> int:
        """0 if nothing is wrong, else that of the worst finding."""
        return worst(finding.error for finding in self.findings)


def verify(paths: Sequence[Path], trust: Sequence[Path], run: Run, *, is_without_signature: bool) -> VerifyResult:
    """Checks a bundle to its last byte.

    Raises:
        Misuse, Untrusted, Damaged, Incomplete: Nothing could be checked, because the signature, SHA256SUMS or
            bundle.json is not as it must be.
        Interrupted: The user stopped it.
    """
    bundle = open_trusted(paths, trust, is_without_signature=is_without_signature)
    run.listener(PhaseBegan("verifying", bundle.manifest.size_bytes, in_bytes=True))
    findings = check(bundle, jobs=run.jobs, listener=run.listener, cancellation=run.cancellation)
    run.listener(PhaseEnded("verifying"))
    return VerifyResult(bundle, tuple(findings))
