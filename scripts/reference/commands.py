"""The page of each command, and the table of all commands."""

from __future__ import annotations

from collections.abc import Iterator

from bundler.cli.help import broken
from reference.markdown import NOTE, code, prose, table
from reference.tree import CommandText, OptionText

GUIDES = {
    "keygen": ("guides/builder.md",),
    "trust": ("guides/importer.md",),
    "init": ("configuration.md",),
    "images": ("lists.md",),
    "export": ("guides/builder.md", "lists.md", "series.md", "channels.md", "media.md", "policy.md", "scale.md"),
    "inspect": ("layers.md", "bundle.md"),
    "verify": ("guides/courier.md", "policy.md", "scan.md"),
    "scan": ("scan.md",),
    "parity": ("parity.md",),
    "repair": ("parity.md",),
    "sign": ("guides/courier.md",),
    "copy": ("media.md",),
    "spread": ("media.md",),
    "label": ("labels.md",),
    "slip": ("labels.md",),
    "import": ("guides/importer.md", "attachments.md", "series.md", "media.md", "policy.md", "scan.md", "scale.md"),
    "serve": ("serve.md",),
    "mirrors": ("mirrors.md",),
    "fulfil": ("series.md",),
    "prune": ("prune.md",),
    "undo": ("guides/importer.md",),
    "receipt": ("guides/importer.md", "scale.md"),
    "report": ("report.md",),
    "search": ("guides/operator.md",),
    "status": ("standing.md",),
    "check": ("standing.md",),
    "inventory": ("inventories.md",),
    "backup": ("backup.md",),
    "restore": ("backup.md",),
    "diff": ("diff.md",),
    "doctor": ("troubleshooting.md",),
    "config": ("configuration.md",),
    "explain": ("troubleshooting.md",),
    "man": ("tool.md",),
}  # fmt: skip
"""The written pages about each command, below docs/."""


_ROOT = "../"
"""The way from docs/commands/ to docs/."""
_WIDTH = 96
"""The columns of an example."""


def overview(program: CommandText) -> str:
    """The table of all commands."""
    rows = (
        (f"[`bundler {each.name}`](commands/{each.name}.md)", prose(each.summary), _links(each.name, ""))
        for each in program.commands
    )
    return table(("command", "what it does", "more"), rows)


def command_page(command: CommandText) -> str:
    """The page of a command with all that is below it."""
    return f"{NOTE}\n" + "\n".join(_parts(command, "#", _links(command.name, _ROOT)))


def _links(name: str, root: str) -> str:
    pages = GUIDES.get(name, ())
    return ", ".join(f"[{page.removesuffix('.md').rpartition('/')[2]}]({root}{page})" for page in pages)


def _parts(command: CommandText, level: str, links: str) -> Iterator[str]:
    yield f"{level} bundler {command.name}\n"
    yield from (f"{prose(each, _ROOT)}\n" for each in command.paragraphs)
    if links:
        yield f"More: {links}.\n"
    yield f"```sh\n{_examples(command)}```\n"
    yield f"Usage: `{command.path} {command.usage}`\n"
    yield from _options("", command.arguments)
    for title, options in command.options:
        yield from _options(f"{level}# {title}\n" if title else "", options)
    for each in command.commands:
        yield from _parts(each, f"{level}#", "")


def _examples(command: CommandText) -> str:
    width = max((len(each.line) for each in command.examples if each.remark), default=0)
    lines = (
        [f"{each.line:{width}}   # {each.remark}"] if each.remark else broken(each.line, _WIDTH)
        for each in command.examples
    )
    return "".join(f"{line}\n" for each in lines for line in each)


def _options(heading: str, options: tuple[OptionText, ...]) -> Iterator[str]:
    if options:
        if heading:
            yield heading
        yield table(("option", "meaning"), ((code(each.spelling), prose(each.text, _ROOT)) for each in options))
