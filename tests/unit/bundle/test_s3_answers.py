"""A server that says it is S3 cannot take our memory, and cannot keep us waiting."""

from __future__ import annotations

import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from itertools import repeat

import pytest

from bundler.bundle.s3 import answers, client
from bundler.core.s3_path import S3Path
from bundler.errors import BundlerError, Damaged, Refused, Unavailable
from bundler.system import stalls
from tests.support.errors import raises
from tests.support.s3 import environment
from tests.support.servers import Server

PLACE = S3Path.parse("s3://abc/x")
OBJECT = PLACE / "chunk-0001.tar"


class Hostile(BaseHTTPRequestHandler):
    """Gives one answer to every request."""

    status = 200
    head: tuple[bytes, ...] = ()
    body: Iterator[bytes] = iter(())

    def do_GET(self) -> None:
        try:
            for line in self.head:
                self.wfile.write(line)
            self.send_response(self.status)
            self.end_headers()
            for piece in self.body:
                self.wfile.write(piece)
        except OSError:
            pass  # the client has gone

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Hostile]]:
    handler = type("OneHostile", (Hostile,), {})
    server = Server(handler).start()
    for name, value in environment(server.host).items():
        monkeypatch.setenv(name, value)
    client.forget_client()
    yield handler
    client.forget_client()
    server.stop()


@pytest.mark.parametrize("status", [200, 500])
def test_an_answer_without_an_end_is_given_up(s3: type[Hostile], monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    monkeypatch.setattr(answers, "S3_ANSWER_BYTES", 1 << 20)
    s3.status, s3.body = status, repeat(b"<!-- " + b"x" * 65_536, 160)
    with raises(Damaged, subject=str(PLACE)):
        client.s3_client().objects_in(PLACE)


def test_an_error_in_place_of_an_object_has_an_end_too(s3: type[Hostile], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "S3_ANSWER_BYTES", 1 << 20)
    s3.status, s3.body = 403, repeat(b"x" * 65_536, 160)
    with raises(Damaged, subject=str(OBJECT)):
        client.s3_client().open(OBJECT, 0, 10, etag=None)


def test_entities_are_not_unfolded(s3: type[Hostile]) -> None:
    entities = b"".join(b'<!ENTITY a%d "%s">' % (number, b"&a%d;" % (number - 1) * 10) for number in range(1, 4))
    s3.body = iter(
        [b'<!DOCTYPE x [<!ENTITY a0 "y">' + entities + b"]><r><Name>&a3;</Name><IsTruncated>false</IsTruncated></r>"]
    )
    with raises(Damaged, subject=str(PLACE)):
        client.s3_client().objects_in(PLACE)


def test_entities_in_another_encoding_are_not_unfolded(s3: type[Hostile]) -> None:
    document = '<?xml version="1.0" encoding="utf-16"?><!DOCTYPE r [<!ENTITY a "y">]><r><Name>&a;</Name></r>'
    s3.body = iter([document.encode("utf-16")])
    with raises(Damaged, subject=str(PLACE)):
        client.s3_client().objects_in(PLACE)


PAGE = b'<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01//EN"><html><body>try later</body></html>'


@pytest.mark.parametrize(("status", "error"), [(503, Unavailable), (403, Refused)])
def test_the_error_page_of_a_proxy_counts_by_its_status(
    s3: type[Hostile], monkeypatch: pytest.MonkeyPatch, status: int, error: type[BundlerError]
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    s3.status, s3.body = status, iter([PAGE])
    with raises(error, subject=str(PLACE)):
        client.s3_client().objects_in(PLACE)
    s3.body = iter([PAGE])
    with raises(error, subject=str(OBJECT)):
        client.s3_client().open(OBJECT, 0, 10, etag=None)


def test_interim_answers_have_an_end(s3: type[Hostile]) -> None:
    s3.head = tuple(repeat(b"HTTP/1.1 100 Continue\r\n\r\n", 20_000))
    with raises(Unavailable, subject=str(PLACE)):
        client.s3_client().objects_in(PLACE)


@pytest.fixture
def dripping(s3: type[Hostile], monkeypatch: pytest.MonkeyPatch) -> None:
    """The server sends spaces for longer than a connection may stall, then its answer."""

    def spaces() -> Iterator[bytes]:
        yield b'<?xml version="1.0"?>'
        for _ in range(5):
            time.sleep(0.1)
            yield b" "
        yield b"<r><Name>abc</Name></r>"

    monkeypatch.setattr(stalls, "STALL_SECONDS", 0.3)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    s3.body = spaces()


@pytest.mark.usefixtures("dripping")
def test_a_list_that_hardly_comes_is_given_up() -> None:
    with raises(Unavailable, subject=str(PLACE)):
        client.s3_client().objects_in(PLACE)


@pytest.mark.usefixtures("dripping")
def test_s3_may_take_its_time_to_join_parts() -> None:
    client.s3_client().complete(OBJECT, "upload", {1: ("tag", bytes(32))})


def test_a_usual_answer_is_read_as_it_came(s3: type[Hostile]) -> None:
    s3.body = iter([b"<r><Name>abc</Name><Contents><Key>x/a</Key><Size>1</Size></Contents></r>"])
    assert client.s3_client().objects_in(PLACE).files == (("a", 1),)
