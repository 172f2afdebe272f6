"""The lines and the document of ``receipt list``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bundler.core.moments import shown as moment
from bundler.core.receipt_summary import ReceiptState
from bundler.texts import text
from bundler.views.languages import said, translated
from bundler.views.words import escaped, limited, table

if TYPE_CHECKING:
    from bundler.standing.listed import ListedReceipt, ReceiptList
    from bundler.standing.search import SearchResult

_STATES = {
    ReceiptState.DONE: text("done"),
    ReceiptState.PARTIAL: text("partial"),
    ReceiptState.FAILED: text("failed"),
    ReceiptState.UNFINISHED: text("unfinished"),
}
_PRUNE = text("(prune)")


def lines(result: ReceiptList, *, is_verbose: bool) -> list[str]:
    """A table of the receipts, newest first."""
    if not result.receipts:
        shown = [
            said("there are no receipts in the state folder") if result.is_default else said("there are no receipts")
        ]
    else:
        head = (
            said("time"),
            said("bundle"),
            said("target"),
            said("images"),
            said("state"),
            said("signature"),
            said("receipt"),
        )
        rows = table([head, *map(_row, result.receipts)], indent="", right=(3,))
        shown = [rows[0], *limited(rows[1:], is_verbose=is_verbose)]
    return [*shown, *left_out_lines(result, is_verbose=is_verbose)]


def left_out_lines(result: ReceiptList | SearchResult, *, is_verbose: bool) -> list[str]:
    """The receipts that were not read, and the files that could not be used."""
    shown = ["", said("NOT READ: {count:,} older receipts", count=result.more)] if result.more else []
    if result.unused:
        unused = [f"  {escaped(path)}: {escaped(translated(error.message))}" for path, error in result.unused]
        shown += ["", said("NOT USED: {count:,} files", count=len(unused)), *limited(unused, is_verbose=is_verbose)]
    return shown


def paths(result: ReceiptList) -> list[str]:
    """The files alone, for ``--quiet``."""
    return [escaped(each.path) for each in result.receipts]


def document(result: ReceiptList) -> dict[str, Any]:
    """The fields of the document."""
    return {
        "stateFolder": result.is_default,
        "receipts": [
            {
                "path": str(each.path),
                "kind": each.summary.kind,
                "time": moment(each.summary.time),
                "bundle": {"id": each.summary.bundle_id, "name": each.summary.bundle}
                if each.summary.bundle_id
                else None,
                "targets": list(each.summary.targets),
                "images": each.summary.images,
                "done": each.summary.done,
                "state": each.summary.state.value,
                "outcomeExitCode": each.summary.exit_code,
                "verifiedBy": list(each.signers),
            }
            for each in result.receipts
        ],
        "unused": [str(path) for path, _ in result.unused],
        "more": result.more,
    }


def signature_words(signers: tuple[str, ...], claimed: tuple[str, ...]) -> str:
    """The trusted keys that have signed something; else if it has a signature at all."""
    if signers:
        return said("signed by {signers}", signers=", ".join(signers))
    return said("signed by no trusted key") if claimed else said("unsigned")


def _row(each: ListedReceipt) -> tuple[str, ...]:
    summary = each.summary
    return (
        moment(summary.time),
        escaped(summary.bundle) or ("-" if summary.kind == "import" else translated(_PRUNE)),
        escaped(", ".join(summary.targets)) or "-",
        f"{summary.done:,}/{summary.images:,}",
        translated(_STATES[summary.state]),
        signature_words(each.signers, each.claimed),
        escaped(each.path),
    )
