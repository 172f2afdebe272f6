"""The large files of a bundle that one check reads: all of them, or those of a shard."""

from __future__ import annotations

from bundler.bundle.chunk import groups_of
from bundler.bundle.findings import other_files
from bundler.bundle.locked import LockedBundle
from bundler.bundle.reader import Bundle
from bundler.core.frozen import frozen
from bundler.core.manifest import BundleManifest
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
    own_others = run_of_shard([1] * len(others), shard)  # their sizes are not signed
    if isinstance(bundle, LockedBundle):
        run = run_of_shard([chunk.size_bytes for chunk in bundle.manifest.chunks], shard)
        chunks = tuple(numbers[run.start : run.stop])
    else:
        chunks = chunks_of_shard(bundle.manifest, shard)
    return Scope(frozenset(chunks), tuple(others[own_others.start : own_others.stop]))


def chunks_of_shard(manifest: BundleManifest, shard: Shard) -> tuple[int, ...]:
    """The numbers of the chunks of a shard: neighbours, and chunks that a cut blob joins all or none."""
    groups = groups_of(manifest)
    run = run_of_shard([sum(manifest.chunks[number - 1].size_bytes for number in group) for group in groups], shard)
    return tuple(number for group in groups[run.start : run.stop] for number in group)
