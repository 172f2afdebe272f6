"""Characters that people cannot see or cannot distinguish: trims them, and names them in messages."""

from __future__ import annotations

import unicodedata

_LOOKALIKES = {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2010": "-", "\u2011": "-"} | {
    "\u2012": "-", "\u2013": "-", "\u2014": "-", "\u2212": "-", "\u3002": ".", "\u3001": ","
}  # fmt: skip
"""Characters that word processors and Chinese input methods write instead of ASCII. NFKC maps the others."""


def trimmed(text: str) -> str:
    """A text without spaces and invisible characters at its ends. Text copied from web pages and editors has them."""
    begin, end = 0, len(text)
    while begin < end and _is_blank(text[begin]):
        begin += 1
    while begin < end and _is_blank(text[end - 1]):
        end -= 1
    return text[begin:end]


def named(character: str) -> str:
    """A character as a message names it: ``U+200B ZERO WIDTH SPACE``."""
    return f"U+{ord(character):04X} {unicodedata.name(character, '')}".rstrip()


def plain(character: str) -> str | None:
    """The visible ASCII character that this one looks like; None if there is none."""
    found = _LOOKALIKES.get(character) or unicodedata.normalize("NFKC", character)
    return found if len(found) == 1 and found.isascii() and found.isprintable() and found != " " else None


def _is_blank(character: str) -> bool:
    return character.isspace() or unicodedata.category(character) == "Cf"
