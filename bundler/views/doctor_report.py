"""What ``doctor`` prints: one line a check, and under it what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bundler.commands.checks import State
from bundler.views.errors import advice_lines
from bundler.views.languages import worded
from bundler.views.words import count, escaped

if TYPE_CHECKING:
    from bundler.commands.checks import Check
    from bundler.commands.doctor import DoctorResult

_WORDS = {State.OK: "ok", State.WARN: "warn", State.FAIL: "fail", State.SKIPPED: "skip"}


def lines(result: DoctorResult, *, is_brief: bool) -> list[str]:
    """All findings, or only those that somebody has to act on."""
    acted_on = (State.WARN, State.FAIL)
    shown = [check for check in result.checks if not is_brief or check.state in acted_on]
    width = max((len(check.name) for check in result.checks), default=0)
    found: list[str] = []
    for check in shown:
        found.append(f"{_WORDS[check.state]:<4}  {check.name:<{width}}  {escaped(_told(check))}")
        if check.error and check.state in acted_on:
            found += advice_lines(check.error, " " * (width + 8))
    if is_brief:
        return found
    done = sum(check.state is not State.SKIPPED for check in result.checks)
    skipped = f", {result.count(State.SKIPPED)} skipped" if result.count(State.SKIPPED) else ""
    failed, warned = result.count(State.FAIL), count(result.count(State.WARN), "warning")
    return [*found, "", f"{count(done, 'check')}: {failed} failed, {warned}{skipped}"]


def _told(check: Check) -> str:
    """What was found; of a failure first what is wrong."""
    if check.state is not State.FAIL or check.error is None:
        return check.found
    return "; ".join(filter(None, (worded(check.error), check.found)))
