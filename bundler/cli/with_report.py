"""``--report`` of commands that have a result of their own: they write its report too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

import bundler
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


def report_options(command: Command) -> Command:
    """The flags ``--report`` and ``--report-lang``."""
    return _report_option(_report_language_option(command))


@frozen
class Reporting:
    """The values of the two flags. Without ``--report`` nothing is written.

    Attributes:
        file: The file of the report; None for none.
        language: Its language; None for that of the terminal.
    """

    file: str | None
    language: str | None

    @classmethod
    def of(cls, file: str | None, language: str | None) -> Reporting:
        """The values, checked before the long work.

        Raises:
            Misuse: The report cannot be written there, the language is unknown, or there is no report for it.
        """
        if file is not None:
            bundler.check_report(Path(file), language or "")
        elif language is not None:
            raise Misuse("--report-lang is the language of a report", hint="give its file: --report FILE")
        return cls(file, language)

    def add(
        self, result: Reportable, lines: list[str], document: Mapping[str, Any]
    ) -> tuple[list[str], dict[str, Any]]:
        """Writes the report, and adds it to the lines and the document of a command."""
        if self.file is None:
            return lines, dict(document)
        from bundler.views import report_report

        written = bundler.write_report(result, Path(self.file), self.language or "")
        about = report_report.report_document(written)
        return [*lines, *([""] if lines else []), *report_report.report_lines(written)], {**document, "report": about}
