"""Signals that end a run: the first one interrupts, the next few do nothing, and none disturbs the end.

A Ctrl-C that is held down, or a supervisor that repeats SIGTERM, sends many signals. Each would raise
`KeyboardInterrupt` in the handler of the one before, or while the interpreter shuts down, where nothing catches it.
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
"""A run ends within two seconds after the first signal. If it has not, the next signal interrupts what blocks it."""

_last: list[float] = []


def listen() -> None:
    """Makes each of these signals raise `KeyboardInterrupt` in the main thread; SIGHUP only without nohup."""
    for number in ENDING:
        if number == signal.SIGTERM or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)
    sys.unraisablehook = _unraisable


def ignore() -> None:
    """Makes these signals do nothing from now on: the process is ending."""
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
    """Raises an interruption again that came within a destructor, where Python would print it and lose it."""
    if unraisable.exc_type is KeyboardInterrupt:
        _last.clear()
        _thread.interrupt_main()
    else:
        sys.__unraisablehook__(unraisable)
