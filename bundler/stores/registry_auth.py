"""Logs in to a registry: anonymous, Basic, and Bearer tokens of distribution's token specification.

Credentials go only to the registry's own origin and to a token server that it names, if that is allowed
(`bundler.stores.addresses`). A token goes to the registry's origin only.
"""

from __future__ import annotations

import base64
import re
import threading
import time
from collections.abc import Callable, Mapping
from urllib.parse import urlencode, urlsplit

from bundler import texts
from bundler.core import strict_json
from bundler.core.advice import LOG_IN
from bundler.core.frozen import frozen
from bundler.core.limits import JSON_ANSWER_BYTES
from bundler.core.patterns import lazy_pattern
from bundler.errors import Damaged, Denied, Refused
from bundler.stores.addresses import Kind, Origin, checked, shown
from bundler.stores.credentials import Credentials
from bundler.stores.http import Answer, HttpClient, error_of, is_page, no_registry, redirects_of
from bundler.texts import text

_PARAMETER = lazy_pattern(r'\s*([A-Za-z_]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))\s*(?:,|$)')
_DEFAULT_LIFETIME_SECONDS = 60
_MARGIN_SECONDS = 10
_SAME_ORIGIN = redirects_of(Kind.TOKEN)
"""The server that answers for a token server decides what is sent to the registry. So it must be the same origin."""


@frozen
class Challenge:
    """The challenge in ``WWW-Authenticate``: the scheme in lower case, and its parameters."""

    scheme: str
    parameters: Mapping[str, str]

    @classmethod
    def parse(cls, header: str) -> Challenge | None:
        """Reads the header; None without a known scheme."""
        scheme, _, rest = header.strip().partition(" ")
        if scheme.lower() not in ("basic", "bearer") or len(header) > 4096:
            return None
        found: dict[str, str] = {}
        position = 0
        while match := _PARAMETER.match(rest, position):  # up to a second challenge in the same header
            value = re.sub(r"\\(.)", r"\1", match[2]) if match[2] is not None else match[3]
            found.setdefault(match[1].lower(), value)
            position = match.end()
        return cls(scheme.lower(), found)


@frozen
class _Token:
    text: str
    valid_until: float


class Authenticator:
    """Makes ``Authorization`` headers for one registry. Thread-safe. Each token is fetched once."""

    def __init__(
        self,
        registry_url: str,
        find_credentials: Callable[[str], Credentials | None],
        connect: Callable[[str], HttpClient],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = registry_url
        self._registry = urlsplit(registry_url).netloc
        self._find_credentials = find_credentials
        self._connect = connect
        self._clock = clock
        self._lock = threading.Lock()
        self._challenge: Challenge | None = None
        self._tokens: dict[tuple[str, ...], _Token] = {}
        self._clients: dict[Origin, HttpClient] = {}

    def header(self, scopes: tuple[str, ...]) -> dict[str, str]:
        """Returns the header for a request with these scopes; empty before the first challenge.

        Raises:
            Refused, Unavailable: The token server did not give a token.
        """
        with self._lock:
            if self._challenge is None:
                return {}
            if self._challenge.scheme == "basic":
                credentials = self._login(scopes)
                return {"Authorization": basic(credentials)} if credentials else {}
            token = self._tokens.get(scopes)
            if token is None or token.valid_until <= self._clock():
                token = self._tokens[scopes] = self._fetch_token(self._challenge, scopes)
            return {"Authorization": f"Bearer {token.text}"}

    def learn(self, answer: Answer, scopes: tuple[str, ...]) -> bool:
        """Stores the challenge of a 401. True if a second request with a new header makes sense.

        Raises:
            Refused: The registry names a token server that is not allowed.
        """
        challenge = Challenge.parse(answer.headers.get("WWW-Authenticate", ""))
        if challenge is None:
            return False
        if challenge.scheme == "bearer":
            realm = checked(challenge.parameters.get("realm", ""), Kind.TOKEN_SERVER, by=self._url)
            challenge = Challenge(challenge.scheme, {**challenge.parameters, "realm": realm})
        with self._lock:
            self._challenge = challenge
            self._tokens.pop(scopes, None)
            return challenge.scheme == "bearer" or self._login(scopes) is not None

    @property
    def challenge(self) -> Challenge | None:
        """The registry's last challenge; None before the first."""
        return self._challenge

    def username(self, scopes: tuple[str, ...]) -> str:
        """The user name of requests, after a challenge; empty for anonymous requests."""
        credentials = self._login(scopes) if self._challenge else None
        return (credentials.username or texts.text("with a token")) if credentials else ""

    def _login(self, scopes: tuple[str, ...]) -> Credentials | None:
        repository = (
            scopes[0].split(":")[1] if scopes else ""
        )  # the first is the repository of the request, see `_mount`
        return self._find_credentials(repository)

    def _fetch_token(self, challenge: Challenge, scopes: tuple[str, ...]) -> _Token:
        realm = challenge.parameters["realm"]
        service = challenge.parameters.get("service", "")
        credentials = self._login(scopes)
        origin = Origin.of(realm)
        if origin not in self._clients:
            self._clients[origin] = self._connect(realm)
        http = self._clients[origin]
        if credentials and credentials.identity_token:
            form = {
                "grant_type": "refresh_token",
                "refresh_token": credentials.identity_token,
                "client_id": "bundler",
                "service": service,
                "scope": " ".join(scopes),
            }
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            answer = http.request("POST", realm, headers=headers, body=urlencode(form).encode(), redirects=_SAME_ORIGIN)
        else:
            query = urlencode([*([("service", service)] if service else []), *(("scope", scope) for scope in scopes)])
            url = f"{realm}{'&' if urlsplit(realm).query else '?'}{query}"
            headers = {"Authorization": basic(credentials)} if credentials else {}
            answer = http.request("GET", url, headers=headers, redirects=_SAME_ORIGIN)
        answer.username = self.username(scopes)
        return self._read_token(answer, realm)

    def _read_token(self, answer: Answer, realm: str) -> _Token:
        if answer.status != 200:
            error = error_of(answer, subject=texts.text("token server {realm}", realm=shown(realm)))
            raise error.but(hint=text(LOG_IN, host=self._registry)) if isinstance(error, Denied) else error
        content = answer.read(JSON_ANSWER_BYTES)
        if is_page(content):
            raise no_registry(answer, subject=texts.text("token server {realm}", realm=shown(realm)))
        try:
            document = strict_json.loads(content, what=texts.text("token server {realm}", realm=shown(realm)))
        except Damaged as error:
            raise Refused("not an answer of a token server", subject=shown(realm)) from error
        fields = document if isinstance(document, dict) else {}
        token = fields.get("token") or fields.get("access_token")
        if not isinstance(token, str) or not re.fullmatch(r"[\x21-\x7e]+", token):
            raise Refused("the token server gave no token", subject=shown(realm))
        lifetime = fields.get("expires_in")
        seconds = lifetime if isinstance(lifetime, int) and lifetime > 0 else _DEFAULT_LIFETIME_SECONDS
        return _Token(token, self._clock() + max(1, seconds - _MARGIN_SECONDS))


def basic(credentials: Credentials) -> str:
    """Returns the ``Authorization`` header for user name and password."""
    pair = f"{credentials.username}:{credentials.password}".encode()
    return "Basic " + base64.b64encode(pair).decode("ascii")
