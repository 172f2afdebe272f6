"""``bundler fulfil``."""

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
bundler fulfil need.json -o out --from bundles/platform --trust builder.pub
bundler fulfil need.json -o out --from kept/platform --from mirror.txt --trust builder.pub --dry-run
bundler fulfil need.json -o out --from kept/platform --trust builder.pub --key builder.key
"""
)
@click.argument("need", metavar="NEED")
@click.option("-o", "--output", required=True, metavar="DIR", help="Create the folder of the bundle in DIR.")
@click.option(
    "--from",
    "sources",
    multiple=True,
    metavar="BUNDLE|LIST",
    help="A folder with a copy of the bundle, or with its small files only; or an image list, or one image, to fetch "
    "from in place of the source in the bundle. May be repeated.",
)
@options.trust_option
@options.require_signatures_option
@options.unsigned_ok_option
@click.option(
    "--key",
    type=KeyFile(),
    metavar="FILE",
    help="Private key to sign a supplement with, if the need-list asks for blobs that earlier bundles should have.",
)
@options.passphrase_file_option
@options.scratch_option
@options.jobs_option
@options.plain_http_option
@options.cacert_option
@options.dry_run_option
@metrics_option
@options.quiet_option
@options.json_option
def fulfil(
    need: str,
    output: str,
    sources: tuple[str, ...],
    trust: tuple[str, ...],
    required: int | None,
    insecure_no_signature: bool,
    key: str | None,
    passphrase_file: str | None,
    scratch: str | None,
    jobs: int | None,
    plain_http: tuple[str, ...],
    cacert: str | None,
    dry_run: bool,
    quiet: bool,
    is_json: bool,
) -> int:
    """Make the chunks of a need-list again, byte for byte, on the builder's side.

    NEED is the file that verify --need or import --need wrote, or its line BUNDLER-NEED:…. A chunk is copied from a
    copy of the bundle; else it is made from the sources of its images, by digest. Each must have the SHA-256 that the
    signed bundle lists. Give DIR/NAME to bundler import together with the rest of the bundle. Blobs that earlier
    bundles should have, and that were found nowhere, are made as a bundle of their own.

    If it is interrupted, run the same command again: it resumes.
    """
    from bundler.views import documents, need_report

    request = bundler.FulfilRequest(
        need=need,
        output=Path(output),
        sources=sources,
        trust=options.paths(trust),
        is_without_signature=insecure_no_signature,
        required_signatures=options.required_signatures(required, is_without_signature=insecure_no_signature),
        is_dry_run=dry_run,
        network=options.network(plain_http, cacert),
        scratch=options.scratch_folder(scratch),
        key_path=Path(key) if key else None,
        key_passphrases=lambda: options.passphrases_of_key(passphrase_file),
    )
    result = with_run(lambda run: bundler.fulfil(request, run), jobs=jobs, is_quiet=quiet)
    lines = need_report.folders(result) if quiet else need_report.fulfil_lines(result)
    show(lines, documents.fulfil_document(result) if is_json else {}, is_json=is_json)
    return result.exit_code
