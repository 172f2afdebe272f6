"""How fast something goes, smoothed, and how long it will take: so that neither jumps with each blob."""

from __future__ import annotations

import math

_MEMORY_SECONDS = 20.0
"""What happened so long ago counts a third."""

_FIRST_SECONDS = 3.0
"""Before that nobody can tell how long it takes."""


class Rate:
    """Amounts over time, as an exponential moving average. The clock is passed in."""

    def __init__(self, now: float) -> None:
        self._began = self._last = now
        self._pending = 0
        self._rate = 0.0
        self._weight = 0.0

    def add(self, amount: int, now: float) -> None:
        """So much was done by now; negative when it must be done again, which makes nothing slower."""
        self._pending += max(0, amount)
        elapsed = now - self._last
        if elapsed < 0.5:
            return
        kept = math.exp(-elapsed / _MEMORY_SECONDS)
        self._rate = self._rate * kept + self._pending / elapsed * (1 - kept)
        self._weight = self._weight * kept + (1 - kept)
        self._pending, self._last = 0, now

    def per_second(self, now: float) -> float | None:
        """How much is done in a second; None while that cannot be told."""
        if now - self._began < _FIRST_SECONDS or not self._weight:
            return None
        return self._rate / self._weight

    def seconds_for(self, amount: int, now: float) -> float | None:
        """How long an amount takes; None while that cannot be told."""
        rate = self.per_second(now)
        return amount / rate if rate else None


def duration(seconds: float) -> str:
    """Minutes and seconds, and hours where there are some.

    >>> duration(83), duration(5025)
    ('1:23', '1:23:45')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
