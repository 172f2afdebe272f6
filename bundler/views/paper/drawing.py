"""The items of a page: words, lines and QR codes, in millimetres from its top left corner."""

from __future__ import annotations

import unicodedata
from enum import Enum

from bundler.core.frozen import frozen

MM_PER_POINT = 25.4 / 72
ELLIPSIS = "…"
MARK = "bundler, labels and slips"
"""The program that the files name as their maker."""


class Font(Enum):
    """The faces that are used. Each PDF reader has them, so that none is in the file."""

    SANS = "Helvetica"
    BOLD = "Helvetica-Bold"
    MONO = "Courier"


@frozen
class Words:
    """Words on one line.

    Attributes:
        x: Their left end.
        y: Their base line.
        size: The size of the face.
        content: The words.
        font: Their face.
    """

    x: float
    y: float
    size: float
    content: str
    font: Font = Font.SANS


@frozen
class Box:
    """A rectangle. Its line is drawn inside and outside of its edges in equal parts.

    Attributes:
        x: Its left side.
        y: Its top.
        width: Its width.
        height: Its height.
        line: The width of its line; 0 for one that is filled with grey.
    """

    x: float
    y: float
    width: float
    height: float
    line: float = 0.2


@frozen
class Rule:
    """A line from left to right.

    Attributes:
        x: Its left end.
        y: Its height on the page.
        length: Its length.
        line: Its width.
    """

    x: float
    y: float
    length: float
    line: float = 0.2


@frozen
class Code:
    """A QR code, with its quiet zone.

    Attributes:
        x: The left side of the quiet zone.
        y: Its top.
        side: The side of the code with its quiet zone.
        rows: Its modules, with those of the quiet zone; true for a dark one.
    """

    x: float
    y: float
    side: float
    rows: tuple[tuple[bool, ...], ...]

    @property
    def runs(self) -> tuple[tuple[float, float, float, float], ...]:
        """Its dark modules as rectangles: left, top, width and height of each run in a row."""
        module = self.side / len(self.rows)
        found = []
        for number, row in enumerate(self.rows):
            start = None
            for column, is_dark in enumerate((*row, False)):
                if is_dark and start is None:
                    start = column
                elif not is_dark and start is not None:
                    left, top = self.x + start * module, self.y + number * module
                    found.append((left, top, (column - start) * module, module))
                    start = None
        return tuple(found)


Item = Words | Box | Rule | Code


@frozen
class Page:
    """A page, with its width and height."""

    width: float
    height: float
    items: tuple[Item, ...]


_HELVETICA = (
    "278 278 355 556 556 889 667 191 333 333 389 584 278 333 278 278 556 556 556 556 556 556 556 556 556 556 278 278 "
    "584 584 584 556 1015 667 667 722 722 667 611 778 722 278 500 667 556 833 722 778 667 778 722 667 611 722 667 944 "
    "667 667 611 278 278 278 469 556 333 556 556 500 556 556 278 556 556 222 222 500 222 833 556 556 556 556 333 500 "
    "278 556 500 722 500 500 500 334 260 334 584"
)
_HELVETICA_BOLD = (
    "278 333 474 556 556 889 722 238 333 333 389 584 278 333 278 278 556 556 556 556 556 556 556 556 556 556 333 333 "
    "584 584 584 611 975 722 722 722 722 667 611 778 722 278 556 722 611 833 722 778 667 778 722 667 611 722 667 944 "
    "667 667 611 333 278 333 584 556 333 556 611 556 611 556 333 611 611 278 278 556 278 889 611 611 611 611 389 556 "
    "333 611 556 778 556 556 500 389 280 389 584"
)
_WIDTHS = {
    Font.SANS: tuple(map(int, _HELVETICA.split())),
    Font.BOLD: tuple(map(int, _HELVETICA_BOLD.split())),
    Font.MONO: (600,) * 95,
}
"""The widths of the characters from blank to tilde in thousandths of the size: Adobe's Core 14 AFM files."""
_WIDEST = 1000


def width_of(content: str, size: float, font: Font) -> float:
    """The width of some words. That of a character which the face lacks is the widest one."""
    widths = _WIDTHS[font]
    total = 0
    for character in unicodedata.normalize("NFD", content):
        number = ord(character) - 32
        if unicodedata.combining(character):
            continue
        total += widths[number] if 0 <= number < len(widths) else _WIDEST
    return total * size / 1000


def fitted(words: Words, width: float, *, smallest: float | None = None) -> Words:
    """Words that are as wide as there is room: smaller, and cut at their end if that is not enough.

    Args:
        words: The words.
        width: The room.
        smallest: The smallest size; None to keep the size.
    """
    size, content = words.size, words.content
    needed = width_of(content, size, words.font)
    if needed > width and smallest is not None:
        size = max(smallest, size * width / needed)
    while content and width_of(content, size, words.font) > width + 1e-6:
        content = f"{content.rstrip(ELLIPSIS)[:-1]}{ELLIPSIS}" if len(content) > 1 else ""
    return Words(words.x, words.y, size, content, words.font)
