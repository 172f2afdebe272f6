"""Asks a person at the terminal to change media. Only the wish to go on without a medium is read from the keyboard."""

from __future__ import annotations

import os
import select
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from bundler.core.media_changer import MediumReason, NoMedia, WantedMedium
from bundler.texts import some
from bundler.views.languages import said, translated
from bundler.views.media_report import in_runs
from bundler.views.words import escaped

if TYPE_CHECKING:
    from bundler.core.media_changer import MediaChanger
    from bundler.views.progress import Progress

_SKIP = "s"


class PersonAtTerminal:
    """A person who changes media, and reads the lines on the terminal."""

    def __init__(self, progress: Progress) -> None:
        """Shows nothing yet.

        Args:
            progress: Shows lines above its bars.
        """
        self._progress = progress
        self._is_listening = True
        self._has_explained = False

    def ask(self, wanted: WantedMedium) -> None:
        """Shows the medium that is needed, and how to go on."""
        self._say(f">> {_request(wanted)}")
        if not self._has_explained:
            self._has_explained = True
            paths = some(map(escaped, wanted.paths))
            self._say("   " + said("bundler looks into {paths} and continues when the medium is there", paths=paths))
            words = said("to go on without it: {key} and Enter; to stop: Ctrl-C, and later the same command", key=_SKIP)
            self._say(f"   {words}")

    def tell(self, remark: str) -> None:
        """Shows a remark."""
        self._say(f">> {escaped(translated(remark))}")

    def wait(self, seconds: float) -> bool:
        """Waits for the time, or until the person wants to go on without the medium."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if not (self._is_listening and _is_in_front()):
                time.sleep(left)
            elif select.select([sys.stdin], [], [], left)[0] and self._is_skipping():
                return True
        return False

    def _is_skipping(self) -> bool:
        """Reads the line that was typed. After the end of the input nothing more is read."""
        typed = b""
        with suppress(OSError):
            typed = os.read(sys.stdin.fileno(), 1024)
        self._is_listening = bool(typed)
        return typed.decode(errors="replace").strip().lower() == _SKIP

    def _say(self, line: str) -> None:
        self._progress.say(line)


def _is_in_front() -> bool:
    """True if what is typed is for this program. One in the background would be stopped if it read."""
    try:
        return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except OSError:  # a terminal without job control
        return True


def changer_at(progress: Progress) -> MediaChanger:
    """A person, if there is a terminal to type and to read; else nobody."""
    if sys.stdin is not None and sys.stdin.isatty() and sys.stderr is not None and sys.stderr.isatty():
        return PersonAtTerminal(progress)
    return NoMedia()


def _request(wanted: WantedMedium) -> str:
    """The request for a medium, in one line."""
    if wanted.reason is MediumReason.FIRST:
        return said("insert a medium of the bundle")
    files = in_runs(wanted.chunks)
    if wanted.number is None:
        named = {"files": files, "bundle": wanted.bundle}
        if wanted.reason is MediumReason.DAMAGED:
            line = said("damaged: insert another copy of {files} of {bundle}, or the cleaned disc", **named)
        elif wanted.reason is MediumReason.REMOVED:
            line = said("removed while it was needed: insert the medium of {bundle} with {files} again", **named)
        else:
            line = said("insert the medium of {bundle} with {files}", **named)
        others = said("also needed: {files}", files=in_runs(wanted.others)) if wanted.others else ""
        return f"{line} ({others})" if others else line
    planned = {"number": str(wanted.number), "count": str(wanted.count), "bundle": wanted.bundle, "files": files}
    if wanted.reason is MediumReason.DAMAGED:
        return said(
            "medium {number} of {count} is damaged: insert another copy of it, or the cleaned disc ({bundle}: {files})",
            **planned,
        )
    if wanted.reason is MediumReason.REMOVED:
        return said(
            "medium {number} of {count} was removed while it was needed: insert it again ({bundle}: {files})", **planned
        )
    return said("insert medium {number} of {count} ({bundle}: {files})", **planned)
