"""The lines and the document of ``report``, and the line of other commands that have written a report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bundler.commands.inspect_ import InspectResult
from bundler.commands.receipts import ReceiptFile
from bundler.commands.verify import VerifyResult
from bundler.texts import text
from bundler.views import receipt_report
from bundler.views.errors import advice_lines
from bundler.views.languages import said, translated
from bundler.views.report import signature_lines, verify_lines
from bundler.views.words import UNVERIFIED, escaped, fact, fact_below, size

if TYPE_CHECKING:
    from bundler.views.html.reports import ReportResult

_KINDS = {
    "bundle": text("of a bundle; its chunks were not verified (--verify checks every byte first)"),
    "verification": text("of a verification"),
    "export-plan": text("of an export that is planned"),
    "import": text("of an import"),
    "import-plan": text("of an import that is planned"),
    "receipt": text("of a receipt"),
    "status": text("of the standing of a registry"),
}


def report_lines(result: ReportResult) -> list[str]:
    """The lines about a report that was written."""
    label = said("report") if result.format == "html" else "SBOM"
    return [
        fact(label, f"{escaped(result.path)}  ({size(result.size_bytes)})"),
        fact_below(translated(_KINDS[result.kind])),
        fact("sha256", result.sha256),
    ]


def judged_lines(result: ReportResult) -> list[str]:
    """The lines that ``report`` prints: those about the file, and the verdict on what it shows."""
    lines, about = report_lines(result), result.about
    if isinstance(about, VerifyResult):
        return [*lines, *verify_lines(about, is_verbose=False)]
    if isinstance(about, ReceiptFile):
        return [*lines, fact(said("receipt"), receipt_report.signature_words(about))]
    if not isinstance(about, InspectResult):
        return lines
    lines += signature_lines(about)
    if about.is_verified:
        return lines
    advice = advice_lines(about.trust_problem, "  ") if about.trust_problem else []
    return [translated(UNVERIFIED), "", *lines, *([""] if advice else []), *advice]


def report_document(result: ReportResult) -> dict[str, Any]:
    """The document that ``report --json`` prints; other commands have it as a field ``report``."""
    return {
        "document": "bundler.report/1",
        "exitCode": result.exit_code,
        "path": str(result.path),
        "kind": result.kind,
        "format": result.format,
        "language": result.language,
        "size": result.size_bytes,
        "sha256": result.sha256,
    }
