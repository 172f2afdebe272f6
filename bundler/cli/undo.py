"""``bundler undo``."""

from __future__ import annotations

from pathlib import Path

import click

from bundler.cli import options
from bundler.cli.program import program, show, with_run


@program.command(
    examples="""
bundler undo ~/.local/state/bundler/receipts/20261123T031500Z-platform.json --dry-run
bundler undo receipt.json --trust importer.pub
"""
)
@click.argument("receipt", metavar="RECEIPT")
@click.option(
    "--trust", multiple=True, metavar="PUB", help="Public key that must have signed the receipt. May be repeated."
)
@options.username_option
@options.password_stdin_option
@options.plain_http_option
@options.cacert_option
@options.dry_run_option
@options.quiet_option
@options.json_option
def undo(
    receipt: str,
    trust: tuple[str, ...],
    username: str | None,
    password_stdin: bool,
    plain_http: tuple[str, ...],
    cacert: str | None,
    dry_run: bool,
    quiet: bool,
    is_json: bool,
) -> int:
    """Put tags back that still stand for what an import pushed.

    A tag that stood for another image gets it back, if the registry still has it. A tag that was new is removed, where
    the registry can do that. A tag that somebody else has moved since is left alone.
    """
    from bundler.commands.receipts import read_receipt
    from bundler.commands.undo import UndoRequest
    from bundler.commands.undo import undo as put_back
    from bundler.core.location import parse_target
    from bundler.views import documents, receipt_report

    registries: tuple[str, ...] = ()
    if username or password_stdin:
        told = read_receipt(Path(receipt)).receipt.targets
        registries = options.registries_of(tuple(parse_target(t.target) for t in told if t.kind == "registry"))
    request = UndoRequest(
        receipt=Path(receipt),
        trust=options.paths(trust) if trust else None,
        network=options.network(plain_http, cacert, login=options.login(username, password_stdin, registries)),
        is_dry_run=dry_run,
    )
    result = with_run(lambda run: put_back(request, run), jobs=None, is_quiet=quiet)
    lines = [] if quiet and not result.exit_code else receipt_report.undo_lines(result)
    show(lines, documents.undo_document(result), is_json=is_json)
    return result.exit_code
