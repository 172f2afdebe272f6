"""The best order to write a bundle: a few chunks in parallel, each from its start to its end.

So bytes can be hashed as they are written. File systems without sparse files (FAT) and media with slow random access
(discs, sticks) work well, too.
"""

from __future__ import annotations

from collections.abc import Sequence

from bundler.core.frozen import frozen
from bundler.core.manifest import BundleManifest, Stored


@frozen
class Lanes:
    """The limits for writing chunks in parallel.

    Attributes:
        count: The largest number of these chunks.
        has_sparse_files: True if the file system takes bytes after the end of a file.
    """

    count: int
    has_sparse_files: bool


def in_lanes(manifest: BundleManifest, groups: Sequence[Sequence[int]], lanes: int) -> list[Stored]:
    """Returns all blobs and files of the chunks, each once, in an order that fills several chunks in parallel.

    The chunks of a group stay together. Each group goes to the shortest lane, so the lanes end at about the same time.
    A lane keeps the order in its chunks. Bytes with two places are ordered by the first of them.

    Args:
        manifest: The plan.
        groups: The numbers of its chunks; cut blobs join the chunks of a group.
        lanes: The largest number of chunks that are filled at a time.
    """
    begins: dict[int, int] = {}
    """The offset of each chunk in its lane, in bytes."""
    ends = [0] * lanes
    for group in groups:
        lane = ends.index(min(ends))
        for number in group:
            begins[number] = ends[lane]
            ends[lane] += manifest.chunks[number - 1].size_bytes
    files = {file.digest for file in manifest.files}
    once = [*manifest.files, *(stored for stored in manifest.stored() if stored.digest not in files)]

    def place(stored: Stored) -> tuple[int, int]:
        first = stored.pieces[0]
        return begins[first.chunk] + first.offset_bytes, first.chunk

    return sorted(once, key=place)
