"""``bundler receipt list|show|verify|merge``."""

from __future__ import annotations

from pathlib import Path

import click

import bundler
from bundler.cli import options
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
@options.trust_option
@options.quiet_option
@options.verbose_option
@options.json_option
def list_receipts(paths: tuple[str, ...], trust: tuple[str, ...], quiet: bool, verbose: bool, is_json: bool) -> int:
    """List receipts, newest first: time, bundle, targets, images done, state, trusted signatures.

    RECEIPT is a receipt, or a folder of them. Without one, the receipts in your state folder are listed: those of
    imports and prunes without --receipt FILE.
    """
    from bundler.views import documents, receipt_list_report

    request = bundler.ReceiptListRequest(paths=options.paths(paths), trust=options.paths(trust))
    result = bundler.list_receipts(request)
    lines = receipt_list_report.paths(result) if quiet else receipt_list_report.lines(result, is_verbose=verbose)
    show(lines, documents.receipt_list_document(result), is_json=is_json)
    return result.exit_code


@receipt.command("show", examples="bundler receipt show receipt.json")
@click.argument("path", metavar="RECEIPT")
@options.json_option
def show_receipt(path: str, is_json: bool) -> int:
    """Show a receipt, and check whether a trusted key has signed it."""
    from bundler.views import documents, receipt_report

    file = bundler.read_receipt(Path(path), demand=bundler.Demand.OPTIONAL)
    show(receipt_report.show_lines(file), documents.receipt_document("receipt-show", file), is_json=is_json)
    return 0


@receipt.command("verify", examples="bundler receipt verify receipt.json --trust importer.pub")
@click.argument("path", metavar="RECEIPT")
@options.trust_option
@options.json_option
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
@options.receipt_trust_option
@options.unsigned_receipt_option
@options.receipt_key_option
@options.key_passphrase_file_option
@options.json_option
def merge(
    paths: tuple[str, ...],
    output: str,
    trust: tuple[str, ...],
    insecure_no_signature: bool,
    receipt_key: str | None,
    key_passphrase_file: str | None,
    is_json: bool,
) -> int:
    """Merge the receipts of several imports of one bundle, or of a folder: each image gets its best result.

    If this machine trusts any key, a trusted key must have signed each receipt.
    """
    from bundler.views import documents, receipt_report

    key = options.receipt_key(receipt_key, key_passphrase_file)
    file = with_run(
        lambda run: bundler.merge_receipts(
            options.paths(paths),
            Path(output),
            key,
            trust=options.paths(trust),
            is_without_signature=insecure_no_signature,
            listener=run.listener,
        ),
        jobs=None,
        is_quiet=False,
    )
    show(receipt_report.show_lines(file), documents.receipt_document("receipt-merge", file), is_json=is_json)
    return 0
