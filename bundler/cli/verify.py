"""``bundler verify``."""

from __future__ import annotations

import click

import bundler
from bundler.cli import files, options, scan_options, target_options, with_report
from bundler.cli.metrics import metrics_option
from bundler.cli.program import program, show, with_run
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
@options.trust_option
@options.require_signatures_option
@options.shard_option
@options.unsigned_ok_option
@click.option("--sha256", metavar="HEX", help="Expected SHA-256 of an image file.")
@options.need_option
@options.wait_option
@target_options.need_key_option
@options.key_passphrase_file_option
@options.policy_options
@scan_options.gate_options
@options.bundle_passphrase_file_option
@options.scratch_option
@with_report.report_options
@options.jobs_option
@metrics_option
@options.quiet_option
@options.verbose_option
@options.json_option
def verify(
    paths: tuple[str, ...],
    trust: tuple[str, ...],
    required: int | None,
    shard_text: str | None,
    insecure_no_signature: bool,
    sha256: str | None,
    need: str | None,
    wait: bool,
    need_key: str | None,
    key_passphrase_file: str | None,
    policies: options.PolicyFlags,
    scans: scan_options.GateFlags,
    passphrase_file: str | None,
    scratch: str | None,
    reporting: with_report.Reporting,
    jobs: int | None,
    quiet: bool,
    verbose: bool,
    is_json: bool,
) -> int:
    """Check a bundle: its signature, then every byte. Needs no network, no Docker, no write access.

    For an encrypted bundle it checks every file; with the passphrase it also checks every blob, and needs scratch
    space.

    A FILE is an image file (docker save, OCI layout; .tar, .gz, .xz, .zst, .bz2, .7z): bundler checks that it is
    complete and that every digest in it is right.
    """
    file = files.image_file(
        paths,
        {
            "--trust": bool(trust),
            "--require-signatures": required is not None,
            "--insecure-no-signature": insecure_no_signature,
            "--need": need is not None,
            "--wait": wait,
            "--policy": bool(policies.policies),
            "--notation-policy": bool(policies.notation_policies),
            "--trusted-root": policies.trusted_root is not None,
            "--require-scan": bool(scans.scanners),
            "--report": reporting.report is not None,
            "--shard": shard_text is not None,
        },
    )
    if file is not None:
        return files.show_file(
            "verify", lambda run: bundler.verify_file(file, run, sha256=sha256), quiet=quiet, is_json=is_json
        )
    if sha256 is not None:
        raise Misuse("--sha256 is for an image file; a bundle is signed", subject=", ".join(paths))
    from bundler.views import documents, report as reports

    options.check_stdin(False, passphrase_file, key_passphrase_file)
    if need_key and need is None:
        raise Misuse("--need-key signs a need-list", hint="give its file: --need FILE")
    if reporting.report and shard_text:
        raise Misuse("a report is of the whole bundle; leave out --report or --shard")
    reporting.check()
    request = bundler.VerifyRequest(
        paths=options.bundle_paths(paths),
        trust=options.paths(trust),
        is_without_signature=insecure_no_signature,
        required_signatures=options.required_signatures(required, is_without_signature=insecure_no_signature),
        unlocking=options.unlocking(passphrase_file, scratch) if passphrase_file else None,
        need=options.need_request(need, options.receipt_key(need_key, key_passphrase_file)),
        policies=policies.read(),
        scans=scans.gate(),
        shard=options.shard(shard_text),
    )
    result = with_run(lambda run: bundler.verify_or_list(request, run), jobs=jobs, is_quiet=quiet, is_waiting=wait)
    if isinstance(result, bundler.BundleList):
        return files.show_list("verify", result, is_json=is_json)
    lines = [] if quiet and not result.exit_code else reports.verify_lines(result, is_verbose=verbose)
    lines, document = reporting.add(result, lines, documents.verify_document(result) if is_json else {})
    show(lines, document, is_json=is_json)
    return result.exit_code
