"""The manual page bundler(1): our values as a document of docutils, whose writer makes roff of it.

The package is built with it (``setup.py``), so wheels and packages bring it, and git does not have it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from docutils import nodes
from docutils.core import publish_from_doctree
from docutils.utils import new_document

from bundler.core.exit_codes import EXIT_CODES
from reference.surroundings import ENVIRONMENT, FILES
from reference.tree import CommandText, OptionText

_SIDES = (
    "On the internet side, export collects the images of a list into a bundle: a folder of chunk files, checksummed "
    "and signed. On the disconnected side, import verifies it and pushes every image, digests unchanged."
)
_STREAMS = "Results go to stdout, progress and errors to stderr. An error names a code, and explain tells more of it."
_NO_HYPHENS = ".nr HY 0\n.nh\n.ad l"
"""Flags and paths are read and copied. groff needs the first as well, because each heading resets the second."""
_SEE_ALSO = ("docker(1)", "skopeo(1)", "podman(1)", "openssl-pkeyutl(1)", "sha256sum(1)", "tar(1)", "7z(1)")


def manual(program: CommandText, version: str) -> str:
    """The manual page of the whole program, in roff.

    Args:
        program: The program with all its commands.
        version: The version of bundler.
    """
    document = new_document("bundler")
    document += [
        nodes.title("", "bundler"),
        nodes.subtitle("", program.summary[:1].lower() + program.summary[1:].rstrip(".")),
        _head(("version", f"bundler {version}"), ("manual section", "1"), ("manual group", "User Commands")),
        nodes.raw("", _NO_HYPHENS, format="manpage"),
        _section("SYNOPSIS", [_synopsis(program)]),
        _section(
            "DESCRIPTION",
            [*map(_paragraph, (*program.paragraphs, _SIDES, _STREAMS)), *_examples(program), *_of(program)],
        ),
        _section("COMMANDS", [_section(each.path, _command(each)) for each in program.commands]),
        _section("EXIT STATUS", [_definitions((str(code.number), code.meaning) for code in EXIT_CODES.values())]),
        _section("FILES", [_definitions(FILES)]),
        _section("ENVIRONMENT", [_definitions(ENVIRONMENT)]),
        _section("SEE ALSO", [_paragraph(", ".join(_SEE_ALSO))]),
    ]
    page = publish_from_doctree(document, writer="manpage", settings_overrides={"output_encoding": "unicode"})
    page = page.replace("\n.SH Name\n", "\n.SH NAME\n", 1)  # by man-pages(7); it is the writer's own heading
    return "".join(each if each.isascii() else f"\\[u{ord(each):04X}]" for each in page.translate(_TYPOGRAPHIC))


_TYPOGRAPHIC = str.maketrans({"~": "\\(ti", "^": "\\(ha"})
"""roff prints other characters for these, which no shell takes for ours. The writer has those of ``-`` and quotes."""


def _head(*fields: tuple[str, str]) -> nodes.docinfo:
    return nodes.docinfo(
        "",
        *(nodes.field("", nodes.field_name("", name), nodes.field_body("", _paragraph(text))) for name, text in fields),
    )


def _section(title: str, content: Iterable[nodes.Node]) -> nodes.section:
    return nodes.section("", nodes.title("", title), *content, ids=[nodes.make_id(title)])


def _description(program: CommandText) -> list[nodes.Node]:
    return [*map(_paragraph, (*program.paragraphs, _SIDES, _STREAMS)), *_examples(program), *_of(program)]


def _synopsis(program: CommandText) -> nodes.line_block:
    lines = [(leaf.path, leaf.usage) for leaf in program.leaves()] + [(f"{program.path} --version", "[--json]")]
    return nodes.line_block("", *(nodes.line("", "", *_call(path, usage)) for path, usage in lines))


def _call(path: str, usage: str) -> Sequence[nodes.Node]:
    return nodes.strong("", path), nodes.Text(f" {usage}")


def _command(command: CommandText) -> list[nodes.Node]:
    """A command and all that is below it, one after the other: roff has two levels of headings."""
    content: list[nodes.Node] = [nodes.paragraph("", "", *_call(command.path, command.usage))]
    content += map(_paragraph, command.paragraphs)
    content += _examples(command)
    if command.commands:
        content.append(_definitions((each.path, each.summary) for each in command.commands))
    content += _of(command)
    for each in command.commands:
        content.append(_section(each.path, _command(each)))
    return content


def _of(command: CommandText) -> list[nodes.Node]:
    """Its arguments and options, under their headings."""
    content: list[nodes.Node] = [_options(command.arguments)] if command.arguments else []
    for title, options in command.options:
        content += [nodes.paragraph("", "", nodes.strong("", f"{title or 'Options'}:")), _options(options)]
    return content


def _options(options: Iterable[OptionText]) -> nodes.definition_list:
    return _definitions((each.spelling, each.text) for each in options)


def _examples(command: CommandText) -> list[nodes.Node]:
    lines = [f"{each.line}\n    {each.remark}" if each.remark else each.line for each in command.examples]
    return [_paragraph("Examples:"), nodes.literal_block("", "\n".join(lines))]


def _definitions(rows: Iterable[tuple[str, str]]) -> nodes.definition_list:
    return nodes.definition_list(
        "",
        *(
            nodes.definition_list_item("", nodes.term("", name), nodes.definition("", _paragraph(text)))
            for name, text in rows
        ),
    )


def _paragraph(text: str) -> nodes.paragraph:
    return nodes.paragraph("", re.sub(r"\s+", " ", text.strip()))
