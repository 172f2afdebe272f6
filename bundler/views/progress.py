"""Progress: bars on a terminal, plain lines elsewhere. The only module that imports tqdm.

On a terminal there is one bar for the phase, in bytes with rate and time left, and one line for what is moving.
Elsewhere there is a line when bytes begin to move, one every few seconds, and one at the end of what took long.
"""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, TextIO

from bundler.core.events import (
    Began,
    Event,
    Finished,
    Listener,
    Moved,
    Noticed,
    PhaseBegan,
    PhaseEnded,
    Retrying,
    nobody,
)
from bundler.views.words import escaped, size

if TYPE_CHECKING:
    from tqdm import tqdm

_LINE_SECONDS = 5.0
_WORTH_TELLING_SECONDS = 2.0
_REFRESH_SECONDS = 0.2


class Progress:
    """A listener with a beginning and an end. Use as a context manager; the value is the listener."""

    def __init__(self, *, is_quiet: bool) -> None:
        self._view: _Bars | _Lines | None = None
        if not is_quiet and sys.stderr is not None:
            self._view = _Bars(sys.stderr) if sys.stderr.isatty() else _Lines(sys.stderr)

    def __enter__(self) -> Listener:
        return self._view.take if self._view else nobody

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._view:
            self._view.end()


def _remark(event: Noticed | Retrying) -> str:
    if isinstance(event, Noticed):
        return f"note: {escaped(event.text)}"
    pause = f"{event.pause_seconds:.0f} s" if event.pause_seconds >= 1 else "a moment"
    if event.asked_seconds is not None and event.asked_seconds > event.pause_seconds:
        pause += f", not in the {event.asked_seconds:,.0f} s that were asked for"
    reason = event.reason.removeprefix(f"{event.subject}: ")
    return f"retry: {escaped(event.subject)}: {escaped(reason)}; again in {pause} (attempt {event.attempt})"


class _Bars:
    def __init__(self, stream: TextIO) -> None:
        from tqdm import tqdm

        self._tqdm = tqdm
        self._stream = stream
        self._lock = threading.Lock()
        self._bar: tqdm[Any] | None = None
        self._what: tqdm[Any] | None = None
        self._moving: dict[str, None] = {}
        self._shown = 0.0

    def take(self, event: Event) -> None:
        with self._lock:
            if isinstance(event, Moved):
                if self._bar is not None:
                    self._bar.update(event.amount)
            elif isinstance(event, Began):
                self._moving[event.subject] = None
                self._show_moving()
            elif isinstance(event, Finished):
                self._moving.pop(event.subject, None)
                self._show_moving()
            elif isinstance(event, PhaseBegan):
                self._begin(event)
            elif isinstance(event, PhaseEnded):
                self._close()
            else:
                self._tqdm.write(_remark(event), file=self._stream)

    def end(self) -> None:
        with self._lock:
            self._close()

    def _begin(self, phase: PhaseBegan) -> None:
        self._close()
        units: dict[str, Any] = (
            {"unit": "B", "unit_scale": True, "unit_divisor": 1024} if phase.in_bytes else {"unit": ""}
        )
        self._bar = self._tqdm(
            total=phase.total or None,
            desc=phase.title,
            file=self._stream,
            dynamic_ncols=True,
            leave=False,
            mininterval=0.1,
            delay=0.3,
            **units,
        )
        if phase.in_bytes and phase.total:
            self._what = self._tqdm(
                total=0, position=1, bar_format="{desc}", file=self._stream, leave=False, dynamic_ncols=True
            )

    def _show_moving(self) -> None:
        if self._what is not None and self._moving:
            first = next(iter(self._moving))
            more = f"  and {len(self._moving) - 1} more" if len(self._moving) > 1 else ""
            now = time.monotonic()
            is_due = now - self._shown >= _REFRESH_SECONDS
            self._shown = now if is_due else self._shown
            self._what.set_description_str(f"  {escaped(first)}{more}", refresh=is_due)

    def _close(self) -> None:
        for bar in (self._what, self._bar):
            if bar is not None:
                bar.close()
        if self._what is not None:
            self._stream.write("\r")  # a bar that was never shown leaves the cursor where the line below it ended
            self._stream.flush()
        self._bar = self._what = None
        self._moving.clear()


class _Lines:
    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._phase: PhaseBegan | None = None
        self._done = 0
        self._began = self._last = 0.0

    def take(self, event: Event) -> None:
        with self._lock:
            if isinstance(event, Moved):
                self._done += event.amount
                now = time.monotonic()
                if self._phase and now - self._last >= _LINE_SECONDS:
                    self._last = now
                    self._say(f"{self._phase.title}: {self._amount(self._done)} of {self._amount(self._phase.total)}")
            elif isinstance(event, PhaseBegan):
                self._phase, self._done = event, 0
                self._began = self._last = time.monotonic()
                if event.in_bytes and event.total:
                    self._say(f"{event.title}: {self._amount(event.total)}")
            elif isinstance(event, PhaseEnded):
                took = time.monotonic() - self._began
                if self._phase and took >= _WORTH_TELLING_SECONDS:
                    self._say(f"{self._phase.title}: done in {took:.0f} s")
                self._phase = None
            elif isinstance(event, (Noticed, Retrying)):
                self._say(_remark(event))

    def end(self) -> None:
        self._say("", end="")

    def _amount(self, amount: int) -> str:
        return size(amount) if self._phase and self._phase.in_bytes else f"{amount:,}"

    def _say(self, text: str, *, end: str = "\n") -> None:
        try:
            print(text, file=self._stream, end=end, flush=True)
        except BrokenPipeError:
            raise
        except OSError:
            pass  # a log on a full disk: what is told there is not worth ending a run for
