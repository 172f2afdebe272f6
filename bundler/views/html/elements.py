"""Elements of HTML and SVG, and the markup that they become. Text gets into a page through here only, and is escaped.

An element is a value. There is no way to give it markup: `markup` escapes each text and each value of an attribute. It
knows the tags and attributes of a page that shows something, and refuses all others: ``script``, ``style``, ``img``,
``on…``, ``src``, links that lead out of the page. So no name, label or reason from outside can
run, load or hide anything in a page.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator
from typing import TypeAlias, Union

from bundler.core.frozen import frozen
from bundler.texts import Text, text
from bundler.views.languages import said, translated
from bundler.views.words import escaped

Node: TypeAlias = Union[str, "Element", Iterable["Node"], None]
"""The content of an element: text, elements, or several of them; an iterator is consumed when the page is written.

A message (`bundler.texts.Text`) is translated when it is written. Any other text is a name, and stays as it is.
"""

TAGS = frozenset({
    "a", "article", "aside", "bdi", "code", "dd", "div", "dl", "dt", "figcaption", "figure", "footer", "h1", "h2",
    "h3", "h4", "header", "li", "main", "nav", "ol", "p", "pre", "section", "small", "span", "strong", "table",
    "caption", "tbody", "td", "th", "thead", "tr", "ul", "svg", "g", "rect", "text", "title", "desc", "defs",
    "pattern", "path", "line",
})  # fmt: skip
"""The tags of pages. None of them loads or runs anything."""
ATTRIBUTES = frozenset({
    "class", "id", "href", "lang", "scope", "colspan", "role", "aria-label", "aria-labelledby", "aria-hidden",
    "x", "y", "x1", "x2", "y1", "y2", "dx", "dy", "width", "height", "rx", "d", "viewBox", "preserveAspectRatio",
    "patternUnits", "patternTransform",
})  # fmt: skip
LONGEST_TEXT = 1000
"""The longest text that a page shows whole. A label may have a megabyte."""
_PIECE_CHARACTERS = 1 << 16
_END = object()


@frozen
class Element:
    """An element with its attributes and content. `element` makes one."""

    tag: str
    attributes: tuple[tuple[str, str], ...]
    children: tuple[Node, ...]


def element(tag: str, *children: Node, **attributes: str | float | None) -> Element:
    """An element.

    >>> "".join(markup(element("p", "a < b", class_="note")))
    '<p class="note">a &lt; b</p>'

    Args:
        tag: One of `TAGS`.
        children: Its content.
        attributes: By their names, with ``_`` for ``-``, and after a name that Python reserves; None for no attribute.

    Raises:
        ValueError: A tag, an attribute or a link is none that pages have. This is a fault of the caller.
    """
    if tag not in TAGS:
        raise ValueError(text("{tag} is no tag of pages", tag=tag))
    given = tuple((_attribute(name), str(value)) for name, value in attributes.items() if value is not None)
    for name, value in given:
        if name not in ATTRIBUTES or (name == "href" and not value.startswith("#")):
            raise ValueError(text("{name}={value} is no attribute of pages", name=name, value=repr(value[:80])))
    return Element(tag, given, children)


def _attribute(name: str) -> str:
    return name.rstrip("_").replace("_", "-")


def markup(*nodes: Node) -> Iterator[str]:
    """The markup of some nodes, in pieces, so that a page of many images is never in memory as a whole."""
    done: list[str] = []
    length = 0
    for piece in _small_pieces(nodes):
        done.append(piece)
        length += len(piece)
        if length >= _PIECE_CHARACTERS:
            yield "".join(done)
            done.clear()
            length = 0
    yield "".join(done)


def _small_pieces(nodes: tuple[Node, ...]) -> Iterator[str]:
    """The same in the smallest pieces. An own stack: elements of elements would be generators of generators."""
    open_: list[tuple[Iterator[Node], str]] = [(iter(nodes), "")]
    while open_:
        children, closing = open_[-1]
        node: object = next(children, _END)
        if node is _END:
            open_.pop()
            yield closing
        elif isinstance(node, str):
            yield visible(translated(node) if isinstance(node, Text) else node)
        elif isinstance(node, Element):
            attributes = "".join(f' {name}="{visible(value)}"' for name, value in node.attributes)
            yield f"<{node.tag}{attributes}>"
            open_.append((iter(node.children), f"</{node.tag}>"))
        elif node is not None:
            assert isinstance(node, Iterable)
            open_.append((iter(node), ""))


def visible(content: str) -> str:
    """A text as markup: escaped, cut if it is very long, and with all characters shown that control or turn writing."""
    if len(content) > LONGEST_TEXT:
        content = said("{begin}… ({count:,} characters)", begin=content[:LONGEST_TEXT], count=len(content))
    return html.escape(content if content.isprintable() else escaped(content))
