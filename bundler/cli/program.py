"""The program of all commands: help that opens with examples, and functions to run a command and show its result."""

from __future__ import annotations

import gc
import re
from collections.abc import Callable, Iterable
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

import click

import bundler
from bundler import __version__
from bundler.cli.defaults import set_defaults
from bundler.cli.help import Context, Helping, summary_of
from bundler.cli.metrics import RunMetrics
from bundler.cli.usage import no_command, refuse_password, too_many
from bundler.cli.values import BundleName, FileName, PublicKeyFile, Text
from bundler.errors import BundlerError, Misuse

if TYPE_CHECKING:
    from bundler import Rate, Run
    from bundler.views.progress import Progress

Result = TypeVar("Result")


_FILES = re.compile(r"^\[?(FILE|DIR|PUB|NEED|PATH\b.*\.\.\.|BUNDLE|LIST|RECEIPT)")
"""The metavars of file and folder names."""
_BUNDLES = re.compile(r"^\[?(PATH\b.*\.\.\.|BUNDLE)")
"""Those of bundles."""


def _type_of(metavar: str) -> Text:
    """The type of a flag or argument by its metavar."""
    if metavar == "PUB":
        return PublicKeyFile()
    if _BUNDLES.search(metavar):
        return BundleName()
    return FileName() if _FILES.search(metavar) else Text()


_YOUNG_OBJECTS = 10_000
"""The new objects after which Python looks for cycles among them. By default it does so after 700, and lists of 20,000
images, which have no cycles, are then searched hundreds of times."""


class OutputClosed(Exception):
    """The program that read our output has stopped reading."""


class _Command(Helping):
    """A command of ours."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.callback is not None:
            self.callback = partial(_called, self.callback)
        for parameter in self.params:
            if parameter.type is click.STRING:
                parameter.type = _type_of(parameter.metavar or "")

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parses like click, but reports surplus arguments in our words.

        Raises:
            Misuse: There are surplus arguments, a password is among the arguments, or a default is not valid.
        """
        ctx.allow_extra_args = True
        refuse_password(args, ctx)
        assert isinstance(ctx, Context)
        set_defaults(ctx, args)
        try:
            rest = super().parse_args(ctx, args)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx
            raise
        if rest and not ctx.resilient_parsing:
            raise too_many(len(rest), ctx)
        return rest

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command, and tells its metrics the error that it ends with.

        Raises:
            BundlerError: As the command.
        """
        metrics = _metrics_of(ctx)
        metrics.start(ctx)
        try:
            return super().invoke(ctx)
        except BundlerError as error:
            metrics.note(error)
            raise


def _called(command: Callable[..., Any], /, **given: Any) -> Any:
    """Calls a command with its flags, and with groups of them."""
    from bundler.cli.collected import with_groups  # `bundler --help` calls none

    return with_groups(command, given)


class Group(Helping, click.Group):
    """Commands that belong together."""

    command_class = _Command

    def __init__(self, *args: Any, order: Iterable[str] = (), **kwargs: Any) -> None:
        kwargs.setdefault("no_args_is_help", False)  # click would report the help as an error
        super().__init__(*args, **kwargs)
        self.order = tuple(order)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the commands, each with the first sentence of its help."""
        from bundler.views.languages import said

        with formatter.section(said("Commands")):
            formatter.write_dl(list(self.summaries(ctx).items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the arguments begin with.

        Raises:
            Misuse: There is no command of this name.
        """
        if not ctx.resilient_parsing and args[0] not in self.order and not args[0].startswith("-"):
            raise no_command(args[0], ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, context: click.Context) -> Any:
        """Runs a command.

        Raises:
            OutputClosed: The program that read the output has ended.
        """
        try:
            return super().invoke(context)
        except BrokenPipeError as error:  # click would exit with a code of its own
            raise OutputClosed from error

    def list_commands(self, context: click.Context) -> list[str]:
        """The commands in the order of a journey."""
        del context
        return list(self.order)

    def summaries(self, context: click.Context) -> dict[str, str]:
        """The summaries of the commands by their names, in the reader's language."""
        return {name: summary_of(command.help or "") for name, command in self.all_commands(context).items()}

    def all_commands(self, context: click.Context) -> dict[str, click.Command]:
        """The commands by their names, in the order of a journey."""
        found = ((name, self.get_command(context, name)) for name in self.order)
        return {name: command for name, command in found if command is not None}


class _Program(Group):
    """The program of all commands. The module of a command is loaded when the command is asked for."""

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """The command of a name; None if there is none. Its module adds it to the program."""
        if name in self.order and name not in self.commands:
            import_module(f"bundler.cli.{name}{'_' if name in _TAKEN_NAMES else ''}")
        return super().get_command(context, name)

    def summaries(self, context: click.Context) -> dict[str, str]:
        """The summaries of the commands. Loads no command."""
        del context
        return {name: summary_of(opening) for name, opening in _ORDER.items()}


_TAKEN_NAMES = ("import", "inspect")
"""The commands with the name of a keyword or of a module of Python; their modules end with an underscore."""

_ORDER = {
    "keygen": "Make a key pair to sign bundles with: NAME.key and NAME.pub.",
    "trust": "Choose whose bundles are trusted without --trust: the keys in ~/.config/bundler/trust.",
    "init": "Write a first image list, images.yaml, and the defaults of its exports, bundler.toml.",
    "images": "Print the images of LISTs as a plain image list, with the file and line where each name was found.",
    "export": "Collect the images of LISTs into a signed bundle, DIR/NAME.",
    "inspect": "Show the content of a bundle or an image file: images, digests, platforms, sizes, layers.",
    "verify": "Check a bundle: its signature, then every byte. Needs no network, no Docker, no write access.",
    "scan": "Scan what a bundle holds for malware and vulnerabilities, and write a signed record.",
    "parity": "Add recovery data to a finished bundle, with which lost and damaged chunks can be repaired.",
    "repair": "Make lost and damaged chunks again, with the parity of the bundle.",
    "sign": "Add a second signature to a bundle, before or after the transport.",
    "copy": "Copy a bundle to one or more media, and read it back from each.",
    "spread": "Spread a finished bundle over several media: the small files to each, every chunk to one.",
    "label": "Write labels for the media of a bundle: number, bundle, id, keys, date, sender, recipient, and a QR "
    "code.",
    "slip": "Write the hand-over sheet of a bundle: its media, id and keys, checks to tick, and lines for signatures.",
    "import": "Verify a bundle and push its images, digests unchanged. PATHs are its folder, or media with parts "
    "of it.",
    "serve": "Serve bundles as a read-only registry, straight from their chunks. Runs until Ctrl-C.",
    "mirrors": "Write the files with which clusters go on using the original names of images.",
    "fulfil": "Make the chunks of a need-list again, byte for byte, on the builder's side.",
    "prune": "Remove old images from a registry: the plan first, then a question, then a receipt from which undo "
    "works.",
    "undo": "Restore the tags that an import changed.",
    "receipt": "Receipts of imports: list, show, verify or merge them.",
    "search": "Find an image in receipts and bundles: which transfer brought it, when, and who signed it.",
    "report": "Write a report of a bundle or a receipt for people: one HTML file to read, print and sign off.",
    "status": "Show the standing of a registry: tags and bytes by repository, newest imports and their age, "
    "unknown tags.",
    "check": "Check that all that an import pushed is still there, whole, under the same digests. Changes nothing.",
    "inventory": "Write down what a registry, a layout or a Docker daemon holds: names, digests, sizes. Reads no "
    "layer.",
    "backup": "Make a signed bundle of everything in a registry: all repositories, tags, signatures and other "
    "attachments.",
    "restore": "Bring the images of a backup back into a registry, under the names that they had. Sends only what "
    "is missing.",
    "diff": "Compare two sides: what is new, moved and gone in B, and what a transfer would carry to A.",
    "doctor": "Find problems before an import or export, and say how to solve them.",
    "config": "Show the defaults that you gave to flags, and where each comes from.",
    "explain": "Explain an error: its causes, how to check them, and what to do. Works offline.",
    "completion": "Print a completion script for a shell: commands, flags, files and codes.",
    "man": "Print the manual page, in roff, for all commands.",
}
"""The commands in the order of a journey, each with the first paragraph of its help.

``bundler --help`` answers at once, because it loads no command for its summary.
"""

_EXAMPLES = """
bundler keygen builder                                     once: make a signing key
bundler export images.yaml -o /media/stick --key builder.key
bundler verify /media/stick/platform --trust builder.pub   on the other side
bundler import /media/stick/platform --trust builder.pub --to registry.internal:5000
"""


@click.group(
    cls=_Program,
    examples=_EXAMPLES,
    order=_ORDER,
    context_settings={"max_content_width": 100},
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
    """Shows the version. Not eager, unlike ``--json``, so that ``--json`` is known in any position."""
    from bundler.views import documents

    is_json = bool(context.params.get("is_json"))
    document = documents.version_document(bundler.versions()) if is_json else {}
    show([f"bundler {__version__}"], document, is_json=is_json)
    context.exit()


def show(lines: list[str], document: dict[str, Any], *, is_json: bool) -> None:
    """Prints the result of a command: the document with ``--json``, else the lines.

    A command of many images makes the document only for ``--json``: that of 20,000 images takes 20 MiB.
    """
    if is_json:
        from bundler.views import documents, errors

        errors.show([documents.dump(document)])
    elif lines:
        from bundler.views import errors

        errors.show(lines)


def with_run(
    work: Callable[[Run], Result],
    *,
    jobs: int | None,
    is_quiet: bool,
    is_fail_fast: bool = False,
    is_waiting: bool = False,
    rate: Rate | None = None,
) -> Result:
    """Does the work of a command, with progress on stderr. Ctrl-C stops all its threads.

    Args:
        work: The work.
        jobs: The number of large blobs that move at a time; None for the default.
        is_quiet: Show no progress.
        is_fail_fast: End after the first failed image.
        is_waiting: Ask the person at the terminal for media that are not here.
        rate: The limit for what each registry gets; None for no limit.
    """
    from bundler.views.progress import Progress
    from bundler.workers import interruptible

    if gc.get_threshold()[0] > _YOUNG_OBJECTS:  # set by `bundler.__main__`; a test calls commands in its own process
        gc.freeze()  # modules and the request stay; no search needs to look at them again
        gc.set_threshold(_YOUNG_OBJECTS)
    cancellation = bundler.Cancellation()
    progress = Progress(is_quiet=is_quiet)
    metrics = _metrics_of(click.get_current_context())
    with progress as listener:
        run = bundler.Run(
            metrics.heard_by(listener),
            cancellation,
            jobs=jobs or bundler.default_jobs(),
            is_fail_fast=is_fail_fast,
            changer=_changer(progress) if is_waiting else None,
            rate=rate or bundler.Rate(),
        )
        result = interruptible(lambda: work(run), cancellation)
    metrics.note(result)
    return result


def _metrics_of(context: click.Context) -> RunMetrics:
    """The metrics of this run of the program."""
    return context.ensure_object(RunMetrics)


def _changer(progress: Progress) -> bundler.MediaChanger:
    from bundler.views.media_prompt import changer_at

    return changer_at(progress)
