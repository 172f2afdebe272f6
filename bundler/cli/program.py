"""The program that the commands belong to: help that opens with examples, and one way to run and to show."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

import bundler
from bundler import __version__
from bundler.cli.help import Helping, summary_of
from bundler.cli.usage import no_command, refuse_password, too_many
from bundler.cli.values import FileName, Text
from bundler.errors import Misuse

if TYPE_CHECKING:
    from bundler import Run

Result = TypeVar("Result")


_FILES = re.compile(r"^\[?(FILE|DIR|PUB|PATH\b.*\.\.\.|BUNDLE|LIST|RECEIPT)")
"""Metavars of what is the name of a file or folder."""


class OutputClosed(Exception):
    """Whoever read our output stopped reading."""


class _Command(Helping):
    """A command of ours."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for parameter in self.params:
            if parameter.type is click.STRING:
                parameter.type = FileName() if _FILES.search(parameter.metavar or "") else Text()

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does; arguments that are too many are told in our words.

        Raises:
            Misuse: There are some, or a password is among them.
        """
        ctx.allow_extra_args = True
        refuse_password(args, ctx)
        try:
            rest = super().parse_args(ctx, args)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx
            raise
        if rest and not ctx.resilient_parsing:
            raise too_many(len(rest), ctx)
        return rest


class Group(Helping, click.Group):
    """Commands that belong together."""

    command_class = _Command

    def __init__(self, *args: Any, order: tuple[str, ...] = (), **kwargs: Any) -> None:
        kwargs.setdefault("no_args_is_help", False)  # its help would be taken for an error
        super().__init__(*args, **kwargs)
        self.order = order

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands, each with the first sentence of its help."""
        from bundler.views.languages import said

        with formatter.section(said("Commands")):
            formatter.write_dl([(name, summary_of(self.commands[name])) for name in self.list_commands(ctx)])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the arguments begin with.

        Raises:
            Misuse: There is none of this name.
        """
        if not ctx.resilient_parsing and args[0] not in self.commands and not args[0].startswith("-"):
            raise no_command(args[0], ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, context: click.Context) -> Any:
        """Runs a command. An output that nobody reads any more is told apart here: click would make an exit code of it.

        Raises:
            OutputClosed: Whoever read it is gone.
        """
        try:
            return super().invoke(context)
        except BrokenPipeError as error:
            raise OutputClosed from error

    def list_commands(self, context: click.Context) -> list[str]:
        """The commands as they follow each other in a journey."""
        del context
        return sorted(self.commands, key=self.order.index)


_ORDER = (
    "keygen",
    "trust",
    "export",
    "inspect",
    "verify",
    "sign",
    "import",
    "undo",
    "receipt",
    "doctor",
    "explain",
    "completion",
    "man",
)
"""Of the commands in ``--help``: as they follow each other in a journey."""

_EXAMPLES = """
bundler keygen builder                                     once: make a signing key
bundler export images.yaml -o /media/stick --key builder.key
bundler verify /media/stick/platform --trust builder.pub   on the other side
bundler import /media/stick/platform --trust builder.pub --to registry.internal:5000
"""


@click.group(
    cls=Group,
    examples=_EXAMPLES,
    order=_ORDER,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option("--json", "is_json", is_flag=True, is_eager=True, help="With --version: print one JSON document.")
@click.option(
    "-V",
    "--version",
    is_flag=True,
    expose_value=False,
    callback=lambda context, _, is_asked: (
        _show_version(context) if is_asked and not context.resilient_parsing else None
    ),
    help="Show the version and exit.",
)
def program(is_json: bool) -> None:
    """Carry container images across air gaps: signed, checksummed, chunked bundles."""
    if is_json:
        raise Misuse("write --json after the command, or with --version", hint="see: bundler --help")


def _show_version(context: click.Context) -> None:
    """Not eager, unlike ``--json``, so that it has been read by now wherever it stands."""
    from bundler.views import documents

    is_json = bool(context.params.get("is_json"))
    document = documents.version_document(bundler.versions()) if is_json else {}
    show([f"bundler {__version__}"], document, is_json=is_json)
    context.exit()


def show(lines: list[str], document: dict[str, Any], *, is_json: bool) -> None:
    """Prints what a command found: the document with ``--json``, else the lines."""
    from bundler.views import documents, errors

    if is_json:
        errors.show([documents.dump(document)])
    elif lines:
        errors.show(lines)


def with_run(work: Callable[[Run], Result], *, jobs: int | None, is_quiet: bool, is_fail_fast: bool = False) -> Result:
    """Does the work of a command, with progress on stderr; Ctrl-C stops all its threads."""
    from bundler.views.progress import Progress
    from bundler.workers import interruptible

    cancellation = bundler.Cancellation()
    with Progress(is_quiet=is_quiet) as listener:
        run = bundler.Run(listener, cancellation, jobs=jobs or bundler.default_jobs(), is_fail_fast=is_fail_fast)
        return interruptible(lambda: work(run), cancellation)
