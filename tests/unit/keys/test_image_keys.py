"""Keys of images verify what they signed, and weak or foreign keys are errors."""

from __future__ import annotations

import base64
import hashlib
import json

from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa, x25519
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from bundler.errors import Misuse
from bundler.keys.image_keys import load_image_key
from tests.support.errors import raises
from tests.support.signatures import DATA, Signer, signer
from tests.support.tables import each_case


@each_case(
    "kind, hash_, is_good",
    [
        ("P-256", SHA256, True),
        ("P-256", SHA384, False),
        ("P-384", SHA384, True),
        ("P-384", SHA256, True),
        ("P-384", SHA512, False),
        ("P-521", SHA512, True),
        ("P-521", SHA256, True),
        ("P-521", SHA384, False),
        ("RSA", SHA256, True),
        ("RSA", SHA512, False),
        ("Ed25519", SHA256, True),
    ],
)
def test_a_key_verifies_with_the_hashes_of_cosign(kind, hash_, is_good):
    by = Signer(signer(kind).key, hash_)
    assert by.public.verifies(by.sign(b"message"), b"message") is is_good
    assert not by.public.verifies(by.sign(b"message"), b"another message")
    assert not signer(kind, 1).public.verifies(by.sign(b"message"), b"message")


@each_case("kind", ["P-256", "P-384", "RSA", "Ed25519"])
def test_no_flipped_bit_of_a_signature_verifies(kind):
    by = signer(kind)
    good = by.sign(b"message")
    for bit in range(0, len(good) * 8, 3):
        changed = bytearray(good)
        changed[bit // 8] ^= 1 << (bit % 8)
        assert not by.public.verifies(bytes(changed), b"message")
    for other in (b"", good[:-1], good + b"\0", b"\0" * len(good)):
        assert not by.public.verifies(other, b"message")


def test_a_fingerprint_is_the_sha256_of_the_der_form():
    assert signer().public.fingerprint == hashlib.sha256(signer().der).hexdigest()
    key = load_image_key((DATA / "cosign3.pub").read_bytes(), origin="cosign3.pub")
    hint = json.loads((DATA / "c3bundle.json").read_bytes())["verificationMaterial"]["publicKey"]["hint"]
    assert key.fingerprint == base64.b64decode(hint).hex()
    assert key.origin == "cosign3.pub"


def pem(key) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


WEAK_ED25519 = b"-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n-----END PUBLIC KEY-----\n"
"""The neutral element: every message has the same signature under it."""


@each_case(
    "content",
    [
        pem(rsa.generate_private_key(65537, 1024)),
        pem(ec.generate_private_key(ec.SECP256K1())),
        pem(dsa.generate_private_key(1024)),
        pem(x25519.X25519PrivateKey.generate()),
        WEAK_ED25519,
        b"",
        b"garbage",
        b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        signer().pem + signer("RSA").pem,
        signer().pem + b"x" * (16 << 10),
        signer().key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        signer().der,
    ],
    ids=[
        "RSA 1024",
        "secp256k1",
        "DSA",
        "X25519",
        "weak",
        "empty",
        "garbage",
        "bad DER",
        "two",
        "large",
        "private",
        "DER",
    ],
)
def test_no_other_file_is_a_key(content):
    with raises(Misuse, subject="the.pub"):
        load_image_key(content, origin="the.pub")
