"""The lines that ``explain`` prints, in the reader's language, wrapped to the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bundler.views.languages import said, translated
from bundler.views.words import columns, padded, with_placeholders, wrapped

if TYPE_CHECKING:
    from bundler.commands.explain import ExplainResult
    from bundler.core.advice import Advice

_WIDEST = 100
_NARROWEST = 30


def explain_lines(result: ExplainResult, *, width: int) -> list[str]:
    """The lines to print.

    Args:
        result: The entries to explain.
        width: The width of the terminal in columns.
    """
    width = max(_NARROWEST, min(_WIDEST, width))
    if result.asked is None:
        return _list_lines(result)
    lines: list[str] = []
    if result.exit_code is not None:
        meaning = translated(result.exit_code.meaning)
        head = said("exit code {code}: {error}", code=result.exit_code.number, error=meaning)
        lines += wrapped(head, width, indent="")
        if result.exit_code.actor:
            actor = translated(result.exit_code.actor)
            lines += wrapped(said("who must act: {actor}", actor=actor), width, indent="")
        lines += ["", *_paragraph(result.exit_code.explanation, width)] if result.exit_code.explanation else []
    for entry in result.entries:
        lines += ["", *_entry_lines(entry, width)] if lines else _entry_lines(entry, width)
    if result.related:
        lines += ["", said("codes with the same exit code:")]
        lines += wrapped(", ".join(result.related), width)
    return lines


def _list_lines(result: ExplainResult) -> list[str]:
    rows = [
        (entry.code, str(entry.family.exit_code), with_placeholders(translated(entry.happened)))
        for entry in result.entries
    ]
    head = (translated("code"), translated("exit code"), translated("what happened"))
    widths = [max(columns(row[column]) for row in [head, *rows]) for column in range(2)]
    lines = [
        "  ".join([padded(row[0], widths[0]), padded(row[1], widths[1]), row[2]]).rstrip() for row in [head, *rows]
    ]
    return [*lines, "", translated("bundler explain CODE explains one of them")]


def _entry_lines(entry: Advice, width: int) -> list[str]:
    return [
        f"{entry.code} ({translated('exit code')} {entry.family.exit_code})",
        "",
        translated("what happened"),
        *_paragraph(entry.happened, width),
        "",
        translated("what to do"),
        *_paragraph(entry.next_step, width),
        "",
        translated("why"),
        *_paragraph(entry.explanation, width),
    ]


def _paragraph(text: str, width: int) -> list[str]:
    return wrapped(with_placeholders(translated(text)), width)
