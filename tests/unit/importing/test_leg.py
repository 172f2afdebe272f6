"""The legs of an import: what one stage found is in the next value, also when the stage did not come to its end."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bundler.core.events import nobody
from bundler.core.reference import Reference
from bundler.errors import EXIT_BUG, Bug, BundlerError, Interrupted, Refused, Unavailable, Unreachable
from bundler.importing.leg import Leg, Progress, ended, in_turn, is_over
from bundler.importing.results import ImageResult, Outcome, TargetResult
from bundler.importing.sharing import Sharing
from bundler.importing.surveyed import forgiven
from bundler.importing.targets.target import TagLog
from bundler.importing.targets.whole_images import WholeImageTarget
from bundler.run import Run
from bundler.transfer import Copied, Destination
from bundler.transports.oci_layout import LayoutTarget
from tests.unit.values import layer, planned, resolved

NAMES = ["a:1", "b:1", "c:1"]


class Place(WholeImageTarget):
    """A target that does nothing."""

    def __init__(self, name: str) -> None:
        self.location = LayoutTarget(name)

    @property
    def name(self) -> str:
        return self.location.path

    def survey(self, leg: Leg) -> Leg:
        return leg

    def prove(self, leg: Leg) -> Leg:
        return leg

    def plan(self, leg: Leg) -> Leg:
        return leg

    def needs(self, leg: Leg, each: ImageResult, /) -> tuple[int, ...]:
        return each.missing_blobs

    def load(self, leg: Leg, sharing: Sharing, /) -> Leg:
        return leg

    def publish(self, leg: Leg, tags: TagLog, /) -> Leg:
        return leg

    def close(self) -> None:
        pass


def leg(name: str = "place") -> Leg:
    """A leg with three images for which something is to be done."""
    made = planned(*(resolved(name, layer(name, 10)) for name in NAMES)).manifest.images
    images = tuple(ImageResult(image, Reference.parse(name)) for name, image in zip(NAMES, made, strict=True))
    return Leg(Place(name), TargetResult(name, "layout", images))


def outcomes(leg: Leg) -> list[Outcome | None]:
    return [each.outcome for each in leg.result.images]


def test_a_stage_makes_a_new_value_and_leaves_the_one_before_as_it_was() -> None:
    before = leg()
    progress = Progress(before)
    first, second, _ = progress.open_images
    progress.note(replace(first, outcome=Outcome.PUSHED))
    progress.fail(second, Refused("denied"))
    progress.note_sent(10)
    after = progress.leg()
    assert (outcomes(before), before.result.bytes_sent) == ([None] * 3, 0)
    assert (outcomes(after), after.result.bytes_sent) == ([Outcome.PUSHED, Outcome.FAILED, None], 10)
    assert [each.name for each in after.result.images] == [each.name for each in before.result.images]


@pytest.mark.parametrize("error", [Interrupted(), Refused("taken"), KeyboardInterrupt()], ids=repr)
def test_what_was_done_until_a_stage_ended_is_in_its_value(error: BaseException) -> None:
    progress = Progress(leg())
    with progress.until_ended():
        progress.note(replace(progress.open_images[0], outcome=Outcome.PUSHED))
        raise error
    after = progress.leg()
    assert outcomes(after) == [Outcome.PUSHED, None, None]
    assert isinstance(after.ended, type(error) if isinstance(error, BundlerError) else Interrupted)


def test_a_bug_ends_a_stage_and_is_kept_in_its_value() -> None:
    progress, bug = Progress(leg()), ZeroDivisionError()
    with progress.until_ended():
        raise bug
    after = progress.leg().ended
    assert isinstance(after, Bug)
    assert (after.exception, after.exit_code) == (bug, EXIT_BUG)


def test_one_image_that_fails_stops_no_other_and_an_interruption_stops_all() -> None:
    progress = Progress(leg())
    first, second, _ = progress.open_images
    with progress.failing(first):
        raise Refused("denied")
    with pytest.raises(Interrupted), progress.failing(second):
        raise Interrupted
    assert outcomes(progress.leg()) == [Outcome.FAILED, None, None]
    assert progress.has_failures


def test_after_the_end_of_one_leg_the_others_stay_as_they_are() -> None:
    seen: list[str] = []

    def step(each: Leg) -> Leg:
        seen.append(each.target.name)
        return replace(each, ended=Refused("taken")) if each.target.name == "second" else each.closed(Outcome.PUSHED)

    legs = in_turn((leg("first"), leg("second"), leg("third")), step)
    assert seen == ["first", "second"]
    assert [outcomes(each)[0] for each in legs] == [Outcome.PUSHED, None, None]
    assert isinstance(ended(legs), Refused)


@pytest.mark.parametrize("error", [Interrupted(), Unavailable("gone"), KeyboardInterrupt()], ids=repr)
def test_an_error_that_leaves_a_step_keeps_the_values_of_the_other_legs(error: BaseException) -> None:
    def step(each: Leg) -> Leg:
        if each.target.name == "second":
            raise error
        return each.closed(Outcome.PUSHED)

    legs = in_turn((leg("first"), leg("second"), leg("third")), step)
    assert [outcomes(each)[0] for each in legs] == [Outcome.PUSHED, None, None]
    assert isinstance(ended(legs), type(error) if isinstance(error, BundlerError) else Interrupted)


@pytest.mark.parametrize("is_fail_fast", [True, False])
def test_a_failed_image_ends_the_import_only_where_that_was_asked_for(is_fail_fast: bool) -> None:
    run = Run(nobody, is_fail_fast=is_fail_fast)
    legs = (leg("first").failing_all(Refused("denied")), leg("second"))
    assert is_over(legs, run) is is_fail_fast
    after = in_turn(legs, lambda each: each.closed(Outcome.PUSHED), run)
    assert outcomes(after[1]) == [None if is_fail_fast else Outcome.PUSHED] * 3


def test_failures_reach_the_images_that_are_open_and_no_others() -> None:
    first, second, third = leg().result.images
    there = replace(
        leg(), result=replace(leg().result, images=(replace(first, outcome=Outcome.PRESENT), second, third))
    )
    errors: dict[Reference, BundlerError] = dict.fromkeys(
        (first.image.reference, second.image.reference), Refused("denied")
    )
    assert outcomes(there.failing(errors)) == [Outcome.PRESENT, Outcome.FAILED, None]


def test_of_several_targets_one_that_is_gone_fails_its_own_images() -> None:
    gone = replace(leg(), ended=Unreachable("no route"))
    assert (forgiven(gone, Unreachable).ended, outcomes(forgiven(gone, Unreachable))) == (None, [Outcome.FAILED] * 3)
    busy = replace(leg(), ended=Unavailable("another process writes there"))
    assert forgiven(busy, Unreachable) is busy
    assert outcomes(forgiven(busy, Unavailable)) == [Outcome.FAILED] * 3


def test_a_blob_that_passes_is_offered_once_to_all_who_want_it() -> None:
    one, other = Destination((), "one"), Destination((), "other")
    sharing = Sharing(lambda: [{1: one, 2: one, 3: one}, {2: other}, {}], frozenset({3}))
    assert [sharing.take(number) for number in (1, 2, 2, 3, 4)] == [(one,), (one, other), (), (), ()]
    assert sharing.passed == {1, 2, 3, 4}


def test_what_became_of_all_blobs_that_passed_is_put_together() -> None:
    sharing = Sharing(list)
    for amount in (1, 2):
        copied = Copied()
        copied.bytes_by_peer["one"] += amount
        sharing.note(copied)
    assert (sharing.copied.bytes_by_peer["one"], sharing.copied.failed) == (3, ())
