"""The order of media finishes images as soon as any order can, and asks for no medium in vain."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import permutations

import pytest
from hypothesis import given, strategies as st

from bundler.core.media_order import next_medium
from tests.property.strategies import law

pytestmark = pytest.mark.no_cover

Holds = Mapping[int, Sequence[int]]
Lacking = list[frozenset[int]]


@st.composite
def cases(draw: st.DrawFn, media: int) -> tuple[Holds, Lacking]:
    """Up to this many media with three chunks each, and images that lack some chunks."""
    count = draw(st.integers(1, media))
    holds = {number: range(3 * number, 3 * number + 3) for number in range(1, count + 1)}
    chunks = st.sampled_from([chunk for held in holds.values() for chunk in held])
    return holds, draw(st.lists(st.frozensets(chunks, max_size=6), max_size=12))


def followed(holds: Holds, lacking: Lacking) -> list[int]:
    """The order in which media are asked for, one after the other."""
    order: list[int] = []
    while (number := next_medium(holds, lacking)) is not None:
        order.append(number)
        lacking = [chunks - set(holds[number]) for chunks in lacking]
    return order


def times(order: Iterable[int], holds: Holds, lacking: Lacking) -> int:
    """The sum of the times at which images are finished, in media."""
    seen: set[int] = set()
    total, left = 0, [chunks for chunks in lacking if chunks]
    for number in order:
        total += len(left)
        seen.update(holds[number])
        left = [chunks for chunks in left if not chunks <= seen]
    assert not left, "all images are finished"
    return total


@law
@given(case=cases(media=4))
def test_no_other_order_finishes_images_sooner(case: tuple[Holds, Lacking]) -> None:
    holds, lacking = case
    order = followed(holds, lacking)
    needed = {number for number, held in holds.items() if any(chunks & set(held) for chunks in lacking)}
    assert sorted(order) == sorted(needed), "each medium that is needed, once"
    assert times(order, holds, lacking) == min(times(each, holds, lacking) for each in permutations(needed))


@law
@given(case=cases(media=40))
def test_many_media_are_asked_for_once_each(case: tuple[Holds, Lacking]) -> None:
    holds, lacking = case
    order = followed(holds, lacking)
    needed = {number for number, held in holds.items() if any(chunks & set(held) for chunks in lacking)}
    assert sorted(order) == sorted(needed)
    assert times(order, holds, lacking) <= len(order) * sum(map(bool, lacking))


def test_of_more_than_twelve_media_the_one_that_finishes_an_image_by_itself_comes_first() -> None:
    holds = {number: (number,) for number in range(1, 21)}
    assert next_medium(holds, [frozenset(range(1, 21)), frozenset({17}), frozenset({3, 5})]) == 17


def test_the_lowest_number_comes_first_of_media_that_are_equally_good() -> None:
    holds = {number: (number,) for number in range(1, 21)}
    assert followed(holds, [frozenset(range(1, 21))]) == list(range(1, 21))
    assert followed({1: (1, 2), 2: (3,)}, [frozenset({1, 2, 3})]) == [1, 2]
    assert next_medium(holds, [frozenset(), frozenset({99})]) is None
