"""Addresses that servers name: redirects, upload locations, token servers, next pages, layers held elsewhere.

`checked` decides about all of them, so that bytes and credentials go only where the user sent them. RFC 3986, RFC
9110 section 10.2.2; GHSA-vh4v-2xq2-g5cg, GHSA-jxpm-75mh-9fp7, CVE-2026-48978, CVE-2020-15157, CVE-2026-33540.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Set
from enum import Enum, auto
from urllib.parse import unquote, urljoin, urlsplit

from bundler import texts
from bundler.core.advice import problem
from bundler.core.frozen import frozen
from bundler.core.patterns import lazy_pattern
from bundler.core.reference import is_loopback
from bundler.errors import BundlerError, Refused

_USUAL_PORTS = {"http": 80, "https": 443}
_NETLOC = lazy_pattern(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?")
"""No user, and only host characters that every URL parser reads alike."""
_NO_HOST = lazy_pattern(r"[A-Za-z][A-Za-z0-9+.-]*:(?!//[^/?#])|//(?![^/?#])")
"""A scheme, or two slashes, without a host. `urljoin` reads some of these as paths at the same server."""
_TEXT_CHARACTERS = 300
_LOCATION_CHARACTERS = 16 << 10
"""Signed addresses of cloud storage have some 2,000."""


class Kind(Enum):
    """The reason why a server names an address. Each has a rule about origins other than the server's own."""

    DOWNLOAD = auto()
    """A redirect of GET or HEAD. Any origin; only the request is sent there, without credentials."""
    RESENT = auto()
    """A redirect of another request. The same origin only."""
    PAGE = auto()
    """The next page of a list. The same origin only."""
    TOKEN_SERVER = auto()
    """The realm of a challenge. The same host, or a host that is not in a private network."""
    TOKEN = auto()
    """A redirect of a token server. The same origin only."""
    UPLOAD = auto()
    """The address of an upload. The same origin, or a host that the user named for uploads."""
    FOREIGN_LAYER = auto()
    """A layer that the registry does not hold. Only hosts that the user named for these."""


@frozen
class Origin:
    """Scheme, host and port. Credentials are bound to them."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> Origin:
        """Returns the origin of a URL.

        Raises:
            Refused: It is not the URL of a web server.
        """
        try:
            parts = urlsplit(url)
            # urllib3 reads these in another way than `urlsplit`: a backslash, and dots and digits beyond ASCII.
            if not re.fullmatch(r"[!-\[\]-~]+", parts.netloc):
                raise ValueError
            usual, host, port = _USUAL_PORTS[parts.scheme], (parts.hostname or "").lower(), parts.port
            if not host or port == 0:
                raise ValueError
            return cls(parts.scheme, host, port or usual)
        except (ValueError, KeyError) as error:
            raise _no_address(url) from error

    @property
    def name(self) -> str:
        """Host and port as people write them: without the port if it is the usual one."""
        return self._host if self.port == _USUAL_PORTS[self.scheme] else f"{self._host}:{self.port}"

    @property
    def names(self) -> Set[str]:
        """All spellings of host and port."""
        return {self.name, f"{self._host}:{self.port}"}

    @property
    def _host(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host


def checked(location: str, kind: Kind, *, by: str, allowed: Set[str] = frozenset()) -> str:
    """Returns an address that a server named: absolute, without its fragment, and allowed for its kind.

    Args:
        location: The text from the server. It may be relative to ``by``, except for a token server.
        kind: The reason why the server names it.
        by: The URL that was requested, after redirects. Base of relative addresses, and of the own origin.
        allowed: Hosts that the user named for this kind, with their ports where they are not the usual ones.

    Raises:
        Refused: It is not an address, or not allowed for this kind.
    """
    own = Origin.of(by)
    url = _complete(location, None if kind is Kind.TOKEN_SERVER else by)
    origin = Origin.of(url)
    if origin.scheme == "http" and own.scheme == "https":
        raise _without_tls(kind, url)
    if kind is Kind.FOREIGN_LAYER:
        _check_foreign_layer(origin, url, allowed)
    elif origin != own:
        _check_elsewhere(kind, origin, own, url, allowed)
    return url


def is_safe(url: str) -> bool:
    """True if the user may allow an address: well-formed, and https or of this machine."""
    try:
        return _is_safe(Origin.of(_complete(url, None)))
    except Refused:
        return False


def joined(base: str, location: str) -> str:
    """Returns a server's URL as an absolute one.

    Raises:
        Refused: It is not a URL.
    """
    try:
        return urljoin(base, location)
    except ValueError as error:
        raise _no_address(location) from error


def shown(url: str) -> str:
    """Returns a URL for a terminal: without its query, which may hold secrets, and without control characters."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = f":{parts.port}" if parts.port else ""
    return printable(f"{parts.scheme}://{host}{port}{parts.path}")


def without_secrets(url: str) -> str:
    """Returns a text, which may be a URL, without the parts that may hold secrets: query and user."""
    return printable(re.sub(r"//[^/@]*@", "//", url.partition("?")[0]))


def printable(text: str) -> str:
    """Returns a text from outside as one line, without control characters, and cut to a limit."""
    line = " ".join(text.split())
    return "".join(c if c.isprintable() else "\ufffd" for c in line)[:_TEXT_CHARACTERS]


def _complete(location: str, base: str | None) -> str:
    """Returns a location as an absolute URL that every parser reads alike."""
    # `urlsplit` drops line breaks, and http.client gives header bytes beyond ASCII as Latin-1.
    if not re.fullmatch(r"[!-\[\]-~]+", location) or len(location) > _LOCATION_CHARACTERS or _NO_HOST.match(location):
        raise _no_address(location)
    url = (joined(base, location) if base else location).partition("#")[0]
    Origin.of(url)
    parts = urlsplit(url)
    if not _NETLOC.fullmatch(parts.netloc):
        raise _no_address(location)
    path = unquote(parts.path)  # some servers decode before they resolve
    if {".", ".."} & set(path.split("/")) or re.search(r"[\x00-\x1f\x7f\\]", path):
        raise _no_address(location)
    return url


def _is_safe(origin: Origin) -> bool:
    return origin.scheme == "https" or is_loopback(origin.name)


def _check_foreign_layer(origin: Origin, url: str, allowed: Set[str]) -> None:
    if not _is_safe(origin) or not origin.names & allowed:
        raise Refused(
            "the layer's address redirects to a host that is not allowed",
            subject=shown(url),
            hint=texts.text("if its licence allows that: --foreign-layers {origin}", origin=origin.name)
            if _is_safe(origin)
            else None,
        )


def _check_elsewhere(kind: Kind, origin: Origin, own: Origin, url: str, allowed: Set[str]) -> None:
    server, named = own.name, shown(url)
    subject = f"{server} names {named}"
    if kind is Kind.UPLOAD:
        if not origin.names & allowed:
            if (origin.host, origin.port) == (own.host, own.port):
                raise problem("upload-with-tls", subject=subject)
            raise problem("upload-elsewhere", subject=subject, host=origin.name)
    elif kind is Kind.TOKEN_SERVER:
        if origin.host != own.host and _is_private(origin.host):
            raise Refused(
                "the registry names a token server in a private network",
                subject=subject,
                hint=(
                    "give the registry's address in the network of its token server, or ask its administrator to "
                    "set the external URL"
                ),
            )
    elif kind is not Kind.DOWNLOAD:
        raise problem("sent-elsewhere", subject=subject, host=origin.name)
    elif is_loopback(origin.name) and not is_loopback(own.name) and origin.host != own.host:
        raise Refused("the server redirects to this machine", subject=subject)


def _without_tls(kind: Kind, url: str) -> BundlerError:
    if kind is Kind.UPLOAD:
        return problem("upload-without-tls", subject=shown(url))
    if kind is Kind.TOKEN_SERVER:
        return Refused("the registry names a token server without TLS", subject=shown(url))
    return Refused("the server redirects from https to plain http", subject=shown(url))


def _no_address(url: str) -> Refused:
    return Refused("the server gives an invalid address", subject=without_secrets(url))


def _is_private(host: str) -> bool:
    """True if a host is an address outside the internet, in any spelling that a resolver accepts."""
    host = host.rstrip(".")
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        pass
    try:
        return not ipaddress.ip_address(socket.inet_aton(host)).is_global  # 127.1, 0x7f000001, 2130706433
    except OSError:
        return host == "localhost" or host.endswith(".localhost")
