"""Signals that end a run: the first one interrupts, those that come with it do nothing, and nothing disturbs the end.

Ctrl-C that is held down, or a supervisor that repeats SIGTERM, sends many. Each would raise `KeyboardInterrupt` in a
handler of the one before, or in the interpreter's own end, where nobody catches it.
"""

from __future__ import annotations

import _thread
import signal
import sys
import time
from types import FrameType
from typing import Any

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_STORM_SECONDS = 3.0
"""A run has ended two seconds after the first signal. If it has not, another one interrupts what hinders it."""

_last: list[float] = []


def listen() -> None:
    """From now on, each of these signals raises `KeyboardInterrupt` in the main thread; SIGHUP not under nohup."""
    for number in ENDING:
        if number == signal.SIGTERM or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)
    sys.unraisablehook = _unraisable


def ignore() -> None:
    """From now on they do nothing: the process ends."""
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)


def _interrupt(number: int, frame: FrameType | None) -> None:
    del number, frame
    now = time.monotonic()
    if _last and now - _last[0] < _STORM_SECONDS:
        return
    _last[:] = [now]
    raise KeyboardInterrupt


def _unraisable(unraisable: Any) -> None:
    """An interruption within a destructor would be printed and lost: it is raised again outside of it."""
    if unraisable.exc_type is KeyboardInterrupt:
        _last.clear()
        _thread.interrupt_main()
    else:
        sys.__unraisablehook__(unraisable)
