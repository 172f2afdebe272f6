"""The flags that ``label`` and ``slip`` share, and their result."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

import bundler
from bundler.cli import options
from bundler.cli.program import show, with_run
from bundler.errors import Misuse

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


def need_list(paths: tuple[str, ...], flags: Mapping[str, bool]) -> Path | None:
    """The need-list that was given instead of bundles; None if bundles were given.

    Raises:
        Misuse: It was given together with a bundle, or with flags of bundles.
    """
    files = [path for path in paths if os.path.isfile(path)]
    if not files:
        return None
    given = [flag for flag, is_given in flags.items() if is_given]
    if len(paths) > 1 or given:
        actual = given[0] if given else None
        raise Misuse(
            "a need-list goes alone, without flags about a hand-over",
            subject=files[0],
            actual=actual,
            hint="for the sheet of a bundle, give the bundle's folder",
        )
    return Path(files[0])


def show_need(request: bundler.NeedPaperRequest, *, quiet: bool, is_json: bool) -> int:
    """Puts a need-list on paper, and shows the result."""
    from bundler.views import paper_report

    result = bundler.need_paper(request)
    lines = [str(path) for path in result.paths] if quiet else paper_report.need_lines(result)
    show(lines, paper_report.need_document(result), is_json=is_json)
    return result.exit_code


def show_paper(command: str, work: Callable[[Run], PaperResult], *, quiet: bool, is_json: bool) -> int:
    """Does the work of a command, and shows the result."""
    from bundler.views import paper_report

    result = with_run(work, jobs=None, is_quiet=quiet)
    lines = [str(path) for path in result.paths] if quiet else paper_report.paper_lines(result)
    show(lines, paper_report.paper_document(command, result), is_json=is_json)
    return result.exit_code
