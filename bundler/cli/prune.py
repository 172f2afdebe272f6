"""``bundler prune``."""

from __future__ import annotations

from pathlib import Path

import click

import bundler
from bundler.cli import confirm, options
from bundler.cli.metrics import metrics_option
from bundler.cli.program import program, show, with_run
from bundler.cli.values import SecretFile
from bundler.errors import Misuse
from bundler.texts import text


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
@options.receipt_key_option
@options.key_passphrase_file_option
@options.username_option
@options.password_stdin_option
@options.plain_http_option
@options.cacert_option
@options.dry_run_option
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
@metrics_option
@options.quiet_option
@options.verbose_option
@options.json_option
def prune(
    place: str,
    keep_bundles: int | None,
    keep_last: int | None,
    by: str,
    tags: tuple[str, ...],
    rules: str | None,
    repositories: tuple[str, ...],
    receipts: tuple[str, ...],
    trust: tuple[str, ...],
    insecure_no_signature: bool,
    receipt: str | None,
    receipt_key: str | None,
    key_passphrase_file: str | None,
    username: str | None,
    password_stdin: bool,
    plain_http: tuple[str, ...],
    cacert: str | None,
    dry_run: bool,
    harbor_rules: bool,
    immutable: bool,
    admin_credentials: str | None,
    yes: bool,
    quiet: bool,
    verbose: bool,
    is_json: bool,
) -> int:
    """Remove old images from a registry: the plan first, then a question, then a receipt from which undo works.

    An image goes only if a rule or a receipt covers its tag, and nothing that stays needs it: no tag, no index, no
    newer bundle. Its signatures go with it. The newest bundle always stays whole.

    The registry keeps the blobs until its garbage collection; the result says how to run it, and what never to run.
    """
    from bundler.views import documents, prune_report

    options.check_stdin(password_stdin, key_passphrase_file, admin_credentials)
    if (immutable or admin_credentials) and not harbor_rules:
        raise Misuse("--immutable and --admin-credentials are for --harbor-rules", hint="add --harbor-rules")
    registries = options.registries_of((bundler.parse_target(place),))
    request = bundler.PruneRequest(
        place=place,
        retention=_retention(keep_bundles, keep_last, by, tags, rules, repositories),
        receipts=options.paths(receipts),
        trust=options.paths(trust),
        demand=bundler.Demand.of(is_without_signature=insecure_no_signature),
        output=Path(receipt) if receipt else None,
        key=options.receipt_key(receipt_key, key_passphrase_file),
        admin=options.credentials_in(admin_credentials, "--admin-credentials") if admin_credentials else None,
        is_immutable=immutable,
        network=options.network(plain_http, cacert, login=options.login(username, password_stdin, registries)),
    )
    if not (dry_run or yes or confirm.is_at_terminal()):
        raise Misuse("prune asks before it removes anything, and there is no terminal", hint="add --yes, or --dry-run")
    if harbor_rules:
        return _set_harbor_rules(request, is_dry_run=dry_run, is_yes=yes, is_quiet=quiet, is_json=is_json)
    planned = with_run(lambda run: bundler.plan_prune(request, run), jobs=None, is_quiet=quiet)
    if dry_run:
        show(prune_report.plan_lines(planned, is_verbose=verbose), documents.prune_document(planned), is_json=is_json)
        return planned.exit_code
    is_asked = not yes and not planned.plan.is_empty
    if is_asked:
        confirm.demand_yes(
            prune_report.plan_lines(planned, is_verbose=verbose),
            text("type yes to remove this"),
            refusal=text("nothing was removed: the answer was not yes"),
        )
    result = with_run(lambda run: bundler.prune(planned, run), jobs=None, is_quiet=quiet)
    lines = [] if is_asked or quiet else prune_report.plan_lines(planned, is_verbose=verbose)
    if not quiet or result.exit_code:
        lines += prune_report.result_lines(result, is_verbose=verbose)
    show(lines, documents.prune_document(planned, result), is_json=is_json)
    return result.exit_code


def _set_harbor_rules(
    request: bundler.PruneRequest, *, is_dry_run: bool, is_yes: bool, is_quiet: bool, is_json: bool
) -> int:
    """Shows the rules that Harbor has and those that it gets, asks, and sets them."""
    from bundler.views import documents, harbor_rules

    planned = with_run(lambda run: bundler.plan_harbor_rules(request, run), jobs=None, is_quiet=is_quiet)
    lines = harbor_rules.plan_lines(planned)
    if is_dry_run:
        show(lines, documents.harbor_rules_document(planned), is_json=is_json)
        return 0
    if not is_yes and not planned.is_empty:
        confirm.demand_yes(lines, text("type yes to set this"), refusal=text("nothing was set: the answer was not yes"))
    result = with_run(lambda run: bundler.set_harbor_rules(planned, run), jobs=None, is_quiet=is_quiet)
    shown = (
        [] if is_quiet else [*(lines if is_yes and not planned.is_empty else []), *harbor_rules.result_lines(result)]
    )
    show(shown, documents.harbor_rules_document(planned, result), is_json=is_json)
    return 0


def _retention(
    keep_bundles: int | None,
    keep_last: int | None,
    by: str,
    tags: tuple[str, ...],
    rules: str | None,
    repositories: tuple[str, ...],
) -> bundler.Retention:
    """The rules that the flags give.

    Raises:
        Misuse: There are none, or they contradict each other.
    """
    if rules is not None:
        if keep_bundles is not None or keep_last is not None or tags or repositories:
            raise Misuse(
                "--rules cannot be used together with other rules",
                subject=f"--rules {rules}",
                hint="write them into it",
            )
        return bundler.read_retention(rules)
    if keep_bundles is None and keep_last is None:
        raise Misuse("there is no rule", hint="add --keep-bundles N, --keep-last N or --rules FILE")
    if tags and keep_last is None:
        raise Misuse("--tag is for --keep-last", subject=f"--tag {tags[0]}")
    return bundler.retention_of(keep_bundles, keep_last, by=by, tags=tags, repositories=repositories)
