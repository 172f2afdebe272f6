"""The lost chunks that an import needed, and that the parity of the bundle may make again: ``bundler repair``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from bundler.core.patterns import lazy_pattern
from bundler.errors import BundlerError
from bundler.importing.leg import as_end
from bundler.importing.results import ImportResult
from bundler.run import Run

_CHUNK = lazy_pattern(r"chunk-\d{4,}\.\w{1,8}")


def with_repairable(result: ImportResult, run: Run) -> ImportResult:
    """Returns the result of an import with the chunks that parity may repair.

    Only the chunks count that held up an image, or that the import found damaged. None of them is read.
    """
    bundle = result.bundle
    files = {state.chunk.file for state in bundle.chunks}
    hurt = {name for error in _errors(result) for name in _CHUNK.findall(error.subject or "")} & files
    if not hurt:
        return result
    from bundler.bundle.parity import hopeful, parity_names

    if not parity_names(bundle):
        return result
    try:
        return replace(result, repairable=hopeful(bundle, hurt, lambda _: run.cancellation.check()))
    except (Exception, KeyboardInterrupt) as error:  # tags may have moved: the receipt must list them
        return replace(result, error=result.error or as_end(error))


def _errors(result: ImportResult) -> Iterator[BundlerError]:
    yield from (finding.error for finding in result.findings if finding.is_wanted)
    for target in result.targets:
        yield from (each.error for each in target.images if each.error is not None)
