"""Patterns mean what they look like in a shell, and one that fits nothing is an error and leaves no image out."""

from __future__ import annotations

import pytest

from bundler.core.reference import Reference
from bundler.core.selection import EVERYTHING, Selection
from bundler.errors import Misuse
from tests.support.tables import each_case
from tests.unit.values import digest

D = digest("image")
TEXTS = ("nginx:1.27", "redis", "bitnami/redis:7", "quay.io/prometheus/node:v1", "host:5000/team/app:2", f"a/b@{D}")
IMAGES = tuple(Reference.parse(text) for text in TEXTS)


def chosen(*, only: tuple[str, ...] = (), except_: tuple[str, ...] = ()) -> set[str]:
    """Those of the images that are meant, as they are written above."""
    left = Selection(only, except_).chosen(IMAGES)
    return {text for text, image in zip(TEXTS, IMAGES, strict=True) if image in left}


@each_case(
    ("pattern", "fitting"),
    [
        pytest.param("nginx", {"nginx:1.27"}, id="a short name"),
        pytest.param("nginx*", {"nginx:1.27"}, id="a beginning of a short name"),
        pytest.param("nginx:1.27", {"nginx:1.27"}, id="a short name with its tag"),
        pytest.param("library/nginx:1.27", {"nginx:1.27"}, id="a name without its registry"),
        pytest.param("docker.io/library/nginx:1.27", {"nginx:1.27"}, id="a full name"),
        pytest.param("library/*", {"nginx:1.27", "redis"}, id="what Docker Hub has by itself"),
        pytest.param("docker.io/*", {"nginx:1.27", "redis", "bitnami/redis:7", f"a/b@{D}"}, id="a registry"),
        pytest.param("quay.io/*", {"quay.io/prometheus/node:v1"}, id="another registry, across slashes"),
        pytest.param("host:5000/*", {"host:5000/team/app:2"}, id="a registry with a port"),
        pytest.param("*:latest", {"redis"}, id="a tag, also where it was not written"),
        pytest.param("*redis*", {"redis", "bitnami/redis:7"}, id="something in the middle"),
        pytest.param("redis", {"redis"}, id="a short name is not the end of another"),
        pytest.param("*:?", {"bitnami/redis:7", "host:5000/team/app:2"}, id="one character"),
        pytest.param("*:[27]", {"bitnami/redis:7", "host:5000/team/app:2"}, id="one of some characters"),
        pytest.param(f"*@{D}", {f"a/b@{D}"}, id="a digest"),
        pytest.param("a/b", {f"a/b@{D}"}, id="a name with any digest"),
        pytest.param("*", set(TEXTS), id="all"),
    ],
)
def test_a_pattern_means_what_it_looks_like(pattern: str, fitting: set[str]) -> None:
    assert chosen(only=(pattern,)) == fitting
    if fitting != set(TEXTS):
        assert chosen(except_=(pattern,)) == set(TEXTS) - fitting


@each_case(
    ("pattern", "fitting"),
    [
        ("[::1]:5000/*", {"[::1]:5000/team/app:1"}),
        ("[::1]*", {"[::1]:5000/team/app:1"}),
        ("[fd00::*]/*", {"[fd00::2]/app:1"}),
        ("[fd00::2]/a[op]p", {"[fd00::2]/app:1"}),
        ("n[ghij]inx", {"nginx:1"}),
        ("[::1]:5000/team/app:1", {"[::1]:5000/team/app:1"}),
        ("[mn]ginx", {"nginx:1"}),
        ("*/team/*", {"[::1]:5000/team/app:1"}),
    ],
)
def test_the_brackets_of_an_address_are_no_set_of_characters(pattern: str, fitting: set[str]) -> None:
    names = ("[::1]:5000/team/app:1", "[fd00::2]/app:1", "nginx:1")
    images = {Reference.parse(name): name for name in names}
    assert {images[each] for each in Selection((pattern,)).chosen(images)} == fitting
    left = Selection(except_=(pattern,)).chosen(images)
    assert {images[each] for each in left} == set(names) - fitting


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param("team/app", id="a name without a registry that is not Docker Hub"),
        pytest.param("app:2", id="the end of a name"),
        pytest.param("NGINX", id="upper case"),
        pytest.param("nginx:1.2", id="the beginning of a tag"),
        pytest.param("", id="nothing"),
        pytest.param("[", id="an open bracket"),
    ],
)
def test_a_pattern_that_fits_nothing_is_a_mistake_when_it_is_all_that_is_wanted(pattern: str) -> None:
    with pytest.raises(Misuse) as caught:
        chosen(only=("nginx", pattern))
    assert caught.value.subject == f"--only {pattern}"
    assert caught.value.hint is not None
    assert "docker.io/library/nginx:1.27, " in caught.value.hint
    assert "3 more" in caught.value.hint


def test_many_patterns_add_up_and_exceptions_go_last() -> None:
    assert chosen(only=("nginx", "redis")) == {"nginx:1.27", "redis"}
    assert chosen(only=("*redis*",), except_=("bitnami/*",)) == {"redis"}
    assert chosen(except_=("docker.io/*", "quay.io/*")) == {"host:5000/team/app:2"}


def test_without_patterns_all_images_are_meant() -> None:
    assert EVERYTHING.chosen(IMAGES) == frozenset(IMAGES)
    assert EVERYTHING.chosen([]) == frozenset()


@pytest.mark.parametrize(
    ("only", "except_"),
    [pytest.param((), ("*",), id="all left out"), pytest.param(("redis",), ("*:latest",), id="all that were wanted")],
)
def test_a_selection_that_leaves_nothing_is_a_mistake(only: tuple[str, ...], except_: tuple[str, ...]) -> None:
    with pytest.raises(Misuse) as caught:
        chosen(only=only, except_=except_)
    assert caught.value.subject == f"--except {except_[0]}"


def test_exceptions_that_fit_nothing_are_reported_but_change_nothing() -> None:
    selection = Selection(except_=("nginx", "ngnix", "quay.io/*:v2"))
    assert selection.idle(IMAGES) == ("ngnix", "quay.io/*:v2")
    assert selection.chosen(IMAGES) == frozenset(IMAGES[1:])


def test_patterns_may_be_tried_on_what_can_be_read_once_only() -> None:
    assert Selection(("nginx",)).chosen(iter(IMAGES)) == {IMAGES[0]}
    assert Selection(except_=("x", "y")).idle(iter(IMAGES)) == ("x", "y")
