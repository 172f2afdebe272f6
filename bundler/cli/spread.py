"""``bundler spread``."""

from __future__ import annotations

from dataclasses import replace

import click

import bundler
from bundler.cli import copy_options, options, run_options, trust_options
from bundler.cli.program import program
from bundler.system.bundle_paths import locals_of


@program.command(
    examples="""
bundler spread out/platform-2026.11 -o /media/one -o /media/two
bundler spread out/platform-2026.11 -o out --medium-size bd25
bundler spread out/platform-2026.11 -o /media/one -o /media/two --dry-run
"""
)
@click.argument("paths", nargs=-1, required=True, metavar="BUNDLE...")
@copy_options.outputs_option
@options.medium_size_option
@copy_options.copy_options
def spread(
    paths: tuple[str, ...],
    outputs: tuple[str, ...],
    medium_size: str | None,
    signers: trust_options.SignerFlags,
    read_back: bool,
    dry_run: bool,
    running: run_options.Running,
    showing: run_options.Showing,
) -> int:
    """Spread a finished bundle over several media: the small files to each, every chunk to one.

    With several -o, the chunks go to the media by their free space, in order. With --medium-size, DIR gets a folder
    NAME.medium-01 … for each medium; DIR is made if it is not there. The bundle itself is not changed: it keeps its id
    and its signatures.

    If it is interrupted, run the same command again: it resumes, checks what is there, and does not write it again.
    """
    from bundler.views import copy_report, documents

    size_bytes = bundler.parse_medium_size(medium_size) if medium_size else None
    request = bundler.SpreadRequest(
        paths=options.paths(paths),
        outputs=options.paths(outputs),
        trust=signers.keys(),
        is_read_back=read_back,
        is_dry_run=dry_run,
        medium_size_bytes=size_bytes,
    )
    result = options.of_one_bundle(
        lambda found: running.do(lambda run: bundler.spread(replace(request, paths=locals_of(found)), run)),
        request.paths,
    )
    lines = copy_report.folders(result) if showing.quiet else copy_report.copy_lines(result)
    showing.lines(lines, lambda: documents.copy_document("spread", result))
    return result.exit_code
