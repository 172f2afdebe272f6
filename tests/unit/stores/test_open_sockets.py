"""Each connection is closed by the end of its request, however that ends: nothing waits for the garbage collector.

The server ends each connection with its answer, so no client keeps one for its next request. An error is held while the
sockets are looked at: with it go the frames that hold the answer, and CPython would close what they forgot.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

import pytest

from bundler.core.digest import Digest
from bundler.core.oci import Descriptor
from bundler.errors import BundlerError, Damaged, Misuse, Unavailable
from bundler.stores.hosts import NetworkOptions
from bundler.stores.registry import Registry
from bundler.stores.repository import Repository
from bundler.system.stalls import WatchedConnection
from tests.support.servers import Server
from tests.support.tables import each_case

CONTENT = bytes(3 << 20)
BLOB = Descriptor("application/octet-stream", Digest.of(CONTENT), len(CONTENT))
TOKENS = 'Bearer realm="http://10.1.2.3/token",service="x"'


@dataclass
class Answering:
    """A server that gives the same answer to each request, and ends the connection."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    server: Server | None = None

    def start(self) -> Answering:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *arguments: object) -> None:
                pass

            def do_GET(self) -> None:
                is_upload = self.command == "POST"
                self.send_response(202 if is_upload else outer.status)
                for name, value in (
                    {"Location": "/v2/a/blobs/uploads/1"}.items() if is_upload else outer.headers.items()
                ):
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(b"" if is_upload else outer.body)

            do_PUT = do_POST = do_DELETE = do_GET

        self.server = Server(Handler).start()
        return self

    @property
    def repository(self) -> Repository:
        assert self.server
        return Repository(Registry(self.server.host, NetworkOptions()), "a")


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[socket.socket]:
    """The sockets of the clients."""
    sockets: list[socket.socket] = []
    connect = WatchedConnection.connect

    def noted(self: WatchedConnection) -> None:
        connect(self)
        sockets.append(self.sock)

    monkeypatch.setattr(WatchedConnection, "connect", noted)
    return sockets


def resolve(repository: Repository) -> None:
    repository.resolve("1")


def ask_kind(repository: Repository) -> None:
    repository.registry.kind()


def read_blob(repository: Repository) -> None:
    with closing(repository.open_blob(BLOB, offset_bytes=0)) as pieces:
        for _ in pieces:
            pass


def read_some(repository: Repository) -> None:
    with closing(repository.open_blob(BLOB, offset_bytes=0)) as pieces:
        next(pieces)
        raise Misuse("the reader fails")


def send_some(repository: Repository) -> None:
    def pieces() -> Iterator[bytes]:
        yield CONTENT[:100_000]
        raise Damaged("the sender has no more")

    repository.put_blob(BLOB, pieces())  # type: ignore[arg-type]


def send_blob(repository: Repository) -> None:
    repository.put_blob(BLOB, (piece for piece in [CONTENT]))


def list_referrers(repository: Repository) -> None:
    repository.referrers(BLOB.digest)


def log_in_fails(repository: Repository) -> None:
    def find(_repository: str) -> None:
        raise Misuse("the helper fails")

    repository.registry.login.find = find  # type: ignore[method-assign, assignment]
    repository.resolve("1")


def length(size_bytes: object) -> dict[str, str]:
    return {"Content-Length": str(size_bytes)}


PAGE = {"Content-Type": "application/vnd.oci.image.index.v1+json", "Link": '</api/x>; rel="next"'}

ENDS = {
    "a manifest that is none": (Answering(body=b"x"), resolve),
    "a token server that must not be asked": (Answering(401, {"WWW-Authenticate": TOKENS}, b"no"), resolve),
    "the same, for the kind of the registry": (Answering(401, {"WWW-Authenticate": TOKENS}, b"no"), ask_kind),
    "a login that cannot be had": (Answering(401, {"WWW-Authenticate": "Basic"}, b"no"), log_in_fails),
    "lengths that differ": (Answering(headers=length("5, 7"), body=b"x" * 7), resolve),
    "a redirect that is not allowed": (Answering(302, {"Location": "file:///etc/passwd"}, b"there"), resolve),
    "a page of another API": (Answering(headers=PAGE, body=b'{"manifests":[]}'), list_referrers),
    "an error": (Answering(500, length(6), b"broken"), resolve),
    "an error without an end": (Answering(404, length(1 << 40), b"x" * 100_000), resolve),
    "a blob of another size": (Answering(headers=length(5), body=b"hello"), read_blob),
    "a blob that breaks off": (Answering(headers=length(len(CONTENT)), body=CONTENT[:-1]), read_blob),
    "a blob whose reader fails": (Answering(headers=length(len(CONTENT)), body=CONTENT), read_some),
    "the same, of no known length": (Answering(body=CONTENT), read_some),
    "a blob whose sender fails": (Answering(201), send_some),
    "a blob that is refused": (Answering(403, length(2), b"no"), send_blob),
}  # fmt: skip


@each_case(("server", "ends"), ENDS.values(), ids=ENDS)
def test_no_connection_is_open_after_an_error(
    connected: list[socket.socket], server: Answering, ends: Callable[[Repository], None]
) -> None:
    connected.clear()
    server.start()
    try:
        with pytest.raises(BundlerError) as held:
            ends(server.repository)
    finally:
        assert server.server
        server.server.stop()
    assert connected, "it was asked"
    assert [left for left in connected if left.fileno() != -1] == [], held.value


def test_no_connection_is_open_after_a_warning_that_cannot_be_shown(connected: list[socket.socket]) -> None:
    def fails(_text: str) -> None:
        raise Unavailable("nobody hears it")

    server = Answering(headers={"Warning": '299 - "soon gone"', **length(2)}, body=b"{}").start()
    assert server.server
    try:
        with pytest.raises(Unavailable) as held:
            Repository(Registry(server.server.host, NetworkOptions(), notice=fails), "a").resolve("1")
    finally:
        server.server.stop()
    assert [left for left in connected if left.fileno() != -1] == [], held.value
