"""Names are new, moved, gone or unchanged, and a blob is carried once if the first side lacks it."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, strategies as st

from bundler.core.comparison import Change, Comparison, Side, SideImage, compare
from tests.property.strategies import law
from tests.unit.values import digest


def side(images: dict[str, Sequence[str]], **sizes: int | None) -> Side:
    """A side whose images have the layers of these words; an image is the sum of its layers."""
    made = {
        name: SideImage(digest(" ".join(layers)), tuple(map(digest, dict.fromkeys(layers))))
        for name, layers in images.items()
    }
    words = {word for layers in images.values() for word in layers}
    return Side(made, {digest(word): sizes.get(word, len(word)) for word in words})


def names(changes: Sequence[Change]) -> list[str]:
    return [each.name for each in changes]


OLD = side({"a": ["base", "one"], "b": ["base"], "gone": ["rare"]})
NEW = side({"a": ["base", "one", "two"], "b": ["base"], "c": ["base", "three"], "d": ["three"]})


def test_each_name_is_in_one_list():
    found = compare(OLD, NEW)
    assert [names(part) for part in (found.new, found.moved, found.gone, found.unchanged)] == [
        ["c", "d"],
        ["a"],
        ["gone"],
        ["b"],
    ]
    assert (found.moved[0].old, found.moved[0].new) == (digest("base one"), digest("base one two"))
    assert (found.gone[0].old, found.gone[0].new) == (digest("rare"), None)
    assert not found.is_same


def test_a_blob_is_carried_once_with_all_images_that_need_it_and_the_largest_comes_first():
    found = compare(OLD, NEW)
    assert [(each.digest, each.size_bytes, each.images) for each in found.carried] == [
        (digest("three"), 5, ("c", "d")),
        (digest("two"), 3, ("a",)),
    ]
    assert (found.carried_bytes, found.present_bytes) == (8, len("base") + len("one"))
    assert [each.carried_bytes for each in found.new] == [5, 5]


def test_a_size_that_the_side_does_not_know_is_said():
    found = compare(OLD, side({"c": ["three", "four"]}, three=None))
    assert (found.carried_bytes, found.unknown_sizes) == (4, 1)


def test_an_image_is_the_same_if_another_digest_refers_to_it():
    config = digest("config")
    daemon = Side({"a": SideImage(digest("id"), also=frozenset({config}))}, {})
    bundle = Side({"a": SideImage(digest("manifest"), (config,), frozenset({config}))}, {config: 7})
    assert compare(daemon, bundle).is_same
    assert compare(bundle, daemon).is_same
    assert compare(daemon, bundle).carried_bytes == 7  # a daemon has no blobs
    other = Side({"a": SideImage(digest("other"), (), frozenset({digest("x")}))}, {})
    assert not compare(daemon, other).is_same


_words = st.sampled_from(["base", "one", "two", "three"])
_sides = st.dictionaries(st.sampled_from("abcd"), st.lists(_words, min_size=1, max_size=3)).map(side)


@law
@given(_sides, _sides)
def test_every_name_is_somewhere_and_the_other_way_round_new_is_gone(old, new):
    found, back = compare(old, new), compare(new, old)
    listed = [name for part in (found.new, found.moved, found.gone, found.unchanged) for name in names(part)]
    assert sorted(listed) == sorted({*old.images, *new.images})
    assert names(found.new) == names(back.gone)
    assert names(found.moved) == names(back.moved)
    assert found.is_same == back.is_same
    lacking = {digest for image in new.images.values() for digest in image.blobs} - set(old.blobs)
    assert {each.digest for each in found.carried} == lacking


@law
@given(_sides)
def test_a_side_is_the_same_as_itself(one):
    found = compare(one, one)
    assert found.is_same
    assert not found.carried
    assert found == Comparison(unchanged=found.unchanged, present_bytes=found.present_bytes)
