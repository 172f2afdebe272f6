"""Public keys that verify signatures of images: ECDSA, RSA and Ed25519. The door to `cryptography` for them.

The keys of bundles are another matter (`bundler.bundle.signing`): they are always Ed25519.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import field

from cryptography.exceptions import InternalError, InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    SECP384R1,
    SECP521R1,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512, HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from bundler.bundle.signing import is_weak
from bundler.core.frozen import frozen
from bundler.core.key_kind import KeyForm, key_kind
from bundler.core.limits import KEY_BYTES
from bundler.errors import Misuse
from bundler.texts import text

RSA_BITS = range(2048, 16_385)
"""Shorter RSA keys can be broken (NIST SP 800-131A); longer ones would make one check take seconds."""

_HASHES: dict[type, tuple[type[HashAlgorithm], ...]] = {
    SECP256R1: (SHA256,),
    SECP384R1: (SHA384, SHA256),
    SECP521R1: (SHA512, SHA256),
}
"""The hash of each curve first, as cosign 3 signs; then SHA-256, with which cosign 2 signed by every curve."""

_Check = Callable[[bytes, bytes], None]


@frozen
class ImageKey:
    """A public key: a `VerifyingKey` of `bundler.core.policy`.

    Attributes:
        fingerprint: The SHA-256 of its SPKI DER, in hex.
        origin: The file or the field of the policy that it comes from.
    """

    fingerprint: str
    origin: str
    _checks: tuple[_Check, ...] = field(compare=False, repr=False)

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """True if the private half of this key made the signature over the message."""
        return any(_is_good(check, signature, message) for check in self._checks)


def _is_good(check: _Check, signature: bytes, message: bytes) -> bool:
    try:
        check(signature, message)
    except (InvalidSignature, ValueError):  # ValueError: RSA with a signature of another length in some versions
        return False
    return True


def load_image_key(pem: bytes, *, origin: str) -> ImageKey:
    """Reads a public key in PEM form (SPKI, or PKCS#1 for RSA).

    Args:
        pem: The content of the file.
        origin: Its name, for messages and verdicts.

    Raises:
        Misuse: It is no such key, a key of a kind that signs no images, or anybody can forge its signatures.
    """
    kind = key_kind(pem)
    if len(pem) > KEY_BYTES or len(kind.labels) != 1 or kind.form is not KeyForm.PUBLIC:
        found = text("several keys") if len(kind.labels) > 1 else kind.form.value
        raise Misuse("not a public key in PEM form", subject=origin, expected=text("one public key"), actual=found)
    try:
        key = load_pem_public_key(pem)
        der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (ValueError, TypeError, UnsupportedAlgorithm, InternalError) as error:
        raise Misuse("not a public key in PEM form", subject=origin) from error
    return ImageKey(hashlib.sha256(der).hexdigest(), origin, _checks_of(key, origin))


def _checks_of(key: object, origin: str) -> tuple[_Check, ...]:
    match key:
        case EllipticCurvePublicKey(curve=curve) if type(curve) in _HASHES:
            return tuple(_ecdsa(key, hash_) for hash_ in _HASHES[type(curve)])
        case RSAPublicKey(key_size=bits) if bits in RSA_BITS and key.public_numbers().e > 2:
            return (lambda signature, message: key.verify(signature, message, PKCS1v15(), SHA256()),)
        case Ed25519PublicKey() if not is_weak(key):
            return (key.verify,)
        case RSAPublicKey() | Ed25519PublicKey():
            raise Misuse("a weak key: anyone can forge its signatures", subject=origin)
        case _:
            kinds = text("ECDSA on P-256, P-384 or P-521, RSA or Ed25519")
            raise Misuse("a key of a kind that signs no images", subject=origin, expected=kinds, actual=_kind(key))


def _ecdsa(key: EllipticCurvePublicKey, hash_: type[HashAlgorithm]) -> _Check:
    return lambda signature, message: key.verify(signature, message, ECDSA(hash_()))


def _kind(key: object) -> str:
    if isinstance(key, EllipticCurvePublicKey):
        return key.curve.name
    return type(key).__name__.removesuffix("PublicKey").strip("_")
