"""``bundler backup``."""

from __future__ import annotations

import click

import bundler
from bundler.cli import options, run_options, with_report
from bundler.cli.bundle_options import BundleFlags, brief_lines, bundle_options
from bundler.cli.program import program
from bundler.cli.values import SecretFile
from bundler.errors import Misuse


@program.command(
    examples="""
bundler backup registry.internal:5000 -o /srv/backup --key backup.key
bundler backup registry.internal:5000 -o s3://backups/registry --key backup.key
bundler backup registry.internal:5000/team -o /srv/backup --key backup.key --name team-2026.11
bundler backup registry.internal:5000 -o /srv/backup --key backup.key --since /srv/backup/full --trust backup.pub
bundler backup registry.internal:5000 -o /srv/backup --key backup.key --dry-run
"""
)
@click.argument("registry", metavar="HOST[/PREFIX]")
@bundle_options
@click.option("--name", help="Name of the bundle. Default: the registry and the day.")
@click.option(
    "--repository",
    "repositories",
    multiple=True,
    metavar="NAME",
    help="Back up this repository only, also of registries that do not list theirs: team/app. May be repeated.",
)
@click.option(
    "--receipt",
    "receipts",
    multiple=True,
    metavar="FILE",
    help="Back up also the digests that this receipt of an import names, for images without a tag. May be repeated.",
)
@click.option(
    "--admin-credentials",
    type=SecretFile(),
    metavar="FILE",
    help="USER:PASSWORD of a user who may read the settings of all projects (Harbor).",
)
@run_options.pace_options
@with_report.reported_result_options
def backup(
    registry: str,
    flags: BundleFlags,
    name: str | None,
    repositories: tuple[str, ...],
    receipts: tuple[str, ...],
    running: run_options.Running,
    reporting: with_report.Reporting,
    showing: run_options.Showing,
) -> int:
    """Make a signed bundle of everything in a registry: all repositories, tags, signatures and other attachments.

    The bundle is one like those of export: verify, inspect, serve and import read it. bundler restore brings it back.

    If it is interrupted, run the same command again: it resumes with the images that it started with. It names
    everything that it cannot read (exit 3). With --since the bundle leaves out what an earlier one has.
    """
    from bundler.views import backup_report

    flags.check()
    if not (flags.since or receipts) and (flags.signers.trust or flags.signers.insecure_no_signature):
        raise Misuse("--trust and --insecure-no-signature need --since or --receipt")
    if not flags.since and flags.since_passphrase_file:
        raise Misuse("--since-passphrase-file needs --since")
    reporting.check()
    made = flags.made_passphrase()
    request = bundler.BackupRequest(
        place=registry,
        export=flags.request(made, lists=(), name=name),
        repositories=repositories,
        receipts=options.paths(receipts),
        admin=flags.network.admin(),
    )
    result = running.do(lambda run: bundler.backup(request, run))
    brief = brief_lines(result.export, made)
    lines = brief if showing.quiet else backup_report.lines(result, made, is_verbose=showing.verbose)
    document = backup_report.document(result, made) if showing.is_json else {}
    lines, document = reporting.add(result.export, lines, document)
    showing.lines(lines, lambda: document)
    return result.exit_code
