"""Numbers and texts as people read them, and their place in columns. Chinese characters take two."""

from __future__ import annotations

import re
import shlex
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from bundler.texts import Text, counted, text
from bundler.views.languages import said

_NOT_FIRST = frozenset("，。、；：？！）》」』”’,.;:?!)")
"""No line begins with these (W3C clreq, section 3.1.3)."""
_NOT_LAST = frozenset("（《「『“‘(")
"""And none ends with these."""


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


NOUNS = {
    "blob": (text("{count:,} blob"), text("{count:,} blobs")),
    "check": (text("{count:,} check"), text("{count:,} checks")),
    "chunk": (text("{count:,} chunk"), text("{count:,} chunks")),
    "file": (text("{count:,} file"), text("{count:,} files")),
    "finding": (text("{count:,} finding"), text("{count:,} findings")),
    "image": (text("{count:,} image"), text("{count:,} images")),
    "attestation": (text("{count:,} attestation"), text("{count:,} attestations")),
    "medium": (text("{count:,} medium"), text("{count:,} media")),
    "other attachment": (text("{count:,} other attachment"), text("{count:,} other attachments")),
    "SBOM": (text("{count:,} SBOM"), text("{count:,} SBOMs")),
    "key": (text("{count:,} key"), text("{count:,} keys")),
    "layer": (text("{count:,} layer"), text("{count:,} layers")),
    "receipt": (text("{count:,} receipt"), text("{count:,} receipts")),
    "retry": (text("{count:,} retry"), text("{count:,} retries")),
    "tag": (text("{count:,} tag"), text("{count:,} tags")),
    "signature": (text("{count:,} signature"), text("{count:,} signatures")),
    "warning": (text("{count:,} warning"), text("{count:,} warnings")),
}
"""What is counted, in both forms."""


def count(number: int, noun: str) -> Text:
    """A number with its noun, in the plural where it is due."""
    one, many = NOUNS[noun]
    return counted(number, one, many)


def escaped(content: object) -> str:
    """A text that may come from outside, without anything that moves a terminal's cursor or hides text."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in str(content))


def shell_word(path: object) -> str:
    """A path as it stands in a command that people copy."""
    return shlex.quote(escaped(path))


def with_placeholders(text: str) -> str:
    """A text whose braces nobody fills in, as people write such things.

    >>> with_placeholders("docker login {host}")
    'docker login HOST'
    """
    return re.sub(r"\{([a-z]+)\}", lambda match: match[1].upper(), text)


def fact(label: str, value: str, *, width: int = 11) -> str:
    """A line of a report: a label, and what it is about in the next column."""
    return f"{padded(label, width - 1)} {value}".rstrip()


def fact_below(value: str) -> str:
    """What belongs to the label above."""
    return fact("", value)


SHOWN = 20
"""Lines of a list that are shown unless all are asked for."""


def limited(lines: Sequence[str], *, is_verbose: bool, most: int = SHOWN) -> list[str]:
    """The first lines of a list, and how many more there are."""
    if is_verbose or len(lines) <= most + 1:
        return list(lines)
    return [*lines[:most], f"  {said('and {count:,} more (--verbose lists all)', count=len(lines) - most)}"]


def columns(text: str) -> int:
    """How many columns of a terminal a text takes; what may be wide in East Asia is counted so."""
    if text.isascii():
        return len(text)
    return sum(2 if unicodedata.east_asian_width(character) in "WFA" else 1 for character in text)


def padded(text: str, width: int, *, is_right: bool = False) -> str:
    """A text with blanks behind it, or before it, up to a number of columns."""
    blanks = " " * (width - columns(text))
    return blanks + text if is_right else text + blanks


def shortened(text: str, width: int) -> str:
    """The end of a text that is too wide: of an image's name, the end says more.

    >>> shortened("registry.example.com/team/app:1.4", 14)
    '…/team/app:1.4'
    """
    if columns(text) <= width:
        return text
    while text and columns(text) > width - 1:
        text = text[1:]
    return f"…{text}" if width > 0 else ""


def cut(text: str, width: int) -> str:
    """The beginning of a text that is too wide."""
    if columns(text) <= width:
        return text
    while text and columns(text) > width - 1:
        text = text[:-1]
    return f"{text}…"


def wrapped(text: str, width: int, indent: str = "") -> list[str]:
    """Lines of at most so many columns. Chinese has no blanks: there a line may end after any character but some."""
    lines = [""]
    for blank, word in _words(text):
        if lines[-1] and columns(indent + lines[-1] + blank + word) > width:
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
    return columns(before + after) > 2 and before not in _NOT_LAST and after not in _NOT_FIRST


def table(rows: Sequence[Sequence[str]], *, indent: str = "  ", right: Iterable[int] = ()) -> list[str]:
    """Rows as lines with aligned columns; the last column is not padded.

    Args:
        rows: All of one length.
        indent: Before each line.
        right: Numbers of the columns that are aligned to the right.
    """
    if not rows:
        return []
    widths = [max(columns(row[column]) for row in rows) for column in range(len(rows[0]))]
    right = frozenset(right)
    lines = []
    for row in rows:
        cells = [
            padded(cell, width, is_right=column in right)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append((indent + "  ".join(cells)).rstrip())
    return lines
