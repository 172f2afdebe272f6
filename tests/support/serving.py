"""A running `bundler serve` in the process of a test, and a client of it."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import bundler
from bundler.serving.answers import of_json
from bundler.serving.connections import Answering, Connections, ServedAnswer
from bundler.serving.serve import Served
from bundler.system.bundle_paths import BundlePath
from tests.support.attached_bundles import TRUSTED

REQUEST = b"GET /v2/ HTTP/1.1\r\nHost: a\r\n\r\n"


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
def serving(*paths: BundlePath, **options: Any) -> Iterator[Served]:
    request = bundler.ServeRequest(paths=paths, **{"trust": (TRUSTED,), "address": "127.0.0.1:0", **options})
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


class Listening:
    """Connections with an answer of the test's own."""

    def __init__(self, answering: Answering = lambda head: of_json({}), **options: Any) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = self.listener.getsockname()
        self.log: list[ServedAnswer] = []
        self.running = Connections(self.listener, answering, log=self.log.append, **options)

    def __enter__(self) -> Listening:
        return self

    def __exit__(self, *_: object) -> None:
        self.running.close()

    def connect(self) -> socket.socket:
        return socket.create_connection(self.address, timeout=60)

    @property
    def has_clients(self) -> bool:
        """True while a thread serves a connection."""
        return bool(self.running._clients)

    def ask(self, connection: socket.socket) -> None:
        """Sends a request, and returns when the server waits for the next one."""
        connection.sendall(REQUEST)
        assert b"200 OK" in connection.recv(4096)
        while any(each.waiting_since is None for each in self.running._clients):
            time.sleep(0.001)
