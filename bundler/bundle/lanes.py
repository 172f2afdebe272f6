"""In which order a bundle is best written: a few chunks at a time, each from its begin to its end.

So bytes can be hashed as they are written; file systems that know no holes (FAT) and media that do not like to jump
(discs, sticks) are content.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bundler.core.manifest import BundleManifest, Stored


@dataclass(frozen=True, slots=True)
class Lanes:
    """The number of chunks that are written side by side.

    Attributes:
        count: That number, at the most.
        has_sparse_files: True if the file system takes bytes after the end of a file.
    """

    count: int
    has_sparse_files: bool


def in_lanes(manifest: BundleManifest, groups: Sequence[Sequence[int]], lanes: int) -> list[Stored]:
    """Everything that lies in the chunks, once, in an order that fills some of them side by side.

    The chunks of a group stay together. Each goes where least lies before it; so the lanes end at about the same
    time. Within a lane things follow each other as in the chunks. What lies in two places goes by the first of them.

    Args:
        manifest: The plan.
        groups: The numbers of its chunks, of those together that a cut blob joins.
        lanes: How many chunks are filled at a time, at the most.
    """
    begins: dict[int, int] = {}
    """Where each chunk begins in its lane, in bytes."""
    ends = [0] * lanes
    for group in groups:
        lane = ends.index(min(ends))
        for number in group:
            begins[number] = ends[lane]
            ends[lane] += manifest.chunks[number - 1].size_bytes
    files = {file.digest for file in manifest.files}
    once = [*manifest.files, *(blob.stored for blob in manifest.blobs if blob.stored.digest not in files)]

    def place(stored: Stored) -> tuple[int, int]:
        first = stored.pieces[0]
        return begins[first.chunk] + first.offset_bytes, first.chunk

    return sorted(once, key=place)
