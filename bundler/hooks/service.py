"""A service with a JSON API over HTTP. Its answers are hostile input: bounded, strict JSON, no redirect to others.

Credentials go to the origin of the service only. Requests have a pace of their own, with little patience: an import
must not wait for long after its tags have moved.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from bundler.core import strict_json
from bundler.core.limits import JSON_ANSWER_BYTES
from bundler.core.reference import is_loopback, is_one_of
from bundler.errors import BundlerError, Damaged, Misuse, Refused, Unavailable
from bundler.pace import Paces
from bundler.run import Run
from bundler.stores.addresses import Kind, Origin
from bundler.stores.hosts import NetworkOptions, client_for
from bundler.stores.http import Answer, facts_of, redirects_of
from bundler.texts import text

_PATIENCE = 2
_TRY_AGAIN = frozenset({408, 429, 500, 502, 503, 504})
_OWN_ORIGIN = redirects_of(Kind.RESENT)


class JsonService:
    """A service at a URL. It connects at the first request."""

    def __init__(self, url: str, network: NetworkOptions, run: Run, headers: Mapping[str, str]) -> None:
        """Sends nothing yet.

        Args:
            url: Its URL, without a slash at the end.
            network: Certificates, proxies, and the hosts without TLS.
            run: The run; stopping it ends the pauses.
            headers: The headers of each request, with the login.

        Raises:
            Misuse: A certificate cannot be read.
        """
        self._url = url
        self._headers = {"Accept": "application/json", **headers}
        paces = Paces(run.listener, run.cancellation.wait, patience=_PATIENCE)
        self._client = client_for(url, network, paces)

    def ask(self, method: str, path: str, body: object = None, *, subject: str, expected: tuple[int, ...]) -> Answer:
        """Sends a request.

        Args:
            method: The HTTP method.
            path: The path and query below the URL, without the first slash.
            body: A value for the JSON body; None for none.
            subject: The object of the request, for messages.
            expected: The statuses of success.

        Returns:
            The answer, whose body was not read.

        Raises:
            Refused, Unavailable: The service cannot be reached, or answers with another status.
        """
        content = None if body is None else json.dumps(body).encode()
        headers = self._headers if content is None else {**self._headers, "Content-Type": "application/json"}
        answer = self._client.request(
            method, f"{self._url}/{path}", headers=headers, body=content, redirects=_OWN_ORIGIN
        )
        if answer.status not in expected:
            raise _refusal(answer, subject)
        return answer

    def read(self, answer: Answer, *, subject: str) -> Any:
        """Returns the JSON document of an answer.

        Raises:
            Refused: It is too long, or no JSON.
            Unavailable: The connection broke.
        """
        content = answer.read(JSON_ANSWER_BYTES)
        try:
            return strict_json.loads(content, what=subject)
        except Damaged as error:
            raise unexpected(subject) from error


def _refusal(answer: Answer, subject: str) -> BundlerError:
    """The error for an answer of another status, with the words of the service."""
    family = Unavailable if answer.status in _TRY_AGAIN else Refused
    said = f"{answer.status} {facts_of(answer).message}".rstrip()
    hint = text("check the login or token, and its rights") if answer.status in (401, 403) else None
    return family(text("the service refuses the request"), subject=subject, said=said, hint=hint)


def unexpected(subject: str) -> Refused:
    """The error for an answer that is not what the API of the service promises."""
    return Refused("the service gives an answer that its API does not have", subject=subject)


def check_service(url: str, network: NetworkOptions) -> None:
    """Checks that a URL may be asked: https, or plain HTTP to this machine or to a host that the user named.

    Raises:
        Misuse: It may not.
    """
    parts = urlsplit(url)
    try:
        origin = Origin.of(url)
    except Refused as error:
        raise Misuse("not the URL of a service", subject=url, hint="write https://HOST[:PORT]") from error
    if parts.username is not None or parts.query or parts.fragment:
        raise Misuse("the URL of a service has a login, a query or a fragment", hint="write https://HOST[:PORT]")
    is_allowed = is_loopback(origin.name) or any(is_one_of(name, network.plain_http) for name in origin.names)
    if origin.scheme == "http" and not is_allowed:
        raise Misuse(
            "the service would be asked without TLS",
            subject=url,
            hint=text("write https://, or allow it: --plain-http {host}", host=origin.name),
        )
