"""The flags of commands that write a finished bundle to media."""

from __future__ import annotations

import click

from bundler.cli.collected import together
from bundler.cli.run_options import brief_plan_options

outputs_option = click.option(
    "-o",
    "--output",
    "outputs",
    required=True,
    multiple=True,
    metavar="DIR",
    help="Make the folder of the bundle in DIR, which must be there. May be repeated, once for each medium.",
)
copy_options = together(
    click.option(
        "--trust",
        multiple=True,
        metavar="PUB",
        help="Copy only if this public key, or one of a folder, has signed the bundle. May be repeated. Default: the "
        "bytes are compared with SHA256SUMS, and the signature is not checked.",
    ),
    click.option(
        "--read-back/--no-read-back",
        default=True,
        show_default=True,
        help="Read each file back from its medium, past the memory of this machine, and compare it.",
    ),
    brief_plan_options,
)
"""Gives a command the flags for how a bundle is copied."""
