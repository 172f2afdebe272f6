"""Counts the images whose parts are all done, while the parts are done in any order."""

from __future__ import annotations

from collections.abc import Hashable, Iterable


class Tally:
    """How many parts each image still lacks. Not thread-safe."""

    def __init__(self, images: Iterable[Iterable[Hashable]]) -> None:
        """All images, each with the parts that it needs."""
        self._lacking: list[int] = []
        self._users: dict[Hashable, list[int]] = {}
        for number, parts in enumerate(images):
            needed = set(parts)
            self._lacking.append(len(needed))
            for part in needed:
                self._users.setdefault(part, []).append(number)

    @property
    def images(self) -> int:
        """How many images there are that lack something."""
        return sum(map(bool, self._lacking))

    def done(self, part: Hashable) -> int:
        """Notes that a part is done, once; how many images are complete by that."""
        complete = 0
        for number in self._users.pop(part, ()):
            self._lacking[number] -= 1
            complete += not self._lacking[number]
        return complete
