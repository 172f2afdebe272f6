"""The lines about services that distribute images, after an import and in a receipt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bundler.texts import joined, text
from bundler.views.languages import said, translated
from bundler.views.words import escaped, fact, fact_below, more_lines

if TYPE_CHECKING:
    from bundler.core.preheat import Preheated

_SHOWN = 5


def preheat_lines(preheats: Sequence[Preheated]) -> list[str]:
    """A line for each service, with the first failures below it."""
    shown: list[str] = []
    for each in preheats:
        words = [
            text("{count:,} done", count=each.done),
            *([text("{count:,} still running", count=each.running)] if each.running else []),
            *([text("{count:,} FAILED", count=each.failures)] if each.failures else []),
        ]
        shown.append(fact(said("preheat"), f"{escaped(each.service)}: {translated(joined(words, ', '))}"))
        failed = [f"{one.subject}: {one.reason}" for one in each.failed[:_SHOWN]]
        shown += [fact_below(escaped(line)) for line in failed]
        shown += [fact_below(line) for line in more_lines(each.failures - len(failed))]
    return shown
