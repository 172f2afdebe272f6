"""The flags of a run, of what is shown while it lasts, and of its result."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

import bundler
from bundler.cli.collected import together
from bundler.cli.metrics import metrics_option
from bundler.cli.program import show, with_run
from bundler.core.frozen import frozen

if TYPE_CHECKING:
    from typing import Protocol

    from bundler import Rate, Run, Shard

    class _Outcome(Protocol):
        """A result that decides the exit code."""

        @property
        def exit_code(self) -> int:
            """The exit code."""


Result = TypeVar("Result")
Shown = TypeVar("Shown", bound="_Outcome")

json_option = click.option("--json", "is_json", is_flag=True, help="Print one JSON document on stdout.")
quiet_option = click.option("--quiet", "-q", is_flag=True, help="No progress, only results and errors.")
verbose_option = click.option(
    "--verbose", "-v", is_flag=True, help="List everything; by default only problems and counts are shown."
)
showing_options = together(quiet_option, verbose_option, json_option)
"""Gives a command the flags of `Showing`."""
brief_showing_options = together(quiet_option, json_option)
"""Gives a command that has nothing to list the flags of `Showing`."""
result_options = together(metrics_option, showing_options)
"""Gives a command the flags of `Showing`, and ``--metrics``."""
brief_result_options = together(metrics_option, brief_showing_options)
"""Gives a command that has nothing to list the flags of `Showing`, and ``--metrics``."""
dry_run_option = click.option("--dry-run", is_flag=True, help="Print the plan and change nothing.")
plan_options = together(dry_run_option, result_options)
"""Gives a command the flags of `Showing`, ``--metrics`` and ``--dry-run``."""
brief_plan_options = together(dry_run_option, brief_result_options)
"""Gives a command that has nothing to list the flags of `Showing`, ``--metrics`` and ``--dry-run``."""
jobs_option = click.option(
    "--jobs", type=click.IntRange(1, 64), metavar="N", help="Number of large blobs to transfer in parallel."
)
rate_option = click.option(
    "--rate",
    "rate_text",
    metavar="LIMITS",
    help="Limit what each registry gets: requests=50,bytes=200MB,connections=16 or a part of that; requests and bytes "
    "per second. The limit is for all shards together: one of N takes 1/N of it.",
)
pace_options = together(jobs_option, rate_option)
"""Gives a command the flags for how fast it goes."""
wait_option = click.option(
    "--wait",
    is_flag=True,
    help="Ask for media that are not here, and wait for them: PATHs may be mount points in which media are changed. "
    "Without a terminal: work on the media that are here, and list the others.",
)


@frozen
class Showing:
    """The flags for what is shown of a result."""

    is_json: bool
    quiet: bool = False
    verbose: bool = False

    def result(
        self,
        result: Shown,
        lines_of: Callable[..., list[str]],
        document_of: Callable[[Shown], dict[str, Any]],
        *,
        added: Callable[[list[str], dict[str, Any]], tuple[list[str], dict[str, Any]]] | None = None,
    ) -> int:
        """Shows the result of a command; with ``--quiet`` only one that has a problem. Returns its exit code.

        Args:
            result: The result.
            lines_of: Makes its lines.
            document_of: Makes its document, for ``--json``.
            added: Adds what is not in the result, such as the report that was written of it.
        """
        lines = [] if self.quiet and not result.exit_code else lines_of(result, is_verbose=self.verbose)
        document = document_of(result) if self.is_json else {}
        if added is not None:
            lines, document = added(lines, document)
        show(lines, document, is_json=self.is_json)
        return result.exit_code

    def lines(self, lines: list[str], document: Callable[[], dict[str, Any]]) -> None:
        """Shows a result whose lines the command has chosen."""
        show(lines, document() if self.is_json else {}, is_json=self.is_json)


@frozen
class Running:
    """The flags for a run: how fast it goes, when it ends early, and what it shows and asks."""

    quiet: bool
    jobs: int | None = None
    rate_text: str | None = None
    shard_text: str | None = None
    fail_fast: bool = False
    wait: bool = False

    def rate(self) -> Rate:
        """The limit of ``--rate``: the part of one shard.

        Raises:
            Misuse: It is no rate, or the part is too small.
        """
        if self.rate_text is None:
            return bundler.Rate()
        return bundler.Rate.parse(self.rate_text).of_shard(shard(self.shard_text))

    def check(self) -> None:
        """Checks the values before the long work.

        Raises:
            Misuse: As `rate`.
        """
        self.rate()

    def do(self, work: Callable[[Run], Result]) -> Result:
        """Does the work of a command.

        Raises:
            BundlerError: As the work, or `rate`.
        """
        return with_run(
            work,
            jobs=self.jobs,
            is_quiet=self.quiet,
            is_fail_fast=self.fail_fast,
            is_waiting=self.wait,
            rate=self.rate(),
        )


def shard(given: str | None) -> Shard | None:
    """The value of ``--shard``.

    Raises:
        Misuse: It is no shard, or the environment does not number it.
    """
    return bundler.Shard.parse(given, os.environ) if given is not None else None
