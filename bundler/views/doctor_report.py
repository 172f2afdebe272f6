"""The lines that ``doctor`` prints: one for each check, and below it the next step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bundler.commands.checks import State
from bundler.texts import joined, text
from bundler.views.errors import advice_lines
from bundler.views.languages import said, translated, worded
from bundler.views.words import columns, count, escaped, padded

if TYPE_CHECKING:
    from bundler.commands.checks import Check
    from bundler.commands.doctor import DoctorResult

_WORDS = {State.OK: text("ok"), State.WARN: text("warn"), State.FAIL: text("fail"), State.SKIPPED: text("skip")}
_STATE_COLUMNS = 4


def lines(result: DoctorResult, *, is_brief: bool) -> list[str]:
    """The lines of all findings, or only of those that need an action."""
    acted_on = (State.WARN, State.FAIL)
    shown = [check for check in result.checks if not is_brief or check.state in acted_on]
    width = max((columns(translated(check.name)) for check in result.checks), default=0)
    found: list[str] = []
    about = ""
    for check in shown:
        if check.about != about:
            about = check.about
            found += [*([""] if found else []), *([escaped(about)] if about else [])]
        state = padded(translated(_WORDS[check.state]), _STATE_COLUMNS)
        found.append(f"{state}  {padded(translated(check.name), width)}  {escaped(_found_words(check))}")
        if check.error and check.state in acted_on:
            found += advice_lines(check.error, " " * (width + 8))
    if is_brief:
        return found
    done = sum(check.state is not State.SKIPPED for check in result.checks)
    counts: list[str] = [
        text("{count:,} failed", count=result.count(State.FAIL)),
        count(result.count(State.WARN), "warning"),
    ]
    if result.count(State.SKIPPED):
        counts.append(text("{count:,} skipped", count=result.count(State.SKIPPED)))
    return [*found, "", said("{checks}: {counts}", checks=count(done, "check"), counts=joined(counts, ", "))]


def _found_words(check: Check) -> str:
    """The finding of a check in words. A failure opens with its error."""
    if check.state is not State.FAIL or check.error is None:
        return translated(check.found)
    return "; ".join(filter(None, (worded(check.error), translated(check.found))))
