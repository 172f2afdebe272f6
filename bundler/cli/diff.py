"""``bundler diff``."""

from __future__ import annotations

import click

import bundler
from bundler.cli import options, target_options
from bundler.cli.metrics import metrics_option
from bundler.cli.program import program, show, with_run


@program.command(
    examples="""
bundler diff receipt.json images.yaml                    does the list need a transfer?
bundler diff inventory.json images.yaml --trust importer.pub
bundler diff /media/platform-2026.10 /media/platform-2026.11
bundler diff /media/platform-2026.11 registry.internal:5000
bundler diff -q receipt.json images.yaml                 only the exit code: 0 the same, 1 different
"""
)
@click.argument("old", metavar="A")
@click.argument("new", metavar="B")
@options.trust_option
@click.option(
    "--insecure-no-signature",
    is_flag=True,
    help="Accept bundles, receipts and inventories without a trusted signature.",
)
@target_options.mapping_option(help="Names at a registry, as for import.")
@click.option("--rules", metavar="FILE", help="Rules for names at a registry, as for import; see docs/rules.yaml.")
@click.option(
    "--platform",
    multiple=True,
    metavar="OS/ARCH[:OSVERSION]",
    help="Platform of the images of lists, as for export. May be repeated. Default: all.",
)
@options.bundle_passphrase_file_option
@options.scratch_option
@options.plain_http_option
@options.cacert_option
@metrics_option
@options.quiet_option
@options.verbose_option
@options.json_option
def diff(
    old: str,
    new: str,
    trust: tuple[str, ...],
    insecure_no_signature: bool,
    mapping: str,
    rules: str | None,
    platform: tuple[str, ...],
    passphrase_file: str | None,
    scratch: str | None,
    plain_http: tuple[str, ...],
    cacert: str | None,
    quiet: bool,
    verbose: bool,
    is_json: bool,
) -> int:
    """Compare two sides: what is new, moved and gone in B, and what a transfer would carry to A.

    A side is an image list, a bundle (its small files are enough), a receipt, an inventory, or a place: HOST[/PREFIX],
    oci:DIR or docker-daemon:. The images of a list are resolved at their sources, over the network.

    Images are compared by reference. If a side is a registry, they are compared by the names that an import gives them
    there. If this machine trusts any key, a trusted key must have signed bundles, receipts and inventories.

    Exit code 0: no difference. 1: there are differences. Errors have the usual codes, from 2 on.
    """
    from bundler.views import diff_report, documents

    request = bundler.DiffRequest(
        old=old,
        new=new,
        trust=options.paths(trust),
        is_without_signature=insecure_no_signature,
        unlocking=options.unlocking(passphrase_file, scratch),
        mapping=mapping,
        rules=bundler.read_rules(rules) if rules else bundler.NO_RULES,
        platforms=tuple(map(bundler.Platform.parse, platform)),
        network=options.network(plain_http, cacert),
        scratch=options.scratch_folder(scratch),
    )
    result = with_run(lambda run: bundler.diff(request, run), jobs=None, is_quiet=quiet)
    lines = [] if quiet else diff_report.lines(result, is_verbose=verbose)
    show(lines, documents.diff_document(result), is_json=is_json)
    return result.exit_code
