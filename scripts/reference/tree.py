"""The one reader of click's tree: commands, options under their headings, examples, as ``--help`` has them.

The pages and the manual page are written from these values. It needs click, and no other library.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import click

from bundler import cli
from bundler.cli.help import option_records, paragraphs_of, summary_of
from bundler.cli.option_groups import grouped
from bundler.cli.program import Group
from bundler.views.languages import ENGLISH, speaking


@dataclass(frozen=True)
class OptionText:
    """One option, or one argument.

    Attributes:
        spelling: The names and the metavar, as in help: ``-o, --output DIR``.
        text: Its help.
    """

    spelling: str
    text: str


@dataclass(frozen=True)
class Example:
    """One example: a command line, and a remark that may be empty."""

    line: str
    remark: str


@dataclass(frozen=True)
class CommandText:
    """One command, or the program itself.

    Attributes:
        path: The words that call it: ``bundler receipt show``.
        usage: The words after the path: ``[OPTIONS] RECEIPT``.
        summary: The first sentence of its help.
        paragraphs: Its help.
        examples: Its examples.
        arguments: Its arguments.
        options: Its options by their headings. A short list has one heading, an empty text.
        commands: Its subcommands.
    """

    path: str
    usage: str
    summary: str
    paragraphs: tuple[str, ...]
    examples: tuple[Example, ...]
    arguments: tuple[OptionText, ...]
    options: tuple[tuple[str, tuple[OptionText, ...]], ...]
    commands: tuple[CommandText, ...]

    @property
    def name(self) -> str:
        """The path without the name of the program."""
        return self.path.partition(" ")[2]

    def leaves(self) -> Iterator[CommandText]:
        """The commands that can be run: itself, or what is below it."""
        if not self.commands:
            yield self
        for each in self.commands:
            yield from each.leaves()


def program() -> CommandText:
    """The whole program, in English."""
    with speaking(ENGLISH):
        return _described(cli.program, None)


def _described(command: click.Command, above: click.Context | None) -> CommandText:
    context = click.Context(command, parent=above, info_name=command.name if above else "bundler")
    arguments = [each for each in command.get_params(context) if isinstance(each, click.Argument)]
    records = option_records(command, context)
    below = command.all_commands(context).values() if isinstance(command, Group) else ()
    return CommandText(
        path=context.command_path,
        usage=" ".join(command.collect_usage_pieces(context)),
        summary=summary_of(command.help or ""),
        paragraphs=tuple(paragraphs_of(command.help or "")),
        examples=tuple(_example(line.strip()) for line in getattr(command, "examples", "").strip().splitlines()),
        arguments=tuple(OptionText(" ".join(each.get_usage_pieces(context)), _of(each)) for each in arguments),
        options=tuple(
            (title, tuple(OptionText(*records[flag]) for flag in flags)) for title, flags in grouped(records).items()
        ),
        commands=tuple(_described(each, context) for each in below),
    )


def _example(line: str) -> Example:
    command, *remark = re.split(r"\s{2,}", line, maxsplit=1)
    return Example(command, "".join(remark))


def _of(argument: click.Argument) -> str:
    words = ["required" if argument.required else "optional", *(["may be repeated"] if argument.nargs < 0 else [])]
    return ", ".join(words).capitalize() + "."
