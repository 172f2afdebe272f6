"""Clair v4: vulnerabilities of images. Clair fetches the layers itself, by address, from ``bundler serve``.

Source: quay/clair, httptransport/api/v1/openapi.yaml. Three requests: the manifest with the addresses of its layers,
the state of its index, and the report. Clair must be able to reach our registry.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit

from bundler.core.limits import JSON_ANSWER_BYTES, SCAN_REPORT_BYTES, SCAN_SECONDS
from bundler.core.mapping import scoped_path
from bundler.core.reference import Reference
from bundler.core.scan import Scanner, Subject, Verdict, failed, not_scanned
from bundler.errors import BundlerError, Interrupted, Misuse, Unavailable, Unreachable
from bundler.hooks.clair_report import index_ended, scanner_of, verdict_of
from bundler.hooks.images import check_bytes
from bundler.pace import Paces
from bundler.stores.hosts import DEFAULT_NETWORK, NetworkOptions, client_for
from bundler.stores.http import Answer, error_of
from bundler.texts import text

_JSON = {"Accept": "application/json"}
_LOOK_SECONDS = 0.5


def find_clair(address: str, _database: Path | None = None) -> Clair:
    """Clair at an address, ``http://HOST:PORT``. It has its database itself.

    Raises:
        Misuse: It is no such address.
    """
    return Clair(address)


class Clair:
    """The engine; see `bundler.core.scan.Engine`."""

    at_a_time = 2

    def __init__(
        self,
        url: str,
        registry: str | None = None,
        *,
        network: NetworkOptions = DEFAULT_NETWORK,
        seconds: float = SCAN_SECONDS,
    ) -> None:
        """Asks nothing yet.

        Args:
            url: The address of Clair, ``http://HOST:PORT``.
            registry: The host and port of the registry that serves the bundle, as Clair reaches it; needed to scan.
            network: Certificates and proxies.
            seconds: The time that Clair has for each image.

        Raises:
            Misuse: It is no such address.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
            raise Misuse(
                "not an address of Clair",
                subject=url[:200] or "clair",
                expected="http://HOST:PORT",
                hint="such as --with clair=http://127.0.0.1:6060",
            )
        self._url = url.rstrip("/")
        self._registry = registry
        self._network = network
        self._seconds = seconds
        self._client = client_for(url, network, Paces())

    def served_at(self, registry: str) -> Clair:
        """The same, with the images at a registry; see `bundler.core.scan.ImageEngine`."""
        return Clair(self._url, registry, network=self._network, seconds=self._seconds)

    def __enter__(self) -> Clair:
        """Asks for the state of its indexer, to know that it is there.

        Raises:
            Misuse: No registry serves the bundle.
            BundlerError: It does not answer, or not as Clair does.
        """
        if self._registry is None:
            raise Misuse("Clair needs a registry that serves the bundle", subject=self._url)
        self._get("/indexer/api/v1/index_state").drain()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        """Nothing to end."""

    def identity(self) -> Scanner:
        """The state of its updaters, if this Clair shows it.

        Raises:
            BundlerError: It does not answer.
        """
        answer = self._request("GET", "/matcher/api/v1/internal/update_operation?latest=true")
        if answer.status != 200:
            answer.drain()
            return scanner_of(None)
        return scanner_of(answer.read(JSON_ANSWER_BYTES))

    def scan(self, subject: Subject) -> Verdict:
        """The verdict on one image."""
        if not subject.needs:
            return not_scanned("not an image")
        digest = subject.descriptor.digest
        until = time.monotonic() + self._seconds
        try:
            ended = index_ended(self._index(subject), digest)
            while not ended:
                if time.monotonic() > until:
                    return failed("Clair took too long")
                subject.check()
                time.sleep(_LOOK_SECONDS)
                content = self._get(f"/indexer/api/v1/index_report/{digest}").read(SCAN_REPORT_BYTES)
                ended = index_ended(content, digest)
            report = self._get(f"/matcher/api/v1/vulnerability_report/{digest}", 200, 201).read(SCAN_REPORT_BYTES)
        except Interrupted:
            raise
        except BundlerError as error:
            check_bytes(subject)
            return failed(f"Clair: {error}")
        return verdict_of(report, digest)

    def _index(self, subject: Subject) -> bytes:
        """Asks Clair to index an image. Returns its answer."""
        repository = scoped_path(Reference.parse(subject.name))
        address = f"http://{self._registry}/v2/{repository}/blobs"
        layers = [{"hash": str(each.digest), "uri": f"{address}/{each.digest}"} for each in subject.needs[1:]]
        body = json.dumps({"hash": str(subject.descriptor.digest), "layers": layers}).encode()
        answer = self._request("POST", "/indexer/api/v1/index_report", body)
        return self._checked(answer, 200, 201).read(SCAN_REPORT_BYTES)

    def _get(self, path: str, *expected: int) -> Answer:
        return self._checked(self._request("GET", path), *(expected or (200,)))

    def _request(self, method: str, path: str, body: bytes | None = None) -> Answer:
        headers = dict(_JSON)
        if body is not None:
            headers |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
        try:
            return self._client.request(method, self._url + path, headers=headers, body=body)
        except Unreachable as error:  # the advice for it speaks of a registry
            hint = text("check that Clair runs at {url}, and that no firewall blocks it", url=self._url)
            raise error.but(hint=hint) from error.__cause__

    def _checked(self, answer: Answer, *expected: int) -> Answer:
        """The answer, if its status is one of these.

        Raises:
            Unavailable: Clair has not loaded its vulnerabilities yet.
            BundlerError: It has another status.
        """
        if answer.status == 202:
            answer.drain()
            raise Unavailable("it has no vulnerabilities yet", subject=self._url, retryable=True)
        if answer.status not in expected:
            raise error_of(answer, subject=self._url)
        return answer
