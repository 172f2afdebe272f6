"""An image of a file is found by its full name, by an alias that is clear, and never by one that is not."""

from __future__ import annotations

import pytest

from bundler.errors import Refused
from bundler.stores.held_images import Choice, HeldImage
from tests.support.errors import raises
from tests.support.tables import each_case

QUAY = HeldImage(
    ("quay.io/library/nginx:1.27",),
    (
        "library/nginx:1.27",
        "1.27",
        "@sha256:a",
    ),
    "q",
)
DOCKER = HeldImage(
    ("docker.io/library/nginx:1.27",),
    (
        "1.27",
        "old",
        "@sha256:b",
    ),
    "d",
)
APP = HeldImage(("docker.io/library/app:latest",), ("@0",), "a")


def choice(*images: HeldImage[str]) -> Choice[str]:
    return Choice(images, called="oci-archive:a.tar")


@each_case(
    ("asked", "found"),
    [
        ("quay.io/library/nginx:1.27", "q"),
        ("docker.io/library/nginx:1.27", "d"),
        ("nginx:1.27", "d"),
        ("old", "d"),
        ("@sha256:a", "q"),
        ("sha256:b", "d"),
        ("app", "a"),
        ("app:latest", "a"),
        ("@0", "a"),
    ],
)
def test_an_image_is_found_by_its_name_and_by_what_is_clear(asked: str, found: str) -> None:
    assert choice(QUAY, DOCKER, APP)(asked) == found


@pytest.mark.parametrize("asked", ["1.27", "library/nginx:1.27"], ids=["one tag", "a path and a short name"])
def test_what_two_images_are_called_is_refused_with_names_that_work(asked: str) -> None:
    pick = choice(QUAY, DOCKER)
    with raises(Refused, values={"count": 2}) as caught:
        pick(asked)
    advice = (caught.value.hint or "").removeprefix("choose one of: ").split(", ")
    assert {"quay.io/library/nginx:1.27", "docker.io/library/nginx:1.27"} <= set(advice)
    assert {pick(name) for name in advice} == {"q", "d"}


def test_no_name_means_the_only_image() -> None:
    assert choice(QUAY)(None) == "q"
    with raises(Refused, subject="oci-archive:a.tar", values={"count": 0}):
        choice()(None)
    with raises(Refused, subject="oci-archive:a.tar", values={"count": 2}):
        choice(QUAY, APP)(None)


@pytest.mark.parametrize("asked", ["docker.io/library/1.27:latest", "quay.io/other:1", "2.0", ""])
def test_another_name_is_refused_with_those_that_are_there(asked: str) -> None:
    with pytest.raises(Refused) as caught:
        choice(QUAY, DOCKER)(asked)
    assert "quay.io/library/nginx:1.27" in (caught.value.hint or "")


def test_people_read_the_full_names_or_what_there_is() -> None:
    assert QUAY.shown == ("quay.io/library/nginx:1.27",)
    assert HeldImage(
        (),
        (
            "v1",
            "@sha256:a",
        ),
        "x",
    ).shown == ("v1",)
