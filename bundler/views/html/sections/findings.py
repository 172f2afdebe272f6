"""The problems that a check found, with the images that they hurt and the next step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from bundler.texts import some, text
from bundler.views.html.elements import Element, Node, element
from bundler.views.html.parts import BAD, Column, Section, code, lines, row, section, table
from bundler.views.languages import hint_of, worded_alone

if TYPE_CHECKING:
    from bundler.bundle.findings import Finding
    from bundler.errors import BundlerError

_MOST = 1000
_COLUMNS = (
    Column(text("file"), "file"),
    Column(text("problem and next step"), "whole"),
    Column(text("images that it affects"), "whole"),
)


def findings_section(findings: Sequence[Finding]) -> Section | None:
    """All problems, in the order in which they were found; None if there are none."""
    if not findings:
        return None
    more = len(findings) - _MOST
    return section(
        text("Problems"),
        "problems",
        table(_COLUMNS, _rows(findings[:_MOST])),
        element("p", text("and {count:,} more", count=more), class_="soft") if more > 0 else None,
    )


def _rows(findings: Sequence[Finding]) -> Iterator[Element]:
    for each in findings:
        place = text("at offset {offset:,}", offset=each.offset_bytes) if each.offset_bytes is not None else None
        where = (each.file, element("div", place, class_="hint") if place else None)
        blob = element("div", code(each.digest), class_="hint") if each.digest else None
        yield row(_COLUMNS, (where, (problem(each.error), blob), some(each.images) if each.images else None))


def problem(error: BundlerError) -> Node:
    """A problem in words, and the next step."""
    hint = hint_of(error)
    return lines(
        [
            element("span", worded_alone(error), class_=BAD),
            *([element("span", f"→ {hint}", class_="hint")] if hint else []),
        ]
    )
