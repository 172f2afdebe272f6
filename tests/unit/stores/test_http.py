"""Addresses from servers are read with care; what is none is refused, never a crash."""

from __future__ import annotations

import io

import pytest
import urllib3

from bundler.errors import Refused
from bundler.stores.http import Answer, HttpClient, Origin, printable, shown


class Scripted(HttpClient):
    """A client whose server answers every request with one redirect to the same place, then with 200."""

    def __init__(self, location: str) -> None:
        super().__init__(None, None)
        self.location = location
        self.sent: list[tuple[str, dict[str, str]]] = []

    def _send(self, method: str, url: str, headers: object, body: object) -> Answer:
        self.sent.append((url, dict(headers)))  # type: ignore[call-overload]
        status, fields = (307, {"Location": self.location}) if len(self.sent) == 1 else (200, {})
        response = urllib3.HTTPResponse(io.BytesIO(b""), headers=fields, status=status, preload_content=False)
        return Answer(response, url, method)


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://a.example", Origin("https", "a.example", 443)),
        ("http://A.example/x", Origin("http", "a.example", 80)),
        ("https://user:pw@a.example:8443/x", Origin("https", "a.example", 8443)),
        ("https://[::1]:5000/v2/", Origin("https", "::1", 5000)),
    ],
)
def test_an_origin_is_scheme_host_and_port(url: str, origin: Origin) -> None:
    assert Origin.of(url) == origin


@pytest.mark.parametrize("url", ["", "/x", "ftp://a/", "https://a:99999/", "https://[bad/", "//a/"])
def test_what_is_no_web_address_is_refused(url: str) -> None:
    with pytest.raises(Refused, match="an address that is none"):
        Origin.of(url)


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
    with pytest.raises(Refused, match="from https to plain http"):
        client.request("GET", "https://a.example/x", headers={})
    assert len(client.sent) == 1


@pytest.mark.parametrize("location", ["https://[bad/x", "http://[", "ftp://a.example/x", "https://a:99999/x"])
def test_a_redirect_to_what_is_no_address_is_refused(location: str) -> None:
    client = Scripted(location)
    with pytest.raises(Refused, match="an address that is none"):
        client.request("GET", "https://a.example/x", headers={})
    assert len(client.sent) == 1


def test_uploads_follow_no_redirect() -> None:
    client = Scripted("https://cdn.example/x")
    answer = client.request("PUT", "https://a.example/x", headers={}, body=b"x")
    assert (answer.status, len(client.sent)) == (307, 1)


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("https://user:hunter2@a.example/x?token=hunter2#hunter2", "https://a.example/x"),
        ("https://a.example:8443/v2/", "https://a.example:8443/v2/"),
    ],
    ids=["without user, query and fragment", "with its port"],
)
def test_a_url_is_shown_without_what_may_be_secret(url: str, text: str) -> None:
    assert shown(url) == text


def test_a_text_from_outside_cannot_steer_a_terminal_or_fill_a_screen() -> None:
    text = printable("a\r\nb\t\x1b[2J\x00\u202e" + "x" * 1000)
    assert text.startswith("a b \ufffd[2J\ufffd\ufffdxxx")
    assert len(text) == 300
