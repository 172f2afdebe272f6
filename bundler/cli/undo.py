"""``bundler undo``."""

from __future__ import annotations

from pathlib import Path

import click

import bundler
from bundler.cli import options
from bundler.cli.metrics import metrics_option
from bundler.cli.program import program, show, with_run


@program.command(
    examples="""
bundler undo ~/.local/state/bundler/receipts/20261123T031500Z-platform.json --dry-run
bundler undo receipt.json --trust importer.pub
"""
)
@click.argument("receipt", metavar="RECEIPT")
@options.receipt_trust_option
@options.unsigned_receipt_option
@options.username_option
@options.password_stdin_option
@options.plain_http_option
@options.cacert_option
@options.dry_run_option
@metrics_option
@options.quiet_option
@options.json_option
def undo(
    receipt: str,
    trust: tuple[str, ...],
    insecure_no_signature: bool,
    username: str | None,
    password_stdin: bool,
    plain_http: tuple[str, ...],
    cacert: str | None,
    dry_run: bool,
    quiet: bool,
    is_json: bool,
) -> int:
    """Restore the tags that an import changed.

    A tag that pointed to another image points to it again, if the registry still has this image. A new tag is
    removed, if the registry supports it. A tag that another user has moved since then stays unchanged.

    With the receipt of a prune, the tags and images that it removed come back, until the registry collects garbage.

    If this machine trusts any key, a trusted key must have signed the receipt. The receipt of a prune always needs
    this outside of your state folder, because it has the manifests that are pushed.
    """
    from bundler.views import documents, receipt_report

    demand = bundler.Demand.of(is_without_signature=insecure_no_signature)
    if bundler.is_prune_receipt(Path(receipt)):
        pruned = bundler.read_prune_receipt(Path(receipt), options.paths(trust), demand=demand)
        own = (pruned.receipt.registry,)
        login = options.login(username, password_stdin, own) if username or password_stdin else None
        back = bundler.UndoPruneRequest(pruned, options.network(plain_http, cacert, login=login), dry_run)
        return _undo_prune(back, is_quiet=quiet, is_json=is_json)
    file = bundler.read_receipt(Path(receipt), options.paths(trust), demand=demand)
    registries: tuple[str, ...] = ()
    if username or password_stdin:
        targets = (target.target for target in file.receipt.targets if target.kind == "registry")
        registries = options.registries_of(tuple(map(bundler.parse_target, targets)))
    request = bundler.UndoRequest(
        file=file,
        network=options.network(plain_http, cacert, login=options.login(username, password_stdin, registries)),
        is_dry_run=dry_run,
    )
    result = with_run(lambda run: bundler.undo(request, run), jobs=None, is_quiet=quiet)
    lines = [] if quiet and not result.exit_code else receipt_report.undo_lines(result)
    show(lines, documents.undo_document(result), is_json=is_json)
    return result.exit_code


def _undo_prune(request: bundler.UndoPruneRequest, *, is_quiet: bool, is_json: bool) -> int:
    from bundler.views import documents, prune_report

    result = with_run(lambda run: bundler.undo_prune(request, run), jobs=None, is_quiet=is_quiet)
    lines = [] if is_quiet and not result.exit_code else prune_report.undo_lines(result)
    show(lines, documents.undo_prune_document(result), is_json=is_json)
    return result.exit_code
