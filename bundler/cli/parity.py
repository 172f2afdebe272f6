"""``bundler parity``."""

from __future__ import annotations

from pathlib import Path

import click

import bundler
from bundler.cli import options
from bundler.cli.metrics import metrics_option
from bundler.cli.program import program, show, with_run
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
@options.trust_option
@options.require_signatures_option
@options.key_passphrase_file_option
@options.jobs_option
@options.dry_run_option
@metrics_option
@options.quiet_option
@options.verbose_option
@options.json_option
def parity(
    path: str,
    key: str,
    amount: str,
    trust: tuple[str, ...],
    required: int | None,
    key_passphrase_file: str | None,
    jobs: int | None,
    dry_run: bool,
    quiet: bool,
    verbose: bool,
    is_json: bool,
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
        key_path=Path(key),
        key_passphrases=lambda: options.passphrases_of_key(key_passphrase_file, option="--key-passphrase-file"),
        amount=bundler.parse_parity(amount),
        trust=options.paths(trust),
        required_signatures=required or 1,
        is_dry_run=dry_run,
    )
    result = with_run(lambda run: bundler.add_parity(request, run), jobs=jobs, is_quiet=quiet)
    lines = [] if quiet and not result.exit_code else repair_report.added_lines(result, is_verbose=verbose)
    show(lines, documents.parity_result_document(result) if is_json else {}, is_json=is_json)
    return result.exit_code
