"""The part of ``bundler export`` for several hosts: ``--resolve-only``, ``--shard`` and ``--seal``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import bundler
from bundler.cli import run_options
from bundler.core.frozen import frozen
from bundler.errors import Misuse

if TYPE_CHECKING:
    from bundler import ExportedShard, ResolvedFile, ResolvedPlan, Shard
    from bundler.cli.bundle_options import BundleFlags

_BEGIN_BYTES = 64


@frozen
class HostFlags:
    """The flags for an export by several hosts: which part of it this one does."""

    resolve_only: bool
    shard_text: str | None
    seals: tuple[str, ...]

    def shard(self) -> Shard | None:
        """The part of the chunks to make.

        Raises:
            Misuse: As `run_options.shard`.
        """
        return run_options.shard(self.shard_text)

    def check(self, flags: BundleFlags, given: ResolvedFile | None, *, report: str | None) -> None:
        """Refuses flags that contradict each other.

        Args:
            flags: The flags for the bundle.
            given: The file of ``--resolve-only``, if it was given as list.
            report: The value of ``--report``.

        Raises:
            Misuse: They do.
        """
        asked = {
            "--resolve-only": self.resolve_only,
            "--shard": self.shard_text is not None,
            "--seal": bool(self.seals),
        }
        named = [flag for flag, is_asked in asked.items() if is_asked]
        if len(named) > 1:
            raise Misuse("these flags are for different hosts", subject=", ".join(named), hint="give one of them")
        if given is None and (self.shard_text is not None or self.seals):
            raise Misuse(
                "give the file of --resolve-only in place of LIST",
                subject=named[0],
                hint="make it with: bundler export LIST -o FILE --key KEY --resolve-only",
            )
        if given is not None and self.resolve_only:
            raise Misuse("this file is resolved already", subject=str(given.path))
        if self.resolve_only and (len(flags.outputs) != 1 or flags.dry_run):
            raise Misuse("--resolve-only writes one file: -o FILE", hint="leave out --dry-run, and give -o once")
        if given is not None and (
            flags.chunk_size or flags.choice.only or flags.choice.except_ or flags.encrypt or flags.archive
        ):
            raise Misuse(
                "the file of --resolve-only has the options of the bundle",
                subject=str(given.path),
                hint="leave out --chunk-size, --format, --encrypt, --only and --except",
            )
        if report and named:
            raise Misuse("--report is for one host; leave it out", subject=named[0])


def resolved_in(lists: tuple[str, ...]) -> ResolvedFile | None:
    """The file of ``--resolve-only``, if it is the only list that was given; recognised by its first bytes."""
    path = Path(lists[0])
    if len(lists) != 1 or not path.is_file():
        return None
    with path.open("rb") as file:
        begin = file.read(_BEGIN_BYTES)
    return bundler.read_resolved(path) if bundler.is_resolved_export(begin) else None


def show_resolution(result: ResolvedPlan, showing: run_options.Showing) -> int:
    """Shows the file that was written."""
    from bundler.views import shard_report

    lines = [str(result.path)] if showing.quiet else shard_report.resolution_lines(result)
    showing.lines(lines, lambda: shard_report.resolution_document(result))
    return 0


def show_shard(result: ExportedShard, showing: run_options.Showing) -> int:
    """Shows the chunks that were made."""
    from bundler.views import shard_report

    lines = [str(result.path)] if showing.quiet else shard_report.shard_lines(result)
    showing.lines(lines, lambda: shard_report.shard_document(result))
    return 0
