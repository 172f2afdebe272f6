"""What ``explain`` prints, in the reader's language, wrapped to the terminal."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import TYPE_CHECKING

from bundler.views.languages import translated
from bundler.views.words import with_placeholders

if TYPE_CHECKING:
    from bundler.commands.explain import ExplainResult
    from bundler.core.advice import Advice

_WIDEST = 100
_NARROWEST = 30
_NOT_FIRST = frozenset("，。、；：？！）》」』”’,.;:?!)")
"""No line begins with these (W3C clreq, section 3.1.3)."""
_NOT_LAST = frozenset("（《「『“‘(")
"""And none ends with these."""


def explain_lines(result: ExplainResult, *, width: int) -> list[str]:
    """What to print.

    Args:
        result: What was found.
        width: Of the terminal, in columns.
    """
    width = max(_NARROWEST, min(_WIDEST, width))
    if result.asked is None:
        return _list_lines(result)
    lines: list[str] = []
    if result.exit_code is not None:
        head = f"{translated('exit code')} {result.exit_code.number}: {translated(result.exit_code.meaning)}"
        lines += _wrapped(head, width, indent="")
        lines += ["", *_paragraph(result.exit_code.explanation, width)] if result.exit_code.explanation else []
    for entry in result.entries:
        lines += ["", *_entry_lines(entry, width)] if lines else _entry_lines(entry, width)
    if result.related:
        lines += ["", f"{translated('codes with the same exit code')}:"]
        lines += _wrapped(", ".join(result.related), width)
    return lines


def _list_lines(result: ExplainResult) -> list[str]:
    rows = [
        (entry.code, str(entry.family.exit_code), with_placeholders(translated(entry.happened)))
        for entry in result.entries
    ]
    head = (translated("code"), translated("exit code"), translated("what happened"))
    widths = [max(_columns(row[column]) for row in [head, *rows]) for column in range(2)]
    lines = [
        "  ".join([_padded(row[0], widths[0]), _padded(row[1], widths[1]), row[2]]).rstrip() for row in [head, *rows]
    ]
    return [*lines, "", translated("bundler explain CODE tells more of one")]


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
    return _wrapped(with_placeholders(translated(text)), width)


def _wrapped(text: str, width: int, indent: str = "  ") -> list[str]:
    """Lines of at most so many columns. Chinese has no blanks: there a line may end after any character but some."""
    lines = [""]
    for blank, word in _words(text):
        if lines[-1] and _columns(indent + lines[-1] + blank + word) > width:
            lines.append(word)
        else:
            lines[-1] += (blank if lines[-1] else "") + word
    return [indent + line for line in lines]


def _words(text: str) -> Iterator[tuple[str, str]]:
    """What is never torn apart, each with the blank before it."""
    word = blank = ""
    for character in text:
        if character == " ":
            if word:
                yield blank, word
            word, blank = "", " "
            continue
        if word and _may_break(word[-1], character):
            yield blank, word
            word = blank = ""
        word += character
    if word:
        yield blank, word


def _may_break(before: str, after: str) -> bool:
    return _columns(before + after) > 2 and before not in _NOT_LAST and after not in _NOT_FIRST


def _columns(text: str) -> int:
    """How many columns of a terminal a text takes; what may be wide in East Asia is counted so."""
    return sum(2 if unicodedata.east_asian_width(character) in "WFA" else 1 for character in text)


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _columns(text))
