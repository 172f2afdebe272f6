"""A tag that is another image's is never moved without leave, and all conflicts are reported at once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bundler.core.digest import Digest
from bundler.core.policies import CONFLICT_POLICIES, FAIL, REPLACE, SKIP, SUFFIX
from bundler.core.reference import Reference, is_tag
from bundler.errors import Refused, Several, TagTaken
from bundler.importing.conflicts import TAKEN, Conflict, all_aside, settled, settled_again
from bundler.importing.results import ImageResult, Outcome
from tests.support.errors import values_in
from tests.support.tables import each_case
from tests.unit.values import digest, layer, planned, resolved

NAMES = ["a:1", "b:1", "c:1"]
THEIRS = digest("theirs")


def results(*taken: str, on_conflict: str = FAIL) -> list[ImageResult]:
    """Three images, of which some are to have names that are taken."""
    made = planned(*(resolved(name, layer(name, 10)) for name in NAMES)).manifest.images
    return [
        ImageResult(
            image, Reference.parse(name), on_conflict, replaced=digest(f"old {name}") if name in taken else None
        )
        for name, image in zip(NAMES, made, strict=True)
    ]


def outcomes(images: list[ImageResult], *, is_dry_run: bool) -> list[Outcome | None]:
    """The outcomes of all images, after the rule has decided about some."""
    decided = settled(images, is_dry_run=is_dry_run)
    assert decided.error is None
    changed = {each.image.reference: each for each in decided.images}
    return [changed.get(each.image.reference, each).outcome for each in images]


def conflicts(images: list[ImageResult], conflict: Conflict = TAKEN) -> Several:
    """The conflicts that end the run."""
    decided = settled(images, is_dry_run=False, conflict=conflict)
    assert decided.error is not None
    return decided.error


def moved(images: list[ImageResult]) -> list[ImageResult]:
    """All images, after some have stepped aside."""
    changed = {each.image.reference: each for each in all_aside(images)}
    return [changed.get(each.image.reference, each) for each in images]


@each_case("on_conflict", CONFLICT_POLICIES)
@each_case("is_dry_run", [False, True], ids=["for real", "dry run"])
def test_without_conflicts_everything_stays_to_be_done(on_conflict: str, is_dry_run: bool) -> None:
    assert settled(results(on_conflict=on_conflict), is_dry_run=is_dry_run).images == ()


@pytest.mark.parametrize("is_dry_run", [False, True], ids=["for real", "dry run"])
def test_what_is_there_is_kept_when_it_is_to_be_skipped(is_dry_run: bool) -> None:
    images = results("a:1", "c:1", on_conflict=SKIP)
    assert outcomes(images, is_dry_run=is_dry_run) == [Outcome.SKIPPED, None, Outcome.SKIPPED]


@pytest.mark.parametrize("is_dry_run", [False, True], ids=["for real", "dry run"])
def test_tags_move_when_they_are_to_be_replaced(is_dry_run: bool) -> None:
    assert outcomes(results("a:1", "c:1", on_conflict=REPLACE), is_dry_run=is_dry_run) == [None] * 3


@pytest.mark.parametrize("taken", [["b:1"], ["a:1", "b:1", "c:1"]], ids=["one", "three"])
def test_conflicts_stop_the_run_before_anything_is_sent_and_are_reported_together(taken: list[str]) -> None:
    error = conflicts(results(*taken))
    assert (values_in(error.message)["count"], error.exit_code) == (len(taken), Refused.exit_code)
    assert [each.subject for each in error.errors] == [str(Reference.parse(name)) for name in taken]
    assert "--on-conflict" in (error.hint or "")
    assert {each.hint for each in error.errors} == {None}, "one hint for all is enough"


def test_images_that_are_skipped_are_known_also_when_others_end_the_run() -> None:
    images = results("a:1", "b:1")
    decided = settled([replace(images[0], on_conflict=SKIP), images[1]], is_dry_run=False)
    assert [each.outcome for each in decided.images] == [Outcome.SKIPPED]
    assert decided.error is not None


def test_a_conflict_says_what_is_there_and_what_was_to_be_there() -> None:
    images = results("b:1")
    (error,) = conflicts(images).errors
    assert (error.expected, error.actual) == (str(images[1].image.root.digest), str(digest("old b:1")))
    assert isinstance(error, TagTaken)


def test_a_dry_run_tells_conflicts_and_goes_on() -> None:
    images = results("b:1")
    (failed,) = settled(images, is_dry_run=True).images
    assert (failed.image, failed.outcome) == (images[1].image, Outcome.FAILED)
    assert isinstance(failed.error, Refused)
    assert "--on-conflict" in (failed.error.hint or "")


def test_a_target_may_tell_its_conflicts_in_its_own_words() -> None:
    conflict = Conflict("the name refers to another image", lambda each: f"id of {each.name.repository}", "do it")
    error = conflicts(results("b:1"), conflict)
    (member,) = error.errors
    assert member.expected == "id of library/b"
    assert error.hint == "do it"


# A tag that moves between the first look and its turn


def look_again(each: ImageResult, *now: Digest | None) -> ImageResult:
    """Settles an image whose name is these things, one for each time that it is asked."""
    answers = iter(now)
    again = settled_again(each, lambda _: next(answers), ours=(each.image.root.digest,))
    assert list(answers) == [], "it was asked as often as expected"
    return again


@each_case("on_conflict", CONFLICT_POLICIES)
@each_case("taken", [[], ["a:1"]], ids=["new", "replaced"])
def test_a_tag_that_did_not_move_is_to_move_now(on_conflict: str, taken: list[str]) -> None:
    each = results(*taken, on_conflict=on_conflict)[0]
    assert look_again(each, each.replaced) == each


@each_case("on_conflict", CONFLICT_POLICIES)
@each_case("taken", [[], ["a:1"]], ids=["new", "replaced"])
def test_a_tag_that_refers_to_the_image_by_now_is_not_ours_to_undo(on_conflict: str, taken: list[str]) -> None:
    each = results(*taken, on_conflict=on_conflict)[0]
    again = look_again(each, each.image.root.digest)
    assert (again.outcome, again.read_back, again.replaced) == (Outcome.PRESENT, each.image.root.digest, None)


@each_case("taken", [[], ["a:1"]], ids=["new", "replaced"])
def test_a_tag_that_moved_since_then_is_decided_by_the_same_rule(taken: list[str]) -> None:
    failed, skipped, replaced = (
        look_again(results(*taken, on_conflict=policy)[0], THEIRS) for policy in (FAIL, SKIP, REPLACE)
    )
    assert isinstance(failed.error, TagTaken)
    assert failed.error.actual == str(THEIRS)
    assert (skipped.outcome, skipped.replaced) == (Outcome.SKIPPED, THEIRS)
    assert (replaced.is_open, replaced.replaced) == (True, THEIRS)


def test_an_image_steps_aside_from_a_tag_that_is_taken_since_then() -> None:
    each = results(on_conflict=SUFFIX)[0]
    aside = look_again(each, THEIRS, None)
    assert (aside.is_open, str(aside.taken_name), aside.replaced) == (True, str(Reference.parse("a:1")), None)
    assert look_again(each, THEIRS, each.image.root.digest).outcome is Outcome.PRESENT
    assert isinstance(look_again(each, THEIRS, digest("of a stranger")).error, Refused)


def test_an_image_that_steps_aside_is_asked_for_by_its_new_name() -> None:
    asked: list[Reference] = []

    def find(each: ImageResult) -> Digest | None:
        asked.append(each.name)
        return THEIRS if len(asked) == 1 else None

    each = results(on_conflict=SUFFIX)[0]
    again = settled_again(each, find, ours=())
    assert asked == [each.name, again.name]
    assert again.name != each.name


def test_a_tag_that_was_removed_since_then_replaces_nothing() -> None:
    again = look_again(results("a:1", on_conflict=REPLACE)[0], None)
    assert (again.is_open, again.replaced) == (True, None)


# A suffixed tag


def test_an_image_whose_tag_is_taken_steps_aside_where_that_was_asked_for() -> None:
    images = results("a:1", "c:1", on_conflict=SUFFIX)
    aside = all_aside(images)
    assert [each.image for each in aside] == [images[0].image, images[2].image]
    for each in aside:
        assert each.name.tag == f"1-{each.image.root.digest.short}"
        assert (each.taken_name, each.replaced) == (replace(each.name, tag="1"), None)


@each_case("on_conflict", [FAIL, SKIP, REPLACE])
def test_nothing_steps_aside_where_that_was_not_asked_for(on_conflict: str) -> None:
    assert all_aside(results("a:1", on_conflict=on_conflict)) == ()


def test_an_image_steps_aside_once_and_always_to_the_same_tag() -> None:
    (first,) = all_aside(results("a:1", on_conflict=SUFFIX))
    assert all_aside([replace(first, replaced=THEIRS)]) == ()
    assert all_aside(results("a:1", on_conflict=SUFFIX)) == (first,)


def test_a_long_tag_that_steps_aside_is_still_a_tag() -> None:
    each = results("a:1", on_conflict=SUFFIX)[0]
    (aside,) = all_aside([replace(each, name=replace(each.name, tag="x" * 128))])
    assert is_tag(aside.name.tag or "")
    assert (aside.name.tag or "").endswith(f"-{each.image.root.digest.short}")


def test_an_image_that_stepped_aside_is_to_be_pushed() -> None:
    assert outcomes(moved(results("a:1", on_conflict=SUFFIX)), is_dry_run=False) == [None] * 3


@pytest.mark.parametrize("is_dry_run", [False, True], ids=["for real", "dry run"])
def test_a_suffixed_tag_that_is_taken_too_is_a_conflict(is_dry_run: bool) -> None:
    (aside,) = all_aside(results("a:1", on_conflict=SUFFIX))
    aside = replace(aside, replaced=THEIRS)
    if is_dry_run:
        error = settled([aside], is_dry_run=True).images[0].error
    else:
        (error,) = conflicts([aside]).errors
    assert error is not None
    assert (type(error), error.subject, error.actual) == (TagTaken, str(aside.name), str(THEIRS))


@pytest.mark.parametrize("is_dry_run", [False, True], ids=["for real", "dry run"])
def test_each_image_goes_by_its_own_policy(is_dry_run: bool) -> None:
    taken = zip(results("a:1", "b:1", "c:1"), (SKIP, REPLACE, SUFFIX), strict=True)
    images = moved([replace(each, on_conflict=policy) for each, policy in taken])
    assert outcomes(images, is_dry_run=is_dry_run) == [Outcome.SKIPPED, None, None]
    assert [each.replaced is None for each in images] == [False, False, True]


def test_one_image_that_may_not_move_its_tag_stops_all() -> None:
    first, second, *_ = results("a:1", "b:1", on_conflict=REPLACE)
    second = replace(second, on_conflict=FAIL)
    assert [error.subject for error in conflicts([first, second]).errors] == [str(second.name)]
