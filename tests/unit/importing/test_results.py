"""Results are values: what is done stays done, and the first failure of an image counts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bundler.core.receipt import DONE
from bundler.core.reference import Reference
from bundler.errors import Refused, Unavailable
from bundler.importing.results import ImageResult, Outcome, TargetResult
from tests.unit.values import layer, planned, resolved

NAMES = ["a:1", "b:1", "c:1"]


def results() -> tuple[ImageResult, ...]:
    """Three images for which something is to be done."""
    made = planned(*(resolved(name, layer(name, 10)) for name in NAMES)).manifest.images
    return tuple(ImageResult(image, Reference.parse(name)) for name, image in zip(NAMES, made, strict=True))


def test_the_first_failure_of_an_image_counts() -> None:
    image = results()[0].failed(Unavailable("first")).failed(Refused("second"))
    assert (image.outcome, str(image.error), image.is_open) == (Outcome.FAILED, "first", False)


def test_what_is_done_is_not_open() -> None:
    pushed, skipped, open_ = results()
    images = (replace(pushed, outcome=Outcome.PUSHED), replace(skipped, outcome=Outcome.SKIPPED), open_)
    assert TargetResult("host:5000", "registry", images).open_images == (open_,)


def test_only_open_images_get_an_outcome_at_the_end() -> None:
    pushed, *others = results()
    target = TargetResult("host:5000", "registry", (replace(pushed, outcome=Outcome.PUSHED), *others))
    closed = target.closed(Outcome.NOT_TRIED)
    assert [each.outcome for each in closed.images] == [Outcome.PUSHED, Outcome.NOT_TRIED, Outcome.NOT_TRIED]


@pytest.mark.parametrize("outcome", Outcome)
def test_only_what_is_in_place_or_was_left_out_as_asked_for_is_done(outcome: Outcome) -> None:
    in_place = {Outcome.PUSHED, Outcome.LOADED, Outcome.PRESENT, Outcome.SKIPPED}
    assert outcome.is_done is (outcome in in_place)
    assert (outcome.value in DONE) is outcome.is_done, "a receipt counts the same"
