"""Runs for tests: who listens to them, how they retry, and an error that is worth a retry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bundler.core.events import Event, Finished, Moved, Retrying
from bundler.errors import Unavailable
from bundler.run import RetryPolicy, Run
from bundler.workers import Cancellation

AT_ONCE = RetryPolicy(attempts=3, first_pause_seconds=0.0)


def broken(**more: object) -> Unavailable:
    return Unavailable("the connection broke", **{"retryable": True, **more})  # type: ignore[arg-type]


@dataclass
class Recorder:
    """A listener that remembers."""

    events: list[Event] = field(default_factory=list)

    def __call__(self, event: Event) -> None:
        self.events.append(event)

    @property
    def moved(self) -> int:
        return sum(event.amount for event in self.events if isinstance(event, Moved))

    @property
    def retries(self) -> list[Retrying]:
        return [event for event in self.events if isinstance(event, Retrying)]

    @property
    def outcomes(self) -> list[str]:
        return [event.outcome for event in self.events if isinstance(event, Finished)]


def run_with(listener: Callable[[Event], None] | None = None, *, retry: RetryPolicy = AT_ONCE, **more: Any) -> Run:
    return Run(listener or Recorder(), Cancellation(), retry, **more)
