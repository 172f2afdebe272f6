"""The report of each kind of result, as a page."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

from bundler.commands.inspect_ import InspectResult
from bundler.commands.receipts import ReceiptFile
from bundler.commands.verify import VerifyResult
from bundler.core.frozen import frozen
from bundler.exporting.result import ExportResult
from bundler.importing.results import ImportResult
from bundler.standing.request import StatusResult
from bundler.views.html.bundle_report import bundle_report
from bundler.views.html.export_report import export_report
from bundler.views.html.import_report import import_report
from bundler.views.html.page import Page
from bundler.views.html.receipt_report import receipt_report
from bundler.views.html.report_page import NO_ANNEXES, Annexes, Maker, Report, report_page
from bundler.views.html.status_report import status_report
from bundler.views.html.verify_report import verify_report

HTML, CYCLONEDX = "html", "cyclonedx"
"""The formats of reports."""

Reportable: TypeAlias = InspectResult | VerifyResult | ExportResult | ImportResult | ReceiptFile | StatusResult
"""The results that have a report."""


def page_of(result: Reportable, maker: Maker, annexes: Annexes = NO_ANNEXES) -> Page:
    """The page of a result, in the language that messages are translated to now."""
    return report_page(_report_of(result, annexes), maker)


def _report_of(result: Reportable, annexes: Annexes) -> Report:
    match result:
        case InspectResult():
            return bundle_report(result, annexes)
        case VerifyResult():
            return verify_report(result, annexes)
        case ExportResult():
            return export_report(result)
        case ImportResult():
            return import_report(result)
        case ReceiptFile():
            return receipt_report(result)
        case StatusResult():
            return status_report(result)


def kind_of(result: Reportable) -> str:
    """The kind of a report in one word, for programs."""
    match result:
        case InspectResult():
            return "bundle"
        case VerifyResult():
            return "verification"
        case ExportResult():
            return "export-plan"
        case ImportResult():
            return "import-plan" if result.is_dry_run else "import"
        case ReceiptFile():
            return "receipt"
        case StatusResult():
            return "status"


@frozen
class ReportResult:
    """A report that was written.

    Attributes:
        path: Its file.
        language: Its language.
        size_bytes: Its size.
        sha256: Its SHA-256, in hex.
        about: The result that it reports.
        format: ``html`` or ``cyclonedx``.
    """

    path: Path
    language: str
    size_bytes: int
    sha256: str
    about: Reportable
    format: str = HTML

    @property
    def kind(self) -> str:
        """``bundle``, ``verification``, ``export-plan``, ``import``, ``import-plan``, ``receipt`` or ``status``."""
        return kind_of(self.about)

    @property
    def exit_code(self) -> int:
        """The exit code of that result; 0 for a receipt."""
        return int(getattr(self.about, "exit_code", 0))
