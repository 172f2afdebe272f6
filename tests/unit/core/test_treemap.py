"""A treemap divides a rectangle: every size gets its area, and no two rectangles overlap."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from bundler.core.treemap import Rectangle, squarified


def test_the_example_of_the_paper():
    made = squarified([6, 6, 4, 3, 2, 2, 1], Rectangle(0, 0, 6, 4))
    shapes = [tuple(round(side, 2) for side in (each.x, each.y, each.width, each.height)) for each in made]
    assert shapes[:4] == [(0, 0, 3, 2), (0, 2, 3, 2), (3, 0, 1.71, 2.33), (4.71, 0, 1.29, 2.33)]


@given(
    st.lists(st.floats(1, 1e9), min_size=1, max_size=60),
    st.floats(0.01, 1000),
    st.floats(0.01, 1000),
)
def test_areas_are_the_sizes_and_fill_the_whole(sizes, width, height):
    sizes = sorted(sizes, reverse=True)
    made = squarified(sizes, Rectangle(1, 2, width, height))
    assert len(made) == len(sizes)
    whole = width * height
    for size, each in zip(sizes, made, strict=True):
        assert each.width * each.height == pytest.approx(whole * size / sum(sizes), rel=1e-3, abs=whole * 1e-6)
        assert 1 - 1e-3 * width <= each.x <= each.x + each.width <= 1 + width * (1 + 1e-3)
        assert 2 - 1e-3 * height <= each.y <= each.y + each.height <= 2 + height * (1 + 1e-3)
    for number, one in enumerate(made):
        for other in made[number + 1 :]:
            across = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
            down = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
            assert across <= 1e-3 * width or down <= 1e-3 * height


def test_nothing_has_no_rectangle():
    assert squarified([], Rectangle(0, 0, 1, 1)) == ()
