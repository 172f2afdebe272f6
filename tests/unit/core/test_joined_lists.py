"""Several lists are one: an image is carried once, and contradictions are reported with both lines."""

from __future__ import annotations

import pytest

from bundler.core.image_list import Entry, HeldImages, ImageList, entry_of, parse_image_list
from bundler.core.joined_lists import each_once, merge
from bundler.core.platform import Platform
from bundler.core.reference import Reference
from bundler.errors import Misuse, Several
from bundler.transports.docker_archive import DockerArchiveImage
from bundler.transports.oci_archive import OciArchiveImage
from bundler.transports.parsing import parse_image
from bundler.transports.registry import RegistryImage
from tests.support.errors import raises
from tests.support.tables import each_case
from tests.unit.values import digest

AMD64 = Platform("linux", "amd64")
D, OTHER = digest("pin"), digest("other")


def yaml_list(text: str, source: str = "list.yaml") -> ImageList:
    return parse_image_list(text, source=source, parse_image=parse_image)


def text_list(text: str, source: str = "images.txt") -> ImageList:
    return parse_image_list(text, source=source, parse_image=parse_image)


def joined(text: str) -> tuple[Entry | HeldImages, ...]:
    return merge([yaml_list(f"images:\n{text}")], name="x").entries


def only(text: str) -> Entry:
    (entry,) = joined(text)
    assert isinstance(entry, Entry)
    return entry


def test_lists_are_joined_in_order_and_the_same_image_is_taken_once() -> None:
    first, second = text_list("a\nb\n"), text_list("c\na\n")
    merged = merge([first, second], name="joined")
    assert merged.name == "joined"
    assert [entry.reference.repository for entry in merged.entries] == ["library/a", "library/b", "library/c"]


def test_the_name_of_a_joined_list_is_the_one_that_is_given_or_the_only_one() -> None:
    named, other, unnamed = (yaml_list(f"{name}images: [a]\n") for name in ("name: x\n", "name: y\n", ""))
    assert merge([unnamed, named], name=None).name == "x"
    assert merge([named, other], name="z").name == "z"
    assert merge([unnamed], name=None).name is None
    with raises(Misuse, values={"names": "x, y"}):
        merge([named, other], name=None)
    with raises(Misuse, values={"name": "'../x'"}):
        merge([unnamed], name="../x")


def test_the_same_file_given_twice_is_taken_once() -> None:
    every = [HeldImages(OciArchiveImage("a.tar"), None, (), f"line {number}") for number in range(3)]
    other = HeldImages(DockerArchiveImage("a.tar"), None, (), "line 9")
    entry = entry_of(parse_image("a:1"), where="line 4")
    assert each_once([every[0], entry, every[1], other, every[2]]) == (every[0], entry, other)


def test_a_file_given_twice_with_different_platforms_is_reported_with_both_places() -> None:
    every = [
        HeldImages(OciArchiveImage("a.tar"), None, platforms, f"line {len(platforms)}") for platforms in ((), (AMD64,))
    ]
    with raises(Misuse, values={"where": "line 0"}) as caught:
        each_once(every)
    assert caught.value.subject == "line 1: oci-archive:a.tar"


def test_one_name_cannot_come_from_a_registry_and_from_a_daemon() -> None:
    with raises(Misuse, subject="2: quay.io/a:1"):
        each_once(
            [
                entry_of(parse_image("quay.io/a:1"), where="1"),
                entry_of(parse_image("docker-daemon:quay.io/a:1"), where="2"),
            ]
        )


# A tag and a digest of one image

X = Reference.parse("quay.io/x:1")


@each_case(
    ("first", "second"),
    [
        pytest.param("quay.io/x:1", f"quay.io/x:1@{D}", id="in the name"),
        pytest.param("quay.io/x:1", f"{{image: 'quay.io/x:1', digest: '{D}'}}", id="as digest:"),
        pytest.param("quay.io/x:1", f"{{image: 'quay.io/x:1', from: 'docker://quay.io/x:1@{D}'}}", id="in the source"),
        pytest.param("Quay.IO/x:1", f"quay.io/x:1@{D}", id="and a host in capitals"),
    ],
)
@each_case("is_turned", [False, True])
def test_a_tag_and_the_same_tag_with_a_digest_are_one_image(first: str, second: str, is_turned: bool) -> None:
    lines = (second, first) if is_turned else (first, second)
    entry = only("".join(f"- {line}\n" for line in lines))
    assert (str(entry.reference).lower(), entry.pin) == ("quay.io/x:1", D)
    assert str(entry.source).lower() == "docker://quay.io/x:1"
    places = ("list.yaml:3", "list.yaml:2") if is_turned else ("list.yaml:2", "list.yaml:3")
    assert (entry.where, entry.pinned_at) == places


def test_three_lines_for_one_image_keep_the_places_of_tag_and_digest() -> None:
    entry = only(f"- quay.io/x:1\n- quay.io/x:1@{D}\n- {{image: 'quay.io/x:1', digest: '{D}'}}\n")
    assert entry == Entry(X, RegistryImage(X), D, (), "list.yaml:2", "list.yaml:3")


def test_two_choices_of_attachments_for_one_image_contradict_each_other() -> None:
    with pytest.raises(Misuse) as caught:
        only("- x:1\n- {image: 'x:1', attachments: none}\n")
    assert "list.yaml:3" in str(caught.value.subject)


def test_a_tag_and_a_digest_in_two_lists_are_one_image() -> None:
    (entry,) = merge([text_list("quay.io/x:1\n"), text_list(f"quay.io/x:1@{D}\n", "b.txt")], name="x").entries
    assert entry == Entry(X, RegistryImage(X), D, (), "images.txt:1", "b.txt:1")


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param((f"quay.io/x:1@{D}", f"quay.io/x:1@{OTHER}"), id="in the names"),
        pytest.param((f"quay.io/x:1@{D}", f"{{image: 'quay.io/x:1', digest: '{OTHER}'}}"), id="in name and digest:"),
        pytest.param(("quay.io/x:1", f"quay.io/x:1@{D}", f"QUAY.io/x:1@{OTHER}"), id="after a tag"),
    ],
)
def test_two_digests_for_one_tag_are_reported_with_both_lines(lines: tuple[str, ...]) -> None:
    with raises(Misuse, values={"where": "list.yaml:2"}) as caught:
        joined("".join(f"- {line}\n" for line in lines))
    assert (caught.value.subject or "").startswith(f"list.yaml:{len(lines) + 1}: ")
    assert (caught.value.expected, caught.value.actual) == (str(D), str(OTHER))


def test_the_advice_for_two_digests_works() -> None:
    """Both are carried, one under another name."""
    lines = f"- quay.io/x:1@{D}\n- {{image: 'quay.io/x:1-old', from: 'quay.io/x:1@{OTHER}'}}\n"
    assert len(joined(lines)) == 2


def test_digests_without_a_tag_are_images_of_their_own() -> None:
    lines = f"- quay.io/x@{D}\n- quay.io/x@{OTHER}\n- quay.io/x:1\n- quay.io/x@{D}\n"
    assert [str(entry.reference) for entry in joined(lines) if isinstance(entry, Entry)] == [
        f"quay.io/x@{D}",
        f"quay.io/x@{OTHER}",
        "quay.io/x:1",
    ]


@pytest.mark.parametrize("other", ["x:1", "docker.io/library/x:1", "index.docker.io/x:1", "DOCKER.IO/library/x:1"])
def test_one_name_that_is_spelt_in_two_ways_is_one_image(other: str) -> None:
    assert str(only(f"- library/x:1\n- {other}\n").reference) == "docker.io/library/x:1"


@pytest.mark.parametrize(
    "other",
    [
        pytest.param("- {image: a, from: 'oci:dir'}", id="another source"),
        pytest.param("- {image: a, from: 'docker://quay.io/a'}", id="another registry"),
        pytest.param("- {image: a, platforms: [linux/amd64]}", id="other platforms"),
    ],
)
def test_one_name_cannot_refer_to_two_things(other: str) -> None:
    with raises(Misuse, values={"where": "list.yaml:2"}) as caught:
        joined(f"- a\n{other}\n")
    assert (caught.value.subject or "").startswith("list.yaml:3")


def test_all_contradictions_are_reported_at_once() -> None:
    with pytest.raises(Several) as caught:
        joined(f"- a\n- {{image: a, from: 'oci:dir'}}\n- b@{D}\n- {{image: 'b:1', from: 'c@{D}'}}\n- 'b:1@{OTHER}'\n")
    assert [error.subject for error in caught.value.errors] == [
        "list.yaml:3: docker.io/library/a:latest",
        "list.yaml:6: docker.io/library/b:1@" + str(OTHER),
    ]
