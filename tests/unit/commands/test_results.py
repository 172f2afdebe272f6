"""A tag that stands for something else is never moved without leave, and all of them are told at once."""

from __future__ import annotations

import pytest

from bundler.commands.results import (
    FAIL,
    REPLACE,
    SKIP,
    Conflict,
    ImageResult,
    Outcome,
    TargetResult,
    settle_conflicts,
)
from bundler.core.location import parse_target
from bundler.core.reference import Reference
from bundler.errors import Refused, Several, Unavailable
from tests.unit.values import digest, layer, planned, resolved

NAMES = ["a:1", "b:1", "c:1"]


def results(*taken: str) -> list[ImageResult]:
    """Three images, of which some are to have names that are taken."""
    made = planned(*(resolved(name, layer(name, 10)) for name in NAMES)).manifest.images
    return [
        ImageResult(image, Reference.parse(name), replaced=digest(f"old {name}") if name in taken else None)
        for name, image in zip(NAMES, made, strict=True)
    ]


@pytest.mark.parametrize("on_conflict", [FAIL, SKIP, REPLACE])
@pytest.mark.parametrize("is_dry_run", [False, True], ids=["for real", "dry run"])
def test_without_conflicts_everything_stays_to_be_done(on_conflict: str, is_dry_run: bool) -> None:
    images = results()
    settle_conflicts(images, on_conflict, is_dry_run=is_dry_run)
    assert all(each.is_open for each in images)


@pytest.mark.parametrize("is_dry_run", [False, True], ids=["for real", "dry run"])
def test_what_is_there_is_kept_when_it_is_to_be_skipped(is_dry_run: bool) -> None:
    images = results("a:1", "c:1")
    settle_conflicts(images, SKIP, is_dry_run=is_dry_run)
    assert [each.outcome for each in images] == [Outcome.SKIPPED, None, Outcome.SKIPPED]
    assert all(each.error is None for each in images)


@pytest.mark.parametrize("is_dry_run", [False, True], ids=["for real", "dry run"])
def test_tags_move_when_they_are_to_be_replaced(is_dry_run: bool) -> None:
    images = results("a:1", "c:1")
    settle_conflicts(images, REPLACE, is_dry_run=is_dry_run)
    assert all(each.is_open for each in images)


@pytest.mark.parametrize(
    ("taken", "counted"),
    [(["b:1"], "1 tag is taken"), (["a:1", "b:1", "c:1"], "3 tags are taken")],
    ids=["one", "three"],
)
def test_conflicts_stop_the_run_before_anything_is_sent_and_are_told_together(taken: list[str], counted: str) -> None:
    images = results(*taken)
    with pytest.raises(Several) as caught:
        settle_conflicts(images, FAIL, is_dry_run=False)
    error = caught.value
    assert (error.message, error.exit_code) == (f"{counted}; nothing was sent", Refused.exit_code)
    assert [each.subject for each in error.errors] == [str(Reference.parse(name)) for name in taken]
    assert "--on-conflict" in (error.hint or "")
    assert {each.hint for each in error.errors} == {None}, "one hint for all is enough"


def test_a_conflict_says_what_is_there_and_what_was_to_be_there() -> None:
    images = results("b:1")
    with pytest.raises(Several) as caught:
        settle_conflicts(images, FAIL, is_dry_run=False)
    (error,) = caught.value.errors
    assert (error.expected, error.actual) == (str(images[1].image.root.digest), str(digest("old b:1")))


def test_a_dry_run_tells_conflicts_and_goes_on() -> None:
    images = results("b:1")
    settle_conflicts(images, FAIL, is_dry_run=True)
    assert [each.outcome for each in images] == [None, Outcome.FAILED, None]
    assert isinstance(images[1].error, Refused)
    assert "--on-conflict" in (images[1].error.hint or "")


def test_a_target_may_tell_its_conflicts_in_its_own_words() -> None:
    conflict = Conflict("the name stands for another image", lambda each: f"id of {each.name.repository}", "do it")
    with pytest.raises(Several) as caught:
        settle_conflicts(results("b:1"), FAIL, is_dry_run=False, conflict=conflict)
    (error,) = caught.value.errors
    assert (error.message, error.expected) == ("the name stands for another image", "id of library/b")
    assert caught.value.hint == "do it"


def test_the_first_failure_of_an_image_counts() -> None:
    (image, *_) = results()
    image.fail(Unavailable("first"))
    image.fail(Refused("second"))
    assert (image.outcome, str(image.error), image.is_open) == (Outcome.FAILED, "first", False)


def test_what_is_done_is_not_open() -> None:
    images = results()
    images[0].outcome, images[1].outcome = Outcome.PUSHED, Outcome.SKIPPED
    assert TargetResult(parse_target("host:5000"), images).open_images == [images[2]]
