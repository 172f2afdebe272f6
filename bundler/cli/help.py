"""Help in the reader's language, wrapped to the columns of the terminal. Click knows neither Chinese nor its width."""

from __future__ import annotations

import copy
import inspect
import re
from collections.abc import Iterable
from typing import Any

import click

from bundler.cli.option_groups import grouped

_SPELLING_COLUMNS = 30
"""The width of the flags' column. A wider flag has a line of its own."""
_EXAMPLES = 6
"""The most examples in help. The manual page and docs/commands/ have all of them."""

_RANGE = r"\b(\d+)<=x<=(\d+)\b"
"""A range of numbers as click shows it; help shows ``1–64``."""


class Formatter(click.HelpFormatter):
    """Writes help by columns instead of characters."""

    def write_heading(self, heading: str) -> None:
        """Writes the heading of a section, with the colon of the language."""
        from bundler.views.languages import said

        self.write(" " * self.current_indent + said("{heading}:", heading=heading) + "\n")

    def write_text(self, text: str) -> None:
        """Writes a text with indented lines."""
        from bundler.views.words import wrapped

        self.write("\n".join(wrapped(" ".join(text.split()), self.width, " " * self.current_indent)) + "\n")

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = _SPELLING_COLUMNS, col_spacing: int = 2) -> None:
        """Writes names and their descriptions in two columns."""
        from bundler.views.words import columns, padded, wrapped

        rows, indent = list(rows), " " * self.current_indent
        first = min(max((columns(name) for name, _ in rows), default=0), col_max) + col_spacing
        for name, content in rows:
            lines = wrapped(content, max(20, self.width - len(indent) - first)) if content else [""]
            if columns(name) > first - col_spacing:
                lines = ["", *lines]
            self.write(f"{indent}{padded(name, first)}{lines[0]}".rstrip() + "\n")
            for line in lines[1:]:
                self.write(f"{indent}{' ' * first}{line}\n")


class Context(click.Context):
    """A context whose help is written by `Formatter`.

    Attributes:
        places: The file or variable of each default that the user keeps, by the name of its parameter.
    """

    formatter_class = Formatter

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.places: dict[str | None, str] = {}


class Helping(click.Command):
    """A command whose help opens with examples, and is translated."""

    context_class = Context
    examples: str = ""

    def __init__(self, *args: Any, examples: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = examples

    def get_help_option_names(self, ctx: click.Context) -> list[str]:
        """The names of ``--help``. Click would take those of the first context that asks, and keep them."""
        del ctx
        return ["-h", "--help"]

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the examples, then the help of click."""
        from bundler.views.languages import said

        examples = self.examples.strip().splitlines()
        formatter.write(said("Examples:") + "\n")
        for example in examples[:_EXAMPLES]:
            for line in _example(example.strip(), formatter.width - 2):
                formatter.write(f"  {line}\n")
        if len(examples) > _EXAMPLES:
            formatter.write(f"  {said('more examples: {command}', command='bundler man | man -l -')}\n")
        formatter.write("\n")
        super().format_help(ctx, formatter)

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the help of the command, in paragraphs."""
        del ctx
        for paragraph in paragraphs_of(self.help or ""):
            formatter.write_paragraph()
            with formatter.indentation():
                formatter.write_text(paragraph)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the options, by what they are for if there are many, and the commands of a group."""
        from bundler.views.languages import said, translated

        records = option_records(self, ctx)
        for title, flags in grouped(records).items():
            with formatter.section(translated(title) if title else said("Options")):
                formatter.write_dl([records[flag] for flag in flags])
        if isinstance(self, click.Group):
            self.format_commands(ctx, formatter)


def _example(example: str, width: int) -> list[str]:
    """The lines of an example: one if it fits, else a command that a shell takes, and its remark below."""
    from bundler.views.languages import translated
    from bundler.views.words import columns, wrapped

    command, *remark = re.split(r"(\s{2,})", example, maxsplit=1)
    words = translated(remark[1]) if remark else ""
    whole = "".join((command, *remark[:1], words))
    if columns(whole) <= width:
        return [whole]
    return [*broken(command, width), *(wrapped(words, width, "      ") if words else ())]


def broken(command: str, width: int) -> list[str]:
    """A command in lines of at most so many columns, which a shell takes: it is broken before its options only."""
    from bundler.views.words import columns

    lines: list[str] = []
    for part in re.split(r" (?=-)", command):
        if lines and columns(f"{lines[-1]} {part} \\") <= width:
            lines[-1] += f" {part}"
        else:
            lines.append(f"    {part}" if lines else part)
    return [*(f"{line} \\" for line in lines[:-1]), lines[-1]]


def option_records(command: click.Command, ctx: click.Context) -> dict[str, tuple[str, str]]:
    """The spelling and the help of each option, in the reader's language, by its long flag."""
    from bundler.views.languages import translated

    records: dict[str, tuple[str, str]] = {}
    for parameter in command.get_params(ctx):
        if isinstance(parameter, click.Option):
            option = copy.copy(parameter)
            option.help = translated(parameter.help or "")
            record = option.get_help_record(ctx)
            if record:
                records[max(parameter.opts, key=len)] = (record[0], re.sub(_RANGE, r"\1–\2", record[1]))
    return records


def paragraphs_of(text: str) -> list[str]:
    """The help of a command in the reader's language: its paragraphs, each in one line."""
    from bundler.views.languages import translated

    paragraphs = re.split(r"\n\s*\n", inspect.cleandoc(text))
    lines = (" ".join(each.split()) for each in paragraphs)
    return [translated(line) for line in lines if line]


def summary_of(text: str) -> str:
    """The first sentence of a command's help."""
    first = next(iter(paragraphs_of(text)), "")
    return re.split(r"(?<=。)|(?<=\.)\s", first, maxsplit=1)[0]
