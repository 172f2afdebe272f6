"""``bundler man``: reads the commands from click, for `bundler.views.man_page`."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import click

from bundler import __version__
from bundler.cli import options
from bundler.cli.program import Group, program, show

if TYPE_CHECKING:
    from bundler.views.man_page import CommandText


@program.command(
    examples="""
bundler man     read it: bundler man | man -l -
bundler man     install it: bundler man > /usr/local/share/man/man1/bundler.1
"""
)
@options.json_option
def man(is_json: bool) -> int:
    """Print the manual page, in roff, for all commands."""
    from bundler.views import documents, man_page

    page = man_page.man_page(described(program, None), __version__)
    show([page.rstrip("\n")], documents.text_document("man", "page", page), is_json=is_json)
    return 0


def described(command: click.Command, above: click.Context | None) -> CommandText:
    """The help of a command and of all its subcommands."""
    from bundler.views.man_page import CommandText, OptionText

    context = click.Context(command, parent=above, info_name=command.name if above else "bundler")
    if above is None:
        context.help_option_names = ["-h", "--help"]
    parameters = command.get_params(context)
    arguments = [OptionText(" ".join(each.get_usage_pieces(context)), _of_argument(each)) for each in parameters
                 if isinstance(each, click.Argument)]  # fmt: skip
    records = [each.get_help_record(context) for each in parameters if isinstance(each, click.Option)]
    below = command.all_commands(context).values() if isinstance(command, Group) else ()
    return CommandText(
        path=context.command_path,
        usage=" ".join(command.collect_usage_pieces(context)),
        text=inspect.cleandoc(command.help or ""),
        examples=getattr(command, "examples", ""),
        options=(*arguments, *(OptionText(*record) for record in records if record)),
        commands=tuple(described(each, context) for each in below),
    )


def _of_argument(argument: click.Argument) -> str:
    words = ["required" if argument.required else "optional", *(["may be repeated"] if argument.nargs < 0 else [])]
    return ", ".join(words).capitalize() + "."
