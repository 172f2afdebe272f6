"""Writes pages as PDF 1.4 (ISO 32000-1): plain text that can be read with ``less``, and the faces of every reader.

It has what labels and slips need: words in three faces of the standard 14, lines, and filled rectangles. There is no
compression, no font, no image, no link, no script and no form, so a reader of the file sees all that is in it. The same
pages give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bundler.errors import Misuse
from bundler.views.paper.drawing import MARK, MM_PER_POINT, Box, Font, Item, Page, Rule, Words

_ENCODING = "cp1252"
"""WinAnsiEncoding, the characters of Western Europe. The standard faces have no others."""
_NAMES = {font: b"/F%d" % number for number, font in enumerate(Font, start=1)}
_FIRST_PAGE = 4 + len(Font)


def pdf_of(pages: Sequence[Page], title: str) -> bytes:
    """The bytes of a PDF.

    Args:
        pages: The pages.
        title: The title of the document.

    Raises:
        Misuse: Some words have characters that the standard faces lack, as Chinese ones.
    """
    objects = list(_objects(pages, title))
    content = bytearray(b"%PDF-1.4\n")
    offsets = []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(content))
        content += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(content)
    content += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    content += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    content += b"trailer\n<< /Size %d /Root 1 0 R /Info 3 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    return bytes(content)


def _objects(pages: Sequence[Page], title: str) -> Iterator[bytes]:
    """The bodies of all objects: catalog, page tree, title, faces, then each page and its content."""
    yield b"<< /Type /Catalog /Pages 2 0 R /ViewerPreferences << /PrintScaling /None >> >>"
    kids = b" ".join(b"%d 0 R" % (_FIRST_PAGE + 2 * number) for number in range(len(pages)))
    yield b"<< /Type /Pages /Count %d /Kids [%s] >>" % (len(pages), kids)
    yield b"<< /Title %s /Producer %s >>" % (_string(title), _string(MARK))
    for font in Font:
        yield b"<< /Type /Font /Subtype /Type1 /BaseFont /%s /Encoding /WinAnsiEncoding >>" % font.value.encode("ascii")
    faces = b" ".join(b"%s %d 0 R" % (name, 4 + number) for number, name in enumerate(_NAMES.values()))
    for number, page in enumerate(pages):
        drawn = b"\n".join(line for item in page.items for line in _drawn(item, page.height))
        size, content = (_points(page.width), _points(page.height)), _FIRST_PAGE + 2 * number + 1
        about = b"/MediaBox [0 0 %s %s] /Resources << /Font << %s >> >> /Contents %d 0 R" % (*size, faces, content)
        yield b"<< /Type /Page /Parent 2 0 R %s >>" % about
        yield b"<< /Length %d >>\nstream\n%s\nendstream" % (len(drawn), drawn)


def _drawn(item: Item, height: float) -> Iterator[bytes]:
    """The operators for one item. PDF counts points from the bottom of the page."""
    if isinstance(item, Words):
        place = (_points(item.x), _points(height - item.y))
        face = (_NAMES[item.font], _points(item.size))
        yield b"BT %s %s Tf %s %s Td %s Tj ET" % (*face, *place, _string(item.content))
    elif isinstance(item, Rule):
        y = _points(height - item.y)
        yield b"%s w %s %s m %s %s l S" % (_points(item.line), _points(item.x), y, _points(item.x + item.length), y)
    elif isinstance(item, Box):
        area = _area(item.x, item.y, item.width, item.height, height)
        yield b"%s w %s S" % (_points(item.line), area) if item.line else b"0.9 g %s f 0 g" % area
    else:
        yield from (_area(*run, height) for run in item.runs)
        yield b"f"


def _area(x: float, y: float, width: float, height: float, page_height: float) -> bytes:
    corner = (x, page_height - y - height)
    return b" ".join([*map(_points, (*corner, width, height)), b"re"])


def _points(millimetres: float) -> bytes:
    """A length in points, with a thousandth of a point."""
    return f"{millimetres / MM_PER_POINT:.3f}".rstrip("0").rstrip(".").encode("ascii")


def _string(content: str) -> bytes:
    """A text as PDF writes it: printable ASCII as it is, other bytes as octal numbers.

    Raises:
        Misuse: The standard faces lack a character.
    """
    try:
        encoded = content.encode(_ENCODING)
    except UnicodeEncodeError as error:
        raise Misuse(
            "the fonts of a PDF reader lack this character",
            subject=content[error.start : error.end],
            hint="write an .html or .svg file, and print it with a browser",
            code="no-face",
        ) from error
    return b"(%s)" % b"".join(_byte(byte) for byte in encoded)


def _byte(byte: int) -> bytes:
    if byte in b"()\\":
        return b"\\%c" % byte
    return b"%c" % byte if 32 <= byte < 127 else b"\\%03o" % byte
