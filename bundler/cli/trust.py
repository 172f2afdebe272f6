"""``bundler trust add|list|remove``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

import bundler
from bundler.cli import run_options
from bundler.cli.program import Group, program, show


@program.group(
    cls=Group,
    order=("add", "list", "remove"),
    examples="""
bundler trust add builder.pub            shows its fingerprint, and asks whether the builder reads out the same one
bundler trust list
bundler trust remove builder
""",
)
def trust() -> None:
    """Choose whose bundles are trusted without --trust: the keys in ~/.config/bundler/trust."""


@trust.command(
    "add",
    examples="""
bundler trust add builder.pub
bundler trust add builder.pub --name headquarters --fingerprint "06e3 fd8f da29 bb60 ..."
""",
)
@click.argument("file", metavar="FILE")
@click.option(
    "--fingerprint",
    type=click.UNPROCESSED,  # people paste it with line breaks
    metavar="TEXT",
    help="The fingerprint that the key's owner reads out: all 64 hex digits; spaces, colons and case do not matter.",
)
@click.option("--name", help="Name of the key. Default: the name of the file.")
@run_options.json_option
def add(file: str, fingerprint: str | None, name: str | None, is_json: bool) -> int:
    """Trust a public key from now on.

    Anyone can give you a file named builder.pub. So call the builder on a number that you know. Ask them to read out
    the fingerprint that bundler keygen printed, or the output of: openssl pkey -pubin -in builder.pub -outform DER |
    sha256sum
    """
    from bundler.views import documents, trust_report

    confirm = _ask if fingerprint is None and sys.stdin is not None and sys.stdin.isatty() else None
    result = bundler.add_key(Path(file), fingerprint=fingerprint, name=name, confirm=confirm)
    show(trust_report.add_lines(result), documents.trust_document("add", result), is_json=is_json)
    return 0


@trust.command("list", examples="bundler trust list")
@run_options.json_option
def list_(is_json: bool) -> int:
    """List the trusted keys and their fingerprints.

    It also lists unusable keys with the reason: until such a key is removed or repaired, no key in the folder is
    trusted.
    """
    from bundler.views import documents, trust_report

    result = bundler.list_keys()
    show(trust_report.list_lines(result), documents.trust_document("list", result), is_json=is_json)
    return result.error.exit_code if result.error else 0


@trust.command(
    "remove",
    examples="""
bundler trust remove builder
bundler trust remove 06e3fd8fda29bb60
""",
)
@click.argument("key", metavar="NAME|KEYID")
@run_options.json_option
def remove(key: str, is_json: bool) -> int:
    """Stop trusting a key."""
    from bundler.views import documents, trust_report

    result = bundler.remove_key(key)
    show(trust_report.remove_lines(result), documents.trust_document("remove", result), is_json=is_json)
    return 0


def _ask(fingerprint: str) -> bool:
    from bundler.views import trust_report
    from bundler.views.languages import said

    for line in trust_report.question_lines(fingerprint):
        click.echo(line, err=True)
    return click.confirm(said("Does the builder read out exactly the same?"), default=False, err=True)
