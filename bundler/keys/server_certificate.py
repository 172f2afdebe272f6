"""Makes a certificate for a server, by an authority whose key is forgotten at once. X.509 by `cryptography`."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from bundler.core.frozen import frozen

VALID_DAYS = 825
"""The longest time for which browsers and macOS accept a certificate of a private authority."""
_CLOCKS_DIFFER = timedelta(hours=24)


@frozen
class ServerCertificate:
    """A certificate of a server, and the authority that clients must trust.

    Attributes:
        authority: The certificate of the authority, PEM.
        fingerprint: Its SHA-256, as ``openssl x509 -fingerprint`` prints it.
        chain: The certificate of the server, then that of the authority, PEM.
        key: The private key of the server, PEM.
    """

    authority: bytes
    fingerprint: str
    chain: bytes
    key: bytes


def make_certificate(names: Iterable[str], *, now: datetime) -> ServerCertificate:
    """Makes an authority and a certificate by it.

    The key of the authority signs this one certificate and is stored nowhere. So trust in the authority is trust in
    this server alone.

    Args:
        names: The names and IP addresses of the server.
        now: The current time.
    """
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = _name(f"bundler serve {now:%Y-%m-%d %H:%M:%S}")
    authority = (
        _started(issuer, authority_key.public_key(), now)
        .subject_name(issuer)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    certificate = (
        _started(issuer, key.public_key(), now)
        .subject_name(_name("bundler serve"))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(list(map(_alternative, dict.fromkeys(names)))), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    pem = authority.public_bytes(Encoding.PEM)
    return ServerCertificate(
        pem,
        authority.fingerprint(hashes.SHA256()).hex(":").upper(),
        certificate.public_bytes(Encoding.PEM) + pem,
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )


def _started(issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCKS_DIFFER)
        .not_valid_after(now - _CLOCKS_DIFFER + timedelta(days=VALID_DAYS))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
