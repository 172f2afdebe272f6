"""``bundler inspect``."""

from __future__ import annotations

import click

import bundler
from bundler.cli import files, options
from bundler.cli.program import program, show, with_run


@program.command(
    examples="""
bundler inspect /media/stick/platform
bundler inspect /media/stick/platform --trust builder.pub --json
bundler inspect vendor-image.tar.gz                 an image file of docker save, podman, skopeo
"""
)
@click.argument("paths", nargs=-1, required=True, metavar="BUNDLE|FILE...")
@options.trust_option
@options.bundle_passphrase_file_option
@options.quiet_option
@options.json_option
def inspect(
    paths: tuple[str, ...], trust: tuple[str, ...], passphrase_file: str | None, quiet: bool, is_json: bool
) -> int:
    """Show the content of a bundle or an image file: images, digests, platforms, sizes, layers."""
    file = files.image_file(paths, {"--trust": bool(trust)})
    if file is not None:
        return files.show_file("inspect", lambda run: bundler.inspect_file(file, run), quiet=quiet, is_json=is_json)
    from bundler.views import documents, report

    request = bundler.InspectRequest(
        paths=options.paths(paths),
        trust=options.paths(trust),
        unlocking=options.unlocking(passphrase_file, None) if passphrase_file else None,
    )
    result = with_run(lambda run: bundler.inspect(request, run), jobs=None, is_quiet=quiet)
    if isinstance(result, bundler.BundleList):
        return files.show_list("inspect", result, is_json=is_json)
    lines = report.names_of(result) if quiet else report.inspect_lines(result)
    show(lines, documents.inspect_document(result), is_json=is_json)
    return result.exit_code
