"""``bundler sign``."""

from __future__ import annotations

from pathlib import Path

import click

import bundler
from bundler.cli import options
from bundler.cli.metrics import metrics_option
from bundler.cli.program import program, show, with_run
from bundler.cli.values import KeyFile


@program.command(
    examples="""
bundler sign /media/stick/platform --key approver.key --trust builder.pub
bundler sign /media/disc1 /media/disc2 --key approver.key
bundler sign s3://backups/2026/platform --key approver.key --trust builder.pub
bundler sign /media/stick/platform --key second.key --trust keys/ --require-signatures 2
"""
)
@click.argument("paths", nargs=-1, required=True, metavar="BUNDLE...")
@click.option(
    "--key", type=KeyFile(), required=True, metavar="FILE", help="Private key to sign with; see bundler keygen."
)
@options.trust_option
@options.require_signatures_option
@options.key_passphrase_file_option
@options.bundle_passphrase_file_option
@options.scratch_option
@options.jobs_option
@metrics_option
@options.quiet_option
@options.verbose_option
@options.json_option
def sign(
    paths: tuple[str, ...],
    key: str,
    trust: tuple[str, ...],
    required: int | None,
    key_passphrase_file: str | None,
    passphrase_file: str | None,
    scratch: str | None,
    jobs: int | None,
    quiet: bool,
    verbose: bool,
    is_json: bool,
) -> int:
    """Add a second signature to a bundle, before or after the transport.

    First it verifies the whole bundle like bundler verify: its signatures, then every byte; an encrypted bundle with
    its passphrase. Only if everything is good, it adds a file SHA256SUMS.<key id>.sig on each medium that has
    SHA256SUMS. Nothing else changes.
    """
    from bundler.views import documents, report

    options.check_stdin(False, passphrase_file, key_passphrase_file)
    request = bundler.SignRequest(
        paths=options.bundle_paths(paths),
        key_path=Path(key),
        key_passphrases=lambda: options.passphrases_of_key(key_passphrase_file, option="--key-passphrase-file"),
        trust=options.paths(trust),
        required_signatures=required or 1,
        unlocking=options.unlocking(passphrase_file, scratch),
    )
    result = with_run(lambda run: bundler.sign(request, run), jobs=jobs, is_quiet=quiet)
    lines = (
        [str(file) for file in result.files]
        if quiet and not result.exit_code
        else report.sign_lines(result, is_verbose=verbose)
    )
    show(lines, documents.sign_document(result), is_json=is_json)
    return result.exit_code
