"""A squarified treemap: rectangles whose areas are the sizes of things, as near to squares as can be.

The method is that of Bruls, Huizing and van Wijk, "Squarified Treemaps" (2000): rows are laid along the shorter side of
what is left, and a row ends when one more rectangle would make the worst of it longer.
"""

from __future__ import annotations

from collections.abc import Sequence

from bundler.core.frozen import frozen

_LEAST = 1e-9
"""The least side of what is left: rounding must not make it zero or less."""


@frozen
class Rectangle:
    """A rectangle."""

    x: float
    y: float
    width: float
    height: float


def squarified(sizes: Sequence[float], within: Rectangle) -> tuple[Rectangle, ...]:
    """Divides a rectangle among sizes, one rectangle for each, in their order.

    Args:
        sizes: The sizes, all above zero, the largest first.
        within: The rectangle to divide.
    """
    if not sizes:
        return ()
    scale = within.width * within.height / sum(sizes)
    areas = [each * scale for each in sizes]
    made: list[Rectangle] = []
    begin = 0
    while begin < len(areas):
        side = min(within.width, within.height)
        end = begin + 1
        while end < len(areas) and _worst(areas[begin : end + 1], side) <= _worst(areas[begin:end], side):
            end += 1
        row, within = _laid(areas[begin:end], within)
        made += row
        begin = end
    return tuple(made)


def _worst(row: Sequence[float], side: float) -> float:
    """The length of the longest rectangle of a row, in widths. The first is the largest, the last the least."""
    total = sum(row)
    return max(side * side * row[0] / (total * total), total * total / (side * side * row[-1]))


def _laid(row: Sequence[float], within: Rectangle) -> tuple[list[Rectangle], Rectangle]:
    """The rectangles of a row along the shorter side, and what is left."""
    total, made = sum(row), []
    if within.width >= within.height:
        depth, at = total / within.height, within.y
        for area in row:
            made.append(Rectangle(within.x, at, depth, area / depth))
            at += area / depth
        return made, Rectangle(within.x + depth, within.y, max(_LEAST, within.width - depth), within.height)
    depth, at = total / within.width, within.x
    for area in row:
        made.append(Rectangle(at, within.y, area / depth, depth))
        at += area / depth
    return made, Rectangle(within.x, within.y + depth, within.width, max(_LEAST, within.height - depth))
