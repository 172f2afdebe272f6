"""The heads of requests, as clients and attackers write them."""

from __future__ import annotations

import pytest

from bundler.core.limits import SERVED_HEADERS
from bundler.serving.heads import BadRequest, Unsatisfiable, answer_head, matches, parse_head, wanted_range
from tests.support.tables import each_case


def head(*lines: str, first: str = "GET /v2/ HTTP/1.1", host: str = "Host: a") -> bytes:
    return "\r\n".join((first, *((host,) if host else ()), *lines)).encode()


def test_a_head_is_read():
    read = parse_head(
        head("Accept: a", "ACCEPT:b ", "X-Empty:", first="HEAD /v2/a%3Ab/tags/list?n=1&last=x&n=2 HTTP/1.1")
    )
    assert (read.method, read.path) == ("HEAD", "/v2/a:b/tags/list")
    assert read.query == {"n": "1", "last": "x"}
    assert read.headers == {"host": "a", "accept": "a, b", "x-empty": ""}
    assert not read.is_last
    assert not read.has_body


@each_case("first, path", [
    ("GET http://127.0.0.1:5000/v2/ HTTP/1.1", "/v2/"),
    ("GET http://127.0.0.1:5000 HTTP/1.1", "/"),
    ("OPTIONS * HTTP/1.1", "*"),
    ("GET /?a=%2F HTTP/1.1", "/"),
])  # fmt: skip
def test_each_form_of_a_target_is_read(first, path):
    assert parse_head(head(first=first)).path == path


@each_case("lines, first", [
    (("Connection: keep-alive, Close",), "GET / HTTP/1.1"),
    ((), "GET / HTTP/1.0"),
    (("Content-Length: 5",), "POST / HTTP/1.1"),
    (("Transfer-Encoding: chunked",), "GET / HTTP/1.1"),
])  # fmt: skip
def test_a_request_that_may_be_the_last_one_is(lines, first):
    assert parse_head(head(*lines, first=first)).is_last


@each_case("content", [
    b"",
    b"GET",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    head(first="GET /v2/ HTTP/2.0"),
    head(first="GET /v2/  HTTP/1.1"),
    head(first="get /v2/ HTTP/1.1"),
    head(first="GET v2/ HTTP/1.1"),
    head(first="GET /v2/\x00 HTTP/1.1"),
    head(first="GET /v2/%00 HTTP/1.1"),
    head(first="GET /v2/%0d%0aX:y HTTP/1.1"),
    head(first="GET /v2/%ff HTTP/1.1"),
    head(first="GET /?" + "a=1&" * 21 + " HTTP/1.1"),
    head(first="GET /?a=%ff HTTP/1.1"),
    head(host=""),
    head("Host: b"),
    head("no header"),
    head(" folded: x"),
    head("Name : x"),
    head("X: a\nY: b"),
    head("X: a\rb"),
    head("Content-Length: 1", "Content-Length: 1"),
    head("Content-Length: +1"),
    head("Content-Length: 1, 1"),
    head("Content-Length: 1", "Transfer-Encoding: chunked"),
    head("Authorization: a", "authorization: b"),
    head(*(f"X-{number}: y" for number in range(SERVED_HEADERS))),
])  # fmt: skip
def test_a_head_that_can_be_read_in_two_ways_is_refused(content):
    with pytest.raises(BadRequest):
        parse_head(content)


@each_case("header, found", [
    (None, None),
    ("bytes=0-", (0, 10)),
    ("bytes=0-0", (0, 1)),
    ("bytes=3-5", (3, 6)),
    ("bytes=3-99999999999999999999", (3, 10)),
    ("bytes=-4", (6, 10)),
    ("bytes=-99", (0, 10)),
    ("bytes=9-", (9, 10)),
    ("bytes=5-4", None),
    ("bytes=-", None),
    ("bytes=0-1,3-4", None),
    ("bytes=a-b", None),
    ("chunks=0-1", None),
    ("bytes=0x1-2", None),
    ("bytes=" + "9" * 30 + "-", None),
])  # fmt: skip
def test_one_range_is_understood_and_others_are_ignored(header, found):
    assert wanted_range(header, 10) == found


@each_case("header", ["bytes=10-", "bytes=10-20", "bytes=-0"])
def test_a_range_without_bytes_is_unsatisfiable(header):
    with pytest.raises(Unsatisfiable):
        wanted_range(header, 10)


def test_a_blob_without_bytes_has_no_ranges():
    with pytest.raises(Unsatisfiable):
        wanted_range("bytes=0-", 0)


@each_case("header, is_same", [
    (None, False), ('"a"', True), ('W/"a"', True), ('"b", "a"', True), ("*", True), ('"b"', False), ("a", False),
])  # fmt: skip
def test_entity_tags_are_compared(header, is_same):
    assert matches(header, '"a"') == is_same


def test_a_head_of_an_answer_ends_with_an_empty_line():
    from http import HTTPStatus

    assert answer_head(HTTPStatus.NOT_FOUND, (("A", "b"),)) == b"HTTP/1.1 404 Not Found\r\nA: b\r\n\r\n"
