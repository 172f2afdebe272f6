"""``bundler repair``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

import bundler
from bundler.cli import options, run_options, secret_options, trust_options
from bundler.cli.program import program
from bundler.system.bundle_paths import locals_of


@program.command(
    examples="""
bundler repair /srv/bundles/platform --trust builder.pub
bundler repair /media/disc1 /media/disc2 -o repaired --trust builder.pub
bundler repair /media/stick/platform --trust builder.pub --dry-run
"""
)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "-o",
    "--output",
    metavar="DIR",
    help="Put repaired chunks into DIR/NAME, and leave the bundle as it is. Default: repair it in its place.",
)
@trust_options.signer_options
@secret_options.scratch_option
@run_options.jobs_option
@run_options.plan_options
def repair(
    paths: tuple[str, ...],
    output: str | None,
    signers: trust_options.SignerFlags,
    scratch: str | None,
    dry_run: bool,
    running: run_options.Running,
    showing: run_options.Showing,
) -> int:
    """Make lost and damaged chunks again, with the parity of the bundle.

    A bundle has parity if it was exported with --parity, or by bundler parity. Chunks that are missing, truncated,
    damaged or renamed are repaired, if not too much is lost; then the whole bundle is verified. Each repaired chunk has
    the bytes that were signed, or it is not kept. The program par2 does the work, from the
    extra image-bundler[parity] or from Debian's package par2.

    If it is interrupted, run the same command again.
    """
    from bundler.views import documents, repair_report

    request = bundler.RepairRequest(
        paths=options.paths(paths),
        output=Path(output) if output else None,
        trust=signers.keys(),
        is_without_signature=signers.insecure_no_signature,
        required_signatures=signers.least(),
        is_dry_run=dry_run,
        scratch=secret_options.scratch_folder(scratch),
    )
    result = options.of_one_bundle(
        lambda chosen: running.do(lambda run: bundler.repair(replace(request, paths=locals_of(chosen)), run)),
        request.paths,
    )
    return showing.result(result, repair_report.repair_lines, documents.repair_document)
