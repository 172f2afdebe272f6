"""The failures of an import as people read them: each reason once, and no advice repeated under each of many."""

from __future__ import annotations

import gettext
from pathlib import Path

from bundler.core.manifest import Medium
from bundler.core.reference import Reference
from bundler.errors import BundlerError, Incomplete, Refused, Untrusted
from bundler.importing.results import ImageResult
from bundler.views import languages
from bundler.views.import_report import Elsewhere, _again_words, _failure_lines
from bundler.views.media_report import on_media
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


def test_images_that_wait_for_media_ask_for_the_same_command_and_failed_ones_for_the_list_of_them() -> None:
    made = planned(*(resolved(name, layer(name, 10)) for name in NAMES)).manifest.images
    images = [ImageResult(image, Reference.parse(name)) for image, name in zip(made, NAMES, strict=True)]
    waiting = [images[0].failed(Incomplete("the chunk is missing")), images[1]]
    assert _again_words(Path("failed.txt"), waiting).startswith("with what is missing, run the same command;")
    failed = [*waiting, images[2].failed(Refused("denied"))]
    assert _again_words(Path("failed.txt"), failed).startswith("solve the problem, then")


def test_media_are_named_in_the_language_of_the_reader(monkeypatch) -> None:
    zh = gettext.translation("bundler", localedir=languages.LOCALES, languages=["zh"]).gettext
    monkeypatch.setattr(languages, "_catalogue", lambda: zh)
    media = tuple(Medium((number,), (), None) for number in range(1, 9))
    files = [f"chunk-{number:04d}.tar" for number in range(1, 9)]
    words = languages.translated(on_media(files, media))
    assert "medium" not in words, words
    assert "第 6 个介质（共 8 个）" in words
    assert "第 7 个介质" not in words
