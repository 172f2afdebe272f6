"""A registry: a host with the OCI distribution API (distribution-spec 1.1). Sends requests, and logs in for them.

`bundler.stores.repository` has its repositories. This module never retries.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import urlsplit

from bundler import texts
from bundler.core.reference import is_loopback
from bundler.core.registry_kind import RegistryKind, recognised
from bundler.errors import Busy, Unavailable, Unreachable
from bundler.pace import Paces
from bundler.stores import hosts
from bundler.stores.addresses import Kind, Origin, checked
from bundler.stores.answer_headers import media_type_of
from bundler.stores.credentials import Credentials
from bundler.stores.foreign_layers import ForeignLayers
from bundler.stores.hosts import NetworkOptions
from bundler.stores.http import Answer, HttpClient, Redirects, error_of, no_registry
from bundler.stores.login import Login
from bundler.stores.registry_auth import Authenticator, Challenge, basic
from bundler.stores.self_mounts import SelfMounts
from bundler.stores.uploads import BodyLimit, mended
from bundler.stores.warnings import Warnings


class Registry:
    """One registry. Thread-safe. It connects at the first request."""

    def __init__(
        self,
        name: str,
        options: NetworkOptions,
        paces: Paces | None = None,
        notice: Callable[[str], object] = lambda _text: None,
    ) -> None:
        """Serves the registry of a name, with its port; ``notice`` is called with its warnings."""
        self.name = name
        self._options = options
        self._paces = paces or Paces()
        self._lock = threading.Lock()
        self._endpoint: tuple[str, HttpClient, Authenticator] | None = None
        self._kind: RegistryKind | None = None
        self.login = Login(name, options.credentials.get(name))
        self.foreign = ForeignLayers(options, self._paces)
        self.body_limit = BodyLimit()
        self.unknown_algorithms: set[str] = set()
        """The digest algorithms by which it refuses manifests."""
        self._warnings = Warnings(name, notice)
        self._upload_clients: dict[Origin, HttpClient] = {}
        self.self_mounts = SelfMounts()

    def kind(self) -> RegistryKind:
        """Returns the kind of this registry, by its answer to ``GET /v2/``.

        Raises:
            Refused, Unavailable: It does not answer, or not as a registry.
        """
        if self._kind is None:
            answer, challenge = self.ping()
            headers = dict(answer.headers.items())
            if answer.status not in (200, 401, 403):
                raise error_of(answer, subject=texts.text("{name}, asked for /v2/", name=self.name))
            if answer.status == 200 and media_type_of(answer) == "text/html":
                answer.drop()
                raise no_registry(answer, subject=texts.text("{name}, asked for /v2/", name=self.name))
            answer.drain()
            self._kind = recognised(headers, challenge.parameters if challenge else {})
        return self._kind

    def ping(self) -> tuple[Answer, Challenge | None]:
        """Returns the answer to ``GET /v2/`` without credentials, unread, and its challenge, which later requests use.

        Raises:
            Refused, Unavailable: As `HttpClient.request`, or the registry names a token server that it may not name.
        """
        base, http, authenticator = self._connect()
        answer = http.request("GET", f"{base}/v2/", headers={})
        challenge = Challenge.parse(answer.headers.get("WWW-Authenticate", "")) if answer.status == 401 else None
        if challenge is not None:
            with answer.dropped_on_error():
                authenticator.learn(answer, ())
        return answer, challenge

    def call(
        self, method: str, path: str, *, credentials: Credentials | None = None, body: bytes | None = None
    ) -> Answer:
        """Sends a request to another API of the same host than ``/v2/``, with Basic credentials.

        Args:
            method: The HTTP method.
            path: The path from the host on, without the first slash.
            credentials: The login; None for that of the registry.
            body: A JSON document.

        Raises:
            Refused, Unavailable: As `HttpClient.request`.
        """
        base, http, _ = self._connect()
        who = credentials or self.login.find()
        headers = {"Accept": "application/json", **({"Content-Type": "application/json"} if body else {})}
        if who is not None and not who.identity_token:
            headers["Authorization"] = basic(who)
        origin = base.removesuffix(self._options.base_path)
        answer = http.request(method, f"{origin}/{path}", headers=headers, body=body)
        answer.username = who.username if who else ""
        return answer

    def request(
        self,
        method: str,
        path: str,
        *,
        scopes: tuple[str, ...],
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        redirects: Redirects | None = None,
    ) -> Answer:
        """Sends a repeatable request. Logs in once if the registry requires it.

        Args:
            method: The HTTP method.
            path: The path below ``/v2/``.
            scopes: The rights of the token, ``repository:NAME:ACTIONS``.
            headers: Headers in addition to ``Authorization``.
            body: The body.
            redirects: As for `HttpClient.request`.

        Raises:
            Refused, Unavailable: As `HttpClient.request`, or the login failed.
        """
        return self._ask(method, f"{self.api_url}{path}", scopes, headers or {}, body, redirects)

    def ask_upload(
        self, method: str, url: str, *, scopes: tuple[str, ...], headers: Mapping[str, str], body: bytes = b""
    ) -> Answer:
        """Sends a repeatable request to the address of an upload. Sends credentials only to the registry's own origin.

        Raises:
            Refused, Unavailable: As `request`.
        """
        if self._is_own(url):
            return self._ask(method, url, scopes, headers, body or None)
        return self._upload_client(url).request(method, url, headers=headers, body=body or None)

    def upload(
        self, url: str, *, scopes: tuple[str, ...], headers: dict[str, str], body: Iterable[bytes | memoryview]
    ) -> Answer:
        """Sends a body that can be sent only once to the address of an upload.

        Raises:
            Refused, Unavailable: As `HttpClient.request`.
        """
        if not self._is_own(url):
            return self._upload_client(url).request("PUT", url, headers=headers, body=body)
        _, http, authenticator = self._connect()
        answer = http.request("PUT", url, headers={**headers, **authenticator.header(scopes)}, body=body)
        with answer.dropped_on_error():
            self._warnings.collect(answer)
        return answer

    def upload_at(self, answer: Answer, repository: str) -> str | None:
        """Returns the address at which an upload continues; None if the answer has none.

        Raises:
            Refused: The answer has an address that is not allowed.
        """
        location = answer.headers.get("Location")
        if not location:
            return None
        url = checked(location, Kind.UPLOAD, by=answer.url, allowed=self._options.upload_hosts)
        return mended(url, self.api_url, repository)

    def _ask(
        self,
        method: str,
        url: str,
        scopes: tuple[str, ...],
        headers: Mapping[str, str],
        body: bytes | None,
        redirects: Redirects | None = None,
    ) -> Answer:
        _, http, authenticator = self._connect()
        for attempt in (1, 2):
            sent = {**headers, **authenticator.header(scopes)}
            answer = http.request(method, url, headers=sent, body=body, redirects=redirects)
            with answer.dropped_on_error():
                self._warnings.collect(answer)
                if answer.status in (401, 403):
                    answer.username = authenticator.username(scopes)
                # Do not send the same password twice: where accounts are locked, each try counts.
                is_tried = sent.get("Authorization", "").startswith("Basic ")
                if answer.status != 401 or attempt == 2 or is_tried or not authenticator.learn(answer, scopes):
                    break
            answer.drain()
        return answer

    def _is_own(self, url: str) -> bool:
        return Origin.of(url) == Origin.of(self.api_url)

    def _upload_client(self, url: str) -> HttpClient:
        with self._lock:
            return self._upload_clients.setdefault(Origin.of(url), self._client(url))

    @property
    def api_url(self) -> str:
        """The root URL of its API."""
        return self._connect()[0] + "/v2/"

    @property
    def address(self) -> tuple[str, str]:
        """Scheme, and host with an optional port, of its connections."""
        parts = urlsplit(self._connect()[0])
        return parts.scheme, parts.netloc

    def authorization(self, scopes: tuple[str, ...]) -> dict[str, str]:
        """Returns the header for a request of another module. Call `ping` before."""
        return self._connect()[2].header(scopes)

    def _connect(self) -> tuple[str, HttpClient, Authenticator]:
        with self._lock:
            if self._endpoint is None:
                self._endpoint = self._find_endpoint()
            return self._endpoint

    def _find_endpoint(self) -> tuple[str, HttpClient, Authenticator]:
        schemes = hosts.schemes_of(self.name, self._options)
        address = hosts.address_of(self.name)
        for scheme in schemes:
            base = f"{scheme}://{address}"
            http = self._client(base)
            if scheme == schemes[-1] or _speaks_http(http, base):
                break
        return base + self._options.base_path, http, Authenticator(base, self.login.find, self._client)

    def _client(self, url: str) -> HttpClient:
        return hosts.client_for(url, self._options, self._paces)


def _speaks_http(http: HttpClient, base: str) -> bool:
    """True if a server on this machine uses plain HTTP. TLS ports of Go and nginx answer such a request with 400."""
    assert is_loopback(urlsplit(base).netloc)
    try:
        answer = http.request("GET", f"{base}/v2/", headers={})
        answer.drain()
    except (Unreachable, Busy):
        return True  # TLS would not reach it either; and a busy server has answered
    except Unavailable:
        return False
    return answer.status != 400
