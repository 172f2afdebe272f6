"""``bundler keygen``."""

from __future__ import annotations

from pathlib import Path

import click

import bundler
from bundler.cli import run_options, secret_options
from bundler.cli.program import program


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
@secret_options.passphrase_file_option
@run_options.brief_showing_options
def keygen(name: str, folder: str, passphrase: bool, passphrase_file: str | None, showing: run_options.Showing) -> int:
    """Make a key pair to sign bundles with: NAME.key and NAME.pub."""
    from bundler.views import documents, report

    is_asked = passphrase_file or passphrase
    secret = secret_options.passphrase_of_key(passphrase_file, is_new=True) if is_asked else None
    pair = bundler.keygen(
        bundler.KeygenRequest(name, folder=Path(folder), passphrase=secret.encode() if secret else None)
    )
    lines = [pair.key_id] if showing.quiet else report.keygen_lines(pair)
    showing.lines(lines, lambda: documents.keygen_document(pair))
    return 0
