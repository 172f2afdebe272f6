"""The order in which media are changed in one drive: the one that finishes most images soonest. Pure.

A medium is used while it is in the drive, and is not needed again. So an image is finished by the last of
its media, whatever their order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

_COMPARED = 12
"""The most media of which all orders are compared: a table of 4,096 sets."""
_CANDIDATES = 64
"""The most sets of media that are tried as the next ones, if there are more media than that."""


def next_medium(holds: Mapping[int, Collection[int]], lacking: Iterable[Collection[int]]) -> int | None:
    """The medium to insert next.

    With up to 12 media that are still needed, the order has the least sum of the times at which images are finished,
    if each medium takes the same time. With more media, those come next that finish most images for each medium.

    Args:
        holds: The chunks of each medium, by its number.
        lacking: The chunks that each unfinished image still lacks. Chunks on no medium do not count.

    Returns:
        The number of the medium; the lowest one of several that are equally good. None if no medium is needed.
    """
    medium_of = {chunk: number for number, chunks in holds.items() for chunk in chunks}
    needs = Counter(frozenset(medium_of[chunk] for chunk in chunks if chunk in medium_of) for chunks in lacking)
    del needs[frozenset()]
    media = sorted(frozenset().union(*needs))
    if not media:
        return None
    bit_of = {number: 1 << place for place, number in enumerate(media)}
    images = Counter({sum(bit_of[number] for number in needed): count for needed, count in needs.items()})
    first = _first_of_best_order(images, len(media)) if len(media) <= _COMPARED else _first_by_share(images, len(media))
    return media[first]


def _first_of_best_order(images: Mapping[int, int], count: int) -> int:
    """The first medium of the order with the least sum of finishing times. Media and sets of them are bits."""
    everything = (1 << count) - 1
    finished = [images.get(some, 0) for some in range(everything + 1)]
    for place in range(count):  # the number of images of each set becomes that of the set and all sets in it
        for some in range(everything + 1):
            if some >> place & 1:
                finished[some] += finished[some ^ 1 << place]
    cost = [0] * (everything + 1)
    best = 0
    for seen in range(everything - 1, -1, -1):
        unfinished = finished[everything] - finished[seen]
        after = ((cost[seen | 1 << place], place) for place in range(count) if not seen >> place & 1)
        least, best = min(after)
        cost[seen] = unfinished + least
    return best


def _first_by_share(images: Mapping[int, int], count: int) -> int:
    """A medium of the set that finishes most images for each of its media."""
    candidates = sorted(images, key=lambda some: (some.bit_count(), some))[:_CANDIDATES]

    def share(some: int) -> float:
        return sum(number for needed, number in images.items() if not needed & ~some) / some.bit_count()

    chosen = max(candidates, key=share)
    used = Counter({place: 0 for place in range(count) if chosen >> place & 1})
    for needed, number in images.items():
        for place in used:
            used[place] += number * (needed >> place & 1)
    return max(used, key=lambda place: (used[place], -place))
