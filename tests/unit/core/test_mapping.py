"""Every image gets the name at the target that the design promises, and no two get the same."""

from __future__ import annotations

import pytest

from bundler.core.location import ArchiveTarget, LayoutTarget, RegistryTarget, Target
from bundler.core.mapping import KEEP, MAPPINGS, SCOPED, target_names
from bundler.core.reference import Reference
from bundler.errors import Misuse, Several
from tests.unit.values import digest

HOST = RegistryTarget("registry.example.com:5000")
PREFIXED = RegistryTarget("registry.example.com:5000", "mirror/prod")
D = digest("image")


def name_at(text: str, target: Target, mapping: str) -> str:
    reference = Reference.parse(text)
    return str(target_names([reference], target, mapping)[reference])


@pytest.mark.parametrize(
    ("text", "target", "mapping", "name"),
    [
        pytest.param("nginx:1.27", HOST, KEEP, "registry.example.com:5000/library/nginx:1.27", id="keep"),
        pytest.param(
            "nginx:1",
            PREFIXED,
            KEEP,
            "registry.example.com:5000/mirror/prod/library/nginx:1",
            id="keep, below a prefix",
        ),
        pytest.param("quay.io/a/b:2", HOST, KEEP, "registry.example.com:5000/a/b:2", id="keep drops any origin"),
        pytest.param("nginx:1.27", HOST, SCOPED, "registry.example.com:5000/docker.io/library/nginx:1.27", id="scoped"),
        pytest.param(
            "quay.io/a:2", PREFIXED, SCOPED, "registry.example.com:5000/mirror/prod/quay.io/a:2", id="scoped, prefix"
        ),
        pytest.param("host:80/a:2", HOST, SCOPED, "registry.example.com:5000/host-80/a:2", id="scoped, a port"),
        pytest.param("Host/a:2", HOST, SCOPED, "registry.example.com:5000/host/a:2", id="scoped, upper case"),
        pytest.param(
            "[2001:db8::1]:80/a:2", HOST, SCOPED, "registry.example.com:5000/2001-db8--1-80/a:2", id="scoped, IPv6"
        ),
        pytest.param(f"a/b@{D}", HOST, KEEP, f"registry.example.com:5000/a/b@{D}", id="a digest"),
        pytest.param(f"a/b:1@{D}", HOST, KEEP, f"registry.example.com:5000/a/b:1@{D}", id="a tag and a digest"),
        pytest.param("nginx:1.27", LayoutTarget("out"), KEEP, "docker.io/library/nginx:1.27", id="a layout"),
        pytest.param("quay.io/a:1", ArchiveTarget("out.tar"), SCOPED, "quay.io/a:1", id="an archive"),
    ],
)
def test_an_image_gets_the_name_that_was_promised(text: str, target: Target, mapping: str, name: str) -> None:
    assert name_at(text, target, mapping) == name


def test_two_images_that_would_land_on_one_name_are_refused_with_a_way_out() -> None:
    references = [Reference.parse("docker.io/team/app:1"), Reference.parse("quay.io/team/app:1")]
    with pytest.raises(Misuse, match="would get the same name") as caught:
        target_names(references, HOST, KEEP)
    assert caught.value.subject == "quay.io/team/app:1"
    assert caught.value.message == "docker.io/team/app:1 would get the same name, registry.example.com:5000/team/app:1"
    assert caught.value.hint == "keep their origin in the path with --map scoped"
    assert len(set(target_names(references, HOST, SCOPED).values())) == 2
    assert len(set(target_names(references, LayoutTarget("out"), KEEP).values())) == 2


def test_one_tag_cannot_stand_for_two_digests() -> None:
    references = [Reference.parse(f"a/b:1@{D}"), Reference.parse(f"a/b:1@{digest('other')}")]
    with pytest.raises(Misuse, match="would get the same name"):
        target_names(references, HOST, KEEP)


def test_registries_whose_names_differ_in_a_colon_only_do_not_meet_unnoticed() -> None:
    references = [Reference.parse("host:8080/a:1"), Reference.parse("Host-8080/a:1")]
    with pytest.raises(Misuse, match="would get the same name"):
        target_names(references, HOST, SCOPED)


def test_two_tags_and_two_digests_of_one_repository_are_no_conflict() -> None:
    texts = ["a/b:1", "a/b:2", f"a/b@{D}", f"a/b@{digest('other')}"]
    references = [Reference.parse(text) for text in texts]
    assert len(set(target_names(references, HOST, KEEP).values())) == 4


def test_all_conflicts_are_told_at_once() -> None:
    texts = ["docker.io/t/a:1", "quay.io/t/a:1", "docker.io/t/b:1", "quay.io/t/b:1"]
    with pytest.raises(Several, match="names at the target") as caught:
        target_names([Reference.parse(text) for text in texts], HOST, KEEP)
    assert [error.subject for error in caught.value.errors] == ["quay.io/t/a:1", "quay.io/t/b:1"]
    assert caught.value.exit_code == 2


def test_the_longest_name_that_a_registry_takes_is_taken() -> None:
    host = RegistryTarget("h.io")
    assert len(name_at(f"quay.io/{'a' * 240}/{'b' * 5}:1", host, KEEP)) == len("h.io/") + 246 + len(":1")
    origin = Reference("quay.io", "a" * 250, "1")
    assert len(target_names([origin], host, KEEP)[origin].name) == 255
    with pytest.raises(Misuse, match="would not be valid"):
        target_names([Reference("quay.io", "a" * 251, "1")], host, KEEP)


def test_a_name_that_gets_too_long_is_refused() -> None:
    with pytest.raises(Misuse, match="its name at the target would not be valid") as caught:
        name_at(f"quay.io/{'a' * 240}:1", PREFIXED, KEEP)
    assert caught.value.expected == "lower case, at most 255 characters"


def test_the_mappings_that_can_be_chosen_are_these() -> None:
    assert MAPPINGS == ("keep", "scoped")
