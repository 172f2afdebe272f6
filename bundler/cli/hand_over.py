"""The flags that ``label`` and ``slip`` share, and their result."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

import bundler
from bundler.cli import options
from bundler.cli.program import show, with_run

if TYPE_CHECKING:
    from bundler import PaperResult, Run

Command = TypeVar("Command", bound=Callable[..., Any])

paths_argument = click.argument("paths", nargs=-1, required=True, metavar="BUNDLE...")
output_option = click.option(
    "-o",
    "--output",
    required=True,
    metavar="FILE",
    help="Write to this file: FILE.pdf, FILE.svg, FILE.html or FILE.txt. It replaces an older label or slip only.",
)
language_option = click.option(
    "--lang",
    "language",
    metavar="LANG",
    help="Language: en or zh. Default: the language of the terminal; a PDF is in English.",
)
_sender_option = click.option("--sender", default="", metavar="TEXT", help="Name of the sender.")
_recipient_option = click.option("--recipient", default="", metavar="TEXT", help="Name of the recipient.")
_date_option = click.option("--date", default="", metavar="TEXT", help="Day of the hand-over. Default: today.")


def party_options(command: Command) -> Command:
    """The flags for sender, recipient and date."""
    return _sender_option(_recipient_option(_date_option(command)))


def request_of(
    paths: tuple[str, ...], trust: tuple[str, ...], sender: str, recipient: str, date: str, *, is_unsigned_ok: bool
) -> bundler.HandOverRequest:
    """The request for the facts of a hand-over."""
    return bundler.HandOverRequest(
        paths=options.paths(paths),
        trust=options.paths(trust),
        is_without_signature=is_unsigned_ok,
        sender=sender,
        recipient=recipient,
        date=date,
    )


def show_paper(command: str, work: Callable[[Run], PaperResult], *, quiet: bool, is_json: bool) -> int:
    """Does the work of a command, and shows the result."""
    from bundler.views import paper_report

    result = with_run(work, jobs=None, is_quiet=quiet)
    lines = [str(path) for path in result.paths] if quiet else paper_report.paper_lines(result)
    show(lines, paper_report.paper_document(command, result), is_json=is_json)
    return result.exit_code
