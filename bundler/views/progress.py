"""Progress: a bar on a terminal, plain lines elsewhere. The only module that imports tqdm.

On a terminal there are three lines: the bar of the phase, the images, the retries. Elsewhere a line appears when bytes
begin to move, then lines at growing intervals, and one at the end of a long phase. Bytes are shown in MiB everywhere. A
notice that comes many times is shown a few times and then counted.
"""

from __future__ import annotations

import shutil
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, TextIO

from bundler.core.events import (
    Began,
    Event,
    Finished,
    ImagesDone,
    Listener,
    Moved,
    Noticed,
    PhaseBegan,
    PhaseEnded,
    Retrying,
    nobody,
)
from bundler.texts import Text, joined
from bundler.views.languages import said, translated, worded_alone
from bundler.views.rate import Rate, duration
from bundler.views.words import columns, count, cut, escaped, shortened, with_placeholders

if TYPE_CHECKING:
    from tqdm import tqdm

_LINE_SECONDS = 5.0
_LINE_SHARE = 0.05
"""The least interval of lines, as a share of the time so far: a run of ten hours prints some hundred lines."""

_RETRY_LINE_SECONDS = 30.0
_WORTH_TELLING_SECONDS = 2.0
_REFRESH_SECONDS = 0.2
_MIB = 1 << 20
_TITLE_SHARE, _NARROWEST_TITLE = 0.3, 10
"""The room for the title of a phase: a share of the line, but at least this many columns."""

SAME_NOTICES = 10
"""The number of notices of one kind that are shown; further ones are counted."""


class Progress:
    """Shows progress on stderr. A context manager, whose value is the listener."""

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

    def say(self, line: str) -> None:
        """Shows a line above the bars, even if progress is not shown."""
        if self._view is not None:
            self._view.say(line)
        elif sys.stderr is not None:
            print(line, file=sys.stderr, flush=True)


class Phase:
    """The state of a phase, in numbers and in words."""

    def __init__(self, began: PhaseBegan, now: float) -> None:
        self.title = translated(began.title)
        self.began = now
        self._total, self._in_bytes, self._images = began.total, began.in_bytes, began.images
        self._done = self._images_done = 0
        self._rate = Rate(now)

    @property
    def is_worth_a_line(self) -> bool:
        """True if a line announces the phase."""
        return self._in_bytes and self._total > 0

    def move(self, amount: int, now: float) -> None:
        """Counts an amount that is done."""
        self._done += amount
        self._rate.add(amount, now)

    def finish_images(self, amount: int) -> None:
        """Counts images that are done."""
        self._images_done += amount

    def amounts(self) -> str:
        """The amount that is done, and the total: in MiB, or in items."""
        unit = _MIB if self._in_bytes else 1
        done, total = self._done // unit, max(1, round(self._total / unit))
        if not self._total:
            return said("{done:,} MiB", done=done) if self._in_bytes else f"{done:,}"
        if self._in_bytes:
            return said("{done:,} of {total:,} MiB", done=done, total=total)
        return said("{done:,} of {total:,}", done=done, total=total)

    def images(self) -> str:
        """The number of images that are done, and of all; empty if images are not counted."""
        if not self._images:
            return ""
        return said("{done:,} of {total:,} images", done=self._images_done, total=self._images)

    def speed(self, now: float) -> str:
        """The speed; empty while it is unknown."""
        rate = self._rate.per_second(now) if self._in_bytes else None
        return f"{rate / _MIB:.{0 if rate >= 10 * _MIB else 1}f} MiB/s" if rate is not None else ""

    def time_left(self, now: float) -> str:
        """The time until the end; empty while it is unknown."""
        seconds = self._rate.seconds_for(self._total - self._done, now) if self._total else None
        return said("{time} left", time=duration(seconds)) if seconds is not None else ""

    def line(self, now: float) -> str:
        """The whole state in one line."""
        share = f" ({100 * self._done // self._total}%)" if self._total else ""
        parts = [f"{self.amounts()}{share}", self.images(), self.speed(now), self.time_left(now)]
        return said("{phase}: {state}", phase=self.title, state=joined(filter(None, parts), ", "))


class Retries:
    """Counts the retries of each host, and keeps the last one."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._lasts: dict[str, Retrying] = {}
        self._shown: dict[str, float] = {}

    def add(self, event: Retrying) -> str:
        """Counts a retry, and returns its host."""
        host = event.peer or event.subject
        self._counts[host] += 1
        self._lasts[host] = event
        return host

    def is_due(self, host: str, now: float) -> bool:
        """True if the retries of a host were not shown for a while."""
        return now - self._shown.get(host, -_RETRY_LINE_SECONDS) >= _RETRY_LINE_SECONDS

    def description(self, host: str, now: float) -> str:
        """The retries of a host so far, in words. Notes the time."""
        self._shown[host] = now
        return translated(joined([self._so_far(host), _pause_words(self._lasts[host])]))

    def summary(self) -> list[str]:
        """A line for each host with more than one retry."""
        return [self._so_far(host) for host, number in self._counts.items() if number > 1]

    def _so_far(self, host: str) -> str:
        retries = count(self._counts[host], "retry")
        reason = _reason(self._lasts[host])
        return said("{host}: {retries}, last: {reason}", host=host, retries=retries, reason=reason)


def _reason(event: Retrying) -> str:
    return escaped(worded_alone(event.error))


def _pause_words(event: Retrying) -> str:
    if event.pause_seconds < 1:
        return said("retrying soon")
    seconds = round(event.pause_seconds)
    if event.asked_seconds is not None and event.asked_seconds > event.pause_seconds:
        asked = round(event.asked_seconds)
        return said(
            "retrying in {seconds} s, not in the {asked:,} s that the registry asked for", seconds=seconds, asked=asked
        )
    return said("again in {seconds} s", seconds=seconds)


class Notices:
    """Counts notices by kind. Notices of one kind have the same template."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def description(self, event: Noticed) -> str | None:
        """The line for a notice; None if enough of its kind were shown."""
        kind = event.text.template if isinstance(event.text, Text) else event.text
        self._counts[kind] += 1
        if self._counts[kind] > SAME_NOTICES:
            return None
        return said("note: {notice}", notice=escaped(translated(event.text)))

    def rest(self) -> list[str]:
        """A line for each kind with the number of notices that were not shown. Resets the counts."""
        more = [(kind, number - SAME_NOTICES) for kind, number in self._counts.items() if number > SAME_NOTICES]
        self._counts.clear()
        return [
            said("note: {count:,} more of this kind: {kind}", count=number, kind=with_placeholders(translated(kind)))
            for kind, number in more
        ]


class _Bars:
    def __init__(self, stream: TextIO) -> None:
        from tqdm import tqdm

        class Bar(tqdm):  # type: ignore[type-arg]
            """A bar with one more field: the words after it."""

            words: Callable[[], str] = str

            @property
            def format_dict(self) -> dict[str, Any]:
                return {**super().format_dict, "words": self.words()}

        self._tqdm = Bar
        self._stream = stream
        self._lock = threading.Lock()
        self._bar: tqdm[Any] | None = None
        self._below: list[tqdm[Any]] = []
        self._phase: Phase | None = None
        self._moving: Counter[str] = Counter()
        self._retries = Retries()
        self._notices = Notices()
        self._shown = 0.0

    def take(self, event: Event) -> None:
        with self._lock:
            now = time.monotonic()
            if isinstance(event, Moved):
                if self._bar is not None and self._phase is not None:
                    self._phase.move(event.amount, now)
                    self._bar.update(event.amount)
            elif isinstance(event, Began):
                self._moving[event.subject] += 1
                self._show_moving(now)
            elif isinstance(event, Finished):
                self._moving[event.subject] -= 1
                self._moving += Counter()  # adding drops the images whose count is zero
                self._show_moving(now)
            elif isinstance(event, ImagesDone):
                if self._phase is not None:
                    self._phase.finish_images(event.amount)
                    self._show_moving(now)
            elif isinstance(event, PhaseBegan):
                self._begin(event, now)
            elif isinstance(event, PhaseEnded):
                self._close()
            elif isinstance(event, Retrying):
                self._show_retry(event, now)
            elif isinstance(event, Noticed):
                self._write(self._notices.description(event))

    def say(self, line: str) -> None:
        with self._lock:
            self._write(line)

    def end(self) -> None:
        with self._lock:
            self._close()
            for line in self._notices.rest():
                self._write(line)

    def _begin(self, began: PhaseBegan, now: float) -> None:
        self._close()
        self._phase = phase = Phase(began, now)
        bar = self._tqdm(
            total=began.total or None,
            desc=cut(phase.title, self._title_width),
            file=self._stream,
            dynamic_ncols=True,
            leave=False,
            mininterval=0.1,
            delay=0.3,
            bar_format="{desc} {percentage:3.0f}% {bar} {words}" if began.total else "{desc} {words}",
        )
        bar.words = lambda: self._words(phase)
        self._bar = bar
        if phase.is_worth_a_line:
            self._add_line()

    def _add_line(self) -> None:
        self._below.append(
            self._tqdm(
                total=0,
                position=len(self._below) + 1,
                bar_format="{desc}",
                file=self._stream,
                leave=False,
                dynamic_ncols=True,
            )
        )

    def _words(self, phase: Phase) -> str:
        """The words after the bar, as many as fit."""
        title = min(columns(phase.title), self._title_width)
        now, width = time.monotonic(), self._width - title - len(" 100%  ")
        parts = [phase.amounts(), phase.speed(now), phase.time_left(now)]
        for shown in (parts, [parts[0], parts[2]], parts[:1]):
            words = "  ".join(filter(None, shown))
            if columns(words) + 3 <= width:
                return words
        return ""

    @property
    def _width(self) -> int:
        return shutil.get_terminal_size().columns

    @property
    def _title_width(self) -> int:
        return max(_NARROWEST_TITLE, int(self._width * _TITLE_SHARE))

    def _show_moving(self, now: float) -> None:
        if not self._below or self._phase is None:
            return
        if now - self._shown >= _REFRESH_SECONDS:
            self._shown = now
            self._below[0].set_description_str(self._moving_words(self._phase))

    def _moving_words(self, phase: Phase) -> str:
        """The number of images that are done, and the name of one that is moving."""
        head = f"  {phase.images()}" if phase.images() else ""
        if not self._moving:
            return head
        first = escaped(next(iter(self._moving)))
        more = said(" and {count} more", count=len(self._moving) - 1) if len(self._moving) > 1 else ""
        room = self._width - columns(head) - columns(more) - 3
        return f"{head}  {shortened(first, room)}{more}"

    def _show_retry(self, event: Retrying, now: float) -> None:
        host = self._retries.add(event)
        if self._bar is None or not self._below:
            if self._retries.is_due(host, now):
                self._write(self._retries.description(host, now))
            return
        if len(self._below) < 2:
            self._add_line()
        line = cut(f"  {self._retries.description(host, now)}", self._width - 1)
        self._below[1].set_description_str(line)

    def _write(self, line: str | None) -> None:
        if line is not None:
            self._tqdm.write(line, file=self._stream)

    def _close(self) -> None:
        for bar in (*reversed(self._below), self._bar):
            if bar is not None:
                bar.clear()  # a bar drawn before its delay is over would stay after close() if a line is above it
                bar.close()
        if self._below:
            self._stream.write("\r")  # a bar that was never shown leaves the cursor at the end of the line below it
            self._stream.flush()
        self._bar, self._below, self._phase = None, [], None
        self._moving.clear()
        for line in self._retries.summary():
            self._write(line)
        self._retries = Retries()


class _Lines:
    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._phase: Phase | None = None
        self._last = 0.0
        self._retries = Retries()
        self._notices = Notices()

    def take(self, event: Event) -> None:
        with self._lock:
            now = time.monotonic()
            if isinstance(event, Moved):
                if self._phase:
                    self._phase.move(event.amount, now)
                    self._say_how_far(self._phase, now)
            elif isinstance(event, ImagesDone):
                if self._phase:
                    self._phase.finish_images(event.amount)
            elif isinstance(event, PhaseBegan):
                self._phase, self._last = Phase(event, now), now
                if self._phase.is_worth_a_line:
                    self._say(said("{phase}: {state}", phase=self._phase.title, state=self._phase.amounts()))
            elif isinstance(event, PhaseEnded):
                if self._phase and now - self._phase.began >= _WORTH_TELLING_SECONDS:
                    took = duration(now - self._phase.began)
                    self._say(said("{phase}: done in {time}", phase=self._phase.title, time=took))
                self._end_phase()
            elif isinstance(event, Retrying):
                host = self._retries.add(event)
                if self._retries.is_due(host, now):
                    self._say(self._retries.description(host, now))
            elif isinstance(event, Noticed):
                self._say(self._notices.description(event))

    def say(self, line: str) -> None:
        with self._lock:
            self._say(line)

    def end(self) -> None:
        with self._lock:
            self._end_phase()
            for line in self._notices.rest():
                self._say(line)

    def _end_phase(self) -> None:
        for line in self._retries.summary():
            self._say(line)
        self._retries, self._phase = Retries(), None

    def _say_how_far(self, phase: Phase, now: float) -> None:
        if now - self._last >= max(_LINE_SECONDS, _LINE_SHARE * (now - phase.began)):
            self._last = now
            self._say(phase.line(now))

    def _say(self, text: str | None) -> None:
        if text is None:
            return
        try:
            print(text, file=self._stream, flush=True)
        except BrokenPipeError:
            raise
        except OSError:
            pass  # a log on a full disk: progress lines are not worth ending a run for
