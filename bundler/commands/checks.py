"""The checks of ``doctor``: one for each question, with a state and words for people."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from bundler.core.frozen import frozen
from bundler.errors import BundlerError

MIB = 1 << 20
GIB = 1 << 30


class State(str, Enum):
    """The result of a check."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIPPED = "skipped"


@frozen
class Check:
    """One check that was made or skipped.

    Attributes:
        name: The object of the check: one word, the same in every run.
        state: The result.
        found: The finding in words; may be empty if ``error`` says it.
        error: The problem and the next step.
        about: The registry that it is about, if several may be checked; else empty.
    """

    name: str
    state: State
    found: str
    error: BundlerError | None = None
    about: str = ""


def ok(name: str, found: str) -> Check:
    """A check that found no problem."""
    return Check(name, State.OK, found)


def warned(name: str, found: str, error: BundlerError | None = None) -> Check:
    """A check whose finding the user should know."""
    return Check(name, State.WARN, found, error)


def skipped(name: str, reason: str) -> Check:
    """A check that was not made, with the reason."""
    return Check(name, State.SKIPPED, reason)


def asked(name: str, ask: Callable[[], Check]) -> Check:
    """Asks a question and returns its check. An error of the question becomes a failed check."""
    try:
        return ask()
    except BundlerError as error:
        return Check(name, State.FAIL, "", error)


def size_words(size_bytes: int) -> str:
    """A size as people read it. A size below 1 MiB is exact."""
    for unit, name in ((GIB, "GiB"), (MIB, "MiB")):
        if size_bytes >= unit:
            return f"{size_bytes // unit} {name}" if size_bytes % unit == 0 else f"{size_bytes / unit:.1f} {name}"
    return f"{size_bytes:,} bytes"
