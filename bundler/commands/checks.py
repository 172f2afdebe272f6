"""What ``doctor`` finds: one check a question, and how its findings are worded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from bundler.errors import BundlerError

MIB = 1 << 20
GIB = 1 << 30


class State(str, Enum):
    """What came of a check."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Check:
    """One finding.

    Attributes:
        name: What was looked at: one word, the same in every run.
        state: What came of it.
        found: What was found, for people; may be empty where ``error`` says it.
        error: What is wrong, and what to do.
    """

    name: str
    state: State
    found: str
    error: BundlerError | None = None


def ok(name: str, found: str) -> Check:
    """A check that found nothing wrong."""
    return Check(name, State.OK, found)


def warned(name: str, found: str, error: BundlerError | None = None) -> Check:
    """A check that found something to know."""
    return Check(name, State.WARN, found, error)


def skipped(name: str, reason: str) -> Check:
    """A check that was not made, and why."""
    return Check(name, State.SKIPPED, reason)


def asked(name: str, ask: Callable[[], Check]) -> Check:
    """The check that a question gives; an error fails it."""
    try:
        return ask()
    except BundlerError as error:
        return Check(name, State.FAIL, "", error)


def size_words(size_bytes: int) -> str:
    """A size as people read it, exact where that matters."""
    for unit, name in ((GIB, "GiB"), (MIB, "MiB")):
        if size_bytes >= unit:
            return f"{size_bytes // unit} {name}" if size_bytes % unit == 0 else f"{size_bytes / unit:.1f} {name}"
    return f"{size_bytes:,} bytes"
