"""``bundler repair``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

import bundler
from bundler.cli import options
from bundler.cli.metrics import metrics_option
from bundler.cli.program import program, show, with_run
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
@options.trust_option
@options.require_signatures_option
@options.unsigned_ok_option
@options.scratch_option
@options.jobs_option
@options.dry_run_option
@metrics_option
@options.quiet_option
@options.verbose_option
@options.json_option
def repair(
    paths: tuple[str, ...],
    output: str | None,
    trust: tuple[str, ...],
    required: int | None,
    insecure_no_signature: bool,
    scratch: str | None,
    jobs: int | None,
    dry_run: bool,
    quiet: bool,
    verbose: bool,
    is_json: bool,
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
        trust=options.paths(trust),
        is_without_signature=insecure_no_signature,
        required_signatures=options.required_signatures(required, is_without_signature=insecure_no_signature),
        is_dry_run=dry_run,
        scratch=options.scratch_folder(scratch),
    )
    result = options.of_one_bundle(
        lambda chosen: with_run(
            lambda run: bundler.repair(replace(request, paths=locals_of(chosen)), run), jobs=jobs, is_quiet=quiet
        ),
        request.paths,
    )
    lines = [] if quiet and not result.exit_code else repair_report.repair_lines(result, is_verbose=verbose)
    show(lines, documents.repair_document(result) if is_json else {}, is_json=is_json)
    return result.exit_code
