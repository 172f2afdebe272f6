"""``bundler undo``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

import bundler
from bundler.cli import confirm, options
from bundler.cli.metrics import metrics_option
from bundler.cli.program import program, show, with_run
from bundler.errors import Misuse
from bundler.texts import text

if TYPE_CHECKING:
    from bundler import ListedReceipt, Run, UndoPruneResult, UndoResult

    Result = TypeVar("Result", UndoResult, UndoPruneResult)


@program.command(
    examples="""
bundler undo ~/.local/state/bundler/receipts/20261123T031500Z-platform.json --dry-run
bundler undo receipt.json --trust importer.pub
bundler undo --last                                        the last import or prune of this user: shown, then confirmed
bundler undo --last --to registry.internal:5000 --yes
"""
)
@click.argument("receipt", metavar="[RECEIPT]", required=False)
@click.option(
    "--last", is_flag=True, help="Undo the last import or prune that changed something, by the receipts of this user."
)
@click.option(
    "--to",
    "target",
    metavar="HOST[/PREFIX]",
    help="With --last: the last one of this registry, and only its tags.",
)
@click.option("--yes", is_flag=True, help="With --last: do not ask. Without a terminal, --last needs this.")
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
    receipt: str | None,
    last: bool,
    target: str | None,
    yes: bool,
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

    With --last, the newest receipt of a run that ended and changed something is looked for in your state folder. It
    shows what would change, and changes nothing without a yes. A second --last does not go further back. A receipt
    that --receipt FILE wrote elsewhere is not found: give its file.

    If this machine trusts any key, a trusted key must have signed the receipt. The receipt of a prune always needs
    this outside of your state folder, because it has the manifests that are pushed.
    """
    from bundler.views import documents, prune_report, receipt_report

    keys, demand = options.paths(trust), bundler.Demand.of(is_without_signature=insecure_no_signature)
    path = _chosen(receipt, target, keys, is_last=last, is_yes=yes, is_dry_run=dry_run)
    place = bundler.parse_target(target) if last and target else None
    is_asking = last and not (yes or dry_run)
    if bundler.is_prune_receipt(path):
        pruned = bundler.read_prune_receipt(path, keys, demand=demand)
        own = (pruned.receipt.registry,)
        login = options.login(username, password_stdin, own) if username or password_stdin else None
        network = options.network(plain_http, cacert, login=login)
        back = _with_question(
            lambda is_dry, run: bundler.undo_prune(bundler.UndoPruneRequest(pruned, network, is_dry), run),
            prune_report.undo_lines,
            is_asking=is_asking,
            is_dry_run=dry_run,
            is_quiet=quiet,
        )
        return _show(back, prune_report.undo_lines, documents.undo_prune_document, is_quiet=quiet, is_json=is_json)
    file = bundler.read_receipt(path, keys, demand=demand)
    registries: tuple[str, ...] = ()
    if username or password_stdin:
        targets = (target.target for target in file.receipt.targets if target.kind == "registry")
        registries = options.registries_of(tuple(map(bundler.parse_target, targets)))
    network = options.network(plain_http, cacert, login=options.login(username, password_stdin, registries))
    result = _with_question(
        lambda is_dry, run: bundler.undo(bundler.UndoRequest(file, network, is_dry, place), run),
        receipt_report.undo_lines,
        is_asking=is_asking,
        is_dry_run=dry_run,
        is_quiet=quiet,
    )
    return _show(result, receipt_report.undo_lines, documents.undo_document, is_quiet=quiet, is_json=is_json)


def _chosen(
    receipt: str | None, target: str | None, trust: tuple[Path, ...], *, is_last: bool, is_yes: bool, is_dry_run: bool
) -> Path:
    """The file of the receipt.

    Raises:
        Misuse: There is none or more than one, or the person cannot be asked.
    """
    if not is_last:
        is_typed = click.get_current_context().get_parameter_source("target") is ParameterSource.COMMANDLINE
        if is_yes or (target is not None and is_typed):
            raise Misuse("this flag needs --last", subject="--yes" if is_yes else f"--to {target}")
        if receipt is None:
            raise Misuse("there is no receipt", hint="give the receipt of an import or a prune, or --last")
        return Path(receipt)
    if receipt is not None:
        raise Misuse("--last and a receipt cannot be combined", subject=receipt, hint="leave out one of them")
    if not (is_yes or is_dry_run or confirm.is_at_terminal()):
        raise Misuse(
            "undo --last asks before it changes anything, and there is no terminal", hint="add --yes, or --dry-run"
        )
    place = bundler.parse_target(target) if target else None
    found: ListedReceipt = with_run(
        lambda run: bundler.last_receipt(place, trust, run.listener), jobs=None, is_quiet=False
    )
    return found.path


def _with_question(
    work: Callable[[bool, Run], Result],
    lines_of: Callable[[Result], list[str]],
    *,
    is_asking: bool,
    is_dry_run: bool,
    is_quiet: bool,
) -> Result:
    """Does the work; if a person is asked before, its dry run is shown first."""
    if is_asking:
        planned = with_run(lambda run: work(True, run), jobs=None, is_quiet=is_quiet)
        confirm.demand_yes(
            lines_of(planned),
            text("type yes to undo this"),
            refusal=text("nothing was changed: the answer was not yes"),
        )
    return with_run(lambda run: work(is_dry_run, run), jobs=None, is_quiet=is_quiet)


def _show(
    result: Result,
    lines_of: Callable[[Result], list[str]],
    document_of: Callable[[Result], dict[str, Any]],
    *,
    is_quiet: bool,
    is_json: bool,
) -> int:
    lines = [] if is_quiet and not result.exit_code else lines_of(result)
    show(lines, document_of(result), is_json=is_json)
    return result.exit_code
