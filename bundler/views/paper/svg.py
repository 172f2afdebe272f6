"""Writes pages as SVG, and as HTML with one SVG a page. A browser brings the faces, those of Chinese too."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from string import Template
from xml.etree.ElementTree import Element, SubElement, tostring

from bundler.views.paper.drawing import MARK, Box, Code, Font, Item, Page, Rule, Words

_SANS = "Helvetica, Arial, sans-serif"
_FACES = {
    Font.SANS: {"font-family": _SANS},
    Font.BOLD: {"font-family": _SANS, "font-weight": "bold"},
    Font.MONO: {"font-family": "Courier, 'Courier New', monospace"},
}
_GREY = "#e6e6e6"
_FILE = Template("""\
<?xml version="1.0" encoding="UTF-8"?>
<!-- $mark -->
$page
""")
_FRAME = Template("""\
<!doctype html>
<html lang="$language">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="generator" content="$mark">
<title>$title</title>
<style>@page { size: ${width}mm ${height}mm; margin: 0 } body { margin: 0 } svg { display: block; break-after: page }\
</style>
</head>
<body>
$pages
</body>
</html>
""")


def svg_of(page: Page) -> bytes:
    """A page as a file of its own."""
    return _FILE.substitute(mark=MARK, page=_svg(page)).encode()


def html_of(pages: Sequence[Page], title: str, language: str) -> bytes:
    """All pages in one file that a browser prints in their size. It loads nothing, and runs nothing.

    Args:
        pages: The pages, all of one size.
        title: The title of the document.
        language: The code of its language.
    """
    return _FRAME.substitute(
        language=language,
        mark=MARK,
        title=html.escape(title),
        width=_number(pages[0].width),
        height=_number(pages[0].height),
        pages="\n".join(map(_svg, pages)),
    ).encode()


def _svg(page: Page) -> str:
    size = [page.width, page.height]
    width, height = map(_number, size)
    root = Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "width": f"{width}mm", "height": f"{height}mm"})
    root.set("viewBox", " ".join(map(_number, [0, 0, *size])))
    for item in page.items:
        _draw(root, item)
    for element in root:
        element.tail = "\n"
    return tostring(root, encoding="unicode")


def _draw(root: Element, item: Item) -> None:
    if isinstance(item, Words):
        place = {"x": _number(item.x), "y": _number(item.y), "font-size": _number(item.size)}
        SubElement(root, "text", {**place, **_FACES[item.font], "xml:space": "preserve"}).text = item.content
    elif isinstance(item, Rule):
        _line(root, "".join(("M", _pair(item.x, item.y), "h", _number(item.length))), item.line)
    elif isinstance(item, Box):
        area = "".join(_area(item.x, item.y, item.width, item.height))
        if item.line:
            _line(root, area, item.line)
        else:
            SubElement(root, "path", {"d": area, "fill": _GREY})
    else:
        SubElement(root, "path", {"d": _runs(item), "shape-rendering": "crispEdges"})


def _line(root: Element, drawn: str, width: float) -> None:
    SubElement(root, "path", {"d": drawn, "fill": "none", "stroke": "#000", "stroke-width": _number(width)})


def _runs(code: Code) -> str:
    return "".join(part for run in code.runs for part in _area(*run))


def _area(x: float, y: float, width: float, height: float) -> Iterator[str]:
    yield from ("M", _pair(x, y), "h", _number(width), "v", _number(height), "h-", _number(width), "z")


def _pair(x: float, y: float) -> str:
    return f"{_number(x)} {_number(y)}"


def _number(millimetres: float) -> str:
    return f"{millimetres:.4f}".rstrip("0").rstrip(".")
