"""``bundler verify``."""

from __future__ import annotations

from functools import partial

import click

import bundler
from bundler.cli import (
    choice_options,
    files,
    options,
    receipt_options,
    run_options,
    scan_options,
    secret_options,
    trust_options,
    with_report,
)
from bundler.cli.program import program
from bundler.errors import Misuse


@program.command(
    examples="""
bundler verify /media/stick/platform --trust builder.pub
bundler verify /media/disc1 /media/disc2 --trust builder.pub
bundler verify /media/cdrom --wait --trust builder.pub
bundler verify /media/stick/platform --trust keys/ --require-signatures 2
bundler verify /media/stick/platform --trust builder.pub --need need.json
bundler verify /media/stick/platform --trust builder.pub --report report.html
bundler verify /media/stick/platform --trust builder.pub --policy policy.json
bundler verify /mnt/platform --trust builder.pub --shard 2/8
bundler verify /media/stick/platform --trust builder.pub --notation-policy notation/trustpolicy.json
bundler verify /media/stick/platform --trust builder.pub --require-scan clamav,trivy --max-severity high
bundler verify vendor-image.tar.xz --sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
"""
)
@click.argument("paths", nargs=-1, required=True, metavar="PATH|FILE...")
@trust_options.trust_option
@trust_options.require_signatures_option
@choice_options.shard_option
@trust_options.unsigned_ok_option
@click.option("--sha256", metavar="HEX", help="Expected SHA-256 of an image file.")
@receipt_options.need_option
@run_options.wait_option
@receipt_options.need_key_option
@secret_options.key_passphrase_file_option
@scan_options.demand_options
@secret_options.unlocking_options
@with_report.report_options
@run_options.jobs_option
@run_options.result_options
def verify(
    paths: tuple[str, ...],
    demands: scan_options.DemandFlags,
    shard_text: str | None,
    sha256: str | None,
    needs: receipt_options.NeedFlags,
    wait: bool,
    secrets: secret_options.SecretFlags,
    reporting: with_report.Reporting,
    running: run_options.Running,
    showing: run_options.Showing,
) -> int:
    """Check a bundle: its signature, then every byte. Needs no network, no Docker, no write access.

    For an encrypted bundle it checks every file; with the passphrase it also checks every blob, and needs scratch
    space.

    A FILE is an image file (docker save, OCI layout; .tar, .gz, .xz, .zst, .bz2, .7z): bundler checks that it is
    complete and that every digest in it is right.
    """
    signers, policy = demands.signers, demands.policy
    file = files.image_file(
        paths,
        {
            "--trust": bool(signers.trust),
            "--require-signatures": signers.required is not None,
            "--insecure-no-signature": signers.insecure_no_signature,
            "--need": needs.need is not None,
            "--wait": wait,
            "--policy": bool(policy.policies),
            "--notation-policy": bool(policy.notation_policies),
            "--trusted-root": policy.trusted_root is not None,
            "--require-scan": bool(demands.scans.scanners),
            "--report": reporting.report is not None,
            "--shard": shard_text is not None,
        },
    )
    if file is not None:
        return files.show_file("verify", lambda run: bundler.verify_file(file, run, sha256=sha256), showing)
    if sha256 is not None:
        raise Misuse("--sha256 is for an image file; a bundle is signed", subject=", ".join(paths))
    from bundler.views import documents, report as reports

    secret_options.check_stdin(secrets, needs)
    needs.check()
    if reporting.report and shard_text:
        raise Misuse("a report is of the whole bundle; leave out --report or --shard")
    reporting.check()
    request = bundler.VerifyRequest(
        paths=options.bundle_paths(paths),
        trust=signers.keys(),
        is_without_signature=signers.insecure_no_signature,
        required_signatures=signers.least(),
        unlocking=secrets.unlocking_if_given(),
        need=needs.request(),
        policies=policy.read(),
        scans=demands.scans.gate(),
        shard=run_options.shard(shard_text),
    )
    result = running.do(lambda run: bundler.verify_or_list(request, run))
    if isinstance(result, bundler.BundleList):
        return files.show_list("verify", result, is_json=showing.is_json)
    return showing.result(result, reports.verify_lines, documents.verify_document, added=partial(reporting.add, result))
