"""Progress: names and counts people can use, in little room, and not more lines than anybody reads."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import struct
import termios
from collections.abc import Callable
from contextlib import suppress
from types import SimpleNamespace

import pytest

from bundler.core.events import (
    Began,
    Event,
    Finished,
    ImagesDone,
    Moved,
    Noticed,
    PhaseBegan,
    PhaseEnded,
    Retrying,
)
from bundler.core.tally import Tally
from bundler.errors import Unavailable
from bundler.texts import text
from bundler.transfer import counting
from bundler.views import progress
from bundler.views.rate import Rate, duration
from bundler.views.words import SHOWN, limited, shortened
from tests.support.terminal import Screen

MIB = 1 << 20
NAME = "registry.example.com/platform/monitoring/prometheus-operator:v3.0.1"


class Clock:
    """Time that passes on demand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: self.now))
        monkeypatch.setattr("tqdm.std.time", lambda: self.now)


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


def on_screen(monkeypatch: pytest.MonkeyPatch, clock: Clock, width: int, events: list[Event | float]) -> list[str]:
    """The screen of a terminal of a width: every line that was there after an event."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    monkeypatch.setenv("COLUMNS", str(width))
    stream = os.fdopen(slave, "w")
    monkeypatch.setattr(progress.sys, "stderr", stream)
    screen, shown = Screen(), dict[str, None]()
    with progress.Progress(is_quiet=False) as tell:
        for event in events:
            if isinstance(event, float):
                clock.now += event
            else:
                tell(event)
            stream.flush()
            os.set_blocking(master, False)
            with suppress(BlockingIOError):
                screen.feed(os.read(master, 1 << 20).decode())
            shown |= dict.fromkeys(line.rstrip() for line in screen.lines)
    stream.flush()
    with suppress(BlockingIOError):
        screen.feed(os.read(master, 1 << 20).decode())
    return list(shown | dict.fromkeys(line.rstrip() for line in screen.lines))


def in_log(monkeypatch: pytest.MonkeyPatch, clock: Clock, events: list[Event | float]) -> list[str]:
    log = io.StringIO()
    monkeypatch.setattr(progress.sys, "stderr", log)
    with progress.Progress(is_quiet=False) as tell:
        for event in events:
            if isinstance(event, float):
                clock.now += event
            else:
                tell(event)
    return log.getvalue().splitlines()


def phase_events(pause: float = 1.0) -> list[Event | float]:
    events: list[Event | float] = [
        PhaseBegan(text("sending to {target}", target="registry.internal:5000/mirror"), 100 * MIB, True, images=10)
    ]
    for _ in range(10):
        events += [Began(NAME, 10 * MIB), pause, Moved(10 * MIB), Finished(NAME, "copied"), ImagesDone(1)]
    return events


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_no_line_is_wider_than_the_terminal_and_all_that_matters_is_in_it(monkeypatch, clock, width):
    lines = on_screen(monkeypatch, clock, width, phase_events())
    assert max(map(len, lines)) <= width
    reported = "\n".join(lines)
    assert "of 100 MiB" in reported
    assert re.search(r"\d of 10 images", reported)
    assert "prometheus-operator:v3.0.1"[-12:] in reported
    if width >= 80:
        assert re.search(r"0:0\d left", reported)
        assert NAME.rpartition("/")[2] in reported
    assert "sha256:" not in reported


def test_a_total_is_rounded_as_the_report_rounds_it(monkeypatch, clock):
    lines = in_log(monkeypatch, clock, [PhaseBegan("copying", 4 * MIB + 1, True)])
    assert lines == ["copying: 0 of 4 MiB"]


def test_a_small_total_is_not_nothing(monkeypatch, clock):
    assert in_log(monkeypatch, clock, [PhaseBegan("copying", 1, True)]) == ["copying: 0 of 1 MiB"]


def test_a_log_has_one_unit_and_a_time_that_is_left(monkeypatch, clock):
    lines = in_log(monkeypatch, clock, [*phase_events(3.0), PhaseEnded("sending")])
    assert lines[0] == "sending to registry.internal:5000/mirror: 0 of 100 MiB"
    assert "20 of 100 MiB (20%), 1 of 10 images, 3.3 MiB/s, 0:24 left" in lines[1]
    assert lines[-1] == "sending to registry.internal:5000/mirror: done in 0:30"
    assert not re.search(r"\b(KiB|GiB|KB|MB|GB)\b", "\n".join(lines))


def test_a_log_of_ten_hours_is_short(monkeypatch, clock):
    events: list[Event | float] = [PhaseBegan("verifying", 36_000 * MIB, True)]
    for _ in range(36_000):
        events += [1.0, Moved(MIB)]
    assert 20 < len(in_log(monkeypatch, clock, events)) < 200


def retries(count: int, pause: float) -> list[Event | float]:
    error = Unavailable("the registry failed", subject=NAME)
    return [each for n in range(count) for each in (Retrying(NAME, error, 1, 0.5, peer=f"host-{n % 2}:5000"), pause)]


def test_retries_are_merged_by_host_in_a_log(monkeypatch, clock):
    lines = in_log(monkeypatch, clock, [PhaseBegan("copying", 0, True), *retries(1000, 0.1), PhaseEnded("copying")])
    assert len(lines) < 20
    assert lines[0] == "host-0:5000: 1 retry, last: the registry failed; retrying soon"
    assert "host-1:5000: 500 retries, last: the registry failed" in lines


def test_retries_are_merged_by_host_on_a_terminal(monkeypatch, clock):
    events = [*phase_events(), *retries(1000, 0.1), PhaseEnded("sending")]
    lines = on_screen(monkeypatch, clock, 80, events)
    assert lines.count("host-0:5000: 500 retries, last: the registry failed") == 1
    assert max(map(len, lines)) <= 80


def test_a_bar_that_did_not_move_is_gone_before_the_summary_of_retries(monkeypatch, clock):
    events = [PhaseBegan("resolving", 6, False), Moved(2), *retries(4, 2.0), PhaseEnded("resolving")]
    lines = on_screen(monkeypatch, clock, 80, events)
    assert any(line.startswith("resolving") for line in lines)
    assert [line for line in lines if "resolving" in line and "host" in line] == []
    assert "host-1:5000: 2 retries, last: the registry failed" in lines


def test_what_is_noticed_of_many_images_is_reported_for_a_few(monkeypatch, clock):
    events = [Noticed(text("{image}: its index was made again", image=f"app:{n}")) for n in range(5000)]
    lines = in_log(monkeypatch, clock, [*events, Noticed("something else")])
    assert len(lines) == progress.SAME_NOTICES + 2
    assert lines[0] == "note: app:0: its index was made again"
    assert lines[-1] == "note: 4,990 more of this kind: IMAGE: its index was made again"


def test_what_is_reported_cannot_move_the_cursor(monkeypatch, clock):
    lines = in_log(monkeypatch, clock, [Noticed(text("a rule for {pattern}", pattern="\x1b[2J"))])
    assert lines == ["note: a rule for \\x1b[2J"]


def test_the_time_that_is_left_is_smooth():
    """A burst or a pause moves it, and does not throw it about."""
    rate, now, left = Rate(0.0), 0.0, []
    for second in range(120):
        now += 1.0
        rate.add(100 if second % 2 else 0, now)  # on average 50 a second
        left.append(rate.seconds_for(5000, now))
    assert left[0] is None
    assert all(95 < each < 106 for each in left[60:])


def test_what_is_done_again_makes_no_speed_negative():
    rate = Rate(0.0)
    for second in range(1, 10):
        rate.add(-100, float(second))
    assert rate.per_second(10.0) == 0
    assert rate.seconds_for(1, 10.0) is None


@pytest.mark.parametrize(
    ("seconds", "reported"), [(0, "0:00"), (59.6, "1:00"), (3600, "1:00:00"), (90_061, "25:01:01")]
)
def test_durations(seconds, reported):
    assert duration(seconds) == reported


@pytest.mark.parametrize(
    ("name", "width", "reported"),
    [
        ("nginx:1.27", 10, "nginx:1.27"),
        ("nginx:1.27", 5, "…1.27"),
        ("镜像仓库", 5, "…仓库"),
        ("abc", 1, "…"),
        ("abc", 0, ""),
    ],
)
def test_of_a_long_name_the_end_is_shown(name, width, reported):
    assert shortened(name, width) == reported


def test_images_are_counted_when_all_their_parts_are_done_in_any_order():
    heard: list[Event] = []
    tally = Tally([["a", "shared"], ["b", "shared"], []])
    assert tally.images == 2
    tell: Callable[[Event], None] = counting(heard.append, tally)
    for _ in range(2):  # the same part again is none more
        tell(Finished("x", "copied", "shared"))
    assert not any(isinstance(event, ImagesDone) for event in heard)
    for item, outcome in [("b", "failed"), ("a", "present"), ("a", "copied"), ("b", "copied")]:
        tell(Finished("x", outcome, item))
    assert [event.amount for event in heard if isinstance(event, ImagesDone)] == [1, 1]


def test_a_list_shows_its_first_lines_and_counts_the_rest_unless_all_are_asked_for():
    lines = [f"  line {n}" for n in range(SHOWN + 5)]
    assert limited(lines, is_verbose=True) == lines
    assert limited(lines, is_verbose=False) == [*lines[:SHOWN], "  and 5 more (--verbose lists all)"]
    assert limited(lines[: SHOWN + 1], is_verbose=False) == lines[: SHOWN + 1], "one more takes no more room"
