"""``bundler spread``."""

from __future__ import annotations

import click

import bundler
from bundler.cli import options
from bundler.cli.metrics import metrics_option
from bundler.cli.program import program, show, with_run
from bundler.system.bundle_paths import locals_of


@program.command(
    examples="""
bundler spread out/platform-2026.11 -o /media/one -o /media/two
bundler spread out/platform-2026.11 -o out --medium-size bd25
bundler spread out/platform-2026.11 -o /media/one -o /media/two --dry-run
"""
)
@click.argument("paths", nargs=-1, required=True, metavar="BUNDLE...")
@options.outputs_option
@options.medium_size_option
@options.copy_trust_option
@options.copy_read_back_option
@options.dry_run_option
@metrics_option
@options.quiet_option
@options.json_option
def spread(
    paths: tuple[str, ...],
    outputs: tuple[str, ...],
    medium_size: str | None,
    trust: tuple[str, ...],
    read_back: bool,
    dry_run: bool,
    quiet: bool,
    is_json: bool,
) -> int:
    """Spread a finished bundle over several media: the small files to each, every chunk to one.

    With several -o, the chunks go to the media by their free space, in order. With --medium-size, DIR gets a folder
    NAME.medium-01 … for each medium; DIR is made if it is not there. The bundle itself is not changed: it keeps its id
    and its signatures.

    If it is interrupted, run the same command again: it resumes, checks what is there, and does not write it again.
    """
    from bundler.views import copy_report, documents

    size_bytes = bundler.parse_medium_size(medium_size) if medium_size else None
    result = options.of_one_bundle(
        lambda found: with_run(
            lambda run: bundler.spread(
                bundler.SpreadRequest(
                    paths=locals_of(found),
                    outputs=options.paths(outputs),
                    trust=options.paths(trust),
                    is_read_back=read_back,
                    is_dry_run=dry_run,
                    medium_size_bytes=size_bytes,
                ),
                run,
            ),
            jobs=None,
            is_quiet=quiet,
        ),
        options.paths(paths),
    )
    lines = copy_report.folders(result) if quiet else copy_report.copy_lines(result)
    show(lines, documents.copy_document("spread", result) if is_json else {}, is_json=is_json)
    return result.exit_code
