"""The flags that ``label`` and ``slip`` share, and their result."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

import bundler
from bundler.cli import options
from bundler.cli.collected import together
from bundler.cli.run_options import brief_showing_options
from bundler.cli.trust_options import trust_option, unsigned_ok_option
from bundler.core.frozen import frozen
from bundler.errors import Misuse

if TYPE_CHECKING:
    from bundler import PaperResult
    from bundler.cli.run_options import Showing
    from bundler.cli.trust_options import SignerFlags

paths_argument = click.argument("paths", nargs=-1, required=True, metavar="BUNDLE...")
output_option = click.option(
    "-o",
    "--output",
    required=True,
    metavar="FILE",
    help="Write to this file: FILE.pdf, FILE.svg, FILE.html or FILE.txt. It replaces an older label or slip only.",
)
_language_option = click.option(
    "--lang",
    "language",
    metavar="LANG",
    help="Language: en or zh. Default: the language of the terminal; a PDF is in English.",
)
_sender_option = click.option("--sender", default="", metavar="TEXT", help="Name of the sender.")
_recipient_option = click.option("--recipient", default="", metavar="TEXT", help="Name of the recipient.")
_date_option = click.option("--date", default="", metavar="TEXT", help="Day of the hand-over. Default: today.")
paper_options = together(
    _sender_option,
    _recipient_option,
    _date_option,
    _language_option,
    trust_option,
    unsigned_ok_option,
    brief_showing_options,
)
"""Gives a command the flags of `PartyFlags`, and those for the paper and its bundle."""


@frozen
class PartyFlags:
    """The flags for sender, recipient and date."""

    sender: str
    recipient: str
    date: str

    def request(self, paths: tuple[str, ...], signers: SignerFlags) -> bundler.HandOverRequest:
        """The request for the facts of a hand-over."""
        return bundler.HandOverRequest(
            paths=options.paths(paths),
            trust=signers.keys(),
            is_without_signature=signers.insecure_no_signature,
            sender=self.sender,
            recipient=self.recipient,
            date=self.date,
        )


def need_list(paths: tuple[str, ...], parties: PartyFlags, signers: SignerFlags) -> Path | None:
    """The need-list that was given instead of bundles; None if bundles were given.

    Raises:
        Misuse: It was given together with a bundle, or with flags of bundles.
    """
    files = [path for path in paths if os.path.isfile(path)]
    if not files:
        return None
    flags = {
        "--sender": parties.sender,
        "--recipient": parties.recipient,
        "--date": parties.date,
        "--trust": signers.trust,
        "--insecure-no-signature": signers.insecure_no_signature,
    }
    given = [flag for flag, value in flags.items() if value]
    if len(paths) > 1 or given:
        actual = given[0] if given else None
        raise Misuse(
            "a need-list goes alone, without flags about a hand-over",
            subject=files[0],
            actual=actual,
            hint="for the sheet of a bundle, give the bundle's folder",
        )
    return Path(files[0])


def show_need(request: bundler.NeedPaperRequest, showing: Showing) -> int:
    """Puts a need-list on paper, and shows the result."""
    from bundler.views import paper_report

    result = bundler.need_paper(request)
    lines = [str(path) for path in result.paths] if showing.quiet else paper_report.need_lines(result)
    showing.lines(lines, lambda: paper_report.need_document(result))
    return result.exit_code


def show_paper(command: str, result: PaperResult, showing: Showing) -> int:
    """Shows the result of a command."""
    from bundler.views import paper_report

    lines = [str(path) for path in result.paths] if showing.quiet else paper_report.paper_lines(result)
    showing.lines(lines, lambda: paper_report.paper_document(command, result))
    return result.exit_code
