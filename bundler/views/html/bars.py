"""Bars of SVG: the bytes of an image, the fill of a medium. Widths are percentages, so they fit every screen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bundler.core.shares import ImageShare
from bundler.texts import Text, joined, text
from bundler.views.html.elements import Element, Node, element
from bundler.views.words import size

OWN, SHARED, LEFT, FREE = "own", "shared", "left", "free"
"""The classes of parts of a bar, and of cells of a map; `style.css` has their colours."""


def share_words(share: ImageShare) -> Text:
    """The bytes of an image in words."""
    parts: list[str] = [text("{size} only here", size=size(share.own_bytes))] if share.own_bytes else []
    parts += [text("{size} shared with other images", size=size(share.shared_bytes))] if share.shared_bytes else []
    parts += [text("{size} not carried", size=size(share.left_out_bytes))] if share.left_out_bytes else []
    return joined(parts, ", ")


def share_bar(share: ImageShare, largest_bytes: int) -> Element | None:
    """The bytes of an image, in proportion to those of the largest one."""
    if not largest_bytes:
        return None
    parts = ((OWN, share.own_bytes), (SHARED, share.shared_bytes), (LEFT, share.left_out_bytes))
    return bar([(class_, size_bytes / largest_bytes) for class_, size_bytes in parts], share_words(share))


def bar(parts: Sequence[tuple[str, float]], title: Node, *, class_: str = "bar") -> Element:
    """A bar.

    Args:
        parts: The class of each part, and its length; 1 is the whole width.
        title: The bar in words, for people who do not see it.
        class_: The class of the bar.
    """
    return element("svg", element("title", title), _rectangles(parts), class_=class_, role="img")


def _rectangles(parts: Iterable[tuple[str, float]]) -> Iterable[Node]:
    at = 0.0
    for class_, length in parts:
        if length > 0:
            yield (
                element("rect", x=percent(at), width=percent(length), height="100%", class_=class_),
                hatch(percent(at), percent(length)) if class_ == SHARED else None,
            )
        at += length


def hatch(x: str, width: str) -> Element:
    """Lines over what is shared, which paper without colours shows too. `hatch_pattern` must be on the page."""
    return element("rect", x=x, width=width, height="100%", class_="hatched")


def hatch_pattern() -> Element:
    """The lines of `hatch`."""
    lines = element("path", d="M-2 2 L2 -2 M0 8 L8 0 M6 10 L10 6", class_="hatch")
    pattern = element("pattern", lines, id="hatch", width=8, height=8, patternUnits="userSpaceOnUse")
    return element("svg", element("defs", pattern), width=0, height=0, class_="nothing", aria_hidden="true")


def key(items: Iterable[tuple[str, Node]]) -> Element:
    """The meaning of the colours."""
    made = (
        element("li", bar([(class_, 1.0)], None, class_="swatch"), element("span", words)) for class_, words in items
    )
    return element("ul", made, class_="key")


def percent(part: float) -> str:
    """A part of 1 as a percentage, as short as can be: there are many."""
    return f"{100 * part:.2f}".rstrip("0").rstrip(".") + "%"
