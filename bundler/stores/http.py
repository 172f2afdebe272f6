"""HTTP to one registry. Only this module imports urllib3. Its exceptions, and errors of servers, become our errors.

One request is one attempt: the caller retries by ``retryable`` and ``retry_after_seconds`` of the error. Redirects are
followed here, so that credentials stay with their origin (scheme, host, port) and nothing falls back from https to
http (GHSA-vh4v-2xq2-g5cg, CVE-2014-5277).
"""

from __future__ import annotations

import datetime
import email.utils
import errno
import http.client
import json
import re
import ssl
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from urllib.parse import urlsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    IncompleteRead,
    LocationParseError,
    NameResolutionError,
    NewConnectionError,
    ProxyError,
    SSLError,
    TimeoutError as NoAnswerInTime,
)

from bundler import __version__, texts
from bundler.core.advice import LOG_IN, problem
from bundler.core.limits import ERROR_BODY_BYTES, LARGE_BLOB_BYTES, LARGE_PIECE_BYTES, PIECE_BYTES, REDIRECTS
from bundler.core.patterns import lazy_pattern
from bundler.core.protocols import Pieces
from bundler.core.reference import DEFAULT_REGISTRY, DOCKER_HUB
from bundler.core.registry_answers import RegistryAnswer
from bundler.errors import Broken, BundlerError, LocalStorage, LoginNeeded, Misuse, Refused, Unavailable, causes
from bundler.pace import Paces, Turn
from bundler.stores.addresses import Kind, Origin, checked, printable, shown, without_secrets
from bundler.system import stalls
from bundler.system.buffers import new_buffer
from bundler.system.stalls import HeadTooLong, Stalled, WatchedConnection, WatchedResponse
from bundler.texts import text

CONNECT_SECONDS = 10.0
STORING_BYTES_PER_SECOND = 16 << 20
"""The least speed at which a registry stores a sent blob: with cloud storage, it copies the blob before it answers."""

_CONNECTIONS = 16
TOLERATED_SKEW_SECONDS = 60
"""The tolerated difference of clocks, as in distribution's token verification (registry/auth/token, leeway)."""

_ORIGIN = lazy_pattern(r"[a-z]+://[^/?#\\]*/")
_NO_RETRIES = urllib3.Retry(False, redirect=False)
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_REDIRECTS_WITH_METHOD = frozenset({307, 308})
_MESSAGE_CHARACTERS = 300
_PAGE = texts.text("an HTML page, likely of a proxy")
_PROXY = "set HTTPS_PROXY and HTTP_PROXY to http://HOST:PORT, or unset them"
_NOT_HTTP = (http.client.BadStatusLine, http.client.UnknownProtocol, http.client.LineTooLong, HeadTooLong)
"""Exceptions for an answer that is not HTTP. One is also an `OSError`: the connection closed before an answer."""


Redirects = Callable[[str, str], str]
"""Returns the address of a redirect, from its ``Location`` and the requested URL. Raises if it is not allowed."""


def redirects_of(kind: Kind) -> Redirects:
    """Returns the rule for redirects of a kind."""
    return lambda location, by: checked(location, kind, by=by)


class Answer:
    """A response whose body has not been read yet."""

    def __init__(
        self, response: urllib3.BaseHTTPResponse, url: str, method: str, moved: Callable[[int], object] = lambda _: None
    ) -> None:
        """Reads nothing yet; ``moved`` gets the size of each piece of the body."""
        self._response = response
        self._moved = moved
        self.url = url
        self.method = method
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers
        self.username = ""
        """The user name of the request, if it had a login."""

    def read(self, limit_bytes: int) -> bytes:
        """Returns the body, up to a limit.

        Raises:
            Refused: The body is longer.
            Unavailable: The connection broke or stalled.
        """
        with translated(self.url, self.method):
            content = bytearray()
            while len(content) <= limit_bytes and (piece := self._response.read1(limit_bytes + 1 - len(content))):
                content += piece
        if len(content) > limit_bytes:
            self._response.close()
            raise Refused(
                "the answer is too long",
                subject=shown(self.url),
                expected=texts.text("at most {limit_bytes} bytes", limit_bytes=limit_bytes),
                actual="more",
            )
        self._response.release_conn()
        return bytes(content)

    def pieces(self) -> Pieces:
        """Yields the body. The connection is reused only if the body is read to its end.

        Raises:
            Unavailable: The connection broke or stalled.
        """
        arriving = getattr(self._response.connection, "answering", None)
        if arriving is None or arriving.chunked or not arriving.length:
            return self._new_pieces()
        return self._pieces_in_place(arriving)

    def _pieces_in_place(self, arriving: WatchedResponse) -> Pieces:
        """Yields a body of known length from one buffer: new buffers would cost as much as receiving the bytes."""
        left_bytes = arriving.length or 0
        view = new_buffer(LARGE_PIECE_BYTES if left_bytes >= LARGE_BLOB_BYTES else min(PIECE_BYTES, left_bytes))
        try:
            with translated(self.url, self.method):
                while left_bytes:
                    count = arriving.readinto(view[:left_bytes])
                    if not count:
                        raise IncompleteRead(0, left_bytes)
                    left_bytes -= count
                    if not left_bytes:
                        self._response.release_conn()
                    self._moved(count)
                    yield view[:count]
        finally:
            if left_bytes:
                self._response.close()

    def _new_pieces(self) -> Pieces:
        """Yields a body of unknown length."""
        is_at_end = False
        try:
            while not is_at_end:
                with translated(self.url, self.method):
                    piece = self._response.read(PIECE_BYTES)
                is_at_end = not piece
                if piece:
                    self._moved(len(piece))
                    yield piece
        finally:
            if not is_at_end:
                self._response.close()

    def drop(self) -> None:
        """Closes the connection without reading the body."""
        self._response.close()

    @contextmanager
    def dropped_on_error(self) -> Generator[None, None, None]:
        """Calls `drop` if an exception ends the block.

        The exception keeps the answer, and its connection, until the garbage collector finds both.
        """
        try:
            yield
        except BaseException:
            self.drop()
            raise

    def drain(self) -> None:
        """Reads and ignores a body. The connection is reused if the body was short."""
        with translated(self.url, self.method):
            self._response.read(ERROR_BODY_BYTES)
            if self._response.length_remaining != 0 and self._response.read(1):
                self._response.close()
        self._response.release_conn()


class _PlainConnection(WatchedConnection, HTTPConnection):
    pass


class _TlsConnection(WatchedConnection, HTTPSConnection):
    pass


class _PlainPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class HttpClient:
    """Connections to one registry and to the targets of its redirects. Thread-safe."""

    def __init__(self, context: ssl.SSLContext | None, proxy: str | None, paces: Paces | None = None) -> None:
        self._paces = paces or Paces()
        options = {
            "num_pools": 8,
            "maxsize": _CONNECTIONS,
            "blocksize": PIECE_BYTES,
            "retries": False,
            "ssl_context": context,
        }
        try:
            self._pools: urllib3.PoolManager = (
                urllib3.ProxyManager(proxy, **options) if proxy else urllib3.PoolManager(**options)  # type: ignore[arg-type]
            )
        except (HTTPError, ValueError) as error:
            raise Misuse("the proxy's address is not valid", hint=_PROXY) from error
        self._pools.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}
        self._origin: tuple[str, urllib3.HTTPConnectionPool] | None = None
        """The first origin that was asked without a proxy, with a slash at its end, and the connections to it."""

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | Iterable[bytes | memoryview] | None = None,
        redirects: Redirects | None = None,
    ) -> Answer:
        """Sends one request and returns its answer, with any status. Follows redirects of repeatable requests.

        Methods other than GET and HEAD follow only 307 and 308: after a 301, 302 or 303, clients send a GET instead
        (RFC 9110 section 15.4), which is another request.

        Args:
            method: GET, HEAD, POST, PUT, PATCH, DELETE.
            url: The complete URL.
            headers: All headers; ``Authorization`` is dropped when a redirect leaves the origin.
            body: Bytes; or an iterable with ``Content-Length`` among the headers, for which no redirect is followed.
            redirects: Returns the address of a redirect, or raises; None for the rule of the method.

        Raises:
            Unavailable: The server could not be reached or broke the connection.
            Busy: It asks for a later retry, after the last of our retries; at once if ``body`` is an iterable.
            Refused: TLS could not be verified, or a redirect is not allowed.
        """
        headers = {"User-Agent": f"bundler/{__version__}", "Accept-Encoding": "identity", **headers}
        is_question = method in ("GET", "HEAD")
        followed = _REDIRECTS if is_question else _REDIRECTS_WITH_METHOD
        is_repeatable = body is None or isinstance(body, bytes)
        follow = redirects or redirects_of(Kind.DOWNLOAD if is_question else Kind.RESENT)
        for _ in range(REDIRECTS + 1):
            answer = self._paced(method, url, headers, body)
            location = answer.headers.get("Location")
            if answer.status not in followed or not location or not is_repeatable:
                return answer
            answer.drain()
            target = follow(location, url)
            if Origin.of(target) != Origin.of(url):
                headers = {name: value for name, value in headers.items() if name.lower() != "authorization"}
            url = target
        raise Refused(texts.text("more than {redirects} redirects", redirects=REDIRECTS), subject=shown(url))

    def _paced(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | Iterable[bytes | memoryview] | None
    ) -> Answer:
        """Returns the answer of a host, at the host's pace. Repeats a request that the host postpones."""
        turn = self._paces.turn(registry_name(url))
        only_once = None if body is None or isinstance(body, bytes) else _watched(body, turn)
        while True:
            turn.wait()
            if isinstance(body, bytes):
                turn.moved(len(body))
            answer = self._send(method, url, headers, only_once or body, turn)
            turn.answered(answer.status)
            if not _is_busy(answer):
                turn.went_well()
                return answer
            error = error_of(answer, subject=registry_name(url))
            turn.complained(error)
            if only_once is not None:
                raise error

    def _send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | Iterable[bytes | memoryview] | None,
        turn: Turn,
    ) -> Answer:
        sent_bytes = int(headers.get("Content-Length", 0))
        patience_seconds = stalls.STALL_SECONDS + sent_bytes / STORING_BYTES_PER_SECOND
        with translated(url, method):
            pool, target = self._pool_for(url)
            response = pool.urlopen(
                method,
                target,
                headers=dict(headers),
                body=body,  # type: ignore[arg-type]  # memoryviews are sent as bytes are
                timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=patience_seconds),
                redirect=False,
                retries=_NO_RETRIES,
                preload_content=False,
                decode_content=False,
            )
        return Answer(response, url, method, turn.moved)

    def _pool_for(self, url: str) -> tuple[urllib3.PoolManager | urllib3.HTTPConnectionPool, str]:
        """Returns the connections for a URL, and how they want to have it.

        A pool manager parses each URL again, which costs as much as the answer to a small request. So the pool of one
        origin is kept. Of the other origins the manager keeps the latest few: a server may redirect to any number.
        """
        if self._origin is None and self._pools.proxy is None and (found := _ORIGIN.match(url)):
            self._origin = found[0], self._pools.connection_from_url(found[0])
        if self._origin is not None and url.startswith(self._origin[0]):
            return self._origin[1], url[len(self._origin[0]) - 1 :]
        return self._pools, url


@contextmanager
def translated(url: str, method: str) -> Generator[None, None, None]:
    """Translates exceptions of urllib3 into our errors."""
    try:
        yield
    except SSLError as error:
        raise _tls_error(error, url) from error
    except ProxyError as error:
        raise problem("proxy-failed", subject=shown(url), said=_innermost(error), retryable=True) from error
    except NameResolutionError as error:
        host = Origin.of(url).host
        raise problem("name-not-resolved", subject=host, said=_innermost(error), retryable=True, host=host) from error
    except NewConnectionError as error:
        exhausted = next(filter(None, map(LocalStorage.exhausted, causes(error))), None)
        if exhausted is not None:
            raise exhausted from error
        host = _host(url)
        raise problem("connection-refused", subject=host, said=_innermost(error), retryable=True, host=host) from error
    except ConnectTimeoutError as error:
        host = _host(url)
        raise problem("connect-timeout", subject=host, retryable=True, host=host) from error
    except LocationParseError as error:
        raise Refused("the server gives an invalid address", subject=shown(url)) from error
    except (HTTPError, OSError) as error:
        chain = list(causes(error))
        stall = next((cause for cause in chain if isinstance(cause, Stalled)), None)
        if stall is not None:
            raise problem("too-slow", subject=f"{method} {shown(url)}", said=str(stall), retryable=True) from error
        if isinstance(error, (NoAnswerInTime, TimeoutError)):
            raise problem("no-answer", subject=f"{method} {shown(url)}", retryable=True) from error
        if any(map(_is_no_http, chain)):
            said = _innermost(error)
            raise problem("no-registry", subject=f"{method} {shown(url)}", said=said, host=_host(url)) from error
        raise Broken(
            texts.text("the connection broke: {innermost}", innermost=_innermost(error)),
            subject=f"{method} {shown(url)}",
            retryable=True,
        ) from error


def facts_of(answer: Answer) -> RegistryAnswer:
    """Returns the facts of an unexpected answer. Reads its body."""
    try:
        body = answer.read(ERROR_BODY_BYTES)
    except BundlerError:
        body = b""
    code, message = _registry_words(body)
    if answer.status in _REDIRECTS and answer.headers.get("Location"):
        location = without_secrets(answer.headers["Location"])
        message = texts.text("it redirects to {location}, which is not followed", location=location)
    return RegistryAnswer(
        method=answer.method,
        status=answer.status,
        code=code,
        message=message,
        is_scope_missing=bool(answer.username) and "insufficient_scope" in answer.headers.get("WWW-Authenticate", ""),
        is_page=is_page(body),
        retry_after_seconds=_retry_after(answer),
    )


def error_of(answer: Answer, *, subject: str, facts: RegistryAnswer | None = None) -> BundlerError:
    """Returns the error for an unexpected answer, with the registry's own words.

    Args:
        answer: The answer.
        subject: The object of the request.
        facts: The result of `facts_of`; None to read the answer.
    """
    facts = facts or facts_of(answer)
    host = registry_name(answer.url)
    if answer.status == 401 and answer.username and abs(clock_skew_seconds(answer) or 0) > TOLERATED_SKEW_SECONDS:
        its_time = answer.headers["Date"]
        return problem("clock-skew", subject=subject, said=facts.said, expected=its_time, actual=_now_words())
    if answer.status in (401, 403) and re.fullmatch(r"robot\+?", answer.username):
        return problem("robot-name", subject=f"{subject}, as {answer.username!r}", said=facts.said)
    error = facts.error(subject=subject, host=host, repository=_repository(answer.url))
    if isinstance(error, LoginNeeded) and answer.username:
        return error.but(
            hint=text(
                "the login was {user}: check the password, or {log_in}",
                user=repr(answer.username),
                log_in=text(LOG_IN, host=host),
            )
        )
    return error


def is_page(body: bytes) -> bool:
    """True if a body is a page for people. Errors of cloud storage are XML, and no page."""
    begin = body.lstrip()
    return begin[:1] == b"<" and not begin.startswith(b"<?xml")


def no_registry(answer: Answer, *, subject: str) -> BundlerError:
    """Returns the error for an answer with the expected status whose body is a page for people."""
    said = f"{answer.status}: {_PAGE}"
    return problem("no-registry", subject=subject, said=said, host=_host(answer.url))


def clock_skew_seconds(answer: Answer) -> float | None:
    """Returns how far the server's clock is ahead of this machine's, by its ``Date``; None without a valid one."""
    try:
        server_time = email.utils.parsedate_to_datetime(answer.headers.get("Date", ""))
        return (server_time - datetime.datetime.now(datetime.timezone.utc)).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None


def _registry_words(body: bytes) -> tuple[str, str]:
    """Returns code and message of the first error (distribution-spec "Error Codes")."""
    try:
        first = json.loads(body)["errors"][0]
        detail = _words_of(first.get("detail"))
        message = str(first.get("message") or "")
        if isinstance(detail, str) and detail not in message:
            message = f"{message}: {detail}" if message else detail
        return printable(str(first.get("code") or "")), printable(message)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        if is_page(body):
            return "", _PAGE
        return "", printable(body[:_MESSAGE_CHARACTERS].decode("utf-8", "replace"))


def _words_of(detail: object) -> object:
    """The detail of an error in words.

    distribution's driver for file systems shows some errors of the system by their numbers: as it starts an upload on a
    full disk, ``{"DriverName": "filesystem", "Enclosed": {"Op": "write", "Path": "…", "Err": 28}}`` (2.8.2).
    """
    enclosed = detail.get("Enclosed") if isinstance(detail, dict) else None
    if isinstance(enclosed, dict) and enclosed.get("Err") == errno.ENOSPC:
        return "no space left on device"
    return detail


def _is_busy(answer: Answer) -> bool:
    is_error = answer.status >= http.client.BAD_REQUEST
    return is_error and RegistryAnswer(answer.method, answer.status, retry_after_seconds=_retry_after(answer)).is_busy


def _retry_after(answer: Answer) -> float | None:
    """Returns the seconds of ``Retry-After``: a number or an HTTP date (RFC 9110 section 10.2.3); else None.

    Docker Hub sends only the window of its limit, of six hours, and that nothing is left in it:
    ``ratelimit-remaining: 0;w=21600`` (https://docs.docker.com/docker-hub/usage/pulls/).
    """
    value = answer.headers.get("Retry-After", "")
    window = re.fullmatch(r"0;w=([0-9]{1,8})", answer.headers.get("RateLimit-Remaining", ""))
    if not value and window and answer.status == 429:
        return float(window[1])
    if value.isascii() and value.isdigit() and len(value) < 9:
        return float(value)
    try:
        when = email.utils.parsedate_to_datetime(value)
        now = datetime.datetime.now(when.tzinfo or datetime.timezone.utc)
        return max(0.0, (when.replace(tzinfo=now.tzinfo) - now).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None


_CERTIFICATES = {9: "clock-skew", 10: "certificate-expired", 62: "certificate-name", 64: "certificate-name"}
"""Our codes by OpenSSL's numbers (x509_vfy.h): not yet valid, expired, another host name, another IP address."""

_NO_TLS = frozenset({"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "RECORD LAYER FAILURE"})
"""OpenSSL's reasons for bytes that are not TLS. Version 3.2 has the second, which older Pythons give as words."""


def _tls_error(error: SSLError, url: str) -> BundlerError:
    host = _host(url)
    cause = next((each for each in causes(error) if isinstance(each, ssl.SSLError)), None)
    if isinstance(cause, ssl.SSLCertVerificationError):
        code = _CERTIFICATES.get(cause.verify_code, "unknown-authority")
        return problem(code, subject=host, said=printable(cause.verify_message), host=host)
    if isinstance(cause, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
        return Unavailable("the connection broke during the TLS handshake", subject=host, retryable=True)
    if cause is not None and _reason(cause) in _NO_TLS:
        return problem("no-tls", subject=host, host=host)
    return Refused(texts.text("TLS failed: {printable}", printable=printable(str(error))), subject=host)


def _reason(error: ssl.SSLError) -> str:
    """Returns OpenSSL's name of an error, or its words if Python does not know the name."""
    return error.reason or re.sub(r"^\[SSL\] | \(_ssl.*", "", str(error)).upper()


def _repository(url: str) -> str:
    """Returns the repository in a URL of the API."""
    found = re.search(r"/v2/(.+)/(?:blobs|manifests|tags|referrers)/", urlsplit(url).path)
    return printable(found[1]) if found else ""


def _now_words() -> str:
    now = email.utils.format_datetime(datetime.datetime.now(datetime.timezone.utc), usegmt=True)
    return text("{time} on this machine", time=now)


def _watched(body: Iterable[bytes | memoryview], turn: Turn) -> Iterator[bytes | memoryview]:
    for piece in body:
        turn.moved(len(piece))
        yield piece


def registry_name(url: str) -> str:
    """Returns the registry of a URL, as people write it: Docker Hub's API is at another host."""
    return _registry_at(_origin(url))


@lru_cache(maxsize=64)
def _registry_at(origin: str) -> str:
    host = _host(origin)
    return DEFAULT_REGISTRY if host == DOCKER_HUB else host


def _origin(url: str) -> str:
    """Returns the begin of a URL, with the slash after its host and port; all of it if it has no path."""
    found = _ORIGIN.match(url)
    return found[0] if found else url


def _host(url: str) -> str:
    """Returns host and port of a URL as people write them: an IPv6 address in brackets."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else str(parts.hostname)
    return f"{host}:{parts.port}" if parts.port else host


def _is_no_http(error: BaseException) -> bool:
    is_too_many_headers = type(error) is http.client.HTTPException
    return is_too_many_headers or (isinstance(error, _NOT_HTTP) and not isinstance(error, OSError))


def _innermost(error: BaseException) -> str:
    *_, error = causes(error)
    return printable(getattr(error, "strerror", None) or str(error) or type(error).__name__)
