"""``bundler copy``."""

from __future__ import annotations

import click

import bundler
from bundler.cli import options
from bundler.cli.metrics import metrics_option
from bundler.cli.program import program, show, with_run
from bundler.system.bundle_paths import locals_of


@program.command(
    examples="""
bundler copy out/platform-2026.11 -o /media/stick
bundler copy out/platform-2026.11 -o /media/one -o /media/two --trust builder.pub
bundler copy out/platform-2026.11.medium-02 -o /media/stick
"""
)
@click.argument("paths", nargs=-1, required=True, metavar="BUNDLE...")
@options.outputs_option
@options.copy_trust_option
@options.copy_read_back_option
@options.dry_run_option
@metrics_option
@options.quiet_option
@options.json_option
def copy(
    paths: tuple[str, ...],
    outputs: tuple[str, ...],
    trust: tuple[str, ...],
    read_back: bool,
    dry_run: bool,
    quiet: bool,
    is_json: bool,
) -> int:
    """Copy a bundle to one or more media, and read it back from each.

    BUNDLE is its folder, or the folder of one of several media; several folders with parts of one bundle count as
    one. Each copy is the folder DIR/NAME. Every byte is read once, for all DIRs, and compared with SHA256SUMS.

    If it is interrupted, run the same command again: it resumes, checks what is there, and does not write it again.
    """
    from bundler.views import copy_report, documents

    result = options.of_one_bundle(
        lambda found: with_run(
            lambda run: bundler.copy(
                bundler.CopyRequest(
                    paths=locals_of(found),
                    outputs=options.paths(outputs),
                    trust=options.paths(trust),
                    is_read_back=read_back,
                    is_dry_run=dry_run,
                ),
                run,
            ),
            jobs=None,
            is_quiet=quiet,
        ),
        options.paths(paths),
    )
    lines = copy_report.folders(result) if quiet else copy_report.copy_lines(result)
    show(lines, documents.copy_document("copy", result) if is_json else {}, is_json=is_json)
    return result.exit_code
