"""The failures of an import as people read them: each reason once, and no advice repeated under each of many."""

from __future__ import annotations

from bundler.core.reference import Reference
from bundler.errors import BundlerError, Refused, Untrusted
from bundler.importing.results import ImageResult
from bundler.views.import_report import Elsewhere, _failure_lines
from tests.unit.values import layer, planned, resolved

NOWHERE = Elsewhere(frozenset(), ())
NAMES = ["host/a:1", "host/b:1", "host/c:1"]


def lines_of(*errors: BundlerError) -> list[str]:
    made = planned(*(resolved(name, layer(name, 10)) for name in NAMES)).manifest.images
    named = zip(NAMES, made, errors, strict=True)
    return _failure_lines(
        [ImageResult(image, Reference.parse(name)).failed(error) for name, image, error in named], NOWHERE
    )


def refused_by_policy(name: str) -> Untrusted:
    return Untrusted("refused by the policy", subject=f"from.example/{name}", hint="sign it", code="policy")


def test_advice_that_follows_for_many_images_is_given_once_below_them() -> None:
    lines = lines_of(*(refused_by_policy(name) for name in NAMES))
    assert [line.strip() for line in lines].count("-> sign it") == 1
    assert lines[-2:] == ["    -> sign it", "       more: bundler explain policy"]


def test_an_image_that_its_reason_names_is_not_named_again() -> None:
    made = planned(*(resolved(name, layer(name, 10)) for name in NAMES)).manifest.images
    named = Untrusted("refused by the policy", subject=str(made[0].reference), hint="sign it")
    shared = Refused("no space in this project", subject="project")
    places = [Reference.parse(f"target:5000/{name}") for name in NAMES]
    images = [ImageResult(image, place) for image, place in zip(made, places, strict=True)]
    failed = [images[0].failed(named), images[1].failed(shared), images[2].failed(shared)]
    shown = _failure_lines(failed, NOWHERE)
    held = [line for line in shown if "holds back" in line]
    assert len(held) == 1
    assert all(str(image.reference) in held[0] for image in made[1:])
