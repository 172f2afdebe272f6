"""X.509 certificates as values, and chains of them. RFC 5280.

All fields are read once, when `bundler.keys.certificates` loads a certificate, so that no later question can fail on a
hostile one. Nothing here knows a policy, reads a file or a clock, or asks for a revocation.
"""

from __future__ import annotations

import ipaddress
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any, Protocol

from bundler.core.frozen import frozen
from bundler.core.limits import CERTIFICATE_CHAIN
from bundler.errors import Untrusted
from bundler.texts import text

FULCIO_ISSUER = "1.3.6.1.4.1.57264.1.1"
"""The issuer of the identity, as raw text. Fulcio's documentation, oid-info.md."""

FULCIO_ISSUER_V2 = "1.3.6.1.4.1.57264.1.8"
"""The same as a DER-encoded UTF8String."""

FULCIO_BUILD_SIGNER = "1.3.6.1.4.1.57264.1.9"
"""The URI of the workflow that signs, as a DER-encoded UTF8String."""

CODE_SIGNING = "1.3.6.1.5.5.7.3.3"
ANY_PURPOSE = "2.5.29.37.0"

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class CertificateKeys(Protocol):
    """The part of a certificate that needs cryptography. `bundler.keys.certificates` has the implementation."""

    @property
    def library_object(self) -> Any:
        """The certificate as `cryptography` has it, for libraries that take such."""

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """True if the key made this signature by the algorithm of JWS for its kind and size."""

    def is_issued_by(self, issuer: Any) -> bool:
        """True if the key of another certificate, as its `library_object`, has signed this one, not by SHA-1 or MD5."""


@frozen
class Certificate:
    """One certificate.

    Attributes:
        der: Its bytes.
        subject: The subject in the notation of RFC 4514, for people.
        attributes: The types and values of the subject, in their order.
        begins_seconds: The first second of its validity, since 1970.
        ends_seconds: The last second of its validity.
        is_ca: True if basic constraints say so.
        has_critical_ca: True if basic constraints say so, and are critical.
        path_length: The number of CAs that may follow; None for any.
        key_usage: The names of the bits that are set, as `cryptography` spells them; None without the extension.
        has_critical_key_usage: True if key usage is critical.
        purposes: The extended key usages, by number; None without the extension.
        names_revocation: True if it names a CRL or an OCSP server, so that it can be revoked.
        emails: The e-mail addresses of the subject.
        uris: The URIs of the subject.
        hosts: The DNS names of the subject.
        addresses: The IP addresses of the subject.
        constrains_names: True if it has name constraints, critical or not.
        has_unhandled_critical: True if it has a critical extension other than constraints, key usages and names.
        extensions: The raw bytes of extensions that `cryptography` does not know, by number.
        fingerprint: The SHA-256 of the certificate, 64 hex digits.
        public_key_pem: The public key, SPKI in PEM form.
        algorithm: The one algorithm of JWS (RFC 7518) for the kind and size of its key; None if there is none.
        serial_number: Its number.
        issuer_der: The name of its issuer in DER form.
        keys: Its cryptography.
    """

    der: bytes
    subject: str
    attributes: tuple[tuple[str, str], ...]
    begins_seconds: int
    ends_seconds: int
    is_ca: bool
    has_critical_ca: bool
    path_length: int | None
    key_usage: frozenset[str] | None
    has_critical_key_usage: bool
    purposes: frozenset[str] | None
    names_revocation: bool
    emails: tuple[str, ...]
    uris: tuple[str, ...]
    hosts: tuple[str, ...]
    addresses: tuple[Address, ...]
    constrains_names: bool
    has_unhandled_critical: bool
    extensions: Mapping[str, bytes]
    fingerprint: str
    public_key_pem: bytes
    algorithm: str | None
    serial_number: int
    issuer_der: bytes
    keys: CertificateKeys = field(repr=False, compare=False)

    def is_valid_at(self, seconds: float) -> bool:
        """True if the certificate is valid at a time, in seconds since 1970."""
        return self.begins_seconds <= seconds <= self.ends_seconds

    def is_issued_by(self, issuer: Certificate) -> bool:
        """True if the issuer's key has signed this certificate, and its name is the issuer's.

        The issuer's constraints are not looked at.
        """
        return self.keys.is_issued_by(issuer.keys.library_object)

    @property
    def is_self_signed(self) -> bool:
        """True if its own key has signed it."""
        return self.is_issued_by(self)


def check_ordered(chain: Sequence[Certificate], *, what: str) -> None:
    """Checks a chain from the leaf to its root, in which each certificate has signed the one before it.

    Each certificate but the root has another issuer than itself, so that no certificate can be added to a chain.

    Raises:
        Untrusted: The chain is empty, too long, out of order, has no root, or has a certificate that does not belong.
    """
    check_length(len(chain), what=what)
    for below, above in itertools.pairwise(chain):
        if below.is_self_signed:
            raise Untrusted(
                "a chain that goes on after a certificate that has signed itself", subject=what, actual=below.subject
            )
        if not below.is_issued_by(above):
            raise Untrusted(
                text("a chain in which the next certificate has not signed {subject}", subject=below.subject),
                subject=what,
                actual=above.subject,
            )
    if not chain[-1].is_self_signed:
        raise Untrusted("a chain that does not end with a root certificate", subject=what, actual=chain[-1].subject)


def check_length(count: int, *, what: str) -> None:
    """Checks the number of certificates in a chain.

    Raises:
        Untrusted: There is none, or there are too many.
    """
    if not 1 <= count <= CERTIFICATE_CHAIN:
        raise Untrusted(
            "no chain of certificates",
            subject=what,
            expected=text("1 to {most} certificates", most=CERTIFICATE_CHAIN),
            actual=str(count),
        )
