"""``bundler receipt list|show|verify|merge``."""

from __future__ import annotations

from pathlib import Path

import click

import bundler
from bundler.cli import options, receipt_options, run_options, secret_options, trust_options
from bundler.cli.program import Group, program, show, with_run


@program.group(
    cls=Group,
    order=("list", "show", "verify", "merge"),
    examples="""
bundler receipt list
bundler receipt show receipt.json
bundler receipt verify receipt.json --trust importer.pub
bundler receipt merge disc1.json disc2.json -o whole.json
""",
)
def receipt() -> None:
    """Receipts of imports: list, show, verify or merge them."""


@receipt.command(
    "list",
    examples="""
bundler receipt list
bundler receipt list /srv/receipts --trust importer.pub
""",
)
@click.argument("paths", nargs=-1, metavar="[RECEIPT...]")
@trust_options.trust_option
@run_options.showing_options
def list_receipts(paths: tuple[str, ...], signers: trust_options.SignerFlags, showing: run_options.Showing) -> int:
    """List receipts, newest first: time, bundle, targets, images done, state, trusted signatures.

    RECEIPT is a receipt, or a folder of them. Without one, the receipts in your state folder are listed: those of
    imports and prunes without --receipt FILE.
    """
    from bundler.views import documents, receipt_list_report

    result = bundler.list_receipts(bundler.ReceiptListRequest(paths=options.paths(paths), trust=signers.keys()))
    if showing.quiet:
        lines = receipt_list_report.paths(result)
    else:
        lines = receipt_list_report.lines(result, is_verbose=showing.verbose)
    showing.lines(lines, lambda: documents.receipt_list_document(result))
    return result.exit_code


@receipt.command("show", examples="bundler receipt show receipt.json")
@click.argument("path", metavar="RECEIPT")
@run_options.json_option
def show_receipt(path: str, is_json: bool) -> int:
    """Show a receipt, and check whether a trusted key has signed it."""
    from bundler.views import documents, receipt_report

    file = bundler.read_receipt(Path(path), demand=bundler.Demand.OPTIONAL)
    show(receipt_report.show_lines(file), documents.receipt_document("receipt-show", file), is_json=is_json)
    return 0


@receipt.command("verify", examples="bundler receipt verify receipt.json --trust importer.pub")
@click.argument("path", metavar="RECEIPT")
@trust_options.trust_option
@run_options.json_option
def verify_receipt(path: str, trust: tuple[str, ...], is_json: bool) -> int:
    """Verify that a trusted key has signed a receipt, then show it."""
    from bundler.views import documents, receipt_report

    file = bundler.read_receipt(Path(path), options.paths(trust), demand=bundler.Demand.REQUIRED)
    show(receipt_report.verify_lines(file), documents.receipt_document("receipt-verify", file), is_json=is_json)
    return 0


@receipt.command(
    "merge", examples="bundler receipt merge disc1.json disc2.json -o whole.json --receipt-key importer.key"
)
@click.argument("paths", nargs=-1, required=True, metavar="RECEIPT...")
@click.option("-o", "--output", required=True, metavar="FILE", help="Write the merged receipt to this file.")
@trust_options.receipt_signer_options
@receipt_options.receipt_key_option
@secret_options.key_passphrase_file_option
@run_options.json_option
def merge(
    paths: tuple[str, ...],
    output: str,
    signers: trust_options.SignerFlags,
    merged: receipt_options.ReceiptFlags,
    is_json: bool,
) -> int:
    """Merge the receipts of several imports of one bundle, or of a folder: each image gets its best result.

    If this machine trusts any key, a trusted key must have signed each receipt.
    """
    from bundler.views import documents, receipt_report

    file = with_run(
        lambda run: bundler.merge_receipts(
            options.paths(paths),
            Path(output),
            merged.key(),
            trust=signers.keys(),
            is_without_signature=signers.insecure_no_signature,
            listener=run.listener,
        ),
        jobs=None,
        is_quiet=False,
    )
    show(receipt_report.show_lines(file), documents.receipt_document("receipt-merge", file), is_json=is_json)
    return 0
