"""``bundler report``: writes the report of a bundle, a verification or a receipt, or of the result of another verb."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bundler import __version__
from bundler.bundle.opening import find
from bundler.commands.inspect_ import InspectRequest, InspectResult, inspect
from bundler.commands.receipts import read_receipt
from bundler.commands.verify import VerifyRequest, verify
from bundler.errors import Damaged, Misuse
from bundler.exporting.result import ExportResult
from bundler.keys.signed_files import Demand
from bundler.reporting.annexes import annexes_of
from bundler.reporting.file import check_file, write_file
from bundler.reporting.request import ReportRequest
from bundler.reporting.sbom import check_sbom, write_sbom
from bundler.run import Run
from bundler.system.clock import creation_time
from bundler.system.operator import host, operator
from bundler.system.request_fields import path_of
from bundler.texts import text
from bundler.views.html.page import GENERATOR, page_pieces
from bundler.views.html.report_page import NO_ANNEXES, Annexes, Maker
from bundler.views.html.reports import CYCLONEDX, HTML, ReportResult, page_of
from bundler.views.languages import check_language, language as spoken_language

if TYPE_CHECKING:
    from bundler.views.html.reports import Reportable

_OTHER_FILE = text(
    "give the folder of a bundle, or the receipt that import --receipt FILE wrote: bundler report PATH -o FILE"
)


def report(request: ReportRequest, run: Run | None = None) -> ReportResult:
    """Writes the report of a bundle or a receipt.

    Args:
        request: The bundle or the receipt, and the file to write.
        run: Receives progress and can be stopped; None for a silent run.

    Raises:
        Misuse: There is no bundle, there are several, or the file to write is there and is no report.
        Untrusted, Damaged, Incomplete, Refused: The bundle or receipt cannot be read, or ``is_verified`` and nothing of
            it could be checked.
        LocalStorage: The report cannot be written.
        Interrupted: The user stopped it.
    """
    run = run or Run()
    if request.format == CYCLONEDX:
        check_sbom(request.output)
        return write_sbom(_read(request, run), request.output)
    if request.format != HTML:
        raise Misuse.of_field("format", expected=f"{HTML}, {CYCLONEDX}", actual=request.format[:40])
    check_report(request.output, request.language)
    about = _read(request, run)
    return _written(about, request.output, request.language, annexes_of(about, request, run))


def write_report(about: Reportable, output: Path, language: str = "") -> ReportResult:
    """Writes the report of a result of `inspect`, `verify`, `export`, `import_bundle` or `read_receipt`.

    The report of an export that made a bundle is that of the bundle.

    Args:
        about: The result.
        output: The file to write. An older report there is replaced.
        language: ``en`` or ``zh``; empty for the language of the terminal.

    Raises:
        Misuse: The file is there and is no report, or would be in the folder of a bundle, or the language is unknown.
        LocalStorage: It cannot be written.
    """
    output = path_of(output, "output")
    check_report(output, language)
    return _written(_made_bundle(about) if isinstance(about, ExportResult) else about, output, language, NO_ANNEXES)


def _written(about: Reportable, output: Path, language: str, annexes: Annexes) -> ReportResult:
    language = language or spoken_language()
    maker = Maker(creation_time(), operator(), host(), f"bundler {__version__}")
    written = write_file(output, page_pieces(lambda: page_of(about, maker, annexes), language))
    return ReportResult(output, language, written.size_bytes, written.sha256, about)


def check_report(output: Path, language: str = "") -> None:
    """Checks, before the long work, that a report may be written.

    Raises:
        Misuse: As `write_report`.
    """
    output = path_of(output, "output")
    check_language(language)
    check_file(output, [GENERATOR.encode()])


def _read(request: ReportRequest, run: Run) -> Reportable:
    paths = request.paths
    if len(paths) == 1 and isinstance(paths[0], Path) and paths[0].is_file():
        try:
            return read_receipt(paths[0], request.trust, demand=Demand.OPTIONAL)
        except Damaged as error:
            raise error.but(hint=error.hint or _OTHER_FILE) from error.__cause__
    if request.is_verified:
        wanted = VerifyRequest(
            paths, request.trust, is_without_signature=request.is_without_signature, unlocking=request.unlocking
        )
        return verify(wanted, run)
    find(paths)  # several bundles are an error here: a report is about one
    found = inspect(InspectRequest(paths, request.trust, request.unlocking), run)
    assert isinstance(found, InspectResult)
    return found


def _made_bundle(result: ExportResult) -> Reportable:
    """The bundle that an export has made; the plan of a dry run, or of a bundle whose content is encrypted now."""
    if result.bundle_id is None:
        return result
    trust = (result.public_key,) if result.public_key else ()
    found = inspect(InspectRequest(result.folders, trust))
    assert isinstance(found, InspectResult)
    return found
