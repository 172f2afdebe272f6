"""A need-list on paper: its short form as a QR code and as text, for sites that only paper leaves."""

from __future__ import annotations

from collections.abc import Iterator

from bundler.core.fingerprint import grouped
from bundler.core.label_sheets import A4
from bundler.core.need_line import Wanted
from bundler.texts import Text, joined
from bundler.views.languages import said, translated
from bundler.views.paper.drawing import Code, Font, Item, Page, Words, fitted, width_of
from bundler.views.paper.qr_code import qr_lines, qr_rows
from bundler.views.words import count

_LEFT, _TOP, _WIDTH = 20.0, 24.0, 170.0
_TEXT, _SMALL = 3.6, 2.6
_MODULE = 0.9
_LARGEST_CODE = 150.0
_SHORT_LINE, _LONG_LINE, _LONG_CHARACTERS = 3.0, 2.0, 900
"""The size of the short form as text, and the number of characters from which it is smaller."""


def need_page(wanted: Wanted, name: str) -> Page:
    """The page.

    Args:
        wanted: The request.
        name: The name of the bundle; empty if it is not known.
    """
    return Page(*A4, tuple(_items(wanted, name)))


def need_text(wanted: Wanted, name: str) -> bytes:
    """The same as plain text."""
    facts = [f"{title}: {content}" for title, content in need_rows(wanted, name)]
    lines = [said("Need-list"), "", *facts, "", wanted.line, "", *qr_lines(qr_rows(wanted.line)), "", _next()]
    return ("\n".join(lines) + "\n").encode()


def need_rows(wanted: Wanted, name: str) -> list[tuple[str, str]]:
    """The facts, each with its title."""
    return [
        *([(said("Bundle"), name)] if name else []),
        (said("ID"), grouped(wanted.bundle_id)),
        (said("Asks for"), translated(asked_words(wanted))),
    ]


def asked_words(wanted: Wanted) -> Text:
    """The number of chunks and blobs that are asked for."""
    chunks = [count(len(wanted.chunks), "chunk")] if wanted.chunks else []
    blobs = [count(len(wanted.blobs), "blob")] if wanted.blobs else []
    return joined([*chunks, *blobs], ", ")


def _items(wanted: Wanted, name: str) -> Iterator[Item]:
    y = _TOP
    yield Words(_LEFT, y, 6.5, said("Need-list"), Font.BOLD)
    y += 11
    for title, content in need_rows(wanted, name):
        yield Words(_LEFT, y, _TEXT, title)
        font = Font.MONO if content == grouped(wanted.bundle_id) else Font.SANS
        yield fitted(Words(_LEFT + 24, y, _TEXT, content, font), _WIDTH - 24, smallest=_SMALL)
        y += _TEXT * 1.5
    rows = qr_rows(wanted.line)
    side = min(_LARGEST_CODE, len(rows) * _MODULE)
    yield Code(_LEFT, y, side, rows)
    y += side + 4
    size = _SHORT_LINE if len(wanted.line) < _LONG_CHARACTERS else _LONG_LINE
    characters = int(_WIDTH / width_of("0", size, Font.MONO))
    for start in range(0, len(wanted.line), characters):
        yield Words(_LEFT, y, size, wanted.line[start : start + characters], Font.MONO)
        y += size * 1.3
    yield Words(_LEFT, A4[1] - 12, _SMALL, _next())


def _next() -> str:
    return said("On the side of the builder: {command}", command="bundler fulfil BUNDLER-NEED:… -o DIR --from BUNDLE")
