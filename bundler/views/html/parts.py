"""The parts that pages are made of: notes, facts, figures, tables, sections."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bundler.core.frozen import frozen
from bundler.texts import text
from bundler.views.html.elements import Element, Node, element
from bundler.views.words import size

GOOD, WARN, BAD, PLAIN = "good", "warn", "bad", ""
"""The levels of remarks and results, which are also the classes of their elements."""


@frozen
class Note:
    """A remark at the top of a page.

    Attributes:
        level: `BAD`, `WARN`, `GOOD` or `PLAIN`.
        title: The remark.
        more: Further words, if there are any.
    """

    level: str
    title: str
    more: Node = None


@frozen
class Column:
    """A column of a table.

    Attributes:
        title: Its head.
        class_: ``number`` for figures, ``file`` and ``platforms`` for such names, ``whole`` for a cell that takes a
            whole line on a narrow screen; empty for other cells.
    """

    title: Node
    class_: str = ""


@frozen
class Section:
    """A part of a page with a title, to which the contents lead."""

    title: str
    anchor: str
    nodes: tuple[Node, ...]


def section(title: str, anchor: str, *nodes: Node) -> Section:
    """A section."""
    return Section(title, anchor, nodes)


def shown(each: Section) -> Element:
    """A section with its title."""
    return element("section", element("h2", each.title), each.nodes, id=each.anchor)


def contents(sections: Sequence[Section]) -> Element:
    """Links to sections."""
    items = (element("li", element("a", each.title, href=f"#{each.anchor}")) for each in sections)
    return element("nav", element("ol", items), aria_label=text("contents"))


def notes(found: Iterable[Note]) -> Element:
    """Remarks, the worst first."""
    ordered = sorted(found, key=lambda note: (BAD, WARN, PLAIN, GOOD).index(note.level))
    items = (
        element(
            "li", element("strong", each.title), element("span", each.more) if each.more else None, class_=each.level
        )
        for each in ordered
    )
    return element("ul", items, class_="notes")


def facts(rows: Iterable[tuple[str, Node]]) -> Element:
    """Labels with their values; those without a value are left out."""
    found = ((element("dt", label), element("dd", value)) for label, value in rows if value)
    return element("dl", found, class_="facts")


def figures(rows: Iterable[tuple[str, str]]) -> Element:
    """A few numbers that matter most."""
    found = (element("div", element("dt", label), element("dd", value)) for label, value in rows if value)
    return element("dl", found, class_="figures")


def table(columns: Sequence[Column], rows: Iterable[Element], *, caption: Node = None) -> Element:
    """A table. `row` makes its rows; an iterator of many is consumed as the page is written."""
    head = (element("th", each.title, class_=each.class_ or None, scope="col") for each in columns)
    return element(
        "table",
        element("caption", caption) if caption else None,
        element("thead", element("tr", head)),
        element("tbody", rows),
        class_="rows",
    )


def row(columns: Sequence[Column], cells: Iterable[Node], *, anchor: str | None = None) -> Element:
    """A row of a table with these columns."""
    made = (element("td", cell, class_=each.class_ or None) for each, cell in zip(columns, cells, strict=True))
    return element("tr", made, id=anchor)


def code(content: object) -> Element:
    """A digest, path or command."""
    return element("code", str(content))


def mark(words: str, level: str) -> Element:
    """A short result in a box."""
    return element("span", words, class_=f"mark {level}".strip())


def lines(nodes: Iterable[Node]) -> Iterable[Node]:
    """Each of some nodes on a line of its own."""
    return (element("div", node) for node in nodes)


def both_sizes(size_bytes: int) -> str:
    """A size for people, and in bytes for comparison."""
    return text("{size} ({bytes:,} bytes)", size=size(size_bytes), bytes=size_bytes)
