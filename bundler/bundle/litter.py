"""Counts the files that operating systems leave on media, for reports. They do no harm to a bundle."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from bundler.bundle.listing import Entry, Listing
from bundler.core.frozen import frozen
from bundler.core.limits import LITTER_ENTRIES, LITTER_SHOWN
from bundler.core.litter_names import is_litter


@frozen
class Litter:
    """The files that operating systems left in the folders of a bundle.

    Attributes:
        files: The number of files; a folder without any counts as one.
        size_bytes: The size of all of them.
        shown: The first names in the bundle's folders, each with the size of everything below it.
        is_whole: True if all was counted; False if a folder cannot be read, or holds too much.
    """

    files: int
    size_bytes: int
    shown: tuple[tuple[str, int], ...]
    is_whole: bool


def litter_in(listings: Iterable[Listing]) -> Litter:
    """Counts the litter of some folders, with everything below it. Follows no link, and opens no file."""
    tops = [entry for listing in listings for _, entry in listing.everything() if is_litter(entry.name)]
    counts = [_Count.of(entry) for entry in tops[:LITTER_ENTRIES]]
    return Litter(
        files=sum(count.files for count in counts) + len(tops) - len(counts),
        size_bytes=sum(count.size_bytes for count in counts),
        shown=tuple((entry.name, count.size_bytes) for entry, count in zip(tops, counts, strict=False))[:LITTER_SHOWN],
        is_whole=len(tops) == len(counts) and all(count.is_whole for count in counts),
    )


@frozen
class _Count:
    files: int
    size_bytes: int
    is_whole: bool = True

    @classmethod
    def of(cls, top: Entry) -> _Count:
        if not top.is_folder or not isinstance(top.path, Path):
            return cls(1, top.size_bytes)
        files = size_bytes = looked_at = 0
        is_whole = True
        left = [os.fspath(top.path)]
        while left:
            try:
                with os.scandir(left.pop()) as found:
                    for each in found:
                        looked_at += 1
                        if looked_at > LITTER_ENTRIES:
                            return cls(max(files, 1), size_bytes, is_whole=False)
                        if each.is_dir(follow_symlinks=False):
                            left.append(each.path)
                        else:
                            files += 1
                            size_bytes += each.stat(follow_symlinks=False).st_size
            except OSError:
                is_whole = False
        return cls(max(files, 1), size_bytes, is_whole)
