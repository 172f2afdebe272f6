"""Events of a run, for progress bars, logs, metrics and reports.

The code that emits an event does not know its listeners, and a listener does not change the run. Events come from any
thread; a listener that keeps state locks it. Titles and texts are messages, see `bundler.texts`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable

from bundler.core.frozen import frozen
from bundler.errors import BundlerError


@frozen
class PhaseBegan:
    """A phase of the run began.

    Attributes:
        title: The title of the phase, for people.
        total: The number of bytes or items that it will move.
        in_bytes: True if ``total`` counts bytes, False if it counts items.
        images: The number of images that the phase completes and that `ImagesDone` counts; else 0.
    """

    title: str
    total: int
    in_bytes: bool
    images: int = 0


@frozen
class PhaseEnded:
    """The current phase ended."""

    title: str


@frozen
class Moved:
    """Some bytes or items of the phase are done. The amount is negative if they must be done again."""

    amount: int


@frozen
class ImagesDone:
    """The phase has completed this many more images."""

    amount: int


@frozen
class Began:
    """The transfer of an object began.

    ``subject`` names it for people: the image that needs it, or its file.
    """

    subject: str
    size_bytes: int


COPIED, READ, FAILED = "copied", "read", "failed"
"""Outcomes of `Finished`. `bundler.core.protocols.Obtained` has those of a blob that a sink has without a copy."""


@frozen
class Finished:
    """An object is done. ``outcome`` is one word: copied, mounted, present, read or failed.

    ``item`` identifies the object if several objects have the same subject. ``size_bytes`` is the size of the object,
    also if no byte had to move.
    """

    subject: str
    outcome: str
    item: Hashable = None
    size_bytes: int = 0


@frozen
class Retrying:
    """An attempt failed; the next one follows after a pause.

    ``asked_seconds`` is the pause that the other side asked for, if any. ``peer`` is its host; empty if there is none.
    """

    subject: str
    error: BundlerError
    attempt: int
    pause_seconds: float
    asked_seconds: float | None = None
    peer: str = ""


@frozen
class Answered:
    """A host answered a request, with a status of HTTP; an answer that asks for a later attempt counts too."""

    host: str
    status: int


@frozen
class Noticed:
    """A notice for people. The run continues."""

    text: str


Event = PhaseBegan | PhaseEnded | Moved | ImagesDone | Began | Finished | Retrying | Answered | Noticed
Listener = Callable[[Event], None]


def nobody(_event: Event) -> None:
    """A listener that ignores all events."""
