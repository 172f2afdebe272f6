"""The limit for what a registry gets, and the part of one shard."""

from __future__ import annotations

import pytest

from bundler.core.rate import Rate
from bundler.core.shard import Shard
from bundler.errors import Misuse


@pytest.mark.parametrize(
    ("given", "rate"),
    [
        ("requests=50", Rate(requests=50)),
        ("bytes=200MB", Rate(size_bytes=200_000_000)),
        (" connections=16, requests=5 ", Rate(5, None, 16)),
        ("requests=50,bytes=4MiB,connections=1", Rate(50, 4 << 20, 1)),
    ],
)
def test_a_rate_is_read(given: str, rate: Rate) -> None:
    assert Rate.parse(given) == rate


@pytest.mark.parametrize(
    "given",
    [
        "", "50", "requests", "requests=", "requests=0", "requests=-1", "requests=1.5", "requests=1,requests=2",
        "bytes=1", "bytes=fast", "connections=0", "speed=9", "requests=٣", "requests=9999999999",
    ],
)  # fmt: skip
def test_what_is_no_rate_is_refused(given: str) -> None:
    with pytest.raises(Misuse):
        Rate.parse(given)


def test_all_shards_together_keep_to_the_rate() -> None:
    rate, count = Rate.parse("requests=50,bytes=100MB,connections=10"), 4
    parts = [rate.of_shard(Shard(number, count)) for number in range(1, count + 1)]
    assert sum(part.requests or 0 for part in parts) == 50
    assert sum(part.size_bytes or 0 for part in parts) == 100_000_000
    assert sum(part.connections or 0 for part in parts) <= 10
    assert rate.of_shard(None) == rate
    assert Rate().of_shard(Shard(1, 9)) == Rate()


@pytest.mark.parametrize(
    ("given", "parts"), [("requests=1", 8), ("connections=3", 3), ("bytes=2999999", 2), ("bytes=5MB,connections=9", 5)]
)
def test_no_more_workers_get_a_part_than_can_keep_to_it(given: str, parts: int) -> None:
    rate = Rate.parse(given)
    assert rate.most_parts(8) == parts
    rate.divided(parts)
    assert Rate().most_parts(8) == 8


@pytest.mark.parametrize("given", ["connections=3", "bytes=3MB"])
def test_a_rate_that_has_too_little_for_each_shard_is_refused(given: str) -> None:
    with pytest.raises(Misuse, match=r"not a rate \(expected at least "):
        Rate.parse(given).of_shard(Shard(1, 4))
