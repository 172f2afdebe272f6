"""``bundler parity``."""

from __future__ import annotations

import click

import bundler
from bundler.cli import run_options, secret_options, trust_options
from bundler.cli.program import program
from bundler.cli.values import KeyFile
from bundler.system.bundle_paths import bundle_path, local


@program.command(
    examples="""
bundler parity bundles/platform --key builder.key --trust builder.pub
bundler parity bundles/platform --key builder.key --trust builder.pub --amount 10%
bundler parity bundles/platform --key builder.key --trust builder.pub --dry-run
"""
)
@click.argument("path", metavar="BUNDLE")
@click.option(
    "--key", type=KeyFile(), required=True, metavar="FILE", help="Private key to sign with; see bundler keygen."
)
@click.option(
    "--amount",
    metavar="AMOUNT",
    default="1chunk",
    show_default=True,
    help="Amount of recovery data: as much as any one chunk of each group needs (1chunk), or any one medium of a size "
    "(1medium:bd25), or a part of the data (10%).",
)
@trust_options.trust_option
@trust_options.require_signatures_option
@secret_options.key_passphrase_file_option
@run_options.jobs_option
@run_options.plan_options
def parity(
    path: str,
    signing: secret_options.KeyFlags,
    amount: str,
    signers: trust_options.SignerFlags,
    dry_run: bool,
    running: run_options.Running,
    showing: run_options.Showing,
) -> int:
    """Add recovery data to a finished bundle, with which lost and damaged chunks can be repaired.

    First it verifies the whole bundle. Then it makes the recovery data, and signs the bundle with the key. Its list of
    files has changed then, so it has a new id, and signatures by other keys are removed. No chunk changes. An encrypted
    bundle needs no passphrase.

    If it is interrupted, run the same command again. The bundle may be refused until then.
    """
    from bundler.views import documents, repair_report

    request = bundler.ParityRequest(
        path=local(bundle_path(path)),
        key_path=signing.needed_path(),
        key_passphrases=signing.passphrases,
        amount=bundler.parse_parity(amount),
        trust=signers.keys(),
        required_signatures=signers.least(),
        is_dry_run=dry_run,
    )
    result = running.do(lambda run: bundler.add_parity(request, run))
    return showing.result(result, repair_report.added_lines, documents.parity_result_document)
