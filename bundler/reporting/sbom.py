"""The SBOM of a bundle as a file: ``bundler report --format cyclonedx``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bundler import __version__
from bundler.bundle.locked import LockedBundle
from bundler.commands.inspect_ import InspectResult
from bundler.commands.verify import VerifyResult
from bundler.core.bundle_sbom import SbomFacts, cyclonedx_pieces
from bundler.errors import Misuse
from bundler.reporting.file import check_file, write_file
from bundler.system.clock import creation_time
from bundler.system.request_fields import path_of
from bundler.views.html.reports import CYCLONEDX, ReportResult

if TYPE_CHECKING:
    from bundler.views.html.reports import Reportable

_MARKS = (b'"bomFormat": "CycloneDX"', b'"name": "bundler"')
"""The texts that an SBOM of ours begins with."""


def write_sbom(about: Reportable, output: Path) -> ReportResult:
    """Writes the SBOM of a bundle, CycloneDX 1.6, from the result of `inspect` or `verify`.

    With ``SOURCE_DATE_EPOCH`` the same bundle gives the same bytes.

    Args:
        about: The result.
        output: The file to write. An older SBOM of bundler there is replaced.

    Raises:
        Misuse: The result is not about a bundle, or about an encrypted one. Or the file is there and is no such SBOM,
            or would be in the folder of a bundle.
        LocalStorage: It cannot be written.
    """
    output = path_of(output, "output")
    check_sbom(output)
    if not isinstance(about, InspectResult | VerifyResult):
        raise Misuse("an SBOM is made of a bundle", subject=str(output), hint="give the folder of the bundle")
    bundle = about.bundle
    if isinstance(bundle, LockedBundle):
        raise Misuse("the bundle is encrypted", subject=bundle.manifest.name, hint="give --passphrase-file FILE")
    facts = SbomFacts(bundle.id, creation_time(), __version__, is_trusted=bool(bundle.sealed.signers))
    written = write_file(output, cyclonedx_pieces(bundle.manifest, facts))
    return ReportResult(output, "en", written.size_bytes, written.sha256, about, CYCLONEDX)


def check_sbom(output: Path) -> None:
    """Checks, before the long work, that an SBOM may be written.

    Raises:
        Misuse: As `write_sbom`.
    """
    check_file(path_of(output, "output"), _MARKS)
