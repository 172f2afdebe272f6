"""``bundler copy``."""

from __future__ import annotations

from dataclasses import replace

import click

import bundler
from bundler.cli import copy_options, options, run_options, trust_options
from bundler.cli.program import program
from bundler.system.bundle_paths import locals_of


@program.command(
    examples="""
bundler copy out/platform-2026.11 -o /media/stick
bundler copy out/platform-2026.11 -o /media/one -o /media/two --trust builder.pub
bundler copy out/platform-2026.11.medium-02 -o /media/stick
"""
)
@click.argument("paths", nargs=-1, required=True, metavar="BUNDLE...")
@copy_options.outputs_option
@copy_options.copy_options
def copy(
    paths: tuple[str, ...],
    outputs: tuple[str, ...],
    signers: trust_options.SignerFlags,
    read_back: bool,
    dry_run: bool,
    running: run_options.Running,
    showing: run_options.Showing,
) -> int:
    """Copy a bundle to one or more media, and read it back from each.

    BUNDLE is its folder, or the folder of one of several media; several folders with parts of one bundle count as
    one. Each copy is the folder DIR/NAME. Every byte is read once, for all DIRs, and compared with SHA256SUMS.

    If it is interrupted, run the same command again: it resumes, checks what is there, and does not write it again.
    """
    from bundler.views import copy_report, documents

    request = bundler.CopyRequest(
        paths=options.paths(paths),
        outputs=options.paths(outputs),
        trust=signers.keys(),
        is_read_back=read_back,
        is_dry_run=dry_run,
    )
    result = options.of_one_bundle(
        lambda found: running.do(lambda run: bundler.copy(replace(request, paths=locals_of(found)), run)), request.paths
    )
    lines = copy_report.folders(result) if showing.quiet else copy_report.copy_lines(result)
    showing.lines(lines, lambda: documents.copy_document("copy", result))
    return result.exit_code
