"""Only I-JSON is read: no document that two readers would understand in two ways."""

from __future__ import annotations

import json

import pytest

from bundler.core import strict_json
from bundler.core.limits import BUNDLE_MANIFEST_CONTAINERS, JSON_COMMAS, JSON_DEPTH
from bundler.errors import Damaged
from tests.support.errors import raises
from tests.support.tables import each_case


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b'{"a": [1, -2, 3.5, true, null, "\\u00fc"]}', {"a": [1, -2, 3.5, True, None, "ü"]}),
        (b' \n{"a":{"a":1}}\r\n', {"a": {"a": 1}}),
        ('"\U0001f600"'.encode(), "\U0001f600"),
        (b'"\\ud83d\\ude00"', "\U0001f600"),
        (b"9223372036854775807", 2**63 - 1),
        (b"1" * 20, 11111111111111111111),
        (b"0", 0),
    ],
    ids=["all kinds", "two levels", "an emoji", "a surrogate pair", "the largest 64-bit integer", "20 digits", "zero"],
)
def test_a_sound_document_is_read(content: bytes, value: object) -> None:
    assert strict_json.loads(content, what="test") == value


@each_case(
    "content",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"{", id="cut"),
        pytest.param(b"{} {}", id="two documents"),
        pytest.param(b"\xef\xbb\xbf{}", id="a byte order mark"),
        pytest.param('{"a":1}'.encode("utf-16"), id="UTF-16"),
        pytest.param(b'"\xff"', id="not UTF-8"),
        pytest.param(b'"\xed\xa0\x80"', id="a surrogate in UTF-8"),
        pytest.param(b'{"a": 1, "a": 2}', id="a name twice"),
        pytest.param(b'[{"b": {"a": 1, "\\u0061": 1}}]', id="a name twice, once escaped, deep inside"),
        pytest.param(b"NaN", id="NaN"),
        pytest.param(b"[Infinity]", id="infinity"),
        pytest.param(b"-Infinity", id="minus infinity"),
        pytest.param(b"1e400", id="a number beyond every double"),
        pytest.param(b"-1e999", id="a negative number beyond every double"),
        pytest.param(b'"\\ud800"', id="a lone surrogate"),
        pytest.param(b'{"\\udc00": 1}', id="a lone surrogate as a name"),
        pytest.param(b"1" * 21, id="an integer of 21 digits"),
        pytest.param(b'{"a": 1, "b":' + b"1" * 21 + b"}", id="an integer of 21 digits in an object"),
        pytest.param(b'{"a": 1, "b": [-' + b"1" * 20 + b"]}", id="a sign and 20 digits in a list"),
        pytest.param(b"1" * 100_000, id="an integer that takes long to convert"),
        pytest.param(b'"a\nb"', id="a control character in a text"),
        pytest.param(b"{'a': 1}", id="single quotes"),
        pytest.param(b"[1,]", id="a comma at the end"),
        pytest.param(b"// x\n{}", id="a comment"),
        pytest.param(b"[" * (JSON_DEPTH + 1) + b"]" * (JSON_DEPTH + 1), id="one level too deep"),
        pytest.param(b"[" * 1_000_000, id="a million brackets"),
        pytest.param(b'{"a":' * 1_000_000, id="a million objects"),
    ],
)
def test_what_two_readers_could_differ_in_is_damage(content: bytes) -> None:
    with raises(Damaged, subject="the manifest") as caught:
        strict_json.loads(content, what="the manifest")
    assert caught.value.subject == "the manifest"


def test_the_deepest_document_that_is_allowed_is_read() -> None:
    value = strict_json.loads(b"[" * JSON_DEPTH + b"]" * JSON_DEPTH, what="test")
    depth = 0
    while value is not None:
        depth, value = depth + 1, value[0] if value else None
    assert depth == JSON_DEPTH


@pytest.mark.parametrize(
    "near",
    [
        pytest.param(rb'"]]]]"', id="brackets in a text"),
        pytest.param(rb'"\"]]]]"', id="brackets after a quote in a text"),
        pytest.param(rb'"\\", [[]], {}', id="a backslash at the end of a text"),
        pytest.param(rb'{"a": {"}": []}}, [[1], [2]]', id="other lists and objects"),
    ],
)
def test_depth_is_counted_with_anything_next_to_it(near: bytes) -> None:
    inner = JSON_DEPTH - 1
    deepest = b"[%b, %b1%b, %b]" % (near, b'{"a":' * inner, b"}" * inner, near)
    too_deep = b"[%b, [%b1%b], %b]" % (near, b'{"a":' * inner, b"}" * inner, near)
    assert len(strict_json.loads(deepest, what="test")) >= 3
    with pytest.raises(Damaged, match=f"deeper than {JSON_DEPTH}"):
        strict_json.loads(too_deep, what="test")


def test_brackets_within_texts_and_side_by_side_are_not_depth() -> None:
    document = {"text": '[{"\\' * 200, "lists": [[] for _ in range(500)]}
    assert strict_json.loads(json.dumps(document).encode(), what="test") == document


def test_a_name_that_appears_twice_is_named() -> None:
    with pytest.raises(Damaged, match="'digest'"):
        strict_json.loads(b'{"size": 1, "digest": 2, "digest": 3}', what="test")


def test_what_we_write_is_compact_ascii_in_the_order_given_with_one_newline() -> None:
    assert strict_json.canonical({"b": 1, "a": ["ü", None]}) == b'{"b":1,"a":["\\u00fc",null]}\n'


def test_objects_and_lists_are_counted() -> None:
    document = b'{"a": [[], {}], "text": "[{"}'
    assert strict_json.loads(document, what="test", containers=4)["a"] == [[], {}]
    with raises(Damaged, subject="test"):
        strict_json.loads(document, what="test", containers=3)


def test_a_field_that_differs_from_a_known_one_in_case_is_refused() -> None:
    known = ("mediaType", "size")
    for value in ({"mediaType": 1, "size": 2, "other": 3}, ["mediatype"], None):
        strict_json.check_fields(value, known, what="test")
    with raises(Damaged, subject="test", values={"name": "'mediatype'", "folded": "'mediaType'"}):
        strict_json.check_fields({"mediaType": 1, "mediatype": 2}, known, what="test")


def test_a_document_of_too_many_values_is_refused_before_it_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strict_json, "_DECODER", None)  # it is not parsed
    monkeypatch.setattr(strict_json, "_check_shape", lambda *_: pytest.fail("it was searched for brackets"))
    numbers = b"[" + b"1," * (JSON_COMMAS + 1) + b"1]"
    with raises(Damaged, subject="test", values={"error": "too many values"}):
        strict_json.loads(numbers, what="test", containers=BUNDLE_MANIFEST_CONTAINERS)


def test_a_document_of_as_many_values_as_allowed_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strict_json, "JSON_COMMAS", 3)
    assert strict_json.loads(b"[1,2,3,4]", what="test") == [1, 2, 3, 4]
    with raises(Damaged):
        strict_json.loads(b"[1,2,3,4,5]", what="test")
