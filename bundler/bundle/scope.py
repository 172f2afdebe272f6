"""The large files of a bundle that one check reads: all of them, or those of a shard."""

from __future__ import annotations

from bundler.bundle.chunk import groups_of
from bundler.bundle.findings import other_files
from bundler.bundle.locked import LockedBundle
from bundler.bundle.reader import Bundle
from bundler.core.frozen import frozen
from bundler.core.shard import Shard
from bundler.core.shards import run_of_shard


@frozen
class Scope:
    """The files that one check reads.

    Attributes:
        chunks: The numbers of the chunks, from 1. Chunks that a cut blob joins are all there, or none of them.
        files: The names of the other large files: parity, the tool, files of unknown roles.
    """

    chunks: frozenset[int]
    files: tuple[str, ...]


def scope_of(bundle: Bundle | LockedBundle, shard: Shard | None) -> Scope:
    """The files of a shard, from the signed lists alone, so that all hosts compute the same; all files without one."""
    numbers = range(1, len(bundle.chunks) + 1)
    others = other_files(bundle.sealed.sums)
    if shard is None:
        return Scope(frozenset(numbers), tuple(others))
    chunks = bundle.manifest.chunks
    groups = [[number] for number in numbers] if isinstance(bundle, LockedBundle) else groups_of(bundle.manifest)
    sizes = [sum(chunks[number - 1].size_bytes for number in group) for group in groups]
    run = run_of_shard(sizes, shard)
    own_others = run_of_shard([1] * len(others), shard)  # their sizes are not signed
    return Scope(
        frozenset(number for group in groups[run.start : run.stop] for number in group),
        tuple(others[own_others.start : own_others.stop]),
    )
