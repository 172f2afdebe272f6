"""``bundler fulfil``."""

from __future__ import annotations

from pathlib import Path

import click

import bundler
from bundler.cli import network_options, run_options, secret_options, trust_options
from bundler.cli.program import program
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
@trust_options.signer_options
@click.option(
    "--key",
    type=KeyFile(),
    metavar="FILE",
    help="Private key to sign a supplement with, if the need-list asks for blobs that earlier bundles should have.",
)
@secret_options.passphrase_file_option
@secret_options.scratch_option
@run_options.jobs_option
@network_options.connection_options
@run_options.brief_plan_options
def fulfil(
    need: str,
    output: str,
    sources: tuple[str, ...],
    signers: trust_options.SignerFlags,
    signing: secret_options.OnlyKeyFlags,
    scratch: str | None,
    network: network_options.NetworkFlags,
    dry_run: bool,
    running: run_options.Running,
    showing: run_options.Showing,
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
        trust=signers.keys(),
        is_without_signature=signers.insecure_no_signature,
        required_signatures=signers.least(),
        is_dry_run=dry_run,
        network=network.options_of_sources(),
        scratch=secret_options.scratch_folder(scratch),
        key_path=signing.path(),
        key_passphrases=signing.passphrases,
    )
    result = running.do(lambda run: bundler.fulfil(request, run))
    lines = need_report.folders(result) if showing.quiet else need_report.fulfil_lines(result)
    showing.lines(lines, lambda: documents.fulfil_document(result))
    return result.exit_code
