"""Counts the members of one layer, and finds those that the layers above hide."""

from __future__ import annotations

import heapq
from collections.abc import Iterable

from bundler.core.frozen import frozen
from bundler.core.layers.cover import Cover, Paths, keys_of
from bundler.core.layers.member import Kind, Member
from bundler.core.limits import HIDDEN_FILES_NAMED


@frozen
class Amount:
    """A number of files, and their bytes together."""

    files: int = 0
    size_bytes: int = 0

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.files + other.files, self.size_bytes + other.size_bytes)


@frozen
class HiddenFile:
    """A file that a later layer replaces or deletes: the image carries it for nothing.

    Attributes:
        path: Its path in the image.
        size_bytes: Its size.
        layer: The number of its layer, from 0.
        by: The number of the layer that hides it.
        is_deleted: True if that layer deletes it, false if it replaces it.
    """

    path: str
    size_bytes: int
    layer: int
    by: int
    is_deleted: bool


@frozen
class LayerContents:
    """The content of a layer.

    Attributes:
        unpacked_bytes: The size of its tar.
        files: Its files, links and devices.
        folders: Its folders.
        deletions: Its marks that delete something of the layers below.
        replaced: Its files that a later layer replaces.
        deleted: Its files that a later layer deletes.
        is_whole: False if it has more members than are counted; all numbers are then lower bounds.
    """

    unpacked_bytes: int
    files: int
    folders: int
    deletions: int
    replaced: Amount
    deleted: Amount
    is_whole: bool = True

    @property
    def hidden(self) -> Amount:
        """Its files that later layers replace or delete."""
        return self.replaced + self.deleted


@frozen
class LayerSurvey:
    """The members of one layer, counted.

    Attributes:
        counts: The number of members of each kind.
        replaced: The files that the layers above replace.
        deleted: The files that they delete.
        largest: The largest of them.
        paths: The paths for the cover of the layers below.
        is_whole: False if there was no room for all paths.
    """

    counts: dict[Kind, int]
    replaced: Amount
    deleted: Amount
    largest: tuple[HiddenFile, ...]
    paths: Paths
    is_whole: bool

    def contents(self, unpacked_bytes: int, *, is_whole: bool) -> LayerContents:
        """The content of the layer, for people.

        Args:
            unpacked_bytes: The size of its tar.
            is_whole: False if the layer has more members.
        """
        return LayerContents(
            unpacked_bytes,
            self.counts[Kind.FILE],
            self.counts[Kind.FOLDER],
            self.counts[Kind.DELETED] + self.counts[Kind.OPAQUE],
            self.replaced,
            self.deleted,
            is_whole,
        )


def survey(members: Iterable[Member], number: int, cover: Cover) -> LayerSurvey:
    """Counts the members of a layer.

    Args:
        members: The members, in any order.
        number: The number of the layer, from 0.
        cover: The paths of the layers above. It is not changed.
    """
    counts = dict.fromkeys(Kind, 0)
    tallies = {False: [0, 0], True: [0, 0]}
    largest: list[tuple[int, str, int, bool]] = []
    paths, room = Paths(), cover.room if number else 0  # nothing is below the lowest layer
    for member in members:
        counts[member.kind] += 1
        keys = keys_of(member.parts)
        if len(paths) < room:
            paths.add(keys[-1], member.kind)
        if member.kind is not Kind.FILE:
            continue
        hidden = cover.hides(keys)
        if hidden is None:
            continue
        tally = tallies[hidden.is_deleted]
        tally[0] += 1
        tally[1] += member.size_bytes
        _keep_largest(largest, (member.size_bytes, member.path, hidden.by, hidden.is_deleted))
    named = (HiddenFile(path, size, number, by, is_deleted) for size, path, by, is_deleted in largest)
    is_whole = not number or len(paths) == sum(counts.values())
    replaced, deleted = (Amount(*tallies[is_deleted]) for is_deleted in (False, True))
    return LayerSurvey(counts, replaced, deleted, largest_of(named), paths, is_whole)


def largest_of(files: Iterable[HiddenFile]) -> tuple[HiddenFile, ...]:
    """The largest of some hidden files, as many as are named; empty files are not worth a name."""
    ordered = sorted(files, key=lambda file: (-file.size_bytes, file.layer, file.path))
    return tuple(file for file in ordered[:HIDDEN_FILES_NAMED] if file.size_bytes)


def _keep_largest(largest: list[tuple[int, str, int, bool]], file: tuple[int, str, int, bool]) -> None:
    if len(largest) < HIDDEN_FILES_NAMED:
        heapq.heappush(largest, file)
    else:
        heapq.heappushpop(largest, file)
