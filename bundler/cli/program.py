"""The program that the commands belong to: help that opens with examples, and one way to run and to show."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from bundler import __version__

if TYPE_CHECKING:
    from bundler.transfer import Run

Result = TypeVar("Result")


class _Command(click.Command):
    """A command whose help opens with examples."""

    def __init__(self, *args: Any, examples: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = examples

    def format_help(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        _write_examples(self.examples, formatter)
        super().format_help(context, formatter)


class Group(click.Group):
    """Commands that belong together; their help opens with examples too."""

    command_class = _Command

    def __init__(self, *args: Any, examples: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = examples

    def format_help(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """The examples, then what click writes."""
        _write_examples(self.examples, formatter)
        super().format_help(context, formatter)

    def list_commands(self, context: click.Context) -> list[str]:
        """The commands as they follow each other in a journey."""
        del context
        return sorted(self.commands, key=lambda name: _ORDER.index(name) if name in _ORDER else 0)


def _write_examples(examples: str, formatter: click.HelpFormatter) -> None:
    formatter.write("Examples:\n" + "".join(f"  {line}\n" for line in examples.strip().splitlines()) + "\n")


_ORDER = ("keygen", "export", "inspect", "verify", "import", "undo", "receipt")
"""Of the commands in ``--help``: as they follow each other in a journey."""

_EXAMPLES = """
bundler keygen builder                                     once: a key to sign with
bundler export images.yaml -o /media/stick --key builder.key
bundler verify /media/stick/platform --trust builder.pub   on the other side
bundler import /media/stick/platform --trust builder.pub --to registry.internal:5000
"""


@click.group(
    cls=Group, examples=_EXAMPLES, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, "-V", "--version", message="bundler %(version)s")
def program() -> None:
    """Carry container images across air gaps: signed, checksummed, chunked bundles."""


def show(lines: list[str], document: dict[str, Any], *, is_json: bool) -> None:
    """Prints what a command found: the document with ``--json``, else the lines."""
    from bundler.views import documents, errors

    if is_json:
        errors.show([documents.dump(document)])
    elif lines:
        errors.show(lines)


def with_run(work: Callable[[Run], Result], *, jobs: int | None, is_quiet: bool, is_fail_fast: bool = False) -> Result:
    """Does the work of a command, with progress on stderr; Ctrl-C stops all its threads."""
    from bundler.transfer import Run
    from bundler.views.progress import Progress
    from bundler.workers import Cancellation

    cancellation = Cancellation()
    with Progress(is_quiet=is_quiet) as listener:
        try:
            jobs = jobs or max(2, min(4, os.cpu_count() or 2))
            return work(Run(listener, cancellation, jobs=jobs, is_fail_fast=is_fail_fast))
        except KeyboardInterrupt:
            cancellation.set()
            raise
