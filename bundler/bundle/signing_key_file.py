"""Private keys in encrypted files: PKCS#8 with PBES2 and scrypt (RFC 8018, RFC 7914).

This is a module of its own because its ASN.1 classes would delay the start of every command that verifies a signature.
"""

from __future__ import annotations

import base64
import os
from contextlib import suppress

from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.x509 import ObjectIdentifier

_COST, _BLOCK, _PARALLEL = 1 << 14, 8, 1  # as openssl writes and, with its 32 MiB, reads it
_PBES2 = ObjectIdentifier("1.2.840.113549.1.5.13")
_SCRYPT = ObjectIdentifier("1.3.6.1.4.1.11591.4.11")
_AES_256_CBC = ObjectIdentifier("2.16.840.1.101.3.4.1.42")


def is_scrypt(pem: bytes) -> bool:
    """True if an encrypted private key is encrypted with scrypt."""
    body = b"".join(line for line in pem.splitlines() if not line.startswith(b"-----"))
    with suppress(ValueError):
        return asn1.encode_der(_SCRYPT) in base64.b64decode(body)
    return False


@asn1.sequence
class _ScryptParameters:
    salt: bytes
    cost: int
    block_size: int
    parallelization: int


@asn1.sequence
class _KeyDerivation:
    algorithm: ObjectIdentifier
    parameters: _ScryptParameters


@asn1.sequence
class _Encryption:
    algorithm: ObjectIdentifier
    initial_vector: bytes


@asn1.sequence
class _Pbes2Parameters:
    key_derivation: _KeyDerivation
    encryption: _Encryption


@asn1.sequence
class _Pbes2:
    algorithm: ObjectIdentifier
    parameters: _Pbes2Parameters


@asn1.sequence
class _EncryptedPrivateKeyInfo:
    encryption_algorithm: _Pbes2
    encrypted_data: bytes


def encrypted_pem(der: bytes, passphrase: bytes) -> bytes:
    """Encrypts a private key as ``openssl pkcs8 -topk8 -scrypt`` does.

    `cryptography` reads this form, but itself writes only PBKDF2 with 2048 rounds, which is far too few.
    """
    salt, initial_vector = os.urandom(16), os.urandom(16)
    key = Scrypt(salt, 32, _COST, _BLOCK, _PARALLEL).derive(passphrase)
    padder = PKCS7(128).padder()
    encryptor = Cipher(algorithms.AES(key), modes.CBC(initial_vector)).encryptor()
    encrypted = encryptor.update(padder.update(der) + padder.finalize()) + encryptor.finalize()
    scheme = _Pbes2(
        algorithm=_PBES2,
        parameters=_Pbes2Parameters(
            key_derivation=_KeyDerivation(
                algorithm=_SCRYPT,
                parameters=_ScryptParameters(salt=salt, cost=_COST, block_size=_BLOCK, parallelization=_PARALLEL),
            ),
            encryption=_Encryption(algorithm=_AES_256_CBC, initial_vector=initial_vector),
        ),
    )
    info = asn1.encode_der(_EncryptedPrivateKeyInfo(encryption_algorithm=scheme, encrypted_data=encrypted))
    return _pem("ENCRYPTED PRIVATE KEY", info)


def _pem(label: str, der: bytes) -> bytes:
    body = base64.b64encode(der)
    lines = [body[start : start + 64] for start in range(0, len(body), 64)]
    return b"\n".join([f"-----BEGIN {label}-----".encode(), *lines, f"-----END {label}-----".encode(), b""])
