"""``bundler status``."""

from __future__ import annotations

import os

import click

import bundler
from bundler.cli import options, target_options, with_report
from bundler.cli.metrics import metrics_option
from bundler.cli.program import program, show, with_run


@program.command(
    examples="""
bundler status registry.internal:5000
bundler status registry.internal:5000/team --report status.html
bundler status registry.internal:5000 receipts/ --trust importer.pub --metrics status.prom
bundler status receipts/                                  offline: what should be where, how old the newest bundle is
"""
)
@click.argument("subjects", nargs=-1, required=True, metavar="PLACE|RECEIPT...")
@options.trust_option
@target_options.repositories_option
@options.username_option
@options.password_stdin_option
@options.plain_http_option
@options.cacert_option
@options.rate_option
@metrics_option
@with_report.report_options
@options.quiet_option
@options.verbose_option
@options.json_option
def status(
    subjects: tuple[str, ...],
    trust: tuple[str, ...],
    repositories: tuple[str, ...],
    username: str | None,
    password_stdin: bool,
    plain_http: tuple[str, ...],
    cacert: str | None,
    rate_text: str | None,
    reporting: with_report.Reporting,
    quiet: bool,
    verbose: bool,
    is_json: bool,
) -> int:
    """Show the standing of a registry: tags and bytes by repository, newest imports and their age, unknown tags.

    PLACE is HOST[/PREFIX]. RECEIPT is the receipt of an import, or a folder of receipts; without one, the receipts of
    this user's imports are used. With receipts alone it asks no registry, and shows what should be there.

    Blobs that receipts list and no tag needs are looked for, one request each: an estimate of what a garbage collection
    would free. It changes nothing.
    """
    from bundler.views import documents, standing_report

    reporting.check()
    login = None
    if username or password_stdin:
        places = [each for each in subjects if not os.path.exists(each)]
        login = options.login(username, password_stdin, options.registries_of(tuple(map(bundler.parse_target, places))))
    request = bundler.StatusRequest(
        subjects=subjects,
        trust=options.paths(trust),
        repositories=repositories,
        network=options.network(plain_http, cacert, login=login),
    )
    result = with_run(lambda run: bundler.status(request, run), jobs=None, is_quiet=quiet, rate=options.rate(rate_text))
    lines = [] if quiet and not result.exit_code else standing_report.lines(result, is_verbose=verbose)
    lines, document = reporting.add(result, lines, documents.status_document(result) if is_json else {})
    show(lines, document, is_json=is_json)
    return result.exit_code
