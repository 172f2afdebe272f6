"""The connection to one registry: address, plain HTTP or TLS, certificates, proxy. Follows Docker and skopeo.

Certificates: ``--cacert``, ``certs.d/HOST[:PORT]/`` of Docker and containers, and the system's trust with
``SSL_CERT_FILE``. No setting turns the verification of TLS off.
"""

from __future__ import annotations

import ipaddress
import os
import re
import ssl
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from urllib.parse import urlsplit

from bundler.core.frozen import frozen
from bundler.core.limits import CERTIFICATES_BYTES
from bundler.core.reference import DEFAULT_REGISTRY, DOCKER_HUB, host_of, is_loopback, is_one_of
from bundler.errors import Misuse
from bundler.pace import Paces
from bundler.stores.credentials import Credentials
from bundler.stores.http import HttpClient
from bundler.system import places
from bundler.system.given_files import check_regular, read_given, read_regular
from bundler.system.request_fields import Request
from bundler.texts import text

_CERTIFICATE_FOLDERS = (Path("/etc/containers/certs.d"), Path("/etc/docker/certs.d"))
_CERTIFICATES_BELOW_HOME = ".config/containers/certs.d"
READ_BY_OPENSSL = ("SSL_CERT_FILE", "SSL_CERT_DIR")


@frozen
class NetworkOptions(Request):
    """The user's settings for the network.

    Attributes:
        plain_http: Registries (host and port) that are used without TLS, in addition to those on this machine.
        ca_certificate: A PEM file with more certificate authorities.
        credentials: Credentials by registry, which replace those of the user's files.
        base_path: The path of the API below the host, without ``/v2/``; empty for most registries.
        foreign_layers: Hosts from which layers may be fetched that a registry does not hold; with their ports, except
            the usual ones.
        upload_hosts: Hosts, written in the same way, that a registry may name for uploads.
    """

    plain_http: frozenset[str] = frozenset()
    ca_certificate: Path | None = None
    credentials: Mapping[str, Credentials] = field(default_factory=dict)
    base_path: str = ""
    foreign_layers: frozenset[str] = frozenset()
    upload_hosts: frozenset[str] = frozenset()


DEFAULT_NETWORK = NetworkOptions()


def address_of(registry: str) -> str:
    """Returns the host and port of a registry's name; Docker Hub's API is not at docker.io."""
    return DOCKER_HUB if registry == DEFAULT_REGISTRY else registry


def certificates_of(registry: str) -> list[Path]:
    """Returns the folders with certificates for exactly this host and port."""
    home = places.home_folder()
    own = (home / _CERTIFICATES_BELOW_HOME,) if home else ()
    folders = [folder / registry for folder in (*own, *_CERTIFICATE_FOLDERS)]
    return [folder for folder in folders if folder.is_dir()]


def schemes_of(registry: str, options: NetworkOptions) -> tuple[str, ...]:
    """Returns ``https``; ``http`` if the user said so; both, to be tried, for this machine without certificates."""
    if is_one_of(registry, options.plain_http):
        return ("http",)
    if is_loopback(registry) and not options.ca_certificate and not certificates_of(registry):
        return ("http", "https")
    return ("https",)


def tls_context(registry: str, options: NetworkOptions) -> ssl.SSLContext:
    """Returns the TLS settings that verify connections to a registry.

    Raises:
        Misuse: A certificate file cannot be read, or SSL_CERT_FILE or SSL_CERT_DIR is not an absolute path.
    """
    for variable in READ_BY_OPENSSL:
        found = places.named_by(variable)
        if found and found.exists() and not found.is_dir():
            check_regular(found, CERTIFICATES_BYTES)
    context = ssl.create_default_context()
    # Python 3.13 also requires extensions that many private authorities lack and that Docker does not require.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if options.ca_certificate:
        _load_authorities(context, options.ca_certificate, read_given(options.ca_certificate, CERTIFICATES_BYTES))
    for folder in certificates_of(registry):
        for authority in sorted(folder.glob("*.crt")):
            _load_authorities(context, authority, read_regular(authority, CERTIFICATES_BYTES))
        for certificate in sorted(folder.glob("*.cert")):
            key = certificate.with_suffix(".key")
            for file in filter(Path.exists, (certificate, key)):
                check_regular(file, CERTIFICATES_BYTES)
            try:
                context.load_cert_chain(certificate, key, password=lambda: "")  # OpenSSL would ask for it on a terminal
            except (OSError, ssl.SSLError) as error:
                raise Misuse(
                    text("cannot read the client certificate: {error}", error=error),
                    subject=str(certificate),
                    hint=text("its key must be in the same folder: {key}", key=key.name),
                ) from error
    return context


def client_for(url: str, options: NetworkOptions, paces: Paces) -> HttpClient:
    """Returns a client for the server of a URL, with its certificates and its proxy, at the pace of its host.

    Raises:
        Misuse: A certificate file cannot be read.
    """
    parts = urlsplit(url)
    context = tls_context(parts.netloc, options) if parts.scheme == "https" else None
    return HttpClient(context, proxy_for(parts.scheme, parts.netloc), paces)


def proxy_for(scheme: str, registry: str, environment: Mapping[str, str] | None = None) -> str | None:
    """Returns the proxy for a registry, from ``HTTP(S)_PROXY`` and ``NO_PROXY``; NO_PROXY may have CIDR blocks.

    Raises:
        Misuse: The variable does not hold the address of a proxy.
    """
    environment = os.environ if environment is None else environment
    proxies = {
        name.lower().removesuffix("_proxy"): (name, value)
        for name, value in sorted(environment.items())
        if name.lower().endswith("_proxy") and value
    }
    if is_loopback(registry) or _is_excepted(registry, proxies.get("no", ("", ""))[1]):
        return None
    named = proxies.get(scheme) or proxies.get("all")
    return _address_in(*named) if named else None


def _address_in(variable: str, value: str) -> str:
    """Returns the address of a proxy in a variable. Errors do not repeat the value: it may have a password.

    Raises:
        Misuse: The value is not such an address.
    """
    address = value if "://" in value else f"http://{value}"
    try:
        parts = urlsplit(address)
        is_address = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        is_alone = parts.path in ("", "/") and not parts.query and not parts.fragment
    except ValueError:
        is_address = is_alone = False
    if not is_address or not is_alone or not re.fullmatch(r"[!-~]+", value):
        raise Misuse(
            text("{variable} is not the address of a proxy", variable=variable),
            expected="http://HOST:PORT",
            actual=text("something else"),
            hint=text(
                "correct {variable}, or unset it; in an address, write @, / and # as %40, %2F and %23",
                variable=variable,
            ),
        )
    return address


def _is_excepted(registry: str, no_proxy: str) -> bool:
    from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]  # not in typeshed

    if proxy_bypass_environment(registry, {"no": no_proxy}):
        return True
    try:
        address = ipaddress.ip_address(host_of(registry))
    except ValueError:
        return False
    for block in no_proxy.split(","):
        try:
            if address in ipaddress.ip_network(block.strip(), strict=False):
                return True
        except ValueError:
            continue  # a name, not an address
    return False


def _load_authorities(context: ssl.SSLContext, path: Path, content: bytes) -> None:
    try:
        context.load_verify_locations(cadata=content.decode("ascii", "ignore"))  # comments may be in any language
    except (OSError, ValueError) as error:
        raise Misuse(
            text("cannot read the certificate authorities: {error}", error=error),
            subject=str(path),
            hint="give a file of certificates in PEM",
        ) from error
