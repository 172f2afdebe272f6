"""Changing media in a drive: what a run asks for, and the protocol of those who insert it: a person, or a robot."""

from __future__ import annotations

from enum import Enum
from typing import Protocol

from bundler.core.frozen import frozen


class MediumReason(str, Enum):
    """The reason for which a run asks for a medium."""

    FIRST = "first"
    """No medium of the bundle is there yet, or its small files cannot be read."""
    NEXT = "next"
    """It is the next one."""
    REMOVED = "removed"
    """It was taken out, or failed, while it was still needed."""
    DAMAGED = "damaged"
    """Wrong or unreadable bytes were found on it: another copy of it, or the cleaned disc, is needed."""


@frozen
class WantedMedium:
    """A medium that a run asks for.

    Attributes:
        reason: The reason.
        paths: The folders in which it is looked for.
        bundle: The name of the bundle; empty before the first medium is known.
        number: Its number, from 1; None if the bundle does not say which medium has which chunk.
        count: The number of media of the bundle; 0 if the bundle does not say.
        chunks: The files on it that are still needed.
        others: All other files that are still needed, on whichever media: they are accepted as well.
    """

    reason: MediumReason
    paths: tuple[str, ...]
    bundle: str = ""
    number: int | None = None
    count: int = 0
    chunks: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


class MediaChanger(Protocol):
    """Changes the media of a run. All calls come from one thread at a time.

    bundler looks into the folders itself, and continues as soon as a needed medium is there. While it waits, it has no
    file of a medium open.
    """

    def ask(self, wanted: WantedMedium) -> None:
        """Asks for a medium. A robot may change it here; a person sees the request, and takes time."""

    def tell(self, remark: str) -> None:
        """Tells a remark: the wrong medium is there, or a medium can be taken out. A message of `bundler.texts`."""

    def wait(self, seconds: float) -> bool:
        """Waits before bundler looks again.

        Returns:
            True if nobody can bring the medium: the run goes on without it, and reports what it lacks.
        """


class NoMedia:
    """Brings no media: for runs without a terminal. The run reports at the end which are missing."""

    def ask(self, wanted: WantedMedium) -> None:
        """Tells nobody."""

    def tell(self, remark: str) -> None:
        """Tells nobody."""

    def wait(self, seconds: float) -> bool:
        """Returns True at once."""
        del seconds
        return True
