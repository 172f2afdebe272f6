"""The division of images that people would expect, and the numbers that engines give."""

from __future__ import annotations

import pytest

from bundler.core.shard import Shard
from bundler.core.shards import divided_images, run_of_shard
from bundler.errors import Misuse
from tests.unit.values import MIB, layer, planned, resolved

GIB = 1 << 30


def division(count: int, **layers: tuple[str, ...]) -> list[list[str]]:
    """The names of the images of each shard; a layer is written as its name and its MiB."""

    def made(text: str) -> object:
        word, _, size = text.partition(":")
        return layer(word, int(size) * MIB)

    images = [resolved(f"{name}:1", *map(made, texts)) for name, texts in layers.items()]  # type: ignore[arg-type]
    names = list(layers)
    manifest = planned(*images).manifest
    return [[names[place] for place in places] for places in divided_images(manifest, manifest.images, count)]


def test_images_with_a_common_layer_go_together() -> None:
    assert division(
        2, a=("base:400", "1:5"), x=("other:400", "2:5"), b=("base:400", "3:5"), y=("other:400", "4:5")
    ) == [["a", "b"], ["x", "y"]]


def test_a_small_common_layer_separates_what_it_would_join() -> None:
    assert division(2, a=("tiny:0", "1:300"), b=("tiny:0", "2:300")) == [["a"], ["b"]]


def test_a_group_larger_than_a_fair_part_is_cut() -> None:
    assert division(2, **{name: ("base:10", f"{name}:300") for name in "abcd"}) == [["a", "c"], ["b", "d"]]


def test_neighbours_stay_together_so_that_a_host_needs_few_chunks() -> None:
    shards = division(2, **{f"i{n:02}": (f"{n}:10",) for n in range(16)})
    changes = sum((f"i{n:02}" in shards[0]) != (f"i{n + 1:02}" in shards[0]) for n in range(15))
    assert changes <= 7
    assert sorted(map(len, shards)) == [8, 8]


def test_the_division_is_the_same_in_every_version() -> None:
    """Hosts with different Pythons, or different versions of bundler, must not leave an image out."""
    images = {f"i{n}": (f"base{n % 3}:40", f"{n}:{(n * 37) % 101}") for n in range(12)}
    assert division(3, **images) == [
        ["i1", "i7", "i8"],
        ["i0", "i3", "i5", "i6", "i9", "i11"],
        ["i2", "i4", "i10"],
    ]


def test_there_may_be_more_shards_than_images() -> None:
    assert division(3, a=("1:5",)) == [["a"], [], []]
    assert list(run_of_shard([7], Shard(1, 3))) == []
    assert list(run_of_shard([7], Shard(2, 3))) == [0]


@pytest.mark.parametrize(
    ("given", "environment", "shard"),
    [
        ("2/8", {}, "2/8"),
        ("auto/8", {"JOB_COMPLETION_INDEX": "0"}, "1/8"),
        ("auto/8", {"JOB_COMPLETION_INDEX": "7"}, "8/8"),
        ("auto/8", {"SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_COUNT": "1"}, "3/8"),
        (
            "auto",
            {
                "SLURM_ARRAY_TASK_ID": "3",
                "SLURM_ARRAY_TASK_COUNT": "4",
                "SLURM_ARRAY_TASK_MIN": "1",
                "SLURM_ARRAY_TASK_MAX": "4",
            },
            "3/4",
        ),
    ],
)
def test_a_shard_is_read(given: str, environment: dict[str, str], shard: str) -> None:
    assert str(Shard.parse(given, environment)) == shard


@pytest.mark.parametrize("given", ["", "0/3", "4/3", "1/0", "1/99999", "2", "1/2/3", "-1/2", "auto/", "١/٢", "1 / 2"])
def test_what_is_no_shard_is_refused(given: str) -> None:
    with pytest.raises(Misuse):
        Shard.parse(given, {"JOB_COMPLETION_INDEX": "0"})


@pytest.mark.parametrize(
    ("given", "environment", "words"),
    [
        ("auto/8", {}, "does not number this shard"),
        ("auto/8", {"JOB_COMPLETION_INDEX": "1", "SLURM_ARRAY_TASK_ID": "1"}, "numbers this shard twice"),
        ("auto/8", {"JOB_COMPLETION_INDEX": "8"}, "there is no such shard"),
        ("auto/8", {"JOB_COMPLETION_INDEX": "x"}, "not a number"),
        ("auto/8", {"SLURM_ARRAY_TASK_ID": "0"}, "there is no such shard"),
        ("auto", {"JOB_COMPLETION_INDEX": "1"}, "does not name the number of its pods"),
        # A second try of one task: the count is that of the second try.
        (
            "auto",
            {
                "SLURM_ARRAY_TASK_ID": "3",
                "SLURM_ARRAY_TASK_COUNT": "1",
                "SLURM_ARRAY_TASK_MIN": "3",
                "SLURM_ARRAY_TASK_MAX": "3",
            },
            "not 1-n",
        ),
    ],
)
def test_an_engine_that_does_not_name_a_shard_is_refused(given: str, environment: dict[str, str], words: str) -> None:
    with pytest.raises(Misuse, match=words):
        Shard.parse(given, environment)
