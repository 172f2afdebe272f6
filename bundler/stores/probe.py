"""Examines the path from this machine to its stores: names, ports, certificates, reverse proxies, file systems.

For ``bundler doctor`` only. Each function tests one thing, waits a few seconds at most, and leaves nothing on the
server. `bundler.commands` interprets the results.
"""

from __future__ import annotations

import os
import resource
import socket
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from bundler.core.advice import problem
from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.mount import Mount, mount_of
from bundler.core.patterns import lazy_pattern
from bundler.errors import LocalStorage, Refused, Unavailable
from bundler.stores.http import HttpClient
from bundler.texts import text

WAIT_SECONDS = 5.0
"""The longest wait for one connection or one answer."""

_STATUS_LINE = lazy_pattern(rb"HTTP/1\.[01] (\d{3})[ \r\n]")
_ANSWER_BYTES = 4096
_NO_UPLOAD = "00000000-0000-4000-8000-000000000000"
_NO_CHECK_TIME = 0x200000
"""OpenSSL's X509_V_FLAG_NO_CHECK_TIME, which `ssl.VerifyFlags` lacks."""


def addresses_of(host: str) -> tuple[str, ...]:
    """Returns the addresses of a host name.

    Raises:
        Unreachable: It has none.
    """
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        said = getattr(error, "strerror", None) or str(error)
        raise problem("name-not-resolved", subject=host, said=said, retryable=True, host=host) from error
    return tuple(dict.fromkeys(str(address[4][0]) for address in found))


def connect_seconds(host: str, port: int) -> float:
    """Returns the seconds that a connection takes.

    Raises:
        Unreachable: No connection can be made.
    """
    begin = time.monotonic()
    try:
        socket.create_connection((host, port), timeout=WAIT_SECONDS).close()
    except OSError as error:
        said = (
            text("nothing came in {wait_seconds:.0f} s", wait_seconds=WAIT_SECONDS)
            if isinstance(error, TimeoutError)
            else error.strerror
        )
        where = f"{host}:{port}"
        raise problem("connection-refused", subject=where, said=said, retryable=True, host=where) from error
    return time.monotonic() - begin


@frozen
class Certificate:
    """A server's certificate.

    Attributes:
        issuer: The issuer's name.
        names: The host names that it is for.
        until_seconds: The end of its validity, in seconds since 1970.
        authority_until_seconds: The end of validity of the trusted authority that issued it; None if another issued it.
    """

    issuer: str
    names: tuple[str, ...]
    until_seconds: int
    authority_until_seconds: int | None = None


def verified_certificate(host: str, port: int, context: ssl.SSLContext) -> tuple[str, Certificate]:
    """Returns the protocol of a TLS connection, and the certificate of a trusted server.

    Raises:
        Refused, Unavailable: The server is not trusted, or does not use TLS.
    """
    try:
        with (
            socket.create_connection((host, port), timeout=WAIT_SECONDS) as raw,
            context.wrap_socket(raw, server_hostname=host) as connection,
        ):
            shown = connection.getpeercert() or {}
            protocol = str(connection.version()).replace("TLSv", "TLS ")
    except ssl.SSLError as error:
        # `HttpClient` translates the same failure into our errors.
        HttpClient(context, None).request("GET", f"https://{_netloc(host, port)}/v2/", headers={}).drop()
        raise Refused(text("TLS failed: {reason}", reason=error.reason), subject=f"{host}:{port}") from error
    except OSError as error:
        raise Unavailable(
            text("the connection broke during the TLS handshake: {reason}", reason=error.strerror or error),
            subject=f"{host}:{port}",
            retryable=True,
        ) from error
    authorities = [each for each in context.get_ca_certs() if each.get("subject") == shown.get("issuer")]
    ends = [ssl.cert_time_to_seconds(str(each["notAfter"])) for each in authorities]
    # One authority may be known with an old and a new certificate; the newer one counts.
    return protocol, _certificate(shown, max(ends, default=None))


def unverified_certificate(host: str, port: int) -> Certificate | None:
    """Returns the certificate of an untrusted server, to show its claims. Sends nothing there.

    The standard library decodes only trusted certificates. So a second connection trusts the server's own certificate,
    for any name and time.
    """
    with suppress(OSError, ValueError):
        pem = ssl.get_server_certificate((host, port), timeout=WAIT_SECONDS)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | _NO_CHECK_TIME
        context.load_verify_locations(cadata=pem)
        with (
            socket.create_connection((host, port), timeout=WAIT_SECONDS) as raw,
            context.wrap_socket(raw, server_hostname=host) as connection,
        ):
            return _certificate(connection.getpeercert() or {})
    return None


def _certificate(shown: Mapping[str, Any], authority_until_seconds: int | None = None) -> Certificate:
    issuer = {name: value for part in shown.get("issuer", ()) for name, value in part}
    short = {"commonName": "CN", "organizationalUnitName": "OU", "organizationName": "O"}
    best = next((name for name in short if name in issuer), None)
    return Certificate(
        f"{short[best]}={issuer[best]}" if best else text("an unnamed issuer"),
        tuple(str(value) for _, value in shown.get("subjectAltName", ())),
        ssl.cert_time_to_seconds(shown["notAfter"]),
        authority_until_seconds,
    )


def upload_url(api_url: str, repository: str) -> str:
    """Returns the URL that would end an upload that was never started. It leaves nothing at the registry."""
    query = urlencode({"digest": str(Digest.of(b""))})
    return f"{api_url}{repository}/blobs/uploads/{_NO_UPLOAD}?{query}"


def answer_to_body(url: str, headers: Mapping[str, str], size_bytes: int, context: ssl.SSLContext | None) -> int | None:
    """Returns the status of a PUT with a body of some size, before a byte of the body is sent.

    The request announces the body with ``Expect: 100-continue`` (RFC 9110 section 10.1.1) and never sends it.

    Args:
        url: The complete URL.
        headers: Headers in addition to ``Host``, ``Content-Length`` and ``Expect``.
        size_bytes: The announced size.
        context: The TLS settings, for https.

    Returns:
        The status, which may be 100; None if no HTTP answer came in time.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    sent = {
        "Host": parts.netloc,
        "User-Agent": "bundler-doctor",
        "Content-Type": "application/octet-stream",
        "Content-Length": str(size_bytes),
        "Expect": "100-continue",
        **headers,
    }
    lines = [f"PUT {parts.path}?{parts.query} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items()), "", ""]
    try:
        with socket.create_connection((host, parts.port or (443 if context else 80)), timeout=WAIT_SECONDS) as raw:
            connection = context.wrap_socket(raw, server_hostname=host) if context else raw
            with connection:
                connection.sendall("\r\n".join(lines).encode("latin-1"))
                return _status(connection)
    except OSError:
        return None


def _status(connection: socket.socket) -> int | None:
    deadline = time.monotonic() + WAIT_SECONDS
    answer = b""
    while b"\n" not in answer and len(answer) < _ANSWER_BYTES and time.monotonic() < deadline:
        piece = connection.recv(_ANSWER_BYTES)
        if not piece:
            break
        answer += piece
    found = _STATUS_LINE.match(answer)
    return int(found[1]) if found else None


@frozen
class Room:
    """The space of a folder, and its limits.

    Attributes:
        free_bytes: The free space for this user.
        total_bytes: The size of the file system.
        is_writable: True if this user may write here.
        mount: The file system; None if it is unknown.
        file_limit_bytes: The largest file that this process may write (``ulimit -f``); None for no limit.
    """

    free_bytes: int
    total_bytes: int
    is_writable: bool
    mount: Mount | None
    file_limit_bytes: int | None


def room_in(folder: Path) -> Room:
    """Returns the space of a folder, and its limits. Writes nothing.

    Raises:
        LocalStorage: The folder cannot be examined.
    """
    try:
        facts = os.statvfs(folder)
        real = os.path.realpath(folder)
    except OSError as error:
        raise LocalStorage(text("cannot be examined: {reason}", reason=error.strerror), subject=str(folder)) from error
    mount = None
    with suppress(OSError):
        mount = mount_of(real, Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace"))
    limit, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    return Room(
        facts.f_bavail * facts.f_frsize,
        facts.f_blocks * facts.f_frsize,
        os.access(folder, os.W_OK | os.X_OK),
        mount,
        None if limit == resource.RLIM_INFINITY else limit,
    )


def _netloc(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
