"""The number of the next bundle of a channel is known or given, and never guessed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bundler.core.channel import Channel, MadeBundle, next_series, parse_channel
from bundler.core.limits import CHANNEL_BUNDLES
from bundler.core.manifest import Series
from bundler.errors import Damaged, Misuse
from tests.support.errors import raises
from tests.support.tables import each_case

A, B, C = "a" * 64, "b" * 64, "c" * 64
STATE = Channel("monthly", (MadeBundle(1, A, None, "/out/one"), MadeBundle(2, B, A, "/out/two")))


def following(state: Channel | None = STATE, *earlier: tuple[Series, str], sequence: int | None = None) -> Series:
    return next_series("monthly", state, earlier, sequence=sequence, path="/out/new")


@each_case(
    "state, earlier, sequence, expected",
    [
        pytest.param(STATE, (), None, Series("monthly", 3, B), id="after the state"),
        pytest.param(None, ((Series("monthly", 7, B), C),), None, Series("monthly", 8, C), id="after --since"),
        pytest.param(STATE, ((Series("monthly", 7), C),), None, Series("monthly", 8, C), id="after the newer of both"),
        pytest.param(STATE, ((Series("monthly", 1), C),), None, Series("monthly", 3, B), id="the state is newer"),
        pytest.param(STATE, ((Series("weekly", 7), C),), None, Series("monthly", 3, B), id="another channel"),
        pytest.param(None, (), 1, Series("monthly", 1), id="a new channel"),
        pytest.param(None, (), 9, Series("monthly", 9), id="a lost state: the one before is not known"),
        pytest.param(STATE, (), 3, Series("monthly", 3, B), id="the next one, given"),
        pytest.param(STATE, (), 5, Series("monthly", 5), id="a gap"),
    ],
)
def test_the_next_number_follows_what_is_known(state, earlier, sequence, expected):
    assert following(state, *earlier, sequence=sequence) == expected


@each_case("earlier", [(), ((Series("weekly", 7), C),)])
def test_a_number_that_is_not_known_is_no_guess(earlier):
    with raises(Misuse, subject="--channel monthly"):
        following(None, *earlier)


@each_case("sequence", [1, 2, 0, -1])
def test_a_number_is_not_given_twice(sequence):
    with raises(Misuse):
        following(STATE, sequence=sequence)


def test_an_export_that_was_killed_keeps_its_number_and_others_take_the_next_one():
    started = STATE.with_bundle(MadeBundle(3, "", B, "/out/three"))
    assert next_series("monthly", started, (), sequence=None, path="/out/three") == Series("monthly", 3, B)
    assert next_series("monthly", started, (), sequence=3, path="/out/three") == Series("monthly", 3, B)
    assert following(started) == Series("monthly", 4, None)
    sealed = started.with_bundle(MadeBundle(3, C, B, "/out/three"))
    assert following(sealed) == Series("monthly", 4, C)
    assert next_series("monthly", sealed, (), sequence=None, path="/out/three") == Series("monthly", 4, C)


def test_only_the_newest_bundles_are_kept():
    state = Channel("monthly")
    for number in range(1, CHANNEL_BUNDLES + 3):
        state = state.with_bundle(MadeBundle(number, A))
    assert (len(state.bundles), state.bundles[-1].sequence) == (CHANNEL_BUNDLES, CHANNEL_BUNDLES + 2)


def test_a_state_is_read_back_as_it_was_written():
    assert parse_channel(STATE.to_json(), name="monthly", what="state") == STATE


def changed(**fields: Any) -> bytes:
    return json.dumps({**json.loads(STATE.to_json()), **fields}).encode()


@each_case(
    "content",
    [
        b"",
        b"[]",
        STATE.to_json()[:-9],
        changed(channel="weekly"),
        changed(document="x"),
        changed(bundles=[]),
        changed(bundles=[{"sequence": 0, "id": A, "previous": None, "path": ""}]),
        changed(bundles=[{"sequence": 1, "id": "beef", "previous": None, "path": ""}]),
        changed(bundles=json.loads(STATE.to_json())["bundles"][::-1]),
        changed(bundles=json.loads(STATE.to_json())["bundles"][:1] * 2),
    ],
)
def test_a_damaged_state_is_never_an_empty_one(content):
    with raises(Damaged, subject="state"):
        parse_channel(content, name="monthly", what="state")
