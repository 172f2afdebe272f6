"""What happens during a run, told to whoever listens. Nobody who tells knows who listens; listening changes nothing.

Events come from any thread; a listener that keeps state locks it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PhaseBegan:
    """A phase of the run began: what it does, and how many bytes or items it will move."""

    title: str
    total: int
    in_bytes: bool


@dataclass(frozen=True, slots=True)
class PhaseEnded:
    """The phase that began last is over."""

    title: str


@dataclass(frozen=True, slots=True)
class Moved:
    """Some bytes or items of the phase are done; negative when they must be done again."""

    amount: int


@dataclass(frozen=True, slots=True)
class Began:
    """An object is being moved: what people call it, and its size in bytes."""

    subject: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Finished:
    """An object is done; ``outcome`` in one word: copied, mounted, present, read, failed."""

    subject: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Retrying:
    """Something failed and will be tried again after a pause; how long a pause the other side asked for, if it did."""

    subject: str
    reason: str
    attempt: int
    pause_seconds: float
    asked_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Noticed:
    """Something that people should know, and that stops nothing."""

    text: str


Event = PhaseBegan | PhaseEnded | Moved | Began | Finished | Retrying | Noticed
Listener = Callable[[Event], None]


def nobody(_event: Event) -> None:
    """A listener that does not listen."""
