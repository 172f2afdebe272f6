"""The slip: the sheet that goes along with media, and that each who hands them on signs.

It lists what BSI IT-Grundschutz S 2.45 asks of a data media slip: sender, recipient, kind and number of the media,
their serial numbers, date and latest arrival, the note on virus scans, and how to read them; nothing of the content.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from typing import TypeAlias

from bundler.core.fingerprint import grouped
from bundler.core.hand_over import HandedMedium, HandOver
from bundler.core.label_sheets import A4
from bundler.views.languages import said, translated
from bundler.views.paper.drawing import Box, Code, Font, Item, Page, Rule, Words, fitted
from bundler.views.paper.qr_code import qr_rows
from bundler.views.words import count, escaped, size

_LEFT, _RIGHT, _TOP = 20.0, 190.0, 20.0
_WIDTH = _RIGHT - _LEFT
_TEXT, _SMALL = 3.6, 2.8
_ROW = 7.0
_TITLES = 46.0
_CODE = 34.0
_ROWS_FIRST, _ROWS_MORE = 10, 30
_KEYS_SHOWN = 3
_MEDIA_COLUMNS = (0.0, 18.0, 76.0, 94.0, 114.0)
_SIGNATURE_COLUMNS = (0.0, 40.0, 88.0, 122.0)

Drawn: TypeAlias = Generator[Item, None, float]
"""The items of a part of the page. It returns the height on the page where the next part begins."""


def slip_pages(hand_over: HandOver) -> tuple[Page, ...]:
    """The pages of the slip. Many media continue on further pages."""
    rows = _ROWS_FIRST - 2 * max(0, min(len(hand_over.fingerprints), _KEYS_SHOWN + 1) - 1)
    first, rest = hand_over.media[:rows], hand_over.media[rows:]
    parts = [first, *(rest[start : start + _ROWS_MORE] for start in range(0, len(rest), _ROWS_MORE))]
    pages = []
    for number, media in enumerate(parts, start=1):
        body = _first_page(hand_over, media) if number == 1 else _further_page(hand_over, media)
        pages.append(Page(*A4, (*body, *_foot(number, len(parts)))))
    return tuple(pages)


def fact_rows(hand_over: HandOver) -> list[tuple[str, str]]:
    """The facts about a hand-over, each with its title."""
    keys = [grouped(fingerprint) for fingerprint in hand_over.fingerprints[:_KEYS_SHOWN]]
    more = len(hand_over.fingerprints) - len(keys)
    signed = "\n".join([*keys, *([said("and {count:,} more", count=more)] if more else [])])
    files = sum(medium.files for medium in hand_over.media)
    total = sum(medium.size_bytes for medium in hand_over.media)
    media, chunks = count(len(hand_over.media), "medium"), sum(medium.chunks for medium in hand_over.media)
    amounts = said("{media}, {files}", media=media, files=count(files, "file"))
    chunk_words = said(
        "{chunks}, {size} ({bytes:,} bytes)", chunks=count(chunks, "chunk"), size=size(total), bytes=total
    )
    unsigned = said("not checked") if hand_over.is_signed else said("NOT SIGNED")
    read = said("files on any file system; sha256sum and openssl check them, README.txt says how")
    locked = said("encrypted 7z archives; the passphrase goes another way")
    return [
        (said("Bundle"), hand_over.name),
        (said("Made"), escaped(hand_over.created)),
        (said("SHA-256 of SHA256SUMS"), grouped(hand_over.bundle_id)),
        (said("Signed by key"), signed or unsigned),
        (said("Amount"), amounts),
        (said("Chunks"), chunk_words),
        (said("To be read as"), locked if hand_over.is_encrypted else read),
        (said("Date"), hand_over.date),
        (said("Sender"), escaped(hand_over.sender)),
        (said("Recipient"), escaped(hand_over.recipient)),
        (said("Latest arrival"), ""),
    ]


def checks() -> list[str]:
    """The checks to tick."""
    return [
        said("SHA-256 of SHA256SUMS compared with the label and this slip"),
        said("signature checked with a key that came another way"),
        said("all files compared with SHA256SUMS: bundler verify, or sha256sum -c"),
        said("virus scan: program, version of its database, result"),
    ]


def _first_page(hand_over: HandOver, media: Sequence[HandedMedium]) -> Iterator[Item]:
    y = _TOP
    yield Words(_LEFT, y + 4, 6.5, said("Hand-over of data media"), Font.BOLD)
    yield Code(_RIGHT - _CODE, y - 4, _CODE, qr_rows(hand_over.payload(None)))
    y += 14
    for title, content in fact_rows(hand_over):
        yield Words(_LEFT, y, _TEXT, title)
        lines = [line for part in content.split("\n") for line in _halves(part)] or [""]
        for line in lines:
            room = _RIGHT - _LEFT - _TITLES - (_CODE if y < _TOP - 4 + _CODE else 0)
            font = Font.MONO if _is_digits(line) else Font.SANS
            yield fitted(Words(_LEFT + _TITLES, y, _TEXT, line, font), room, smallest=_SMALL)
            y += _TEXT * 1.45
        if not content:
            yield Rule(_LEFT + _TITLES, y - _TEXT * 1.25, 70)
    y += 2
    y = yield from _media_table(media, y)
    y = yield from _check_list(y + 9)
    yield from _signatures(y + 9)


def _further_page(hand_over: HandOver, media: Sequence[HandedMedium]) -> Iterator[Item]:
    yield Words(_LEFT, _TOP + 2, _TEXT, said("Hand-over of data media"), Font.BOLD)
    yield Words(_LEFT + 60, _TOP + 2, _TEXT, hand_over.name)
    yield Words(_LEFT, _TOP + 8, _SMALL, grouped(hand_over.bundle_id), Font.MONO)
    yield from _media_table(media, _TOP + 14)


def _halves(content: str) -> list[str]:
    """Sixteen groups of digits as two lines."""
    if not _is_digits(content):
        return [content]
    middle = len(content) // 2
    return [content[:middle], content[middle + 1 :]]


def _is_digits(content: str) -> bool:
    return len(content) > 32 and not content.strip("0123456789abcdef ")


def _media_table(media: Sequence[HandedMedium], y: float) -> Drawn:
    titles = (said("Medium"), said("Kind, serial number"), said("Files"), said("Chunks"), said("Size of the chunks"))
    y = yield from _row(y, titles, _MEDIA_COLUMNS, is_title=True)
    for medium in media:
        sizes = said("{size} ({bytes:,} bytes)", size=size(medium.size_bytes), bytes=medium.size_bytes)
        cells = (str(medium.number), "", f"{medium.files:,}", f"{medium.chunks:,}", sizes)
        y = yield from _row(y, cells, _MEDIA_COLUMNS)
    return y


def _row(y: float, cells: Sequence[str], columns: Sequence[float], *, is_title: bool = False) -> Drawn:
    """A row of a table, with a line below it; returns the top of the next row."""
    height = _ROW * 0.8 if is_title else _ROW
    if is_title:
        yield Box(_LEFT, y, _WIDTH, height, line=0)
    for cell, x, end in zip(cells, columns, (*columns[1:], _WIDTH), strict=True):
        words = Words(_LEFT + x + 1, y + height - 2.2, _SMALL if is_title else _TEXT, cell)
        yield fitted(words, end - x - 2, smallest=2.0)
    yield Rule(_LEFT, y + height, _WIDTH)
    return y + height


def _check_list(y: float) -> Drawn:
    yield Words(_LEFT, y, _TEXT, said("Checks (tick what was done, with date and initials)"), Font.BOLD)
    for check in checks():
        y += _ROW
        yield Box(_LEFT, y - 3.2, 3.6, 3.6)
        yield fitted(Words(_LEFT + 6, y, _TEXT, check), 116, smallest=_SMALL)
        yield Rule(_LEFT + 126, y + 0.6, _WIDTH - 126)
    return y


def _signatures(y: float) -> Iterator[Item]:
    titles = ("", said("Name, organisation"), said("Date, time"), said("Signature"))
    yield Words(_LEFT, y, _TEXT, said("Signatures"), Font.BOLD)
    y += 2.5
    y = yield from _row(y, titles, _SIGNATURE_COLUMNS, is_title=True)
    for role in roles():
        yield Words(_LEFT + 1, y + 8.4, _TEXT, role)
        y += 11
        yield Rule(_LEFT, y, _WIDTH)


def roles() -> list[str]:
    """Those who sign, in their order."""
    return [said("Handed over by"), said("Carried by"), said("Received by")]


def _foot(number: int, total: int) -> Iterator[Item]:
    note = said("This sheet says nothing about the content of the media.")
    yield Words(_LEFT, A4[1] - 12, _SMALL, note)
    page = translated(said("page {number} of {total}", number=number, total=total))
    yield Words(_RIGHT - 24, A4[1] - 12, _SMALL, page)
