"""Tokens are asked for where a registry may send us, once for each scope, and again when they end."""

from __future__ import annotations

import base64
import io
import json
import threading
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import urllib3

from bundler.core.advice import LOG_IN
from bundler.errors import BundlerError, Refused, Unavailable
from bundler.stores.credentials import Credentials
from bundler.stores.http import Answer, Redirects
from bundler.stores.registry_auth import Authenticator, Challenge
from tests.support.tables import each_case

REGISTRY = "https://registry.example.com"
REALM = "https://auth.example.com/token"
PULL, PUSH = ("repository:team/app:pull",), ("repository:team/app:pull,push",)
LOGIN = Credentials("user", "pässword")


def answer(status: int, body: bytes = b"", headers: list[tuple[str, str]] | None = None, url: str = REALM) -> Answer:
    """A real answer whose body is in memory."""
    response = urllib3.HTTPResponse(
        io.BytesIO(body), headers=urllib3.HTTPHeaderDict(headers or []), status=status, preload_content=False
    )
    return Answer(response, url, "GET")


def token_answer(**fields: Any) -> Answer:
    return answer(200, json.dumps(fields).encode())


def challenged(*challenges: str) -> Answer:
    return answer(401, headers=[("WWW-Authenticate", each) for each in challenges], url=f"{REGISTRY}/v2/")


@dataclass
class TokenServer:
    """A substitute of connections: notes each request and gives prepared answers."""

    answers: list[Answer] = field(default_factory=list)
    requests: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    connections: list[str] = field(default_factory=list)

    def connect(self, url: str) -> Any:
        self.connections.append(url)
        return self

    def request(
        self, method: str, url: str, *, headers: dict[str, str], redirects: Redirects, body: bytes = b""
    ) -> Answer:
        self.requests.append((method, url, headers, body))
        return self.answers.pop(0) if self.answers else token_answer(token=f"token-{len(self.requests)}")

    @property
    def last_query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.requests[-1][1]).query)


@dataclass
class Clock:
    """A clock that stops until it is set."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


def authenticator(
    server: TokenServer,
    *,
    clock: Clock | None = None,
    credentials: Credentials | None = None,
    registry: str = REGISTRY,
    challenge: str | None = f'Bearer realm="{REALM}",service="registry"',
) -> Authenticator:
    made = Authenticator(registry, lambda repository: credentials, server.connect, clock or Clock())
    if challenge:
        assert made.learn(challenged(challenge), PULL)
    return made


# The text of a challenge


@each_case(
    ("header", "challenge"),
    [
        pytest.param(
            'Bearer realm="https://a/token",service="registry",scope="repository:a/b:pull,push"',
            Challenge(
                "bearer", {"realm": "https://a/token", "service": "registry", "scope": "repository:a/b:pull,push"}
            ),
            id="as distribution sends it, a comma within a scope",
        ),
        pytest.param('Basic realm="Registry Realm"', Challenge("basic", {"realm": "Registry Realm"}), id="Basic"),
        pytest.param("Basic", Challenge("basic", {}), id="Basic without a realm"),
        pytest.param('BEARER Realm="x"', Challenge("bearer", {"realm": "x"}), id="names in any case"),
        pytest.param("Bearer realm=x, service=y", Challenge("bearer", {"realm": "x", "service": "y"}), id="no quotes"),
        pytest.param(
            '  Bearer   realm = "x" ,  service = "" ', Challenge("bearer", {"realm": "x", "service": ""}), id="blanks"
        ),
        pytest.param(
            r'Bearer realm="x",service="a \"b\" c"',
            Challenge("bearer", {"realm": "x", "service": 'a "b" c'}),
            id="quotes within quotes, RFC 9110 section 5.6.4",
        ),
        pytest.param("", None, id="nothing"),
        pytest.param("Negotiate abc", None, id="an unknown scheme"),
        pytest.param('Digest realm="x"', None, id="Digest"),
        pytest.param("Bearer " + "a" * 5000, None, id="too long"),
    ],
)
def test_a_challenge_is_read(header: str, challenge: Challenge | None) -> None:
    assert Challenge.parse(header) == challenge


@pytest.mark.parametrize(
    "header",
    [
        pytest.param('Bearer realm="https://a/token",service="r", Basic realm="Registry"', id="Basic at the end"),
        pytest.param('Bearer realm="https://a/token",service="r",Digest realm="x",nonce="y"', id="Digest at the end"),
    ],
)
def test_a_second_challenge_changes_nothing_of_the_first(header: str) -> None:
    challenge = Challenge.parse(header)
    assert challenge is not None
    assert (challenge.scheme, challenge.parameters["realm"]) == ("bearer", "https://a/token")


def test_a_registry_that_offers_bearer_and_basic_gets_a_token() -> None:
    server = TokenServer()
    made = authenticator(server, challenge=None)
    assert made.learn(challenged(f'Bearer realm="{REALM}",service="registry"', 'Basic realm="Registry"'), PULL)
    assert made.header(PULL) == {"Authorization": "Bearer token-1"}
    assert server.connections == [REALM]


# The token servers that a registry may name


@pytest.mark.parametrize(
    ("registry", "realm"),
    [
        pytest.param(REGISTRY, "https://auth.example.org/token", id="another host, with TLS"),
        pytest.param(REGISTRY, f"{REGISTRY}/token", id="itself"),
        pytest.param(REGISTRY, "https://REGISTRY.example.com:8443/token", id="itself at another port"),
        pytest.param("https://10.0.0.5:5000", "https://10.0.0.5:5001/token", id="its own private address"),
        pytest.param("http://localhost:5000", "http://localhost:5001/token", id="this machine without TLS"),
        pytest.param("http://plain.example.com", "http://auth.example.com/token", id="without TLS where it has none"),
        pytest.param(REGISTRY, "https://8.8.8.8/token", id="a public address"),
    ],
)
def test_a_token_server_that_may_be_named_is_asked(registry: str, realm: str) -> None:
    server = TokenServer()
    made = authenticator(server, registry=registry, challenge=f'Bearer realm="{realm}"')
    assert made.header(PULL) == {"Authorization": "Bearer token-1"}
    assert server.connections == [realm]


@each_case(
    ("registry", "realm", "message"),
    [
        pytest.param(REGISTRY, "http://auth.example.com/t", "TLS", id="no TLS"),
        pytest.param(REGISTRY, "http://registry.example.com/t", "TLS", id="itself without TLS"),
        pytest.param(REGISTRY, "https://localhost/t", "private", id="this machine by name"),
        pytest.param(REGISTRY, "https://127.0.0.1/t", "private", id="this machine"),
        pytest.param(REGISTRY, "https://[::1]/t", "private", id="this machine, IPv6"),
        pytest.param(REGISTRY, "https://[::ffff:127.0.0.1]/t", "private", id="this machine, mapped"),
        pytest.param(REGISTRY, "https://0.0.0.0/t", "private", id="any address"),
        pytest.param(REGISTRY, "https://10.0.0.5/t", "private", id="a private address"),
        pytest.param(REGISTRY, "https://192.168.1.1:8443/t", "private", id="a private address and port"),
        pytest.param(REGISTRY, "https://169.254.169.254/t", "private", id="the metadata of a cloud"),
        pytest.param(REGISTRY, "https://100.64.0.1/t", "private", id="carrier-grade NAT"),
        pytest.param(REGISTRY, "https://[fd00::1]/t", "private", id="a private IPv6 address"),
        pytest.param(REGISTRY, "https://127.1/t", "private", id="this machine, short"),
        pytest.param(REGISTRY, "https://2130706433/t", "private", id="this machine as one number"),
        pytest.param(REGISTRY, "https://0x7f000001/t", "private", id="this machine in hex"),
        pytest.param(REGISTRY, "https://0177.0.0.1/t", "private", id="this machine in octal"),
        pytest.param(REGISTRY, "https://localhost./t", "private", id="this machine with a dot"),
        pytest.param("http://a.example.com", "http://10.0.0.5/t", "private", id="private, without TLS"),
        pytest.param("https://10.0.0.4", "https://10.0.0.5/t", "private", id="a neighbour"),
        pytest.param(REGISTRY, "", "address", id="nothing"),
        pytest.param(REGISTRY, "/token", "address", id="a path"),
        pytest.param(REGISTRY, "file:///etc/passwd", "address", id="a file"),
        pytest.param(REGISTRY, "https://a:99999/t", "address", id="an impossible port"),
        pytest.param(REGISTRY, "https://[bad/t", "address", id="an open bracket"),
        pytest.param(REGISTRY, "//auth.example.com/t", "address", id="no scheme"),
        pytest.param(REGISTRY, "ftp://auth.example.com:443/t", "address", id="ftp with a port"),
        pytest.param(REGISTRY, "https://a:hunter2@auth.example.com/t", "address", id="a user"),
    ],
)
def test_a_token_server_that_may_not_be_named_is_never_contacted(registry: str, realm: str, message: str) -> None:
    server = TokenServer()
    made = authenticator(server, registry=registry, challenge=None, credentials=LOGIN)
    with pytest.raises(Refused, match=message) as caught:
        made.learn(challenged(f'Bearer realm="{realm}"'), PULL)
    assert caught.value.exit_code == 6
    assert made.header(PULL) == {}
    assert server.connections == []


# Requests


def test_nothing_is_sent_before_the_registry_asks() -> None:
    server = TokenServer()
    assert authenticator(server, credentials=LOGIN, challenge=None).header(PULL) == {}
    assert server.requests == []


def test_an_anonymous_token_is_asked_for_without_credentials() -> None:
    server = TokenServer()
    assert authenticator(server).header(PULL) == {"Authorization": "Bearer token-1"}
    method, url, headers, _ = server.requests[0]
    assert (method, headers, urlsplit(url)._replace(query="").geturl()) == ("GET", {}, REALM)
    assert server.last_query == {"service": ["registry"], "scope": list(PULL)}


def test_a_login_is_shown_to_the_token_server_and_only_the_token_to_the_registry() -> None:
    server = TokenServer()
    header = authenticator(server, credentials=LOGIN).header(PUSH)
    assert header == {"Authorization": "Bearer token-1"}
    sent = server.requests[0][2]["Authorization"]
    assert base64.b64decode(sent.removeprefix("Basic ")).decode() == "user:pässword"


def test_all_scopes_are_asked_for_at_once() -> None:
    server = TokenServer()
    scopes = ("repository:a:pull", "repository:b:pull,push")
    authenticator(server).header(scopes)
    assert server.last_query["scope"] == list(scopes)


def test_a_realm_with_a_query_keeps_it() -> None:
    server = TokenServer()
    authenticator(server, challenge=f'Bearer realm="{REALM}?tenant=x",service="a b&c"').header(PULL)
    assert server.last_query == {"tenant": ["x"], "service": ["a b&c"], "scope": list(PULL)}


def test_an_identity_token_is_exchanged_as_oauth2_says() -> None:
    server = TokenServer([token_answer(access_token="abc")])
    header = authenticator(server, credentials=Credentials("<token>", "", "refresh-me")).header(PULL)
    assert header == {"Authorization": "Bearer abc"}
    method, url, headers, body = server.requests[0]
    assert (method, url) == ("POST", REALM)
    assert headers == {"Content-Type": "application/x-www-form-urlencoded"}
    assert parse_qs(body.decode()) == {
        "grant_type": ["refresh_token"],
        "refresh_token": ["refresh-me"],
        "client_id": ["bundler"],
        "service": ["registry"],
        "scope": list(PULL),
    }


def test_basic_sends_the_login_and_asks_no_token_server() -> None:
    server = TokenServer()
    header = authenticator(server, credentials=LOGIN, challenge='Basic realm="Registry"').header(PULL)
    assert base64.b64decode(header["Authorization"].removeprefix("Basic ")).decode() == "user:pässword"
    assert server.requests == []


def test_basic_without_a_login_is_not_tried_again() -> None:
    made = authenticator(TokenServer(), challenge=None)
    assert made.learn(challenged('Basic realm="Registry"'), PULL) is False
    assert made.header(PULL) == {}


@pytest.mark.parametrize("challenge", ["", "Negotiate"], ids=["none", "unknown"])
def test_a_challenge_that_is_not_understood_is_not_tried_again(challenge: str) -> None:
    made = authenticator(TokenServer(), challenge=None)
    assert made.learn(challenged(challenge), PULL) is False


@pytest.mark.parametrize("challenge", ['Basic realm="x"', f'Bearer realm="{REALM}"'], ids=["Basic", "Bearer"])
def test_credentials_are_those_of_the_repository_that_is_asked_for(challenge: str) -> None:
    looked: list[str] = []

    def find(repository: str) -> Credentials:
        looked.append(repository)
        return Credentials(f"user of {repository}", "x")

    server = TokenServer()
    made = Authenticator(REGISTRY, find, server.connect, Clock())
    assert made.username(PUSH) == "", "nobody has asked"
    assert made.learn(challenged(challenge), PUSH)
    mount = ("repository:team/app:pull,push", "repository:other/base:pull")
    header = made.header(mount)
    sent = server.requests[0][2] if server.requests else header
    assert base64.b64decode(sent["Authorization"].removeprefix("Basic ")).decode() == "user of team/app:x"
    assert made.username(mount) == "user of team/app"
    assert made.username(()) == "user of "
    assert set(looked) == {"team/app", ""}


# The lifetime of tokens


def test_a_token_serves_its_scope_until_shortly_before_its_end() -> None:
    server, clock = TokenServer([token_answer(token="a", expires_in=300)]), Clock()
    made = authenticator(server, clock=clock)
    for now in (1000.0, 1200.0, 1289.0):
        clock.now = now
        assert made.header(PULL) == {"Authorization": "Bearer a"}
    clock.now = 1290.0
    assert made.header(PULL) == {"Authorization": "Bearer token-2"}


@pytest.mark.parametrize(
    "fields",
    [{}, {"expires_in": None}, {"expires_in": "300"}, {"expires_in": -5}, {"expires_in": 0}, {"expires_in": 1.5e9}],
    ids=["not said", "null", "a text", "negative", "zero", "a fraction"],
)
def test_a_token_whose_lifetime_is_not_said_lives_for_a_minute(fields: dict[str, Any]) -> None:
    server, clock = TokenServer([token_answer(token="a", **fields)]), Clock()
    made = authenticator(server, clock=clock)
    made.header(PULL)
    clock.now = 1049.0
    assert made.header(PULL) == {"Authorization": "Bearer a"}
    clock.now = 1061.0
    assert made.header(PULL) == {"Authorization": "Bearer token-2"}


def test_a_token_that_lives_for_a_second_is_used_at_least_once() -> None:
    server, clock = TokenServer([token_answer(token="a", expires_in=1)]), Clock()
    made = authenticator(server, clock=clock)
    assert made.header(PULL) == made.header(PULL) == {"Authorization": "Bearer a"}
    assert len(server.requests) == 1
    clock.now += 1
    assert made.header(PULL) == {"Authorization": "Bearer token-2"}


def test_each_scope_has_a_token_of_its_own() -> None:
    server = TokenServer()
    made = authenticator(server)
    assert made.header(PULL) != made.header(PUSH)
    assert made.header(PULL) == {"Authorization": "Bearer token-1"}
    assert len(server.requests) == 2


def test_a_token_that_the_registry_no_longer_takes_is_fetched_again() -> None:
    server = TokenServer()
    made = authenticator(server)
    made.header(PULL)
    made.header(PUSH)
    assert made.learn(challenged(f'Bearer realm="{REALM}"'), PULL)
    assert made.header(PULL) == {"Authorization": "Bearer token-3"}
    assert made.header(PUSH) == {"Authorization": "Bearer token-2"}


def test_many_threads_fetch_a_token_once() -> None:
    server = TokenServer()
    made = authenticator(server)
    together = threading.Barrier(8)
    headers = []

    def ask() -> None:
        together.wait(60)
        headers.append(made.header(PULL))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert headers == [{"Authorization": "Bearer token-1"}] * 8
    assert len(server.requests) == 1


# Answers of token servers


@pytest.mark.parametrize("name", ["token", "access_token"])
def test_a_token_has_either_name(name: str) -> None:
    server = TokenServer([token_answer(**{name: "abc"})])
    assert authenticator(server).header(PULL) == {"Authorization": "Bearer abc"}


@each_case(
    "body",
    [
        pytest.param(b"<html>", id="a page"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"{}", id="no token"),
        pytest.param(b'{"token": ""}', id="an empty token"),
        pytest.param(b'{"token": 7}', id="a number"),
        pytest.param(b'{"token": "a\\r\\nX-Evil: 1"}', id="a header smuggled in"),
        pytest.param(b'{"token": "a b"}', id="a blank"),
        pytest.param(b'{"token": "\\u00fc"}', id="not ASCII"),
        pytest.param(b'{"token": "a", "token": "b"}', id="two tokens"),
        pytest.param(b'{"token": "' + b"a" * (2 << 20) + b'"}', id="two MiB"),
    ],
)
def test_an_answer_without_a_sound_token_is_refused(body: bytes) -> None:
    with pytest.raises(Refused):
        authenticator(TokenServer([answer(200, body)])).header(PULL)


@pytest.mark.parametrize(
    ("status", "family"),
    [(401, Refused), (403, Refused), (404, Refused), (429, Unavailable), (500, Unavailable), (503, Unavailable)],
)
def test_a_token_server_that_says_no_decides_what_to_do(status: int, family: type[BundlerError]) -> None:
    server = TokenServer([answer(status, headers=[("Retry-After", "7")])])
    made = authenticator(server)
    with pytest.raises(family) as caught:
        made.header(PULL)
    assert caught.value.subject == f"token server {REALM}"
    assert caught.value.retryable is (family is Unavailable)
    assert caught.value.retry_after_seconds == (7.0 if family is Unavailable else None)
    assert made.header(PULL) == {"Authorization": "Bearer token-2"}


def test_who_is_denied_a_token_is_advised_to_log_in_to_the_registry() -> None:
    with pytest.raises(Refused) as caught:
        authenticator(TokenServer([answer(401)])).header(PULL)
    assert caught.value.hint == LOG_IN.format(host="registry.example.com")


def test_neither_passwords_nor_tokens_are_shown() -> None:
    login = Credentials("user", "hunter2", "hunter2-token")
    assert "hunter2" not in f"{login} {login!r}"
    server = TokenServer([answer(403, b"{}")])
    realm = "https://auth.example.com/t?x=hunter2"
    made = authenticator(server, credentials=login, challenge=f'Bearer realm="{realm}"')
    with pytest.raises(Refused) as caught:
        made.header(PULL)
    assert "hunter2" not in f"{caught.value} {caught.value.hint}"
