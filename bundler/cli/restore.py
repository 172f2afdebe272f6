"""``bundler restore``."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import click

import bundler
from bundler.cli import (
    choice_options,
    network_options,
    options,
    receipt_options,
    run_options,
    secret_options,
    target_options,
    trust_options,
    with_report,
)
from bundler.cli.program import program


@program.command(
    examples="""
bundler restore /srv/backup/full --trust backup.pub --to registry.internal:5000 --dry-run
bundler restore /srv/backup/full --trust backup.pub --to registry.internal:5000
bundler restore /srv/backup/full /srv/backup/monday --trust backup.pub --to registry.internal:5000
bundler restore s3://backups/registry/full --trust backup.pub --to registry.internal:5000 --only '*/team/*'
bundler restore /srv/backup/full --trust backup.pub --to registry.internal:5000 --on-conflict replace
"""
)
@click.argument("paths", nargs=-1, required=True, metavar="BUNDLE...")
@click.option("--to", "target", required=True, metavar="HOST", help="Registry to restore into: HOST[:PORT][/PREFIX].")
@trust_options.signer_options
@choice_options.choice_options
@target_options.mapping_option(
    help="Names at the registry: keep gives each repository the path that it had, scoped adds the host of the backup, "
    "flatten joins the path to one part."
)
@target_options.rules_option
@target_options.conflict_option(
    help="Policy for a tag that points to another image at the registry; suffix pushes the image as TAG-DIGEST."
)
@click.option("--all-or-nothing", is_flag=True, help="Move no tag until all images are complete.")
@click.option(
    "--verify-target",
    is_flag=True,
    help="Read all blobs back from the registry and hash them, also of images that it has. Default: ask for each.",
)
@target_options.push_options
@receipt_options.receipt_option
@receipt_options.receipt_key_option
@receipt_options.need_option
@secret_options.passphrase_options
@run_options.jobs_option
@network_options.connection_options
@with_report.reported_plan_options
def restore(
    paths: tuple[str, ...],
    target: str,
    signers: trust_options.SignerFlags,
    choice: choice_options.ChoiceFlags,
    names: target_options.NameFlags,
    all_or_nothing: bool,
    verify_target: bool,
    network: network_options.NetworkFlags,
    receipts: receipt_options.ReceiptFlags,
    secrets: secret_options.SecretFlags,
    dry_run: bool,
    running: run_options.Running,
    reporting: with_report.Reporting,
    showing: run_options.Showing,
) -> int:
    """Bring the images of a backup back into a registry, under the names that they had. Sends only what is missing.

    BUNDLE is its folder, or its place in S3. Of an incremental backup give the earlier bundles too: the images of the
    newest one are restored. --dry-run compares tag by tag: missing, same, moved, incomplete, extra.

    The restore writes a receipt. bundler undo gives tags their images from before.
    """
    from bundler.views import restore_report

    secret_options.check_stdin(network, secrets, receipts)
    receipts.check()
    reporting.check()
    parsed = bundler.parse_target(target)
    key = receipts.key()
    request = bundler.ImportRequest(
        paths=options.bundle_paths(paths),
        targets=(parsed,),
        trust=signers.keys(),
        is_without_signature=signers.insecure_no_signature,
        required_signatures=signers.least(),
        selection=choice.selection(),
        retry=choice.retry(),
        mapping=names.mapping,
        rules=names.given_rules(),
        on_conflict=names.on_conflict,
        kind=names.registry_kind(),
        admin=network.admin(),
        is_dry_run=dry_run,
        is_all_or_nothing=all_or_nothing,
        unlocking=secrets.unlocking(),
        network=network.options(network_options.registries_of((parsed,))),
        is_verifying_target=verify_target,
        receipt=receipts.request(key),
        need=receipts.need_request(key),
    )
    result = options.of_one_bundle(
        lambda chosen: running.do(
            lambda run: bundler.restore(bundler.RestoreRequest(replace(request, paths=chosen)), run)
        ),
        request.paths,
    )
    return showing.result(
        result, restore_report.lines, restore_report.document, added=partial(reporting.add, result.imported)
    )
