"""What happens during a run, told to whoever listens. Nobody who tells knows who listens; listening changes nothing.

Events come from any thread; a listener that keeps state locks it. Titles and texts are messages, see
`bundler.texts`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass

from bundler.errors import BundlerError


@dataclass(frozen=True, slots=True)
class PhaseBegan:
    """A phase of the run began.

    Attributes:
        title: What it does.
        total: How many bytes or items it will move.
        in_bytes: Which of the two.
        images: How many images it brings, where that is told by `ImagesDone`.
    """

    title: str
    total: int
    in_bytes: bool
    images: int = 0


@dataclass(frozen=True, slots=True)
class PhaseEnded:
    """The phase that began last is over."""

    title: str


@dataclass(frozen=True, slots=True)
class Moved:
    """Some bytes or items of the phase are done; negative when they must be done again."""

    amount: int


@dataclass(frozen=True, slots=True)
class ImagesDone:
    """Of so many images more, all that the phase brings is done."""

    amount: int


@dataclass(frozen=True, slots=True)
class Began:
    """An object is being moved: what people call it (the image that it is for, or its file), and its size in bytes."""

    subject: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Finished:
    """An object is done; ``outcome`` in one word: copied, mounted, present, read, failed.

    ``item`` is the object itself, where several have the same subject.
    """

    subject: str
    outcome: str
    item: Hashable = None


@dataclass(frozen=True, slots=True)
class Retrying:
    """Something failed and will be tried again after a pause; how long a pause the other side asked for, if it did.

    ``peer`` is the host that was asked; empty for none.
    """

    subject: str
    error: BundlerError
    attempt: int
    pause_seconds: float
    asked_seconds: float | None = None
    peer: str = ""


@dataclass(frozen=True, slots=True)
class Noticed:
    """Something that people should know, and that stops nothing."""

    text: str


Event = PhaseBegan | PhaseEnded | Moved | ImagesDone | Began | Finished | Retrying | Noticed
Listener = Callable[[Event], None]


def nobody(_event: Event) -> None:
    """A listener that does not listen."""
