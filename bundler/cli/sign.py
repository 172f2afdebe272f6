"""``bundler sign``."""

from __future__ import annotations

import click

import bundler
from bundler.cli import options, run_options, secret_options, trust_options
from bundler.cli.program import program
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
@trust_options.trust_option
@trust_options.require_signatures_option
@secret_options.passphrase_options
@run_options.jobs_option
@run_options.result_options
def sign(
    paths: tuple[str, ...],
    signing: secret_options.KeyFlags,
    signers: trust_options.SignerFlags,
    secrets: secret_options.SecretFlags,
    running: run_options.Running,
    showing: run_options.Showing,
) -> int:
    """Add a second signature to a bundle, before or after the transport.

    First it verifies the whole bundle like bundler verify: its signatures, then every byte; an encrypted bundle with
    its passphrase. Only if everything is good, it adds a file SHA256SUMS.<key id>.sig on each medium that has
    SHA256SUMS. Nothing else changes.
    """
    from bundler.views import documents, report

    secret_options.check_stdin(secrets, signing)
    request = bundler.SignRequest(
        paths=options.bundle_paths(paths),
        key_path=signing.needed_path(),
        key_passphrases=signing.passphrases,
        trust=signers.keys(),
        required_signatures=signers.least(),
        unlocking=secrets.unlocking(),
    )
    result = running.do(lambda run: bundler.sign(request, run))
    lines = (
        [str(file) for file in result.files]
        if showing.quiet and not result.exit_code
        else report.sign_lines(result, is_verbose=showing.verbose)
    )
    showing.lines(lines, lambda: documents.sign_document(result))
    return result.exit_code
