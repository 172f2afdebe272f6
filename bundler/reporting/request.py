"""The request of ``bundler report``."""

from __future__ import annotations

from pathlib import Path

from bundler.core.frozen import frozen
from bundler.keys.open_bundle import Unlocking
from bundler.system.bundle_paths import BundlePath
from bundler.system.request_fields import Request


@frozen
class ReportRequest(Request):
    """A report to make.

    Attributes:
        paths: Folders of one bundle, or media with parts of it; or one receipt.
        output: The file to write. An older report there is replaced; another file is never overwritten.
        language: ``en`` or ``zh``; empty for the language of the terminal.
        trust: Public keys, or folders of them; empty for the user's trust folder.
        is_verified: Check every byte of the bundle first, as `bundler.verify` does.
        is_without_signature: With ``is_verified``: accept the bundle without any trusted signature.
        scan_records: The files of records of scans; empty to look for ``NAME.scan.json`` next to the bundle's folder.
        has_layers: Read the layers of all images, and show their commands and the bytes that they waste.
        unlocking: Opens an encrypted bundle. With None its content stays unknown.
        format: ``html``, or ``cyclonedx`` for an SBOM of the bundle, which has no language.
        scan_trust: Public keys that may sign records of scans, or folders of them; empty for those of ``trust``.
    """

    paths: tuple[BundlePath, ...]
    output: Path
    language: str = ""
    trust: tuple[Path, ...] = ()
    is_verified: bool = False
    is_without_signature: bool = False
    scan_records: tuple[Path, ...] = ()
    has_layers: bool = False
    unlocking: Unlocking | None = None
    format: str = "html"
    scan_trust: tuple[Path, ...] = ()
