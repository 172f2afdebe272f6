"""``bundler diff``."""

from __future__ import annotations

import click

import bundler
from bundler.cli import choice_options, network_options, run_options, secret_options, target_options, trust_options
from bundler.cli.program import program


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
@trust_options.trust_option
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
@secret_options.unlocking_options
@network_options.connection_options
@run_options.result_options
def diff(
    old: str,
    new: str,
    signers: trust_options.SignerFlags,
    names: target_options.NameFlags,
    choice: choice_options.ChoiceFlags,
    secrets: secret_options.SecretFlags,
    network: network_options.NetworkFlags,
    running: run_options.Running,
    showing: run_options.Showing,
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
        trust=signers.keys(),
        is_without_signature=signers.insecure_no_signature,
        unlocking=secrets.unlocking(),
        mapping=names.mapping,
        rules=names.given_rules(),
        platforms=choice.platforms(),
        network=network.options_of_sources(),
        scratch=secrets.scratch_folder(),
    )
    result = running.do(lambda run: bundler.diff(request, run))
    lines = [] if showing.quiet else diff_report.lines(result, is_verbose=showing.verbose)
    showing.lines(lines, lambda: documents.diff_document(result))
    return result.exit_code
