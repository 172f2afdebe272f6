"""Loads X.509 certificates with `cryptography`, and checks signatures with their keys. RFC 5280, RFC 7518."""

from __future__ import annotations

import hashlib
import ipaddress
import re
from typing import Any

from cryptography import x509
from cryptography.exceptions import InternalError, InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtensionOID, NameOID

from bundler.core.certificates import Address, Certificate
from bundler.core.frozen import frozen
from bundler.core.limits import CERTIFICATE_BYTES, TRUST_STORE_FILES
from bundler.core.patterns import lazy_pattern
from bundler.errors import Untrusted
from bundler.texts import text

_NAMES = {
    NameOID.COMMON_NAME: "CN",
    NameOID.LOCALITY_NAME: "L",
    NameOID.STATE_OR_PROVINCE_NAME: "ST",
    NameOID.ORGANIZATION_NAME: "O",
    NameOID.ORGANIZATIONAL_UNIT_NAME: "OU",
    NameOID.COUNTRY_NAME: "C",
    NameOID.STREET_ADDRESS: "STREET",
    NameOID.SERIAL_NUMBER: "SERIALNUMBER",
    NameOID.POSTAL_CODE: "POSTALCODE",
}
"""The attribute types that have a short name in RFC 4514 or in Go's ``crypto/x509/pkix``; others have their number."""

_HANDLED = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
    }
)
_KEY_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
)
_EC_ALGORITHMS: dict[str, tuple[str, hashes.HashAlgorithm, int]] = {
    "secp256r1": ("ES256", hashes.SHA256(), 32),
    "secp384r1": ("ES384", hashes.SHA384(), 48),
    "secp521r1": ("ES512", hashes.SHA512(), 66),
}
_RSA_ALGORITHMS: dict[int, tuple[str, hashes.HashAlgorithm]] = {
    2048: ("PS256", hashes.SHA256()),
    3072: ("PS384", hashes.SHA384()),
    4096: ("PS512", hashes.SHA512()),
}
_SUBJECT_CHARACTERS = 300
_BROKEN = (ValueError, TypeError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType, InternalError)
_PEM = lazy_pattern(rb"-----BEGIN CERTIFICATE-----\s.+?-----END CERTIFICATE-----", re.DOTALL)


@frozen
class _Keys:
    """The cryptography of a certificate."""

    library_object: x509.Certificate
    _key: object

    def is_issued_by(self, issuer: Any) -> bool:
        """True if another certificate has the issuer's name and its key has signed this one.

        The library refuses signatures by MD5 and SHA-1, as the Notary Project and RFC 9155 demand.
        """
        try:
            self.library_object.verify_directly_issued_by(issuer)
        except (InvalidSignature, UnsupportedAlgorithm, *_BROKEN):
            return False
        return True

    @property
    def algorithm(self) -> str | None:
        """The one algorithm of JWS (RFC 7518) for the kind and size of its key; None if there is none."""
        match self._key:
            case ec.EllipticCurvePublicKey(curve=curve):
                return _EC_ALGORITHMS[curve.name][0] if curve.name in _EC_ALGORITHMS else None
            case rsa.RSAPublicKey(key_size=bits):
                return _RSA_ALGORITHMS[bits][0] if bits in _RSA_ALGORITHMS else None
            case _:
                return None

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """True if its key made this signature by its `algorithm`: PSS, the salt as long as the hash, or raw r and s."""
        try:
            match self._key:
                case ec.EllipticCurvePublicKey() as key if key.curve.name in _EC_ALGORITHMS:
                    _, hashed_by, width = _EC_ALGORITHMS[key.curve.name]
                    if len(signature) != 2 * width:
                        return False
                    r, s = (int.from_bytes(half, "big") for half in (signature[:width], signature[width:]))
                    key.verify(encode_dss_signature(r, s), message, ec.ECDSA(hashed_by))
                case rsa.RSAPublicKey() as rsa_key if rsa_key.key_size in _RSA_ALGORITHMS:
                    hashed_by = _RSA_ALGORITHMS[rsa_key.key_size][1]
                    scheme = padding.PSS(padding.MGF1(hashed_by), salt_length=padding.PSS.DIGEST_LENGTH)
                    rsa_key.verify(signature, message, scheme, hashed_by)
                case _:
                    return False
        except (InvalidSignature, UnsupportedAlgorithm, *_BROKEN):
            return False
        return True


def load(der: bytes, *, what: str) -> Certificate:
    """Reads one certificate.

    Raises:
        Untrusted: It is too large, is not a certificate in DER form, or contradicts itself.
    """
    if len(der) > CERTIFICATE_BYTES:
        raise Untrusted(
            "a certificate that is too large",
            subject=what,
            expected=text("at most {count} bytes", count=CERTIFICATE_BYTES),
            actual=text("{count} bytes", count=len(der)),
        )
    try:
        found = x509.load_der_x509_certificate(der)
        return _read(found, der)
    except (UnsupportedAlgorithm, *_BROKEN) as error:
        raise Untrusted(
            text("a certificate that is not valid: {error}", error=str(error)[:200]), subject=what
        ) from error


def load_file(content: bytes, *, what: str) -> tuple[Certificate, ...]:
    """Reads a file of certificates: PEM, or one certificate in DER form.

    Raises:
        Untrusted: It has none, or too many, or one is not valid.
    """
    return load_pem(content, what=what) if b"-----BEGIN" in content else (load(content, what=what),)


def load_pem(content: bytes, *, what: str) -> tuple[Certificate, ...]:
    """Reads all certificates of a PEM text, in their order; text between them is ignored.

    Raises:
        Untrusted: There is none, or there are too many, or one is not valid.
    """
    blocks = _PEM.findall(content)
    if not 1 <= len(blocks) <= TRUST_STORE_FILES:
        raise Untrusted("there is no certificate in it, or there are too many", subject=what, actual=str(len(blocks)))
    try:
        return tuple(load(_der_of(block), what=what) for block in blocks)
    except (UnsupportedAlgorithm, *_BROKEN) as error:
        raise Untrusted(
            text("a certificate that is not valid: {error}", error=str(error)[:200]), subject=what
        ) from error


def _der_of(pem: bytes) -> bytes:
    return x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)


def _read(found: x509.Certificate, der: bytes) -> Certificate:
    basic, usage = _extension(found, x509.BasicConstraints), _extension(found, x509.KeyUsage)
    purposes, names = _extension(found, x509.ExtendedKeyUsage), _extension(found, x509.SubjectAlternativeName)
    key = found.public_key()
    keys = _Keys(found, key)
    is_ca = basic is not None and basic.value.ca
    return Certificate(
        der=der,
        subject=_shown(found.subject.rfc4514_string()),
        attributes=tuple((_NAMES.get(each.oid, each.oid.dotted_string), str(each.value)) for each in found.subject),
        begins_seconds=int(found.not_valid_before_utc.timestamp()),
        ends_seconds=int(found.not_valid_after_utc.timestamp()),
        is_ca=is_ca,
        has_critical_ca=is_ca and basic is not None and basic.critical,
        path_length=basic.value.path_length if basic is not None else None,
        key_usage=_bits(usage.value) if usage is not None else None,
        has_critical_key_usage=usage is not None and usage.critical,
        purposes=frozenset(each.dotted_string for each in purposes.value) if purposes is not None else None,
        names_revocation=_names_revocation(found),
        emails=tuple(names.value.get_values_for_type(x509.RFC822Name)) if names is not None else (),
        uris=tuple(names.value.get_values_for_type(x509.UniformResourceIdentifier)) if names is not None else (),
        hosts=tuple(names.value.get_values_for_type(x509.DNSName)) if names is not None else (),
        addresses=_addresses(names.value) if names is not None else (),
        constrains_names=_extension(found, x509.NameConstraints) is not None,
        has_unhandled_critical=any(each.critical and each.oid not in _HANDLED for each in found.extensions),
        extensions={
            each.oid.dotted_string: each.value.value
            for each in found.extensions
            if isinstance(each.value, x509.UnrecognizedExtension)
        },
        fingerprint=hashlib.sha256(der).hexdigest(),
        public_key_pem=key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        algorithm=keys.algorithm,
        serial_number=found.serial_number,
        issuer_der=found.issuer.public_bytes(),
        keys=keys,
    )


def _shown(subject: str) -> str:
    """A subject for people: reasons with it are in bundles and receipts, and the maker of a signature chooses it."""
    return subject if len(subject) <= _SUBJECT_CHARACTERS else f"{subject[:_SUBJECT_CHARACTERS]}…"


def _addresses(names: x509.SubjectAlternativeName) -> tuple[Address, ...]:
    """The IP addresses of a subject. A network is none; it has its place in name constraints alone."""
    found = names.get_values_for_type(x509.IPAddress)
    return tuple(each for each in found if isinstance(each, (ipaddress.IPv4Address, ipaddress.IPv6Address)))


def _bits(usage: x509.KeyUsage) -> frozenset[str]:
    found = {name for name in _KEY_USAGES if getattr(usage, name)}
    if usage.key_agreement:
        found |= {name for name in ("encipher_only", "decipher_only") if getattr(usage, name)}
    return frozenset(found)


def _extension(found: x509.Certificate, kind: type[x509.ExtensionType]) -> x509.Extension[Any] | None:
    try:
        return found.extensions.get_extension_for_class(kind)
    except x509.ExtensionNotFound:
        return None


def _names_revocation(found: x509.Certificate) -> bool:
    access = _extension(found, x509.AuthorityInformationAccess)
    asks = access is not None and any(each.access_method == AuthorityInformationAccessOID.OCSP for each in access.value)
    oids = {each.oid for each in found.extensions}
    return asks or ExtensionOID.CRL_DISTRIBUTION_POINTS in oids
