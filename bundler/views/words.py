"""Numbers and texts as people read them, aligned in columns. A Chinese character takes two columns."""

from __future__ import annotations

import re
import shlex
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from bundler.texts import Text, counted, text
from bundler.views.languages import said

_NOT_FIRST = frozenset("，。、；：？！）》」』”’,.;:?!)")
"""The characters that no line begins with (W3C clreq, section 3.1.3)."""
_NOT_LAST = frozenset("（《「『“‘(")
"""The characters that no line ends with."""


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


STATEMENTS = {"bundle": text("bundle"), "receipt": text("receipt"), "inventory": text("inventory")}
"""The kinds of statements about a receiver, which are also the kinds of bases."""
UNVERIFIED = text("UNVERIFIED: no trusted key has signed this content")
NOUNS = {
    "blob": (text("{count:,} blob"), text("{count:,} blobs")),
    "bundle": (text("{count:,} bundle"), text("{count:,} bundles")),
    "check": (text("{count:,} check"), text("{count:,} checks")),
    "chunk": (text("{count:,} chunk"), text("{count:,} chunks")),
    "file": (text("{count:,} file"), text("{count:,} files")),
    "folder": (text("{count:,} folder"), text("{count:,} folders")),
    "finding": (text("{count:,} finding"), text("{count:,} findings")),
    "group": (text("{count:,} group"), text("{count:,} groups")),
    "image": (text("{count:,} image"), text("{count:,} images")),
    "attestation": (text("{count:,} attestation"), text("{count:,} attestations")),
    "medium": (text("{count:,} medium"), text("{count:,} media")),
    "other attachment": (text("{count:,} other attachment"), text("{count:,} other attachments")),
    "SBOM": (text("{count:,} SBOM"), text("{count:,} SBOMs")),
    "key": (text("{count:,} key"), text("{count:,} keys")),
    "label": (text("{count:,} label"), text("{count:,} labels")),
    "layer": (text("{count:,} layer"), text("{count:,} layers")),
    "manifest": (text("{count:,} manifest"), text("{count:,} manifests")),
    "repository": (text("{count:,} repository"), text("{count:,} repositories")),
    "package": (text("{count:,} package"), text("{count:,} packages")),
    "receipt": (text("{count:,} receipt"), text("{count:,} receipts")),
    "retry": (text("{count:,} retry"), text("{count:,} retries")),
    "tag": (text("{count:,} tag"), text("{count:,} tags")),
    "signature": (text("{count:,} signature"), text("{count:,} signatures")),
    "warning": (text("{count:,} warning"), text("{count:,} warnings")),
}
"""The things that are counted, in singular and plural."""


def count(number: int, noun: str) -> Text:
    """A number with its noun in singular or plural."""
    one, many = NOUNS[noun]
    return counted(number, one, many)


def escaped(content: object) -> str:
    """A text from outside, with all characters escaped that move a terminal's cursor or hide text."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in str(content))


def shell_word(path: object) -> str:
    """A path, quoted for a command that people copy."""
    return shlex.quote(escaped(path))


def with_placeholders(text: str) -> str:
    """A template with its braces written as people write placeholders.

    >>> with_placeholders("docker login {host}")
    'docker login HOST'
    """
    return re.sub(r"\{([a-z]+)\}", lambda match: match[1].upper(), text)


def fact(label: str, value: str, *, width: int = 11) -> str:
    """A line of a report: a label, and its value in the next column."""
    return f"{padded(label, width - 1)} {value}".rstrip()


def fact_below(value: str) -> str:
    """A line with a further value of the label above."""
    return fact("", value)


SHOWN = 20
"""The number of lines of a list that are shown without --verbose."""


def more_lines(number: int, *, indent: str = "", flag: str = "") -> list[str]:
    """A line with the number of items that a list does not show; empty if it shows all.

    Args:
        number: The number of these items; zero or less if there are none.
        indent: The text before the line.
        flag: The flag that shows them, if there is one.
    """
    if number <= 0:
        return []
    if flag:
        return [indent + said("and {count:,} more ({flag} lists all)", count=number, flag=flag)]
    return [indent + said("and {count:,} more", count=number)]


def limited(lines: Sequence[str], *, is_verbose: bool, most: int = SHOWN) -> list[str]:
    """The first lines of a list and the number of the others; all lines with --verbose."""
    if is_verbose or len(lines) <= most + 1:
        return list(lines)
    return [*lines[:most], *more_lines(len(lines) - most, indent="  ", flag="--verbose")]


def columns(text: str) -> int:
    """The columns of a terminal that a text takes. Characters of ambiguous width count as two, as in East Asia."""
    if text.isascii():
        return len(text)
    return sum(2 if unicodedata.east_asian_width(character) in "WFA" else 1 for character in text)


def padded(text: str, width: int, *, is_right: bool = False) -> str:
    """A text with blanks after it, or before it, up to a number of columns."""
    blanks = " " * (width - columns(text))
    return blanks + text if is_right else text + blanks


def shortened(text: str, width: int) -> str:
    """A text cut at its beginning if it is too wide: the end of an image's name says more.

    >>> shortened("registry.example.com/team/app:1.4", 14)
    '…/team/app:1.4'
    """
    if columns(text) <= width:
        return text
    while text and columns(text) > width - 1:
        text = text[1:]
    return f"…{text}" if width > 0 else ""


def cut(text: str, width: int) -> str:
    """A text cut at its end if it is too wide."""
    if columns(text) <= width:
        return text
    while text and columns(text) > width - 1:
        text = text[:-1]
    return f"{text}…"


def wrapped(text: str, width: int, indent: str = "") -> list[str]:
    """Lines of at most so many columns. Chinese has no blanks: a line may end after nearly every character."""
    lines = [""]
    for blank, word in _words(text):
        if lines[-1] and columns(indent + lines[-1] + blank + word) > width:
            lines.append(word)
        else:
            lines[-1] += (blank if lines[-1] else "") + word
    return [indent + line for line in lines]


def _words(text: str) -> Iterator[tuple[str, str]]:
    """The parts of a text that are never divided, each with the blank before it."""
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
    """Lines with aligned columns, one for each row; the last column is not padded.

    Args:
        rows: The cells; all rows have the same length.
        indent: The text before each line.
        right: The numbers of the columns that are aligned to the right.
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
