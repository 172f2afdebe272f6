"""``bundler status``."""

from __future__ import annotations

import os
from functools import partial

import click

import bundler
from bundler.cli import network_options, run_options, target_options, trust_options, with_report
from bundler.cli.program import program


@program.command(
    examples="""
bundler status registry.internal:5000
bundler status registry.internal:5000/team --report status.html
bundler status registry.internal:5000 receipts/ --trust importer.pub --metrics status.prom
bundler status receipts/                                  offline: what should be where, how old the newest bundle is
"""
)
@click.argument("subjects", nargs=-1, required=True, metavar="PLACE|RECEIPT...")
@trust_options.trust_option
@target_options.repositories_option
@network_options.registry_options
@run_options.rate_option
@with_report.reported_result_options
def status(
    subjects: tuple[str, ...],
    signers: trust_options.SignerFlags,
    repositories: tuple[str, ...],
    network: network_options.NetworkFlags,
    running: run_options.Running,
    reporting: with_report.Reporting,
    showing: run_options.Showing,
) -> int:
    """Show the standing of a registry: tags and bytes by repository, newest imports and their age, unknown tags.

    PLACE is HOST[/PREFIX]. RECEIPT is the receipt of an import, or a folder of receipts; without one, the receipts of
    this user's imports are used. With receipts alone it asks no registry, and shows what should be there.

    Blobs that receipts list and no tag needs are looked for, one request each: an estimate of what a garbage collection
    would free. It changes nothing.
    """
    from bundler.views import documents, standing_report

    reporting.check()
    places = [each for each in subjects if not os.path.exists(each)] if network.has_login else []
    request = bundler.StatusRequest(
        subjects=subjects,
        trust=signers.keys(),
        repositories=repositories,
        network=network.options(network_options.registries_of(tuple(map(bundler.parse_target, places)))),
    )
    result = running.do(lambda run: bundler.status(request, run))
    return showing.result(
        result, standing_report.lines, documents.status_document, added=partial(reporting.add, result)
    )
