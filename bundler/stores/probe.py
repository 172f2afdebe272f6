"""Looks at what lies between this machine and its stores: names, ports, certificates, proxies in front, file systems.

For ``bundler doctor`` only. Each function asks one thing, waits a few seconds at the most, and leaves nothing behind;
what the findings mean is decided in `bundler.commands`.
"""

from __future__ import annotations

import os
import re
import resource
import socket
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from bundler.core.advice import problem
from bundler.core.digest import Digest
from bundler.core.mount import Mount, mount_of
from bundler.errors import LocalStorage, Refused, Unavailable
from bundler.stores.http import HttpClient
from bundler.texts import text

WAIT_SECONDS = 5.0
"""How long one connection, or one answer, is waited for."""

_STATUS_LINE = re.compile(rb"HTTP/1\.[01] (\d{3})[ \r\n]")
_ANSWER_BYTES = 4096
_NO_UPLOAD = "00000000-0000-4000-8000-000000000000"
_NO_CHECK_TIME = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME of OpenSSL, which `ssl.VerifyFlags` does not name."""


def addresses_of(host: str) -> tuple[str, ...]:
    """What a name resolves to.

    Raises:
        Unreachable: To nothing.
    """
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        said = getattr(error, "strerror", None) or str(error)
        raise problem("name-not-resolved", subject=host, said=said, retryable=True, host=host) from error
    return tuple(dict.fromkeys(str(address[4][0]) for address in found))


def connect_seconds(host: str, port: int) -> float:
    """How long it takes to connect.

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


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a server proves itself with.

    Attributes:
        issuer: Who issued it.
        names: Whom it is for.
        until_seconds: End of its validity, since 1970.
        authority_until_seconds: The same of the trusted authority that issued it; None where another did.
    """

    issuer: str
    names: tuple[str, ...]
    until_seconds: int
    authority_until_seconds: int | None = None


def verified_certificate(host: str, port: int, context: ssl.SSLContext) -> tuple[str, Certificate]:
    """The protocol of a TLS connection, and the certificate of a server that is trusted.

    Raises:
        Refused, Unavailable: It is not trusted, or does not speak TLS.
    """
    try:
        with (
            socket.create_connection((host, port), timeout=WAIT_SECONDS) as raw,
            context.wrap_socket(raw, server_hostname=host) as connection,
        ):
            told = connection.getpeercert() or {}
            protocol = str(connection.version()).replace("TLSv", "TLS ")
    except ssl.SSLError as error:
        # The client for everything else knows what the reasons mean; it meets the same.
        HttpClient(context, None).request("GET", f"https://{_netloc(host, port)}/v2/", headers={}).drop()
        raise Refused(text("TLS failed: {reason}", reason=error.reason), subject=f"{host}:{port}") from error
    except OSError as error:
        raise Unavailable(
            text("the connection broke during the TLS handshake: {reason}", reason=error.strerror or error),
            subject=f"{host}:{port}",
            retryable=True,
        ) from error
    authorities = [each for each in context.get_ca_certs() if each.get("subject") == told.get("issuer")]
    ends = [ssl.cert_time_to_seconds(str(each["notAfter"])) for each in authorities]
    # One authority may be known with an old and a new certificate; the newer one serves.
    return protocol, _certificate(told, max(ends, default=None))


def unverified_certificate(host: str, port: int) -> Certificate | None:
    """The certificate of a server that is not trusted, to show what it says of itself; nothing is sent there.

    The standard library decodes trusted certificates only. So the server is asked again, with its own certificate as
    the one that is trusted, whatever its name and time.
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


def _certificate(told: Mapping[str, Any], authority_until_seconds: int | None = None) -> Certificate:
    issuer = {name: value for part in told.get("issuer", ()) for name, value in part}
    short = {"commonName": "CN", "organizationalUnitName": "OU", "organizationName": "O"}
    best = next((name for name in short if name in issuer), None)
    return Certificate(
        f"{short[best]}={issuer[best]}" if best else text("an unnamed issuer"),
        tuple(str(value) for _, value in told.get("subjectAltName", ())),
        ssl.cert_time_to_seconds(told["notAfter"]),
        authority_until_seconds,
    )


def upload_url(api_url: str, repository: str) -> str:
    """Where an upload that never began would end; nothing can be left behind there."""
    query = urlencode({"digest": str(Digest.of(b""))})
    return f"{api_url}{repository}/blobs/uploads/{_NO_UPLOAD}?{query}"


def answer_to_body(url: str, headers: Mapping[str, str], size_bytes: int, context: ssl.SSLContext | None) -> int | None:
    """The status that a PUT with a body of a size is answered with, before a byte of the body was sent.

    The body is announced with ``Expect: 100-continue`` (RFC 9110 section 10.1.1) and never comes.

    Args:
        url: Complete.
        headers: Besides ``Host``, ``Content-Length`` and ``Expect``.
        size_bytes: What is announced.
        context: For https.

    Returns:
        The status, 100 included; None if nothing that is HTTP came in time.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    told = {
        "Host": parts.netloc,
        "User-Agent": "bundler-doctor",
        "Content-Type": "application/octet-stream",
        "Content-Length": str(size_bytes),
        "Expect": "100-continue",
        **headers,
    }
    lines = [f"PUT {parts.path}?{parts.query} HTTP/1.1", *(f"{name}: {value}" for name, value in told.items()), "", ""]
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


@dataclass(frozen=True, slots=True)
class Room:
    """What a folder has room for.

    Attributes:
        free_bytes: For this user.
        total_bytes: Of the file system.
        is_writable: Whether this user may write here.
        mount: The file system; None if that is not known.
        file_limit_bytes: What one file of this process may have (``ulimit -f``); None for no limit.
    """

    free_bytes: int
    total_bytes: int
    is_writable: bool
    mount: Mount | None
    file_limit_bytes: int | None


def room_in(folder: Path) -> Room:
    """What a folder has room for; writes nothing.

    Raises:
        LocalStorage: It cannot be looked at.
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
