"""``bundler undo``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

import bundler
from bundler.cli import confirm, network_options, run_options, trust_options
from bundler.cli.program import program, with_run
from bundler.core.frozen import frozen
from bundler.errors import Misuse
from bundler.texts import text

if TYPE_CHECKING:
    from bundler import ListedReceipt, ReceiptFile, Run, UndoPruneResult, UndoResult

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
@trust_options.receipt_signer_options
@network_options.registry_options
@run_options.brief_plan_options
def undo(
    receipt: str | None,
    last: bool,
    target: str | None,
    yes: bool,
    signers: trust_options.SignerFlags,
    network: network_options.NetworkFlags,
    dry_run: bool,
    running: run_options.Running,
    showing: run_options.Showing,
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

    path = _chosen(receipt, target, signers.keys(), is_last=last, is_yes=yes, is_dry_run=dry_run)
    place = bundler.parse_target(target) if last and target else None
    asking = _Asking(running, is_asking=last and not (yes or dry_run), is_dry_run=dry_run)
    if bundler.is_prune_receipt(path):
        pruned = bundler.read_prune_receipt(path, signers.keys(), demand=signers.demand())
        reached = network.options((pruned.receipt.registry,))
        back = asking.do(
            lambda is_dry, run: bundler.undo_prune(bundler.UndoPruneRequest(pruned, reached, is_dry), run),
            prune_report.undo_lines,
        )
        return _show(back, prune_report.undo_lines, documents.undo_prune_document, showing)
    file = bundler.read_receipt(path, signers.keys(), demand=signers.demand())
    reached = network.options(_registries_in(file) if network.has_login else ())
    result = asking.do(
        lambda is_dry, run: bundler.undo(bundler.UndoRequest(file, reached, is_dry, place), run),
        receipt_report.undo_lines,
    )
    return _show(result, receipt_report.undo_lines, documents.undo_document, showing)


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


def _registries_in(file: ReceiptFile) -> tuple[str, ...]:
    """The registries that an import pushed to."""
    targets = (target.target for target in file.receipt.targets if target.kind == "registry")
    return network_options.registries_of(tuple(map(bundler.parse_target, targets)))


@frozen
class _Asking:
    """The choice to do the work at once, as a dry run, or after a question.

    Attributes:
        running: The flags of the run.
        is_asking: A person is asked before; the dry run is shown first.
        is_dry_run: Nothing is changed.
    """

    running: run_options.Running
    is_asking: bool
    is_dry_run: bool

    def do(self, work: Callable[[bool, Run], Result], lines_of: Callable[[Result], list[str]]) -> Result:
        """Does the work.

        Raises:
            Misuse: The answer is not yes.
        """
        if self.is_asking:
            planned = self.running.do(lambda run: work(True, run))
            confirm.demand_yes(
                lines_of(planned),
                text("type yes to undo this"),
                refusal=text("nothing was changed: the answer was not yes"),
            )
        return self.running.do(lambda run: work(self.is_dry_run, run))


def _show(
    result: Result,
    lines_of: Callable[[Result], list[str]],
    document_of: Callable[[Result], dict[str, Any]],
    showing: run_options.Showing,
) -> int:
    showing.lines([] if showing.quiet and not result.exit_code else lines_of(result), lambda: document_of(result))
    return result.exit_code
