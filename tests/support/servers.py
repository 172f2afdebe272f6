"""Servers of our own, for what no real part does: a token server, and a registry's front that misbehaves on demand."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import os
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from tests.support.parts import Endpoint, RealRegistry, shell

_EC_KEY = "-newkey ec -pkeyopt ec_paramgen_curve:P-256"


def certificates(folder: Path) -> dict[str, Path]:
    """A private authority, and a server and a client certificate by it."""
    shell(
        f"""
        openssl req -x509 {_EC_KEY} -nodes -days 2 -subj /CN=authority -addext keyUsage=critical,keyCertSign,cRLSign \
          -keyout ca.key -out ca.crt
        for name in server client; do
          openssl req {_EC_KEY} -nodes -subj /CN=$name -keyout $name.key -out $name.csr
          openssl x509 -req -in $name.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -out $name.crt \
            -extfile <(printf 'subjectAltName=IP:127.0.0.1\\nauthorityKeyIdentifier=keyid\\nsubjectKeyIdentifier=hash')
        done
        """,
        cwd=folder,
    )
    return {path.name: path for path in folder.iterdir()}


class _Quiet(ThreadingHTTPServer):
    """Says nothing of clients that go away in the middle."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


@dataclass
class Server:
    """An HTTP server in a thread, on a port of its own."""

    handler: type[BaseHTTPRequestHandler]
    context: ssl.SSLContext | None = None
    _server: ThreadingHTTPServer | None = None

    def start(self) -> Server:
        self.handler.disable_nagle_algorithm = True  # else each answer waits 40 ms for the client's delayed ACK
        self._server = _Quiet(("127.0.0.1", 0), self.handler)
        if self.context:
            self._server.socket = self.context.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    @property
    def port(self) -> int:
        assert self._server
        return int(self._server.server_address[1])

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def stop(self) -> None:
        if self._server:
            self._server.shutdown()
            self._server.server_close()


class TokenServer:
    """Issues tokens that docker-registry accepts (its ``auth: token``), to those who know the password."""

    def __init__(self, folder: Path, *, lifetime_seconds: int = 60) -> None:
        self.folder = folder
        self.lifetime_seconds = lifetime_seconds
        self.issued: list[list[str]] = []
        self.logins: list[str] = []
        shell(
            f"openssl req -x509 {_EC_KEY} -nodes -days 2 -subj /CN=token -keyout t.key -out t.crt",
            cwd=folder,
        )
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *arguments: object) -> None:
                pass

            def do_GET(self) -> None:
                outer.answer(self)

        self.server = Server(Handler).start()

    @property
    def registry_config(self) -> str:
        return (
            "auth:\n  token:\n"
            f"    realm: http://{self.server.host}/token\n    service: tests\n    issuer: tests\n"
            f"    rootcertbundle: {self.folder}/t.crt\n"
        )

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        query = parse_qs(urlsplit(request.path).query)
        login = request.headers.get("Authorization", "")
        self.logins.append(login)
        scopes = query.get("scope", [])
        expected = "Basic " + base64.b64encode(b"robot$ci:s3cret").decode()
        if login not in ("", expected):
            request.send_response(401)
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        access = []
        for scope in scopes:
            kind, name, actions = scope.split(":")
            allowed = actions.split(",") if login == expected else [a for a in actions.split(",") if a == "pull"]
            access.append({"type": kind, "name": name, "actions": allowed})
        self.issued.append(scopes)
        body = json.dumps({"token": self.token(access), "expires_in": self.lifetime_seconds}).encode()
        request.send_response(200)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    def token(self, access: list[dict[str, object]]) -> str:
        now = int(time.time())
        certificate = ssl.PEM_cert_to_DER_cert((self.folder / "t.crt").read_text())
        header = {"typ": "JWT", "alg": "ES256", "x5c": [base64.b64encode(certificate).decode()]}
        claims = {
            "iss": "tests",
            "aud": "tests",
            "sub": "x",
            "nbf": now - 5,
            "iat": now - 5,
            "exp": now + self.lifetime_seconds,
            "jti": str(time.time_ns()),
            "access": access,
        }
        signed = f"{_b64(json.dumps(header).encode())}.{_b64(json.dumps(claims).encode())}"
        der = subprocess.run(
            ["openssl", "dgst", "-sha256", "-sign", str(self.folder / "t.key")],
            input=signed.encode(),
            capture_output=True,
            check=True,
        ).stdout
        return f"{signed}.{_b64(_raw_signature(der))}"


def _b64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _raw_signature(der: bytes) -> bytes:
    """The two integers of an ECDSA signature, 32 bytes each, out of their DER."""
    first = der[4 : 4 + der[3]]
    second = der[6 + der[3] :]
    return b"".join(part.lstrip(b"\0").rjust(32, b"\0") for part in (first, second))


Fault = Callable[["Front", BaseHTTPRequestHandler], bool]


@dataclass
class Front(Endpoint):
    """A proxy before a real registry. ``faults`` see each request first; one that returns True has answered it.

    ``requests`` is the log: what was *not* asked matters most.
    """

    registry: RealRegistry
    faults: list[Fault] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)
    context: ssl.SSLContext | None = None
    server: Server | None = None

    def start(self) -> Front:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *arguments: object) -> None:
                pass

            def handle_any(self) -> None:
                outer.requests.append((self.command, self.path))
                if not any(fault(outer, self) for fault in outer.faults):
                    outer.forward(self)

            do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do_PATCH = handle_any

        self.server = Server(Handler, self.context).start()
        return self

    @property
    def host(self) -> str:
        assert self.server
        return self.server.host

    def stop(self) -> None:
        if self.server:
            self.server.stop()

    def count(self, method: str, part: str) -> int:
        return sum(method == known and part in path for known, path in self.requests)

    def ask(self, request: BaseHTTPRequestHandler) -> tuple[int, dict[str, str], bytes]:
        """The answer of the real registry."""
        length = int(request.headers.get("Content-Length") or 0)
        body = request.rfile.read(length) if length else b""
        if len(body) < length:
            raise ConnectionError("the client went away")
        headers = dict(request.headers.items())
        with closing(http.client.HTTPConnection("127.0.0.1", self.registry.port, timeout=30)) as connection:
            connection.request(request.command, request.path, body=body, headers=headers)
            answer = connection.getresponse()
            content = answer.read()
        kept = {
            name: value
            for name, value in answer.getheaders()
            if name.lower() not in ("transfer-encoding", "connection")
        }
        return answer.status, kept, content

    def forward(self, request: BaseHTTPRequestHandler) -> None:
        try:
            status, headers, content = self.ask(request)
        except (OSError, http.client.HTTPException):  # of a blob that is collected, it may promise all and send nothing
            request.close_connection = True
            return
        self.send(request, status, headers, content)

    def send(self, request: BaseHTTPRequestHandler, status: int, headers: dict[str, str], content: bytes) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        if not any(name.lower() == "content-length" for name in headers):
            request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(content)


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def client_of(request: BaseHTTPRequestHandler) -> int | None:
    """The process on this machine that sends a request; None if it has just ended."""
    import psutil  # comes with distributed

    port = request.client_address[1]
    for _ in range(5):  # sockets and their processes are listed one after the other
        for each in psutil.net_connections("tcp"):
            if each.laddr.port == port and each.pid not in (None, os.getpid()):
                return int(each.pid)
    return None
