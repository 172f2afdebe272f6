"""``bundler search``."""

from __future__ import annotations

import click

import bundler
from bundler.cli import options, run_options, trust_options
from bundler.cli.program import program


@program.command(
    examples="""
bundler search nginx                               which transfer brought it? In the receipts of your imports
bundler search sha256:43642798b7a3                 an image, or a layer of it, by the beginning of its digest
bundler search 'quay.io/*:v3.*' /srv/receipts
bundler search nginx:1.27 /media/stick s3://backups/2026 --trust builder.pub
"""
)
@click.argument("text", metavar="TEXT")
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@trust_options.trust_option
@run_options.showing_options
def search(
    text: str,
    paths: tuple[str, ...],
    signers: trust_options.SignerFlags,
    running: run_options.Running,
    showing: run_options.Showing,
) -> int:
    """Find an image in receipts and bundles: which transfer brought it, when, and who signed it.

    TEXT is a part of its name in the bundle or at the target, a pattern like 'nginx*', or the first 6 or more hex
    digits of its digest, or of that of a layer or an attachment. Upper and lower case are the same. In bundles, titles
    and versions of images fit too.

    PATHs are receipts, folders of receipts, bundles, media, and places in S3. Default: the receipts of your imports.
    Newest first. Signatures are shown and none is demanded; no chunk is read.

    Exit code: 0 if something was found, 1 if not.
    """
    from bundler.views import documents, search_report

    request = bundler.SearchRequest(text, paths=options.bundle_paths(paths), trust=signers.keys())
    result = running.do(lambda run: bundler.search(request, run))
    lines = search_report.paths(result) if showing.quiet else search_report.lines(result, is_verbose=showing.verbose)
    showing.lines(lines, lambda: documents.search_document(result))
    return result.exit_code
