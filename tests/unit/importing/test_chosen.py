"""Only the chosen images are imported, a choice that fits nothing is an error, and one platform of an image is the same bytes as before."""

from __future__ import annotations

from pathlib import Path

import pytest

from bundler.core.events import Event, Noticed
from bundler.core.platform import Platform
from bundler.core.reference import Reference
from bundler.core.selection import EVERYTHING, Selection
from bundler.errors import Misuse
from bundler.importing.chosen import chosen_images
from bundler.importing.named_files import parse_failed_list
from bundler.run import Run
from bundler.workers import Cancellation
from tests.support.errors import raises
from tests.unit.values import layer, planned, resolved

AMD64, ARM64 = Platform("linux", "amd64"), Platform("linux", "arm64", "v8")
NAMES = ("a:1", "b:1", "quay.io/c:1")
MANIFEST = planned(*(resolved(name, layer(name, 10)) for name in NAMES)).manifest


def chosen(selection: Selection = EVERYTHING, *retry: str, is_retry: bool = False) -> tuple[list[str], list[str]]:
    """The images that are meant, and what was noticed."""
    reported: list[Event] = []
    wanted = frozenset(map(Reference.parse, retry)) if retry or is_retry else None
    images = chosen_images(MANIFEST, selection, wanted, Run(reported.append, Cancellation())).images
    notices = [event.text for event in reported if isinstance(event, Noticed)]
    assert len(notices) == len(reported)
    return [str(image.reference).removeprefix("docker.io/library/") for image in images], notices


def test_without_a_choice_all_are_meant_in_their_order() -> None:
    assert chosen() == (list(NAMES), [])


def test_patterns_and_a_list_of_failed_ones_are_both_obeyed() -> None:
    assert chosen(Selection(only=("docker.io/*",)), "b:1", "quay.io/c:1") == (["b:1"], [])


def test_an_exception_that_fits_nothing_is_reported() -> None:
    assert chosen(Selection(except_=("quay.io/*", "ngnix"))) == (["a:1", "b:1"], ["--except ngnix matches no image"])


def test_names_of_another_bundle_in_a_list_of_failed_ones_are_reported() -> None:
    images, notices = chosen(EVERYTHING, "a:1", "x:1", "a:2")
    assert images == ["a:1"]
    assert notices == ["not in this bundle: docker.io/library/a:2, docker.io/library/x:1"]


@pytest.mark.parametrize(
    ("selection", "retry"),
    [
        pytest.param(EVERYTHING, ("x:1",), id="only of another bundle"),
        pytest.param(EVERYTHING, (), id="an empty list"),
        pytest.param(Selection(only=("a",)), ("b:1",), id="none that is wanted, too"),
    ],
)
def test_a_list_that_leaves_nothing_is_a_mistake_and_not_a_success(
    selection: Selection, retry: tuple[str, ...]
) -> None:
    with raises(Misuse, subject="--retry-failed") as caught:
        chosen(selection, *retry, is_retry=True)
    assert caught.value.subject == "--retry-failed"


def test_a_pattern_that_fits_nothing_is_a_mistake() -> None:
    with raises(Misuse, subject="--only x*"):
        chosen(Selection(only=("x*",)))


def test_the_list_that_an_import_leaves_is_read_with_its_comments() -> None:
    text = "# images that are not where they should be\n# h.example: a quota\na:1\nquay.io/c:1\n"
    assert parse_failed_list(text, source="x.failed.txt") == {
        Reference.parse("a:1"),
        Reference.parse("quay.io/c:1"),
    }
    assert parse_failed_list("images: [a:1]\n", source="list.yaml") == {Reference.parse("a:1")}
    with pytest.raises(Misuse):
        parse_failed_list("not an image\n", source="x.failed.txt")


def test_a_failed_list_in_a_file_is_what_an_image_list_is(tmp_path: Path) -> None:
    path = tmp_path / "x.failed.txt"
    path.write_text("a:1\n")
    assert parse_failed_list(path.read_text(), source=str(path)) == {Reference.parse("a:1")}
