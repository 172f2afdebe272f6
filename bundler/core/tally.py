"""Counts the images whose parts are all done. The parts may be done in any order."""

from __future__ import annotations

from collections.abc import Hashable, Iterable


class Tally:
    """Counts the parts that each image still lacks. It is not thread-safe."""

    def __init__(self, images: Iterable[Iterable[Hashable]]) -> None:
        """Takes all images, each as the parts that it needs."""
        self._lacking: list[int] = []
        self._users: dict[Hashable, list[int]] = {}
        for number, parts in enumerate(images):
            needed = set(parts)
            self._lacking.append(len(needed))
            for part in needed:
                self._users.setdefault(part, []).append(number)

    @property
    def images(self) -> int:
        """The number of images that still lack a part."""
        return sum(map(bool, self._lacking))

    def done(self, part: Hashable) -> int:
        """Notes once that a part is done, and returns the number of images that this completes."""
        complete = 0
        for number in self._users.pop(part, ()):
            self._lacking[number] -= 1
            complete += not self._lacking[number]
        return complete
