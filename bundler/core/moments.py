"""Times as seconds since 1970, from and to texts of RFC 3339. `datetime` has a clock, so `core` does without it."""

from __future__ import annotations

import re

from bundler.core.patterns import lazy_pattern
from bundler.texts import text

_MOMENT = lazy_pattern(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.\d{1,9})?(?:[Zz]|([+-])(\d\d):(\d\d))", re.ASCII
)
_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_EPOCH_DAYS = 719_162
"""Days from 0001-01-01 to 1970-01-01."""

_FIRST_SECONDS = 1_767_225_600
"""2026-01-01: bundler has written nothing before."""
_AHEAD_SECONDS = 86_400


def seconds_of(moment: str) -> int:
    """A time of RFC 3339 in seconds since 1970, without its fraction.

    >>> seconds_of("2022-07-29T15:56:51-07:00")
    1659135411

    Raises:
        ValueError: It is not such a time.
    """
    found = _MOMENT.fullmatch(moment)
    if found is None:
        raise ValueError(text("{moment} is not a time of RFC 3339", moment=repr(moment[:50])))
    year, month, day, hour, minute, second = map(int, found.groups()[:6])
    if not (year and 1 <= month <= 12 and 1 <= day <= _month(year, month) and hour < 24 and minute < 60):
        raise ValueError(text("{moment} is not a time of RFC 3339", moment=repr(moment)))
    if second > 60 or (found[7] and (int(found[8]) > 23 or int(found[9]) > 59)):
        raise ValueError(text("{moment} is not a time of RFC 3339", moment=repr(moment)))
    days = _days_before(year) + sum(_month(year, each) for each in range(1, month)) + day - 1 - _EPOCH_DAYS
    offset = (int(found[8]) * 3600 + int(found[9]) * 60) * (-1 if found[7] == "-" else 1) if found[7] else 0
    return days * 86_400 + hour * 3600 + minute * 60 + second - offset


def is_plausible(moment: str, now: str) -> bool:
    """False for a time that a wrong clock wrote: before bundler was first used, or more than a day ahead.

    A clock without a battery starts in 1970, 2000, or the year in which its system was made.

    >>> [is_plausible(f"{year}-11-29T12:00:00Z", now="2026-11-30T12:00:00Z") for year in (2000, 2026, 2099)]
    [False, True, False]
    """
    try:
        return _FIRST_SECONDS <= seconds_of(moment) <= seconds_of(now) + _AHEAD_SECONDS
    except ValueError:
        return False


def shown(seconds: int) -> str:
    """A time as RFC 3339 has it, in UTC; a number for one outside the years 1 to 9999.

    >>> shown(1659135411)
    '2022-07-29T22:56:51Z'
    """
    days, rest = divmod(seconds, 86_400)
    days += _EPOCH_DAYS
    if not 0 <= days < _days_before(10_000):
        return str(seconds)
    year = days * 400 // 146_097 + 1
    while _days_before(year) > days:
        year -= 1
    while _days_before(year + 1) <= days:
        year += 1
    days -= _days_before(year)
    month = 1
    while days >= _month(year, month):
        days -= _month(year, month)
        month += 1
    return f"{year:04}-{month:02}-{days + 1:02}T{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}Z"


def _days_before(year: int) -> int:
    """Days from 0001-01-01 to the beginning of a year."""
    before = year - 1
    return before * 365 + before // 4 - before // 100 + before // 400


def _month(year: int, month: int) -> int:
    is_leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return _DAYS[month - 1] + (month == 2 and is_leap)
