"""Times of RFC 3339 become seconds and texts again, as `datetime` has them."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given, strategies

from bundler.core import moments
from tests.support.tables import each_case


@given(strategies.datetimes(min_value=datetime.datetime(1, 1, 1), max_value=datetime.datetime(9999, 12, 31, 23, 59)))
def test_texts_and_seconds_are_those_of_datetime(moment):
    moment = moment.replace(microsecond=0, tzinfo=datetime.timezone.utc)
    seconds = int((moment - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)).total_seconds())
    assert moments.seconds_of(moment.isoformat()) == seconds
    assert datetime.datetime.fromisoformat(moments.shown(seconds).replace("Z", "+00:00")) == moment


@each_case(
    "text, seconds",
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2022-07-29T15:56:51-07:00", 1659135411),
        ("2022-07-29T15:56:51.123456789+05:30", 1659090411),
        ("2024-02-29t23:59:60z", 1709251200),
    ],
)
def test_an_offset_and_a_fraction_are_understood(text, seconds):
    assert moments.seconds_of(text) == seconds


@each_case(
    "text",
    [
        "", "2023-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2023-13-01T00:00:00Z", "2023-00-01T00:00:00Z",
        "2023-04-31T00:00:00Z", "2023-04-00T00:00:00Z", "0000-01-01T00:00:00Z", "2023-01-01T24:00:00Z",
        "2023-01-01T00:60:00Z", "2023-01-01T00:00:61Z", "2023-01-01T00:00:00", "2023-01-01 00:00:00Z",
        "2023-01-01T00:00:00+24:00", "2023-01-01T00:00:00+01:60", "２０２３-01-01T00:00:00Z", "2023-01-01T00:00:00Z\n",
    ],
)  # fmt: skip
def test_other_texts_are_refused(text):
    with pytest.raises(ValueError, match="RFC 3339"):
        moments.seconds_of(text)


def test_times_of_other_millennia_are_shown_as_numbers():
    assert moments.shown(10**15) == str(10**15)
    assert moments.shown(-(10**12)) == str(-(10**12))
