"""Files that later layers replace or delete are counted as OCI image-spec has it, however the layers are made."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from hypothesis import given, strategies as st

from bundler.core.layers import Amount, Cover, Kind, LayerSurvey, Member, history_of, member_of, survey
from bundler.core.limits import HIDDEN_FILES_NAMED
from bundler.errors import Damaged
from tests.support.tables import each_case

Layer = Sequence[tuple[str, int]]
"""Names as the tar has them, with sizes; a name with a slash at its end is a folder."""


def members(layer: Layer) -> list[Member]:
    found = (member_of(name, size, is_folder=name.endswith("/")) for name, size in layer)
    return [member for member in found if member]


def surveyed(layers: Sequence[Layer], cover: Cover | None = None) -> tuple[list[LayerSurvey], Cover]:
    cover, found = cover or Cover(), []
    for number in reversed(range(len(layers))):
        found.append(survey(members(layers[number]), number, cover))
        cover.add(number, found[-1].paths, is_whole=found[-1].is_whole)
    return found[::-1], cover


CASES = {
    "replaced": ([[("a", 5)], [("./a", 7)]], {("/a", 5, 0, 1, False)}),
    "deleted": ([[("d/a", 5), ("d/b", 1)], [("d/.wh.a", 0)]], {("/d/a", 5, 0, 1, True)}),
    "a deleted folder": ([[("d/", 0), ("d/e/a", 5), ("da", 3)], [(".wh.d", 0)]], {("/d/e/a", 5, 0, 1, True)}),
    "an opaque folder keeps what is new in it": (
        [[("d/a", 5), ("d/b", 6)], [("d/", 0), ("d/.wh..wh..opq", 0), ("d/a", 7)]],
        {("/d/a", 5, 0, 1, False), ("/d/b", 6, 0, 1, True)},
    ),
    "the root folder is opaque": ([[("a", 5)], [(".wh..wh..opq", 0), ("b", 7)]], {("/a", 5, 0, 1, True)}),
    "a folder again": ([[("d/", 0), ("d/a", 5)], [("d/", 0), ("d/b", 7)]], set()),
    "a file in place of a folder": ([[("d/a", 5)], [("d", 7)]], {("/d/a", 5, 0, 1, False)}),
    "a folder in place of a file": ([[("d", 5)], [("d/", 0), ("d/a", 7)]], {("/d", 5, 0, 1, False)}),
    "deleted, then a folder again": (
        [[("d/a", 5)], [("d/", 0), ("d/b", 6)], [(".wh.d", 0)]],
        {("/d/a", 5, 0, 2, True), ("/d/b", 6, 1, 2, True)},
    ),
    "the nearest layer counts": (
        [[("a", 5)], [("a", 6)], [(".wh.a", 0)]],
        {("/a", 5, 0, 1, False), ("/a", 6, 1, 2, True)},
    ),
    "a deletion does not hit its own layer": ([[("a", 5)], [(".wh.a", 0), ("a", 7)]], {("/a", 5, 0, 1, False)}),
    "nor in another order": ([[("a", 5)], [("a", 7), (".wh.a", 0)]], {("/a", 5, 0, 1, False)}),
    "marks of AUFS delete nothing": ([[("plnk", 5)], [(".wh..wh.plnk", 0), (".wh.", 0), (".wh...", 0)]], set()),
    "no name leads out": ([[("etc/a", 5)], [("../../etc/x/../a", 7), ("//etc/b", 1)]], {("/etc/a", 5, 0, 1, False)}),
    "a part of a name is another name": ([[("ab", 5)], [(".wh.a", 0), ("b/ab", 1)]], set()),
}


@each_case("name", CASES)
def test_hidden_files(name: str) -> None:
    layers, hidden = CASES[name]
    found, cover = surveyed(layers)
    named = [file for each in found for file in each.largest]
    assert {(file.path, file.size_bytes, file.layer, file.by, file.is_deleted) for file in named} == hidden
    for each in found:
        assert each.replaced == amount(file for file in each.largest if not file.is_deleted)
        assert each.deleted == amount(file for file in each.largest if file.is_deleted)
    assert cover.is_whole


def amount(files) -> Amount:
    sizes = [file.size_bytes for file in files]
    return Amount(len(sizes), sum(sizes))


NAMES = st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map("/".join)


@st.composite
def layers_of(draw) -> list[Layer]:
    """Layers that an unpacker takes: folders come before what is in them, and no path is there twice."""
    return [layer(draw) for _ in range(draw(st.integers(1, 4)))]


def layer(draw) -> Layer:
    made: dict[str, int] = {}
    for path in draw(st.lists(NAMES, max_size=5)):
        folders = ["/".join(path.split("/")[:depth]) for depth in range(1, path.count("/") + 1)]
        if path in made or f"{path}/" in made or any(folder in made for folder in folders):
            continue
        made |= dict.fromkeys((f"{folder}/" for folder in folders), 0)
        kind = draw(st.sampled_from(("file", "folder", "deleted", "opaque")))
        base, _, last = path.rpartition("/")
        name = {
            "file": path,
            "folder": f"{path}/",
            "deleted": f"{base}/.wh.{last}".lstrip("/"),
            "opaque": f"{path}/.wh..wh..opq",
        }[kind]
        made |= {f"{path}/": 0} if kind == "opaque" else {}
        made[name] = draw(st.integers(1, 9)) if kind == "file" else 0
    return list(made.items())


def left_by_unpacking(layers: Sequence[Layer]) -> dict[str, int | None]:
    """The files of the image, as an unpacker makes them: it deletes first, then puts in place; None is a folder."""
    tree: dict[str, int | None] = {}

    def remove(path: str, *, itself: bool) -> None:
        for each in [each for each in tree if each.startswith(f"{path}/") or (itself and each == path)]:
            del tree[each]

    for layer in layers:
        for name, _ in layer:
            base, _, last = name.rpartition("/")
            if last == ".wh..wh..opq":
                remove(base, itself=False)
            elif last.startswith(".wh."):
                remove(f"{base}/{last[4:]}".lstrip("/"), itself=True)
        for name, size in layer:
            if not name.rpartition("/")[2].startswith(".wh."):
                path, is_folder = name.rstrip("/"), name.endswith("/")
                if not is_folder or tree.get(path, 0) is not None:
                    remove(path, itself=True)
                tree[path] = None if is_folder else size
    return tree


@given(layers_of())
def test_what_is_not_hidden_is_what_unpacking_leaves(layers: list[Layer]) -> None:
    files = sum(size for layer in layers for name, size in layer)
    left = sum(size for size in left_by_unpacking(layers).values() if size)
    found, _ = surveyed(layers)
    assert files - sum((each.replaced + each.deleted).size_bytes for each in found) == left


def test_only_the_largest_files_are_named_and_all_are_counted() -> None:
    lower = [(f"f{number}", number) for number in range(100)]
    found, _ = surveyed([lower, [(f".wh.{name}", 0) for name, _ in lower]])
    assert [file.size_bytes for file in found[0].largest] == list(range(99, 99 - HIDDEN_FILES_NAMED, -1))
    assert found[0].deleted == Amount(100, sum(range(100)))
    assert found[1].counts[Kind.DELETED] == 100


def test_a_cover_without_room_says_that_it_knows_less() -> None:
    upper = [(f"f{number}", 1) for number in range(10)]
    for room, is_whole in ((10, True), (9, False)):
        found, cover = surveyed([upper, upper], Cover(most=room))
        assert (cover.is_whole, found[0].replaced) == (is_whole, Amount(room, room))
        assert len(found[1].paths) == room
    assert not found[0].paths.keys, "no layer is below the lowest one"


def test_a_full_cover_takes_what_it_has_room_for_from_later_layers() -> None:
    _, cover = surveyed([[], [("c", 1)], [("a", 1), ("b", 1)]], Cover(most=2))
    assert not cover.is_whole


def config(*entries: object, **more: object) -> bytes:
    return json.dumps({"history": entries, **more}).encode()


def test_commands_belong_to_the_layers_in_their_order() -> None:
    steps = history_of(
        config(
            {"created_by": "ADD", "created": "2026"},
            {"created_by": "ENV", "empty_layer": True},
            {"created_by": "RUN", "comment": "c"},
            "odd",
            {"created_by": 3, "empty_layer": True},
        ),
        2,
        what="test",
    )
    assert [(step.command, step.layer, step.is_empty) for step in steps] == [
        ("ADD", 0, False),
        ("ENV", None, True),
        ("RUN", 1, False),
        ("", None, True),
    ]
    assert (steps[0].created, steps[2].comment) == ("2026", "c")


def test_commands_that_do_not_fit_the_layers_belong_to_none() -> None:
    steps = history_of(config({"created_by": "ADD"}, {"created_by": "RUN"}), 3, what="test")
    assert [(step.command, step.layer, step.is_empty) for step in steps] == [("ADD", None, False), ("RUN", None, False)]


@pytest.mark.parametrize("content", [b"{}", b"[]", b'{"history": null}', b'{"history": {"a": 1}}'])
def test_a_config_may_have_no_history(content: bytes) -> None:
    assert history_of(content, 2, what="test") == ()


def test_a_config_that_is_no_json_is_damage() -> None:
    with pytest.raises(Damaged):
        history_of(b"{", 1, what="test")
