"""``bundler keygen``."""

from __future__ import annotations

from pathlib import Path

import click

import bundler
from bundler.cli import options
from bundler.cli.program import program, show


@program.command(
    examples="""
bundler keygen builder                      builder.key and builder.pub in the current folder
bundler keygen builder -d ~/keys --passphrase
"""
)
@click.argument("name")
@click.option(
    "-d", "folder", default=".", metavar="DIR", help="Write the files to this folder. Default: the current folder."
)
@click.option("--passphrase", is_flag=True, help="Ask for a passphrase, and encrypt the private key with it.")
@options.passphrase_file_option
@options.quiet_option
@options.json_option
def keygen(name: str, folder: str, passphrase: bool, passphrase_file: str | None, quiet: bool, is_json: bool) -> int:
    """Make a key pair to sign bundles with: NAME.key and NAME.pub."""
    from bundler.views import documents, report

    secret = options.passphrase_of_key(passphrase_file, is_new=True) if passphrase_file or passphrase else None
    pair = bundler.keygen(
        bundler.KeygenRequest(name, folder=Path(folder), passphrase=secret.encode() if secret else None)
    )
    lines = [pair.key_id] if quiet else report.keygen_lines(pair)
    show(lines, documents.keygen_document(pair), is_json=is_json)
    return 0
