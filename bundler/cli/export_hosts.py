"""The part of ``bundler export`` for several hosts: ``--resolve-only``, ``--shard`` and ``--seal``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import bundler
from bundler.cli.program import show
from bundler.errors import Misuse

if TYPE_CHECKING:
    from bundler import ExportedShard, ResolvedFile, ResolvedPlan, Shard
    from bundler.cli.bundle_options import BundleFlags

_BEGIN_BYTES = 64


def resolved_in(lists: tuple[str, ...]) -> ResolvedFile | None:
    """The file of ``--resolve-only``, if it is the only list that was given; recognised by its first bytes."""
    path = Path(lists[0])
    if len(lists) != 1 or not path.is_file():
        return None
    with path.open("rb") as file:
        begin = file.read(_BEGIN_BYTES)
    return bundler.read_resolved(path) if bundler.is_resolved_export(begin) else None


def check(
    flags: BundleFlags,
    given: ResolvedFile | None,
    *,
    is_resolving: bool,
    shard: Shard | None,
    seals: tuple[str, ...],
    report: str | None,
) -> None:
    """Refuses flags that contradict each other.

    Raises:
        Misuse: They do.
    """
    asked = {"--resolve-only": is_resolving, "--shard": shard is not None, "--seal": bool(seals)}
    named = [flag for flag, is_asked in asked.items() if is_asked]
    if len(named) > 1:
        raise Misuse("these flags are for different hosts", subject=", ".join(named), hint="give one of them")
    if given is None and (shard is not None or seals):
        raise Misuse(
            "give the file of --resolve-only in place of LIST",
            subject=named[0],
            hint="make it with: bundler export LIST -o FILE --key KEY --resolve-only",
        )
    if given is not None and is_resolving:
        raise Misuse("this file is resolved already", subject=str(given.path))
    if is_resolving and (len(flags.outputs) != 1 or flags.dry_run):
        raise Misuse("--resolve-only writes one file: -o FILE", hint="leave out --dry-run, and give -o once")
    if given is not None and (flags.chunk_size or flags.only or flags.except_ or flags.encrypt or flags.archive):
        raise Misuse(
            "the file of --resolve-only has the options of the bundle",
            subject=str(given.path),
            hint="leave out --chunk-size, --format, --encrypt, --only and --except",
        )
    if report and named:
        raise Misuse("--report is for one host; leave it out", subject=named[0])


def show_resolution(result: ResolvedPlan, *, is_json: bool, is_quiet: bool) -> int:
    """Shows the file that was written."""
    from bundler.views import shard_report

    lines = [str(result.path)] if is_quiet else shard_report.resolution_lines(result)
    show(lines, shard_report.resolution_document(result), is_json=is_json)
    return 0


def show_shard(result: ExportedShard, *, is_json: bool, is_quiet: bool) -> int:
    """Shows the chunks that were made."""
    from bundler.views import shard_report

    lines = [str(result.path)] if is_quiet else shard_report.shard_lines(result)
    show(lines, shard_report.shard_document(result), is_json=is_json)
    return 0
