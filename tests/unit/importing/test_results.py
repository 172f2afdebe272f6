"""A tag that stands for something else is never moved without leave, and all of them are told at once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bundler.core.digest import Digest
from bundler.core.policies import FAIL, POLICIES, REPLACE, SKIP, SUFFIX
from bundler.core.receipt import DONE
from bundler.core.reference import Reference, is_tag
from bundler.errors import Refused, Several, Unavailable
from bundler.importing.results import (
    Conflict,
    ImageResult,
    Outcome,
    TargetResult,
    settle_again,
    settle_conflicts,
    step_aside,
)
from bundler.transports.parsing import parse_target
from tests.support.errors import raises, values_in
from tests.support.tables import each_case
from tests.unit.values import digest, layer, planned, resolved

NAMES = ["a:1", "b:1", "c:1"]


def results(*taken: str, on_conflict: str = FAIL) -> list[ImageResult]:
    """Three images, of which some are to have names that are taken."""
    made = planned(*(resolved(name, layer(name, 10)) for name in NAMES)).manifest.images
    return [
        ImageResult(
            image, Reference.parse(name), on_conflict, replaced=digest(f"old {name}") if name in taken else None
        )
        for name, image in zip(NAMES, made, strict=True)
    ]


@each_case("on_conflict", POLICIES)
@each_case("is_dry_run", [False, True], ids=["for real", "dry run"])
def test_without_conflicts_everything_stays_to_be_done(on_conflict: str, is_dry_run: bool) -> None:
    images = results(on_conflict=on_conflict)
    settle_conflicts(images, is_dry_run=is_dry_run)
    assert all(each.is_open for each in images)


@pytest.mark.parametrize("is_dry_run", [False, True], ids=["for real", "dry run"])
def test_what_is_there_is_kept_when_it_is_to_be_skipped(is_dry_run: bool) -> None:
    images = results("a:1", "c:1", on_conflict=SKIP)
    settle_conflicts(images, is_dry_run=is_dry_run)
    assert [each.outcome for each in images] == [Outcome.SKIPPED, None, Outcome.SKIPPED]
    assert all(each.error is None for each in images)


@pytest.mark.parametrize("is_dry_run", [False, True], ids=["for real", "dry run"])
def test_tags_move_when_they_are_to_be_replaced(is_dry_run: bool) -> None:
    images = results("a:1", "c:1", on_conflict=REPLACE)
    settle_conflicts(images, is_dry_run=is_dry_run)
    assert all(each.is_open for each in images)


@pytest.mark.parametrize(
    "taken",
    [["b:1"], ["a:1", "b:1", "c:1"]],
    ids=["one", "three"],
)
def test_conflicts_stop_the_run_before_anything_is_sent_and_are_told_together(taken: list[str]) -> None:
    images = results(*taken)
    with pytest.raises(Several) as caught:
        settle_conflicts(images, is_dry_run=False)
    error = caught.value
    assert (values_in(error.message)["count"], error.exit_code) == (len(taken), Refused.exit_code)
    assert [each.subject for each in error.errors] == [str(Reference.parse(name)) for name in taken]
    assert "--on-conflict" in (error.hint or "")
    assert {each.hint for each in error.errors} == {None}, "one hint for all is enough"


def test_a_conflict_says_what_is_there_and_what_was_to_be_there() -> None:
    images = results("b:1")
    with pytest.raises(Several) as caught:
        settle_conflicts(images, is_dry_run=False)
    (error,) = caught.value.errors
    assert (error.expected, error.actual) == (str(images[1].image.root.digest), str(digest("old b:1")))
    assert error.code == "tag-taken"


def test_a_dry_run_tells_conflicts_and_goes_on() -> None:
    images = results("b:1")
    settle_conflicts(images, is_dry_run=True)
    assert [each.outcome for each in images] == [None, Outcome.FAILED, None]
    assert isinstance(images[1].error, Refused)
    assert "--on-conflict" in (images[1].error.hint or "")


def test_a_target_may_tell_its_conflicts_in_its_own_words() -> None:
    conflict = Conflict("the name stands for another image", lambda each: f"id of {each.name.repository}", "do it")
    with pytest.raises(Several) as caught:
        settle_conflicts(results("b:1"), is_dry_run=False, conflict=conflict)
    (error,) = caught.value.errors
    assert error.expected == "id of library/b"
    assert caught.value.hint == "do it"


# A tag that moves between the first look and its turn


def look_again(each: ImageResult, *now: Digest | None) -> bool:
    """Settles an image whose name stands for these things, one for each time that it is asked."""
    answers = iter(now)
    is_moving = settle_again(each, lambda: next(answers), ours=(each.image.root.digest,))
    assert list(answers) == [], "it was asked as often as expected"
    return is_moving


THEIRS = digest("theirs")


@each_case("on_conflict", POLICIES)
@each_case("taken", [[], ["a:1"]], ids=["new", "replaced"])
def test_a_tag_that_did_not_move_is_to_move_now(on_conflict: str, taken: list[str]) -> None:
    each = results(*taken, on_conflict=on_conflict)[0]
    before = each.replaced
    assert look_again(each, before)
    assert (each.is_open, each.replaced) == (True, before)


@each_case("on_conflict", POLICIES)
@each_case("taken", [[], ["a:1"]], ids=["new", "replaced"])
def test_a_tag_that_stands_for_the_image_by_now_is_not_ours_to_undo(on_conflict: str, taken: list[str]) -> None:
    each = results(*taken, on_conflict=on_conflict)[0]
    assert not look_again(each, each.image.root.digest)
    assert (each.outcome, each.read_back, each.replaced) == (Outcome.PRESENT, each.image.root.digest, None)


@pytest.mark.parametrize("taken", [[], ["a:1"]], ids=["new", "replaced"])
def test_a_tag_that_moved_meanwhile_is_decided_by_the_same_rule(taken: list[str]) -> None:
    failed, skipped, replaced = (results(*taken, on_conflict=policy)[0] for policy in (FAIL, SKIP, REPLACE))
    assert not look_again(failed, THEIRS)
    assert isinstance(failed.error, Refused)
    assert failed.error.actual == str(THEIRS)
    assert not look_again(skipped, THEIRS)
    assert (skipped.outcome, skipped.replaced) == (Outcome.SKIPPED, THEIRS)
    assert look_again(replaced, THEIRS)
    assert (replaced.is_open, replaced.replaced) == (True, THEIRS)


def test_an_image_steps_aside_from_a_tag_that_is_taken_meanwhile() -> None:
    aside, there, taken = (results(on_conflict=SUFFIX)[0] for _ in range(3))
    assert look_again(aside, THEIRS, None)
    assert (str(aside.beside), aside.replaced) == (str(Reference.parse("a:1")), None)
    assert not look_again(there, THEIRS, there.image.root.digest)
    assert there.outcome is Outcome.PRESENT
    assert not look_again(taken, THEIRS, digest("somebody else's"))
    assert isinstance(taken.error, Refused)


def test_a_tag_that_was_removed_meanwhile_replaces_nothing() -> None:
    each = results("a:1", on_conflict=REPLACE)[0]
    assert look_again(each, None)
    assert each.replaced is None


# A tag beside the one that is taken


def test_an_image_whose_tag_is_taken_steps_aside_where_that_was_asked_for() -> None:
    images = results("a:1", "c:1", on_conflict=SUFFIX)
    assert step_aside(images) == [images[0], images[2]]
    for each, tag in ((images[0], "1"), (images[2], "1")):
        assert each.name.tag == f"{tag}-{each.image.root.digest.short}"
        assert (each.beside, each.replaced) == (replace(each.name, tag=tag), None)
    assert (images[1].name, images[1].beside) == (Reference.parse("b:1"), None)


@pytest.mark.parametrize("on_conflict", [FAIL, SKIP, REPLACE])
def test_nothing_steps_aside_where_that_was_not_asked_for(on_conflict: str) -> None:
    images = results("a:1", on_conflict=on_conflict)
    assert step_aside(images) == []
    assert images[0].replaced == digest("old a:1")
    assert images[0].name == Reference.parse("a:1")


def test_an_image_steps_aside_once_and_always_to_the_same_tag() -> None:
    images = results("a:1", on_conflict=SUFFIX)
    step_aside(images)
    first = images[0].name
    images[0].replaced = digest("somebody else's")
    assert step_aside(images) == []
    assert images[0].name == first
    again = results("a:1", on_conflict=SUFFIX)
    step_aside(again)
    assert again[0].name == first


def test_a_long_tag_that_steps_aside_is_still_a_tag() -> None:
    images = results("a:1", on_conflict=SUFFIX)
    images[0].name = replace(images[0].name, tag="x" * 128)
    step_aside(images)
    assert is_tag(images[0].name.tag or "")
    assert (images[0].name.tag or "").endswith(f"-{images[0].image.root.digest.short}")


def test_an_image_that_stepped_aside_is_to_be_pushed() -> None:
    images = results("a:1", on_conflict=SUFFIX)
    step_aside(images)
    settle_conflicts(images, is_dry_run=False)
    assert all(each.is_open for each in images)


@pytest.mark.parametrize("is_dry_run", [False, True], ids=["for real", "dry run"])
def test_a_tag_beside_that_is_taken_too_is_a_conflict(is_dry_run: bool) -> None:
    images = results("a:1", on_conflict=SUFFIX)
    step_aside(images)
    images[0].replaced = digest("somebody else's")
    if is_dry_run:
        settle_conflicts(images, is_dry_run=True)
        error = images[0].error
    else:
        with raises(Several, values={"count": 1}) as caught:
            settle_conflicts(images, is_dry_run=False)
        (error,) = caught.value.errors
    assert isinstance(error, Refused)
    assert (error.code, error.subject) == ("tag-taken", str(images[0].name))
    assert error.actual == str(digest("somebody else's"))


@pytest.mark.parametrize("is_dry_run", [False, True], ids=["for real", "dry run"])
def test_each_image_goes_by_its_own_policy(is_dry_run: bool) -> None:
    images = results("a:1", "b:1", "c:1")
    for each, policy in zip(images, (SKIP, REPLACE, SUFFIX), strict=True):
        each.on_conflict = policy
    step_aside(images)
    settle_conflicts(images, is_dry_run=is_dry_run)
    assert [each.outcome for each in images] == [Outcome.SKIPPED, None, None]
    assert [each.replaced is None for each in images] == [False, False, True]


def test_one_image_that_may_not_move_its_tag_stops_all() -> None:
    images = results("a:1", "b:1", on_conflict=REPLACE)
    images[1].on_conflict = FAIL
    with raises(Several, values={"count": 1}) as caught:
        settle_conflicts(images, is_dry_run=False)
    assert [error.subject for error in caught.value.errors] == [str(images[1].name)]


# Outcomes


def test_the_first_failure_of_an_image_counts() -> None:
    (image, *_) = results()
    image.fail(Unavailable("first"))
    image.fail(Refused("second"))
    assert (image.outcome, str(image.error), image.is_open) == (Outcome.FAILED, "first", False)


def test_what_is_done_is_not_open() -> None:
    images = results()
    images[0].outcome, images[1].outcome = Outcome.PUSHED, Outcome.SKIPPED
    assert TargetResult(parse_target("host:5000"), images).open_images == [images[2]]


@each_case("outcome", Outcome)
def test_only_what_is_in_place_or_was_left_out_as_asked_for_is_done(outcome: Outcome) -> None:
    in_place = {Outcome.PUSHED, Outcome.LOADED, Outcome.PRESENT, Outcome.SKIPPED}
    assert outcome.is_done is (outcome in in_place)
    assert (outcome.value in DONE) is outcome.is_done, "a receipt counts the same"
