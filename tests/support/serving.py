"""A running `bundler serve` in the process of a test, and a client of it."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bundler
from bundler.serving.serve import Served
from tests.support.attached_bundles import TRUSTED


@dataclass(frozen=True)
class Got:
    """An answer."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content)

    @property
    def code(self) -> str:
        """The code of the error."""
        return str(self.json["errors"][0]["code"])

    @property
    def message(self) -> str:
        return str(self.json["errors"][0]["message"])


@contextmanager
def serving(*paths: Path, **options: Any) -> Iterator[Served]:
    request = bundler.ServeRequest(paths=paths, trust=(TRUSTED,), **{"address": "127.0.0.1:0", **options})
    with bundler.serve(request) as served:
        yield served


def get(served: Served, path: str, *, method: str = "GET", body: bytes | None = None, **headers: str) -> Got:
    """Sends one request on a connection of its own. The underscores of headers are dashes.

    Raises:
        http.client.HTTPException: The answer is shorter than it promised.
    """
    connection = http.client.HTTPConnection(served.host, timeout=60)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return Got(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
    finally:
        connection.close()


@contextmanager
def connected(served: Served) -> Iterator[socket.socket]:
    """A bare connection."""
    with socket.create_connection((served.address.host, served.address.port), timeout=60) as connection:
        yield connection
