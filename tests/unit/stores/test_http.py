"""Addresses from servers are read with care; what is none is refused, never a crash."""

from __future__ import annotations

import io
import json

import pytest
import urllib3

from bundler.errors import Refused
from bundler.pace import Turn
from bundler.stores.http import Answer, HttpClient, _host, _registry_words
from tests.support.tables import each_case


class Scripted(HttpClient):
    """A client whose server answers every request with one redirect to the same place, then with 200."""

    def __init__(self, location: str, status: int = 307) -> None:
        super().__init__(None, None)
        self.location = location
        self.status = status
        self.bodies: list[object] = []
        self.sent: list[tuple[str, dict[str, str]]] = []

    def _send(self, method: str, url: str, headers: object, body: object, turn: Turn) -> Answer:
        self.sent.append((url, dict(headers)))  # type: ignore[call-overload]
        self.bodies.append(body)
        status, fields = (self.status, {"Location": self.location}) if len(self.sent) == 1 else (200, {})
        response = urllib3.HTTPResponse(io.BytesIO(b""), headers=fields, status=status, preload_content=False)
        return Answer(response, url, method)


@pytest.mark.parametrize(
    ("location", "is_sent"),
    [
        pytest.param("/other", True, id="a path at the same origin"),
        pytest.param("https://a.example:443/other", True, id="the same origin, spelt out"),
        pytest.param("https://cdn.example/blob", False, id="another host"),
        pytest.param("https://a.example:8443/blob", False, id="another port"),
        pytest.param("//cdn.example/blob", False, id="another host without a scheme"),
    ],
)
def test_credentials_stay_with_the_origin_they_were_meant_for(location: str, is_sent: bool) -> None:
    client = Scripted(location)
    client.request("GET", "https://a.example/x", headers={"authorization": "Bearer secret", "Accept": "x"})
    _, headers = client.sent[1]
    assert ("authorization" in headers) is is_sent
    assert headers["Accept"] == "x"


def test_a_redirect_does_not_fall_back_to_plain_http() -> None:
    client = Scripted("http://a.example/x")
    with pytest.raises(Refused, match="https"):
        client.request("GET", "https://a.example/x", headers={})
    assert len(client.sent) == 1


@pytest.mark.parametrize("location", ["https://[bad/x", "http://[", "ftp://a.example/x", "https://a:99999/x"])
def test_a_redirect_to_what_is_no_address_is_refused(location: str) -> None:
    client = Scripted(location)
    with pytest.raises(Refused):
        client.request("GET", "https://a.example/x", headers={})
    assert len(client.sent) == 1


def test_a_body_that_can_be_sent_only_once_follows_no_redirect() -> None:
    client = Scripted("/other")
    answer = client.request("PUT", "https://a.example/x", headers={}, body=iter([b"x"]))
    assert (answer.status, len(client.sent)) == (307, 1)


REPEATABLE = [("POST", None), ("PUT", b"{}"), ("PATCH", b"x"), ("DELETE", None)]


@each_case(("method", "body"), REPEATABLE)
@each_case("status", [307, 308])
def test_a_request_that_can_be_sent_again_is_sent_on_within_its_origin(method: str, body: bytes, status: int) -> None:
    client = Scripted("/v3/", status)
    answer = client.request(method, "https://a.example/x", headers={"Authorization": "Bearer secret"}, body=body)
    assert (answer.status, answer.url, answer.method) == (200, "https://a.example/v3/", method)
    assert [headers["Authorization"] for _, headers in client.sent] == ["Bearer secret"] * 2
    assert client.bodies == [body, body]


@pytest.mark.parametrize(("method", "body"), REPEATABLE)
def test_a_request_that_changes_something_is_not_sent_on_to_another_origin(method: str, body: bytes) -> None:
    client = Scripted("https://cdn.example/x")
    with pytest.raises(Refused) as caught:
        client.request(method, "https://a.example/x", headers={}, body=body)
    assert (caught.value.code, len(client.sent)) == ("sent-elsewhere", 1)


@pytest.mark.parametrize("status", [301, 302, 303])
def test_a_redirect_that_turns_a_request_into_a_question_is_not_followed(status: int) -> None:
    """RFC 9110 section 15.4; containerd and Docker, by Go's client, do ask by GET then, and fail later."""
    client = Scripted("/other", status)
    answer = client.request("POST", "https://a.example/x", headers={})
    assert (answer.status, len(client.sent)) == (status, 1)


def test_a_full_disk_that_the_registry_shows_as_a_number_is_in_words():
    """The answer of docker-registry 2.8.2 to the begin of an upload on a full disk."""
    detail = {"DriverName": "filesystem", "Enclosed": {"Op": "write", "Path": "/registry/startedat", "Err": 28}}
    body = json.dumps({"errors": [{"code": "UNKNOWN", "message": "unknown error", "detail": detail}]}).encode()
    assert _registry_words(body) == ("UNKNOWN", "unknown error: no space left on device")
    detail["Enclosed"] = {"Err": "28"}
    assert _registry_words(json.dumps({"errors": [{"detail": detail}]}).encode()) == ("", "")


def test_a_token_server_without_a_path_is_asked_for_what_its_address_says() -> None:
    client = HttpClient(None, None)
    for url in ("http://auth", "http://auth?scope=pull", "http://auth?scope=/a/b", "http://auth#/a"):
        assert client._pool_for(url)[1] == url
    assert client._pool_for("http://auth/token?scope=/a")[1] == "/token?scope=/a"
    for url in ("http://auth.example/token", "http://auth:81/token", "http://auth@other/token", "http://auth?scope=/a"):
        assert client._pool_for(url)[1] == url


class Zeros(io.RawIOBase):
    """A connection on which an answer of zeros arrives."""

    chunked = False

    def __init__(self, length: int) -> None:
        self.answering = self
        self.length = length

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        return len(buffer)


@each_case(
    ("size_bytes", "piece_bytes"),
    [
        (1000, [1000]),
        (3 << 20, [1 << 20] * 3),
        ((32 << 20) - 1, [1 << 20] * 31 + [(1 << 20) - 1]),
        ((32 << 20) + 5, [2 << 20] * 16 + [5]),
    ],
    ids=["tiny", "small", "not large", "large"],
)
def test_a_large_blob_comes_in_large_pieces_and_others_need_less_memory(
    size_bytes: int, piece_bytes: list[int]
) -> None:
    response = urllib3.HTTPResponse(io.BytesIO(b""), preload_content=False, connection=Zeros(size_bytes))  # type: ignore[arg-type]
    answer = Answer(response, "https://a.example/x", "GET")
    assert [len(piece) for piece in answer.pieces()] == piece_bytes


@each_case(
    "url, host",
    [
        ("http://[::1]:5000/v2/", "[::1]:5000"),
        ("https://[2001:db8::1]/v2/", "[2001:db8::1]"),
        ("https://r.example:5000/v2/", "r.example:5000"),
        ("https://r.example/v2/", "r.example"),
    ],
)
def test_a_host_is_shown_as_people_write_it(url: str, host: str) -> None:
    assert _host(url) == host
