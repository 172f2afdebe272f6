"""Numbers and texts as people read them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence


def size(size_bytes: int) -> str:
    """A size with a binary unit and three digits.

    >>> size(1536)
    '1.50 KiB'
    """
    if size_bytes < 1024:
        return f"{size_bytes} B"
    value = float(size_bytes)
    for unit in ("KiB", "MiB", "GiB", "TiB"):
        value /= 1024
        if value < 1024 or unit == "TiB":
            break
    digits = 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:.{digits}f} {unit}"


def count(number: int, noun: str) -> str:
    """A number with its noun, in the plural where it is due."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def some(names: Sequence[str]) -> str:
    """The first of many names, and how many more there are."""
    shown = ", ".join(names[:6])
    return shown + (f" and {len(names) - 6:,} more" if len(names) > 6 else "")


def escaped(text: object) -> str:
    """A text that may come from outside, without anything that moves a terminal's cursor or hides text."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in str(text))


def shell_word(path: object) -> str:
    """A path as it stands in a command that people copy."""
    return shlex.quote(escaped(path))


def with_placeholders(text: str) -> str:
    """A text whose braces nobody fills in, as people write such things.

    >>> with_placeholders("docker login {host}")
    'docker login HOST'
    """
    return re.sub(r"\{([a-z]+)\}", lambda match: match[1].upper(), text)


def table(rows: Sequence[Sequence[str]], *, indent: str = "  ", right: Iterable[int] = ()) -> list[str]:
    """Rows as lines with aligned columns; the last column is not padded.

    Args:
        rows: All of one length.
        indent: Before each line.
        right: Numbers of the columns that are aligned to the right.
    """
    if not rows:
        return []
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    right = frozenset(right)
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append((indent + "  ".join(cells)).rstrip())
    return lines
