"""The paths of the layers above, by which files of a layer below are hidden.

A path is kept as a hash of 64 bits, keyed for each process by Python's own hash of texts, so that no layer can be made
to have paths with one hash. Two paths of a million have the same one with a probability of 3e-8.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import field
from typing import NamedTuple

from bundler.core.frozen import slotted
from bundler.core.layers.member import Kind
from bundler.core.limits import COVERED_PATHS

_ROOT = hash("/")
_BITS = 2
_KIND = (1 << _BITS) - 1


class Hidden(NamedTuple):
    """The layer that hides a file, by its number from 0; and true if it deletes it, false if it replaces it."""

    by: int
    is_deleted: bool


@slotted
class Paths:
    """The paths of one layer: their keys, and their kinds. Nine bytes for each."""

    keys: array[int] = field(default_factory=lambda: array("q"))
    kinds: bytearray = field(default_factory=bytearray)

    def add(self, key: int, kind: Kind) -> None:
        """Adds a path."""
        self.keys.append(key)
        self.kinds.append(kind)

    def __len__(self) -> int:
        return len(self.kinds)


def keys_of(parts: Sequence[str]) -> list[int]:
    """The keys of the root folder, of each folder on a path, and of the path itself."""
    key = _ROOT
    keys = [key]
    for part in parts:
        key = hash((key, part))
        keys.append(key)
    return keys


class Cover:
    """The paths of all layers above. Give it each layer after it was read, from the top down."""

    def __init__(self, most: int = COVERED_PATHS) -> None:
        """A cover without any path, with room for some."""
        self._codes: dict[int, int] = {}
        self._most = most
        self.is_whole = True
        """False if there were more paths than it has room for: then more may be hidden than it knows."""

    @property
    def room(self) -> int:
        """The number of paths that it has room for."""
        return self._most - len(self._codes)

    def hides(self, keys: Sequence[int]) -> Hidden | None:
        """The nearest layer above that hides a file; None if none does.

        Args:
            keys: The keys of its path.
        """
        codes = self._codes
        if not codes:
            return None
        found = [code for key in keys[:-1] if (code := codes.get(key, 0)) & _KIND]
        own = codes.get(keys[-1])
        if own is not None:  # also a folder: it takes the place of the file
            found.append(own)
        if not found:
            return None
        nearest = min(found)
        return Hidden(nearest >> _BITS, nearest & _KIND in (Kind.DELETED, Kind.OPAQUE))

    def add(self, number: int, paths: Paths, *, is_whole: bool) -> None:
        """Adds the paths of a layer.

        Args:
            number: The number of the layer, lower than those of the layers before.
            paths: Its paths, not more than there is room for.
            is_whole: False if there are more of them.
        """
        codes = self._codes
        own = [number << _BITS | kind for kind in Kind]
        for key, kind in zip(paths.keys, paths.kinds, strict=True):
            before = codes.get(key)
            if before is None or _hides_more(before, own[kind]):
                codes[key] = own[kind]
        self.is_whole = self.is_whole and is_whole


def _hides_more(before: int, now: int) -> bool:
    """True if a path of a nearer layer takes the place of the same path above it, because it hides as much or more."""
    kind = now & _KIND
    if kind == Kind.FILE:
        return True
    if kind == Kind.DELETED:
        return before != (now & ~_KIND | Kind.FILE)  # deleted and made again in one layer
    return kind == Kind.OPAQUE and before & _KIND in (Kind.FOLDER, Kind.OPAQUE)
