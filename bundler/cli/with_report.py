"""``--report`` of commands that have a result of their own: they write its report too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

import bundler
from bundler.cli.collected import together
from bundler.cli.metrics import metrics_option
from bundler.cli.run_options import dry_run_option, showing_options
from bundler.core.frozen import frozen
from bundler.errors import Misuse

if TYPE_CHECKING:
    from bundler import Reportable

Command = TypeVar("Command", bound=Callable[..., Any])

language_option = click.option(
    "--lang",
    "language",
    metavar="LANG",
    help="Language of the report: en or zh. Default: the language of the terminal.",
)
_report_option = click.option(
    "--report",
    metavar="FILE",
    help="Write a report of the result for people to this file, FILE.html. See bundler report.",
)
_report_language_option = click.option(
    "--report-lang",
    "report_language",
    metavar="LANG",
    help="Language of the report: en or zh. Default: the language of the terminal.",
)
report_options = together(_report_option, _report_language_option)
"""Gives a command the flags of `Reporting`."""
reported_result_options = together(metrics_option, report_options, showing_options)
"""Gives a command the flags of `Reporting` and of `Showing`, and ``--metrics``."""
reported_plan_options = together(dry_run_option, reported_result_options)
"""Gives a command the same flags, and ``--dry-run``."""


@frozen
class Reporting:
    """The values of the two flags. Without ``--report`` nothing is written.

    Attributes:
        report: The file of the report; None for none.
        report_language: Its language; None for that of the terminal.
    """

    report: str | None
    report_language: str | None

    def check(self) -> None:
        """Checks the values before the long work.

        Raises:
            Misuse: The report cannot be written there, the language is unknown, or there is no report for it.
        """
        if self.report is not None:
            bundler.check_report(Path(self.report), self.report_language or "")
        elif self.report_language is not None:
            raise Misuse("--report-lang is the language of a report", hint="give its file: --report FILE")

    def add(
        self, result: Reportable, lines: list[str], document: Mapping[str, Any]
    ) -> tuple[list[str], dict[str, Any]]:
        """Writes the report, and adds it to the lines and the document of a command."""
        if self.report is None:
            return lines, dict(document)
        from bundler.views import report_report

        written = bundler.write_report(result, Path(self.report), self.report_language or "")
        about = report_report.report_document(written)
        return [*lines, *([""] if lines else []), *report_report.report_lines(written)], {**document, "report": about}
