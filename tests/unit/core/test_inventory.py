"""An inventory is read back as it was written, and refused when it is not what bundler writes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from bundler.core.inventory import (
    DOCUMENT,
    HeldBlob,
    HeldManifest,
    HeldRepository,
    Inventory,
    LoadedImage,
    NotListed,
    parse_inventory,
)
from bundler.core.oci import OCI_INDEX, OCI_MANIFEST, Descriptor
from bundler.core.reference import Reference
from bundler.errors import Damaged, Refused
from tests.support.errors import raises
from tests.support.tables import each_case
from tests.unit.values import digest

BLOBS = tuple(sorted((HeldBlob(digest(name), size) for name, size in (("config", 7), ("layer", 900), ("other", 1))),
                     key=lambda blob: blob.digest))  # fmt: skip
NUMBERS = {blob.size_bytes: number for number, blob in enumerate(BLOBS)}
CONFIG, LAYER, OTHER = NUMBERS[7], NUMBERS[900], NUMBERS[1]


def inventory(**more: Any) -> Inventory:
    """An inventory of a registry with an index, its two images, and a repository with one of them."""
    made = sorted(
        (Descriptor(kind, digest(name), 300) for name, kind in
         (("index", OCI_INDEX), ("amd64", OCI_MANIFEST), ("arm64", OCI_MANIFEST))),
        key=lambda each: each.digest,
    )  # fmt: skip
    at = {each.digest: number for number, each in enumerate(made)}
    index, one, two = (at[digest(name)] for name in ("index", "amd64", "arm64"))
    blobs = {index: (), one: (CONFIG, LAYER), two: (CONFIG, OTHER)}
    return replace(
        Inventory(
            tool="bundler 1.0",
            place="registry.example.com/team",
            kind="registry",
            created="2026-11-29T08:00:00Z",
            operator="alice",
            host="gate-1",
            repositories=(
                HeldRepository("team/app", (("1.0", index), ("latest", index)), (0, 1, 2)),
                HeldRepository("team/tool", (), (one,)),
            ),
            manifests=tuple(
                HeldManifest(each, (one, two) if number == index else (), blobs[number])
                for number, each in enumerate(made)
            ),
            blobs=BLOBS,
            not_listed=(NotListed("team/secret", "denied", "grüße, 你好 \x1b[31m"),),
        ),
        **more,
    )


LAYOUT = inventory(
    place="oci:/srv/images",
    kind="layout",
    repositories=(HeldRepository("", (), (0, 1, 2)), HeldRepository("docker.io/library/nginx", (("1", 0),), (0,))),
)
DAEMON_PLACE = inventory(
    place="docker-daemon:",
    kind="daemon",
    repositories=(),
    manifests=(),
    blobs=(),
    images=(
        LoadedImage(
            digest("config"),
            2000,
            (Reference.parse("docker.io/library/nginx:1"),),
            (Reference.parse(f"docker.io/library/nginx@{digest('index')}"),),
        ),
    ),
)


def read(document: object) -> Inventory:
    return parse_inventory(json.dumps(document).encode(), what="inventory.json")


def document(of: Inventory | None = None) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(b"".join((of or inventory()).to_json()))
    return found


@each_case("value", [inventory(), inventory(repositories=(), manifests=(), blobs=()), LAYOUT, DAEMON_PLACE])
def test_an_inventory_is_read_back_as_it_was_written(value):
    content = b"".join(value.to_json())
    assert parse_inventory(content, what="inventory.json") == value
    assert b"".join(parse_inventory(content, what="inventory.json").to_json()) == content


def test_unknown_fields_are_ignored():
    assert read({**document(), "later": {"more": [1]}}) == inventory()


def test_an_index_has_the_blobs_of_its_images_even_if_manifests_list_each_other():
    whole = inventory()
    index = whole.repositories[0].tags[0][1]
    assert whole.blobs_of(index) == tuple(sorted((CONFIG, LAYER, OTHER)))
    circle = replace(whole, manifests=tuple(replace(each, children=(0, 1, 2)) for each in whole.manifests))
    assert circle.blobs_of(index) == tuple(sorted((CONFIG, LAYER, OTHER)))


def test_the_registry_is_the_host_of_the_place():
    assert (inventory().registry, LAYOUT.registry) == ("registry.example.com", "")


def _set(*path: Any, to: Any) -> Callable[[dict[str, Any]], None]:
    def change(found: dict[str, Any]) -> None:
        at: Any = found
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = to

    return change


@each_case(
    "change",
    [
        pytest.param(_set("document", to="bundler.receipt/1"), id="another document"),
        pytest.param(_set("document", to=7), id="no document"),
        pytest.param(_set("kind", to="cloud"), id="an unknown kind"),
        pytest.param(_set("place", to=""), id="no place"),
        pytest.param(_set("place", to="x" * 600), id="a place that is too long"),
        pytest.param(_set("created", to=None), id="no time"),
        pytest.param(_set("repositories", to={}), id="repositories are no list"),
        pytest.param(_set("repositories", 0, "name", to="../etc"), id="a name that is a path"),
        pytest.param(_set("repositories", 0, "name", to="Team/app"), id="a name with capitals"),
        pytest.param(_set("repositories", 0, "name", to=""), id="no name in a registry"),
        pytest.param(_set("repositories", 0, "name", to="zzz"), id="repositories out of order"),
        pytest.param(_set("repositories", 1, "name", to="team/app"), id="a repository twice"),
        pytest.param(_set("repositories", 0, "tags", to=[["1.0", 0]]), id="tags are no object"),
        pytest.param(_set("repositories", 0, "tags", to={"a b": 0}), id="no tag"),
        pytest.param(_set("repositories", 0, "tags", to={"b": 0, "a": 0}), id="tags out of order"),
        pytest.param(_set("repositories", 0, "tags", "1.0", to=3), id="a tag of an unlisted manifest"),
        pytest.param(_set("repositories", 0, "tags", "1.0", to=True), id="a tag of true"),
        pytest.param(_set("repositories", 0, "manifests", to=[]), id="a tag of another repository's manifest"),
        pytest.param(_set("repositories", 1, "manifests", to=[1, 0]), id="manifests out of order"),
        pytest.param(_set("repositories", 1, "manifests", to=[99]), id="an unlisted manifest"),
        pytest.param(_set("manifests", 0, "digest", to="sha256:beef"), id="no digest"),
        pytest.param(_set("manifests", 0, "size", to=-1), id="a negative size"),
        pytest.param(_set("manifests", 0, "size", to=5 << 20), id="a manifest that is too large"),
        pytest.param(_set("manifests", 0, "blobs", to=[3]), id="an unlisted blob"),
        pytest.param(_set("manifests", 0, "manifests", to=[3]), id="an unlisted child"),
        pytest.param(_set("manifests", 0, "blobs", to=[0, 0]), id="a blob of a manifest twice"),
        pytest.param(_set("manifests", 0, "manifests", to=[1, 1]), id="a child twice"),
        pytest.param(_set("blobs", 0, "size", to=1 << 54), id="a size out of range"),
        pytest.param(_set("blobs", 1, to={"digest": str(BLOBS[0].digest), "size": 1}), id="a blob twice"),
        pytest.param(_set("images", to=[{"id": str(digest("x")), "size": 1, "names": [], "digests": []}]),
                     id="images of a daemon in a registry"),
        pytest.param(lambda found: found.pop("notListed"), id="a field is missing"),
    ],
)  # fmt: skip
def test_what_is_no_inventory_is_refused(change):
    found = document()
    change(found)
    with raises(Damaged, subject="inventory.json"):
        read(found)


def test_an_inventory_of_a_later_version_is_refused_as_that():
    with raises(Refused, subject="inventory.json", expected=DOCUMENT, actual="bundler.inventory-file/2"):
        read({**document(), "document": "bundler.inventory-file/2"})


@each_case("content", [b"", b"[]", b"\xff", b'{"document": "bundler.inventory-file/1"}', b'{"a": 1, "a": 2}'])
def test_other_bytes_are_refused(content):
    with raises(Damaged, subject="inventory.json"):
        parse_inventory(content, what="inventory.json")


@each_case("name", ["", "docker.io/library/nginx", "localhost/app"])
def test_a_layout_has_full_names_or_none(name):
    value = replace(LAYOUT, repositories=(HeldRepository(name, (), (0,)),))
    assert read(document(value)) == value


@each_case("name", ["nginx", "docker.io/nginx", "docker.io/library/nginx:1", "a b/c"])
def test_a_layout_has_no_other_names(name):
    with raises(Damaged):
        read(document(replace(LAYOUT, repositories=(HeldRepository(name, (), (0,)),))))
