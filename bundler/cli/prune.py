"""``bundler prune``."""

from __future__ import annotations

import click

import bundler
from bundler.cli import (
    confirm,
    network_options,
    options,
    receipt_options,
    run_options,
    secret_options,
    trust_options,
)
from bundler.cli.program import program
from bundler.cli.values import SecretFile
from bundler.core.frozen import frozen
from bundler.errors import Misuse
from bundler.texts import text


@frozen
class RetentionFlags:
    """The flags for what stays in the registry."""

    keep_bundles: int | None
    keep_last: int | None
    by: str
    tags: tuple[str, ...]
    rules: str | None
    repositories: tuple[str, ...]

    def retention(self) -> bundler.Retention:
        """The rules that the flags give.

        Raises:
            Misuse: There are none, or they contradict each other.
        """
        if self.rules is not None:
            if self.keep_bundles is not None or self.keep_last is not None or self.tags or self.repositories:
                raise Misuse(
                    "--rules cannot be used together with other rules",
                    subject=f"--rules {self.rules}",
                    hint="write them into it",
                )
            return bundler.read_retention(self.rules)
        if self.keep_bundles is None and self.keep_last is None:
            raise Misuse("there is no rule", hint="add --keep-bundles N, --keep-last N or --rules FILE")
        if self.tags and self.keep_last is None:
            raise Misuse("--tag is for --keep-last", subject=f"--tag {self.tags[0]}")
        return bundler.retention_of(
            self.keep_bundles, self.keep_last, by=self.by, tags=self.tags, repositories=self.repositories
        )


@program.command(
    examples="""
bundler prune registry.internal:5000 --keep-bundles 3 --dry-run
bundler prune registry.internal:5000 --keep-bundles 3 --receipt-key importer.key
bundler prune registry.internal:5000/ci --keep-last 10 --by created --tag 'pr-*' --yes
bundler prune registry.internal:5000 --rules retention.yaml --receipts /srv/receipts
bundler prune harbor.internal/ci --keep-last 10 --by pushed --harbor-rules --admin-credentials admin.txt --dry-run
"""
)
@click.argument("place", metavar="HOST[/PREFIX]")
@click.option(
    "--keep-bundles",
    type=click.IntRange(1, 100_000),
    metavar="N",
    help="Keep the images of the newest N bundles of each kind whole, by the receipts of their imports. Images of "
    "older bundles go.",
)
@click.option(
    "--keep-last",
    type=click.IntRange(0, 100_000),
    metavar="N",
    help="Keep the newest N images of each repository, with all their tags. Older ones go.",
)
@click.option(
    "--by",
    type=click.Choice(["semver", "created", "pushed"]),
    default="semver",
    show_default=True,
    help="The order for --keep-last. By semver, tags that are no versions are not touched. "
    "By pushed is for --harbor-rules.",
)
@click.option(
    "--tag", "tags", multiple=True, metavar="PATTERN", help="For --keep-last: only tags that match. May be repeated."
)
@click.option("--rules", metavar="FILE", help="Rules by repository and tag, see docs/prune.md.")
@click.option(
    "--repository",
    "repositories",
    multiple=True,
    metavar="PATTERN",
    help="Only repositories that match: team/app or 'team/*'. May be repeated.",
)
@click.option(
    "--receipts",
    multiple=True,
    metavar="PATH",
    help="Receipts of imports on other machines, or a folder of them. May be repeated. Those of this user count too.",
)
@click.option(
    "--trust",
    multiple=True,
    metavar="PUB",
    help="The receipts of --receipts must be signed by this public key, or by one of a folder. May be repeated. "
    "Default: the keys in ~/.config/bundler/trust, if there are any.",
)
@click.option(
    "--insecure-no-signature", is_flag=True, help="Accept the receipts of --receipts without a trusted signature."
)
@click.option(
    "--receipt", metavar="FILE", help="Write the receipt to this new file. Default: ~/.local/state/bundler/prunes."
)
@receipt_options.receipt_key_option
@secret_options.key_passphrase_file_option
@network_options.registry_options
@run_options.dry_run_option
@click.option(
    "--harbor-rules",
    is_flag=True,
    help="Remove nothing: give a project of Harbor these rules, so that it prunes by itself. HOST/PROJECT --by pushed.",
)
@click.option(
    "--immutable",
    is_flag=True,
    help="With --harbor-rules: make the tags of the newest bundles immutable too. No import can move them then.",
)
@click.option(
    "--admin-credentials",
    type=SecretFile(),
    metavar="FILE",
    help="With --harbor-rules: USER:PASSWORD of a user who may set the rules of the project.",
)
@click.option("--yes", is_flag=True, help="Remove without a question.")
@run_options.result_options
def prune(
    place: str,
    retaining: RetentionFlags,
    receipts: tuple[str, ...],
    signers: trust_options.SignerFlags,
    pruned: receipt_options.ReceiptFlags,
    network: network_options.NetworkFlags,
    dry_run: bool,
    harbor_rules: bool,
    immutable: bool,
    yes: bool,
    running: run_options.Running,
    showing: run_options.Showing,
) -> int:
    """Remove old images from a registry: the plan first, then a question, then a receipt from which undo works.

    An image goes only if a rule or a receipt covers its tag, and nothing that stays needs it: no tag, no index, no
    newer bundle. Its signatures go with it. The newest bundle always stays whole.

    The registry keeps the blobs until its garbage collection; the result says how to run it, and what never to run.
    """
    secret_options.check_stdin(network, pruned)
    if (immutable or network.admin_credentials) and not harbor_rules:
        raise Misuse("--immutable and --admin-credentials are for --harbor-rules", hint="add --harbor-rules")
    registries = network_options.registries_of((bundler.parse_target(place),))
    request = bundler.PruneRequest(
        place=place,
        retention=retaining.retention(),
        receipts=options.paths(receipts),
        trust=signers.keys(),
        demand=signers.demand(),
        output=pruned.path(),
        key=pruned.key(),
        admin=network.admin(),
        is_immutable=immutable,
        network=network.options(registries),
    )
    if not (dry_run or yes or confirm.is_at_terminal()):
        raise Misuse("prune asks before it removes anything, and there is no terminal", hint="add --yes, or --dry-run")
    prune_or_set = _set_harbor_rules if harbor_rules else _prune
    return prune_or_set(request, running, showing, is_dry_run=dry_run, is_yes=yes)


def _prune(
    request: bundler.PruneRequest,
    running: run_options.Running,
    showing: run_options.Showing,
    *,
    is_dry_run: bool,
    is_yes: bool,
) -> int:
    """Shows what goes and what stays, asks, and removes it."""
    from bundler.views import documents, prune_report

    planned = running.do(lambda run: bundler.plan_prune(request, run))
    plan = prune_report.plan_lines(planned, is_verbose=showing.verbose)
    if is_dry_run:
        showing.lines(plan, lambda: documents.prune_document(planned))
        return planned.exit_code
    is_asked = not is_yes and not planned.plan.is_empty
    if is_asked:
        confirm.demand_yes(
            plan, text("type yes to remove this"), refusal=text("nothing was removed: the answer was not yes")
        )
    result = running.do(lambda run: bundler.prune(planned, run))
    lines = [] if is_asked or showing.quiet else plan
    if not showing.quiet or result.exit_code:
        lines = [*lines, *prune_report.result_lines(result, is_verbose=showing.verbose)]
    showing.lines(lines, lambda: documents.prune_document(planned, result))
    return result.exit_code


def _set_harbor_rules(
    request: bundler.PruneRequest,
    running: run_options.Running,
    showing: run_options.Showing,
    *,
    is_dry_run: bool,
    is_yes: bool,
) -> int:
    """Shows the rules that Harbor has and those that it gets, asks, and sets them."""
    from bundler.views import documents, harbor_rules

    planned = running.do(lambda run: bundler.plan_harbor_rules(request, run))
    plan = harbor_rules.plan_lines(planned)
    if is_dry_run:
        showing.lines(plan, lambda: documents.harbor_rules_document(planned))
        return 0
    if not is_yes and not planned.is_empty:
        confirm.demand_yes(plan, text("type yes to set this"), refusal=text("nothing was set: the answer was not yes"))
    result = running.do(lambda run: bundler.set_harbor_rules(planned, run))
    lines = [*(plan if is_yes and not planned.is_empty else []), *harbor_rules.result_lines(result)]
    showing.lines([] if showing.quiet else lines, lambda: documents.harbor_rules_document(planned, result))
    return 0
