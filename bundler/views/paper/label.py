"""Labels of media, on sheets of labels or on plain paper.

A label has the QR code and the number of the medium at the left, and at the right the name of the bundle, the day,
sender and recipient, and the digits of the bundle's id and of the keys that signed it. A small label has the first
digits only, and neither sender nor recipient.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bundler.core.fingerprint import groups_of
from bundler.core.frozen import frozen
from bundler.core.hand_over import HandedMedium, HandOver
from bundler.core.label_sheets import A4, Sheet
from bundler.views.languages import said
from bundler.views.paper.drawing import Box, Code, Font, Item, Page, Words, fitted, width_of
from bundler.views.paper.qr_code import qr_rows
from bundler.views.words import escaped

_SMALLEST = 1.2
"""The smallest size of words in millimetres: 3.4 points."""
_LEADING = 1.2
_GROUPS_IN_LINE = 4


@frozen
class _Line:
    """A line of a label: a title, and what it is about."""

    title: str
    content: str
    font: Font = Font.SANS


def label_pages(hand_over: HandOver, media: Sequence[HandedMedium], sheet: Sheet, *, used: int) -> tuple[Page, ...]:
    """The pages with the labels of some media.

    Args:
        hand_over: The hand-over.
        media: The media to print labels for.
        sheet: The sheet.
        used: The number of labels that the first sheet lacks already.
    """
    pages: list[list[Item]] = []
    for position, medium in enumerate(media, start=used):
        on_page, number = divmod(position, sheet.labels)
        while len(pages) <= on_page:
            pages.append([])
        pages[on_page] += _label(hand_over, medium, sheet, *sheet.place(number))
    return tuple(Page(*A4, tuple(items)) for items in pages if items)


def _label(hand_over: HandOver, medium: HandedMedium, sheet: Sheet, left: float, top: float) -> Iterator[Item]:
    if not sheet.is_cut:
        yield Box(left, top, sheet.width, sheet.height, line=0.1)
    margin = 1.0 if sheet.height < 30 else 2.0
    width, height = sheet.width - 2 * margin, sheet.height - 2 * margin
    is_wide = sheet.height >= 30
    number = said("{number} of {total}", number=medium.number, total=len(hand_over.media))
    side = min(height * (0.8 if is_wide else 1.0), width * 0.46)
    code = Code(left + margin, top + margin, side, qr_rows(hand_over.payload(medium)))
    yield code
    gap = margin / 2
    column = left + margin + side + gap
    room = width - side - gap
    if is_wide:
        yield from _number_below(number, code, height - side)
        yield from _column(hand_over, _lines(hand_over), column, top + margin, room, height)
    else:
        large = fitted(Words(column, 0, height * 0.27, number, Font.BOLD), room, smallest=_SMALLEST)
        yield Words(column, top + margin + large.size * 0.85, large.size, number, Font.BOLD)
        used = large.size * 1.1
        yield from _column(hand_over, _short_lines(hand_over), column, top + margin + used, room, height - used)


def _number_below(number: str, code: Code, room: float) -> Iterator[Words]:
    """The number of the medium, below the middle of its code."""
    words = fitted(Words(code.x, 0, room * 0.8, number, Font.BOLD), code.side * 0.8, smallest=_SMALLEST)
    indent = (code.side - width_of(words.content, words.size, Font.BOLD)) / 2
    yield Words(
        code.x + indent, code.y + code.side + (room + words.size * 0.7) / 2 - 0.5, words.size, words.content, Font.BOLD
    )


def _column(
    hand_over: HandOver, lines: Sequence[_Line], x: float, top: float, width: float, height: float
) -> Iterator[Words]:
    """The name of the bundle, and lines below it in one size, as large as they fit."""
    name = fitted(Words(x, 0, height * 0.13, hand_over.name, Font.BOLD), width, smallest=height * 0.08)
    y = top + name.size * 0.85
    yield Words(x, y, name.size, name.content, Font.BOLD)
    rest = height - name.size * 1.25
    size = min(rest / (len(lines) * _LEADING), 3.4, *(_widest_size(line, lines, width) for line in lines if line.title))
    size = max(size, _SMALLEST)
    y = top + name.size * 1.25
    indent = _title_width(lines, size)
    for line in lines:
        y += size * _LEADING
        yield Words(x, y - size * 0.25, size, line.title)
        words = Words(x + indent, y - size * 0.25, size, line.content, line.font)
        yield fitted(words, width - indent, smallest=max(size * 0.7, _SMALLEST))


def _widest_size(line: _Line, lines: Sequence[_Line], width: float) -> float:
    """The size at which a line of digits is as wide as there is room. Other lines may be cut."""
    if line.font is not Font.MONO:
        return width
    return width / (_title_width(lines, 1.0) + width_of(line.content, 1.0, line.font))


def _title_width(lines: Sequence[_Line], size: float) -> float:
    return max(width_of(f"{line.title}  ", size, Font.SANS) for line in lines)


def _lines(hand_over: HandOver) -> list[_Line]:
    given = [
        (said("Date"), hand_over.date),
        (said("From"), hand_over.sender),
        (said("To"), hand_over.recipient),
    ]
    lines = [_Line(title, escaped(content)) for title, content in given if content]
    lines += _digit_lines(said("ID"), hand_over.bundle_id)
    return [*lines, *_key_lines(hand_over)]


def _key_lines(hand_over: HandOver) -> list[_Line]:
    if not hand_over.fingerprints:
        return [_Line(said("Key"), said("not checked") if hand_over.is_signed else said("NOT SIGNED"))]
    lines = _digit_lines(said("Key"), hand_over.fingerprints[0])
    more = len(hand_over.fingerprints) - 1
    return [*lines, _Line("", said("and {count:,} more", count=more))] if more else lines


def _short_lines(hand_over: HandOver) -> list[_Line]:
    """The lines of a small label: the first digits of id and key."""
    key = _key_lines(hand_over)[:1]
    return [_Line(said("Date"), hand_over.date), *_digit_lines(said("ID"), hand_over.bundle_id)[:1], *key]


def _digit_lines(title: str, digits: str) -> list[_Line]:
    groups = groups_of(digits)
    parts = [groups[start : start + _GROUPS_IN_LINE] for start in range(0, len(groups), _GROUPS_IN_LINE)]
    return [_Line("" if number else title, " ".join(part), Font.MONO) for number, part in enumerate(parts)]
