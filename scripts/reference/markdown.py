"""Texts of the program as Markdown, and the parts of written pages that are made."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence

NOTE = "<!-- Made by scripts/pages from the code. Change the code, and run it again. -->\n"
"""The first line of a page that is made as a whole."""
_FLAG = re.compile(r"(?<![\w\-`])(?:--[a-z][\w-]*|-[a-zA-Z](?![\w-]))")
_SPECIAL = re.compile(r"[*\\]|<(?=[a-zA-Z/!])|(?<!\w)_|_(?!\w)")
_PAGE = re.compile(r"(?<![\w/(\[])docs/([\w/]+\.(?:md|yaml))")


def prose(text: str, root: str = "") -> str:
    """A text of help or of an explanation: commands in backticks stay, flags get backticks, pages get links.

    Args:
        text: The text.
        root: The way from the page to docs/.
    """
    parts = re.split(r"(`[^`]+`)", " ".join(text.split()))
    shown = "".join(part if part.startswith("`") else _flagged(part) for part in parts)
    return _PAGE.sub(rf"[docs/\1]({root}\1)", shown)


def _flagged(text: str) -> str:
    found = re.split(rf"({_FLAG.pattern})", text)
    return "".join(f"`{part}`" if index % 2 else _SPECIAL.sub(r"\\\g<0>", part) for index, part in enumerate(found))


def code(text: str) -> str:
    """A text as code in a cell of a table. Not each reader of Markdown takes a stroke in backticks there."""
    if "|" not in text:
        return f"`{text}`"
    return f"<code>{html.escape(text, quote=False).replace('|', '&#124;')}</code>"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table. The cells are Markdown."""
    return "".join(f"{line}\n" for line in (_row(head), f"|{'---|' * len(head)}", *map(_row, rows)))


def _row(cells: Sequence[str]) -> str:
    return "|" + "".join(f" {cell} |" if cell else " |" for cell in (each.replace("|", "\\|") for each in cells))


def filled(page: str, name: str, content: str) -> str:
    """A page with one of its made parts replaced.

    Args:
        page: The page.
        name: The name of the part, in ``<!-- scripts/pages: NAME -->``, which ends with ``<!-- end -->``. In YAML both
            are comments, and the content has the right columns.
        content: The part.

    Raises:
        ValueError: The page has no such part.
    """
    start, inner, end = ("# scripts/pages: {}\n", content, "# end")
    if "<!-- scripts/pages" in page:
        start, inner, end = ("<!-- scripts/pages: {} -->\n", f"\n{content.strip()}\n\n", "<!-- end -->")
    before, found, rest = page.partition(start.format(name))
    if not found:
        raise ValueError(f"no part {name}")
    old, _, after = rest.partition(end)
    return before + found + inner + old[len(old.rstrip(" ")) :] + end + after
