"""All files that are made: whole pages, and parts of written ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from reference import settings
from reference.commands import command_page, overview
from reference.exit_codes import exit_codes, exit_codes_of_documents
from reference.markdown import filled
from reference.schemas import bundle_schema_of, schema_of
from reference.tree import CommandText, program
from reference.troubleshooting import troubleshooting

ROOT = Path(__file__).parents[2]
COMMANDS = "docs/commands"
"""The folder whose pages are all made."""


def made() -> dict[str, str]:
    """The content of each file, by its path."""
    tree = program()
    whole = {f"{COMMANDS}/{each.name}.md": command_page(each) for each in tree.commands}
    whole["docs/troubleshooting.md"] = troubleshooting()
    parts = {
        "docs/commands.md": {"commands": overview(tree), "exit codes": exit_codes()},
        "docs/json.md": {"exit codes": exit_codes_of_documents()},
        "docs/configuration.md": settings.parts(),
        "mkdocs.yml": {"commands": "".join(map(_menu, tree.commands))},
    }
    filled_pages = {path: _with(path, content) for path, content in parts.items()}
    whole["docs/schemas/documents.json"] = schema_of(filled_pages["docs/json.md"])
    whole["docs/schemas/bundle.json"] = bundle_schema_of((ROOT / "bundler/bundle/FORMAT.md").read_text())
    return whole | filled_pages


def _menu(command: CommandText) -> str:
    return f"          - {command.name}: commands/{command.name}.md\n"


def _with(path: str, parts: Mapping[str, str]) -> str:
    page = (ROOT / path).read_text()
    for name, content in parts.items():
        page = filled(page, name, content)
    return page


def stale(files: Mapping[str, str]) -> Iterator[str]:
    """The files that differ from what would be made, and those that would not be made any more."""
    for path, content in files.items():
        file = ROOT / path
        if not file.exists() or file.read_text() != content:
            yield path
    yield from (path for path in _there() if path not in files)


def _there() -> Iterable[str]:
    return (str(path.relative_to(ROOT)) for path in sorted((ROOT / COMMANDS).glob("*.md")))


def write(files: Mapping[str, str]) -> list[str]:
    """Brings all files up to date; returns those that changed."""
    changed = list(stale(files))
    for path in changed:
        file = ROOT / path
        if path in files:
            file.parent.mkdir(exist_ok=True)
            file.write_text(files[path])
        else:
            file.unlink()
    return changed
