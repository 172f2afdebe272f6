"""Documents are kept and everything else is shown, once, whatever it is called and however few bytes come at a time."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from bundler.core import tar
from bundler.core.limits import LAYOUT_JSON_BYTES
from bundler.core.protocols import Pieces
from bundler.errors import Damaged, LocalStorage
from bundler.stores.archive_contents import Contents, survey
from bundler.stores.tar_reader import TarMember
from tests.support import images
from tests.support.archives import Trickle, tar_of
from tests.support.errors import raises

LAYER = images.layer_tar("layer")


def surveyed(content: bytes, at_a_time: int = 1 << 20) -> tuple[Contents, dict[str, bytes]]:
    shown: dict[str, bytes] = {}

    def take(member: TarMember, pieces: Pieces) -> None:
        shown[member.name] = b"".join(map(bytes, pieces))
        assert len(shown[member.name]) == member.size_bytes

    return survey(Trickle(content, at_a_time), what="test.tar", take=take), shown


def of(files: Mapping[str, bytes], *, links: Mapping[str, str] | None = None, at_a_time: int = 1 << 20):
    return surveyed(tar_of(files, links=links), at_a_time)


def test_documents_are_kept_and_the_rest_is_shown() -> None:
    contents, shown = of({"manifest.json": b"[1]", "a/layer.tar": LAYER, "oddly named": b' \n{"a":1}', "empty": b""})
    assert contents.documents == {"manifest.json": b"[1]", "oddly named": b' \n{"a":1}'}
    assert shown == {"a/layer.tar": LAYER, "empty": b""}
    assert list(contents.members) == ["manifest.json", "a/layer.tar", "oddly named", "empty"]


def test_the_place_of_each_member_is_where_its_bytes_are() -> None:
    files = {"manifest.json": b"[1]", "a/layer.tar": LAYER, "empty": b"", "./b": b"x"}
    content = tar_of(files)
    contents, _ = surveyed(content)
    for name, data in files.items():
        member = contents.members[name.removeprefix("./")]
        assert content[member.offset_bytes : member.offset_bytes + member.size_bytes] == data


def test_a_file_is_found_through_a_link() -> None:
    contents, shown = of(
        {"a/layer.tar": LAYER, "c.json": b"{}"}, links={"b/layer.tar": "../a/layer.tar", "d": "c.json"}
    )
    found = contents.find("b/layer.tar")
    assert found is not None
    assert (found.name, contents.find("a/layer.tar"), contents.find("nothing")) == ("a/layer.tar", found, None)
    assert contents.document("d") == contents.document("c.json") == b"{}"
    assert shown == {"a/layer.tar": LAYER}


@pytest.mark.parametrize(
    ("name", "found"),
    [("nothing", "found nothing"), ("layer", "found a file that is not JSON")],
    ids=["absent", "no JSON"],
)
def test_what_is_no_document_is_reported_when_it_is_asked_for_as_one(name: str, found: str) -> None:
    contents, _ = of({"layer": LAYER})
    with raises(Damaged, expected="JSON") as caught:
        contents.document(name)
    assert found in str(caught.value)


def test_a_link_to_nothing_is_refused() -> None:
    with raises(Damaged, subject="test.tar: 'b'"):
        of({"a": b"x"}, links={"b": "c"})


def test_a_member_that_nobody_reads_is_passed_over() -> None:
    content = tar_of({"a": b"a" * 5000, "manifest.json": b"[]", "b": b"b" * 100})
    contents = survey(Trickle(content), what="test.tar", take=lambda member, pieces: None)
    assert list(contents.members) == ["a", "manifest.json", "b"]
    contents = survey(Trickle(content), what="test.tar", take=lambda member, pieces: next(pieces) and None)
    assert list(contents.members) == ["a", "manifest.json", "b"]


@pytest.mark.parametrize("first", ["[", "{0}", "[a-z]/x"])
def test_a_layer_whose_first_file_has_a_bracket_in_front_is_no_document(first: str) -> None:
    layer = tar_of({first: b"x"})
    contents, shown = of({"layer.tar": layer})
    assert (contents.documents, shown) == ({}, {"layer.tar": layer})


@pytest.mark.parametrize("at_a_time", [pytest.param(1), pytest.param(100), 511, 513])
def test_a_layer_is_distinguished_from_a_document_however_few_bytes_come_at_a_time(at_a_time: int) -> None:
    layer = tar_of({"[": b"x"})
    files = {"layer.tar": layer, "manifest.json": b"\n" * 600 + b"[]", "plain": LAYER}
    contents, shown = of(files, at_a_time=at_a_time)
    assert contents.documents == of(files)[0].documents
    assert shown == of(files)[1]


def test_a_document_that_no_image_has_is_shown_instead_of_kept() -> None:
    large = b"{" + b" " * LAYOUT_JSON_BYTES + b"}"
    contents, shown = of({"large": large, "small": b"{}"})
    assert (list(contents.documents), list(shown)) == (["small"], ["large"])


def test_documents_are_kept_up_to_a_bound_together() -> None:
    large = b"{" + b" " * (LAYOUT_JSON_BYTES - 2) + b"}"
    contents, shown = of({f"{number}": large for number in range(5)})
    assert (len(contents.documents), len(shown)) == (4, 1)


@pytest.mark.parametrize("at_a_time", [1 << 20, 700])
def test_an_archive_that_was_cut_is_damage_wherever_it_was_cut(at_a_time: int) -> None:
    whole = tar_of({"manifest.json": b"[1]", "layer": b"x" * 1500, "b": b"y"})
    end = whole.rindex(b"y") + 1
    for length in range(0, end + tar.padding_bytes(end), 173):
        with pytest.raises(Damaged):
            surveyed(whole[:length], at_a_time)


def test_an_error_of_the_reader_of_a_member_comes_through() -> None:
    def take(member: TarMember, pieces: Pieces) -> None:
        raise LocalStorage("no space left")

    with pytest.raises(LocalStorage):
        survey(Trickle(tar_of({"a": b"x" * 1000})), what="test.tar", take=take)
