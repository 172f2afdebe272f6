"""``bundler report``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

import bundler
from bundler.cli import options, run_options, scan_options, secret_options, trust_options, with_report
from bundler.cli.program import program
from bundler.errors import Misuse


@program.command(
    examples="""
bundler report /media/stick/platform -o report.html --trust builder.pub
bundler report /media/stick/platform -o report.html --trust builder.pub --verify
bundler report /media/stick/platform -o report.html --trust builder.pub --layers
bundler report /media/stick/platform -o platform.cdx.json --trust builder.pub --format cyclonedx
bundler report receipt.json -o receipt.html --trust importer.pub --lang zh
"""
)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="FILE",
    help="Write the report to this file, FILE.html. It replaces an older report, and no other file.",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(("html", "cyclonedx")),
    default="html",
    show_default=True,
    help="html is a page for people; cyclonedx is an SBOM of the bundle for programs: CycloneDX 1.6, a component for "
    "each image that it carries.",
)
@with_report.language_option
@trust_options.trust_option
@click.option("--verify", "is_verified", is_flag=True, help="Check every byte of the bundle first: bundler verify.")
@click.option(
    "--layers", is_flag=True, help="Read the layers of all images: the commands that made them, and wasted bytes."
)
@click.option(
    "--scan-record",
    "scan_records",
    multiple=True,
    metavar="FILE",
    help="Show this record of a scan. May be repeated. Default: NAME.scan.json next to the bundle's folder.",
)
@scan_options.scan_trust_option
@trust_options.unsigned_ok_option
@secret_options.unlocking_options
@run_options.jobs_option
@run_options.brief_result_options
def report(
    paths: tuple[str, ...],
    output: str,
    format_: str,
    language: str | None,
    signers: trust_options.SignerFlags,
    is_verified: bool,
    layers: bool,
    scan_records: tuple[str, ...],
    scan_trust: tuple[str, ...],
    secrets: secret_options.SecretFlags,
    running: run_options.Running,
    showing: run_options.Showing,
) -> int:
    """Write a report of a bundle or a receipt for people: one HTML file to read, print and sign off.

    It has no script, loads nothing, and shows warnings first. verify, export and import write the report of their own
    results with --report FILE.
    """
    from bundler.views import report_report

    if format_ != "html" and language is not None:
        raise Misuse("--lang is the language of a page for people", hint="leave it out: an SBOM has no language")
    if format_ != "html" and (layers or scan_records or scan_trust):
        raise Misuse("--layers, --scan-record and --scan-trust are for a page for people", hint="leave them out")
    if signers.insecure_no_signature and not is_verified:
        raise Misuse("--insecure-no-signature needs --verify", hint="without --verify a bundle needs no signature")
    request = bundler.ReportRequest(
        paths=options.bundle_paths(paths),
        output=Path(output),
        language=language or "",
        trust=signers.keys(),
        is_verified=is_verified,
        is_without_signature=signers.insecure_no_signature,
        scan_records=options.paths(scan_records),
        scan_trust=options.paths(scan_trust),
        has_layers=layers,
        unlocking=secrets.unlocking_if_given(),
        format=format_,
    )
    result = options.of_one_bundle(
        lambda chosen: running.do(lambda run: bundler.report(replace(request, paths=chosen), run)), request.paths
    )
    lines = [str(result.path)] if showing.quiet else report_report.judged_lines(result)
    showing.lines(lines, lambda: report_report.report_document(result))
    return result.exit_code
