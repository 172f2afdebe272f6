"""The request of ``bundler serve``."""

from __future__ import annotations

import ipaddress
from pathlib import Path

from bundler.core.frozen import frozen
from bundler.core.reference import is_loopback
from bundler.errors import Misuse
from bundler.keys.open_bundle import LOCKED, Unlocking
from bundler.system.bundle_paths import BundlePath
from bundler.system.request_fields import Request

DEFAULT_PORT = 5000
DEFAULT_ADDRESS = f"127.0.0.1:{DEFAULT_PORT}"


@frozen
class ServeRequest(Request):
    """Bundles to serve as a read-only registry.

    Attributes:
        paths: Folders of the bundles, or media with parts of them, in any order.
        trust: Public keys, or folders of them; empty for the user's trust folder.
        is_without_signature: Serve bundles without a trusted signature.
        required_signatures: The number of different trusted keys that must have signed each bundle.
        unlocking: Opens encrypted bundles.
        address: The address to listen at, ``HOST:PORT``; port 0 is any free port.
        is_self_signed: Speak TLS, with a certificate that is made now.
        certificate: Speak TLS with the certificate in this file, PEM; ``key`` has its key.
        key: The private key of the certificate, PEM.
        htpasswd: Demand a password of the users in this file of ``htpasswd -B``.
        is_insecure_plain_http: Take passwords without TLS from other machines too.
    """

    paths: tuple[BundlePath, ...]
    trust: tuple[Path, ...] = ()
    is_without_signature: bool = False
    required_signatures: int = 1
    unlocking: Unlocking = LOCKED
    address: str = DEFAULT_ADDRESS
    is_self_signed: bool = False
    certificate: Path | None = None
    key: Path | None = None
    htpasswd: Path | None = None
    is_insecure_plain_http: bool = False

    @property
    def has_tls(self) -> bool:
        """True if the server speaks TLS."""
        return self.is_self_signed or self.certificate is not None

    def check(self) -> None:
        """Checks that its fields fit each other.

        Raises:
            Misuse: They do not.
        """
        if (self.certificate is None) != (self.key is None):
            raise Misuse("a certificate and its key belong together", hint="give --tls-cert FILE and --tls-key FILE")
        if self.is_self_signed and self.certificate is not None:
            raise Misuse("two certificates", hint="give --tls-self-signed, or --tls-cert and --tls-key")
        if self.htpasswd and not self.has_tls and not self.is_insecure_plain_http and not self.is_local:
            raise Misuse(
                "passwords would cross the network in clear text",
                subject=self.address,
                hint="give --tls-self-signed, or --tls-cert and --tls-key; or --insecure-plain-http",
            )

    @property
    def is_local(self) -> bool:
        """True if only this machine reaches the server."""
        return is_loopback(str(parse_address(self.address)))


@frozen
class Address:
    """An address to listen at.

    Attributes:
        host: A name or an IP address, without brackets.
        port: The port; 0 for any free one.
    """

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_any(self) -> bool:
        """True if it means all addresses of this machine, so that no other machine can use it."""
        try:
            return ipaddress.ip_address(self.host).is_unspecified
        except ValueError:
            return False


def parse_address(written: str) -> Address:
    """Reads an address.

    Raises:
        Misuse: It is not ``HOST:PORT``.
    """
    host, colon, port = written.rpartition(":")
    if not colon or (written.startswith("[") and written.endswith("]")):
        host, port = written, str(DEFAULT_PORT)
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        host = ""
    if (
        not host
        or not host.isprintable()
        or host.isdigit()  # a port alone, which the system would take for an address
        or not (port.isascii() and port.isdigit() and len(port) <= 5 and int(port) < 65536)
    ):
        raise Misuse(
            "not an address", subject=written[:200], expected="HOST:PORT", hint="such as 127.0.0.1:5000 or [::1]:5000"
        )
    return Address(host, int(port))
