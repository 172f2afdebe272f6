"""The request of a scan, and its result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from pathlib import Path

from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.scan import Engine, ScanRecord, Severity, State, Waiver, Weighed
from bundler.errors import Unavailable, Untrusted
from bundler.keys.open_bundle import LOCKED, Unlocking
from bundler.keys.private_key import Passphrases, no_passphrases
from bundler.keys.scan_records import severity_of
from bundler.system.bundle_paths import BundlePath
from bundler.system.clock import now
from bundler.system.operator import host, operator
from bundler.system.request_fields import complete, several, text_of


@frozen
class ScanRequest:
    """The request of ``bundler scan``.

    Attributes:
        paths: Folders of the bundle, or media with parts of it; and bundles that have what it leaves out.
        scanners: The scanners: ``clamav``, ``trivy``, ``grype``, ``clair``, or a command; or an `Engine` of your own.
        output: The file of the record.
        databases: The folders of the databases, each as ``NAME=DIR``; with one scanner ``DIR`` is enough.
        trust: Public keys, or folders of them; empty for the user's trust folder.
        is_without_signature: Accept the bundle without any trusted signature.
        required_signatures: The number of different trusted keys that must have signed it.
        key_path: The private key that signs the record; None for an unsigned record.
        key_passphrases: Opens the key.
        waivers: The findings that are accepted; see `bundler.read_waivers`.
        max_severity: Findings of this severity and above are no pass.
        sarif: The file for the results as SARIF 2.1.0; None for none.
        cyclonedx: The file for the results as CycloneDX 1.6; None for none.
        is_kept: Verdicts are kept in the user's cache folder, and those of earlier scans are used.
        unlocking: Opens an encrypted bundle.
        operator: The user who scans.
        host: The machine.
        now: Returns the time: RFC 3339, UTC.
    """

    paths: tuple[BundlePath, ...]
    scanners: tuple[str | Engine, ...]
    output: Path
    databases: tuple[str, ...] = ()
    trust: tuple[Path, ...] = ()
    is_without_signature: bool = False
    required_signatures: int = 1
    key_path: Path | None = None
    key_passphrases: Passphrases = no_passphrases
    waivers: tuple[Waiver, ...] = ()
    max_severity: Severity = Severity.NEGLIGIBLE
    sarif: Path | None = None
    cyclonedx: Path | None = None
    is_kept: bool = True
    unlocking: Unlocking = LOCKED
    operator: str = field(default_factory=operator)
    host: str = field(default_factory=host)
    now: Callable[[], str] = now

    def __post_init__(self) -> None:
        """Reads the fields as `bundler.system.request_fields` does.

        Raises:
            Misuse: A field has a value of another type.
        """
        complete(self, scanners=several(_scanner_of), max_severity=severity_of)


def _scanner_of(given: str | Engine, field: str) -> str | Engine:
    return given if hasattr(given, "identity") else text_of(given, field)


@frozen
class ScanResult:
    """The record of a scan in its file.

    Attributes:
        path: The file of the record.
        id: The SHA-256 of its bytes, 64 hex digits.
        record: The record.
        key_id: The id of the key that signed it; None for an unsigned record.
        refused: The objects that have not passed, by scanner, each with what is left of its verdict.
        names: The images that have these objects.
        kept: The number of verdicts that were kept from earlier scans.
        expired: The waivers that have expired, and accept nothing.
        unused: The waivers that accepted nothing because nothing like that was found.
        is_old: True if an earlier run had written the file, with the same content.
    """

    path: Path
    id: str
    record: ScanRecord
    key_id: str | None
    refused: Mapping[str, Mapping[Digest, Weighed]]
    names: Callable[[Digest], tuple[str, ...]]
    kept: int = 0
    expired: tuple[Waiver, ...] = ()
    unused: tuple[Waiver, ...] = ()
    is_old: bool = False

    @property
    def exit_code(self) -> int:
        """0 if every object has passed; 7 if scanners only failed at some, so that it may be tried again; else 5."""
        states = {
            scan.verdicts[digest].state
            for scan in self.record.scans
            for digest in self.refused.get(scan.scanner.name, ())
        }
        if not states:
            return 0
        return Unavailable.exit_code if states == {State.ERROR} else Untrusted.exit_code
