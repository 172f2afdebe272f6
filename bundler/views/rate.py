"""A smoothed rate and the time that is left, so that neither jumps with each blob."""

from __future__ import annotations

import math

_MEMORY_SECONDS = 20.0
"""The age at which an amount counts a third."""

_FIRST_SECONDS = 3.0
"""The age before which a rate is not known."""


class Rate:
    """Amounts over time, as an exponential moving average. The clock is passed in."""

    def __init__(self, now: float) -> None:
        self._began = self._last = now
        self._pending = 0
        self._rate = 0.0
        self._weight = 0.0

    def add(self, amount: int, now: float) -> None:
        """Counts an amount that is done. A negative one must be done again, and does not lower the rate."""
        self._pending += max(0, amount)
        elapsed = now - self._last
        if elapsed < 0.5:
            return
        kept = math.exp(-elapsed / _MEMORY_SECONDS)
        self._rate = self._rate * kept + self._pending / elapsed * (1 - kept)
        self._weight = self._weight * kept + (1 - kept)
        self._pending, self._last = 0, now

    def per_second(self, now: float) -> float | None:
        """The amount per second; None while it is unknown."""
        if now - self._began < _FIRST_SECONDS or not self._weight:
            return None
        return self._rate / self._weight

    def seconds_for(self, amount: int, now: float) -> float | None:
        """The seconds that an amount takes; None while they are unknown."""
        rate = self.per_second(now)
        return amount / rate if rate else None


def duration(seconds: float) -> str:
    """A time as minutes and seconds; with hours if it has any.

    >>> duration(83), duration(5025)
    ('1:23', '1:23:45')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
