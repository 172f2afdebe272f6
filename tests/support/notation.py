"""Makes Notation signatures for tests: certificates, JWS and COSE envelopes, and timestamps by openssl.

The makers share no code with the readers: `cryptography` builds certificates and signs, `cbor2` encodes COSE.
"""

from __future__ import annotations

import base64
import datetime
import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from bundler.core.digest import Digest
from bundler.core.oci import OCI_MANIFEST, Descriptor

NOW = 1_795_000_000
"""The time of the tests' signatures, in November 2026."""

HOUR = 3600
SUBJECT = Descriptor(OCI_MANIFEST, Digest.of(b"the image"), 417)
PAYLOAD_TYPE = "application/vnd.cncf.notary.payload.v1+json"
JWS, COSE = "application/jose+json", "application/cose"

_HASHES: dict[int, hashes.HashAlgorithm] = {256: hashes.SHA256(), 384: hashes.SHA384(), 521: hashes.SHA512()}
_COSE = {"ES256": -7, "ES384": -35, "ES512": -36, "PS256": -37, "PS384": -38, "PS512": -39}
_RSA = {2048: ("PS256", hashes.SHA256()), 3072: ("PS384", hashes.SHA384()), 4096: ("PS512", hashes.SHA512())}
_KEY_USAGE = dict.fromkeys(
    (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
        "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    ),
    False,
)  # fmt: skip


@cache
def ec_key(name: str, curve: str = "SECP256R1") -> ec.EllipticCurvePrivateKey:
    """A key by its name: the same name gives the same key within a run."""
    return ec.generate_private_key(getattr(ec, curve)())


@cache
def rsa_key(name: str, bits: int = 2048) -> rsa.RSAPrivateKey:
    """An RSA key by its name."""
    return rsa.generate_private_key(65537, bits)


@dataclass(frozen=True)
class Recipe:
    """A certificate to make. The defaults are those of a leaf that Notation accepts."""

    name: str
    key: Any
    is_ca: bool = False
    basic: bool = True
    is_basic_critical: bool = True
    path_length: int | None = None
    usage: Sequence[str] | None = ("digital_signature",)
    is_usage_critical: bool = True
    purposes: Sequence[x509.ObjectIdentifier] | None = (ExtendedKeyUsageOID.CODE_SIGNING,)
    is_purpose_critical: bool = False
    begins: int = NOW - HOUR
    ends: int = NOW + HOUR
    attributes: Sequence[tuple[x509.ObjectIdentifier, str]] | None = None
    extensions: Sequence[x509.ExtensionType] = ()
    critical: Sequence[x509.ExtensionType] = ()
    hashed_by: hashes.HashAlgorithm | None = None

    @property
    def subject(self) -> x509.Name:
        given = self.attributes or (
            (NameOID.COUNTRY_NAME, "US"),
            (NameOID.STATE_OR_PROVINCE_NAME, "WA"),
            (NameOID.ORGANIZATION_NAME, "acme"),
            (NameOID.COMMON_NAME, self.name),
        )
        return x509.Name([x509.NameAttribute(kind, value) for kind, value in given])


def leaf(name: str = "signer", key: Any = None, **changes: Any) -> Recipe:
    return Recipe(name, key or ec_key(name), **changes)


def ca(name: str = "root", key: Any = None, **changes: Any) -> Recipe:
    made = Recipe(name, key or ec_key(name), is_ca=True, usage=("key_cert_sign",), purposes=None)
    return replace(made, **changes)


def issue(recipe: Recipe, issuer: Recipe) -> x509.Certificate:
    moment = datetime.datetime.fromtimestamp
    builder = (
        x509.CertificateBuilder()
        .subject_name(recipe.subject)
        .issuer_name(issuer.subject)
        .public_key(recipe.key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(moment(recipe.begins, datetime.timezone.utc))
        .not_valid_after(moment(recipe.ends, datetime.timezone.utc))
    )
    if recipe.basic:
        builder = builder.add_extension(
            x509.BasicConstraints(recipe.is_ca, recipe.path_length), recipe.is_basic_critical
        )
    if recipe.usage is not None:
        bits = {**_KEY_USAGE, **dict.fromkeys(recipe.usage, True)}
        builder = builder.add_extension(x509.KeyUsage(**bits), recipe.is_usage_critical)
    if recipe.purposes is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage(recipe.purposes), recipe.is_purpose_critical)
    for extension in (*recipe.extensions, *recipe.critical):
        builder = builder.add_extension(extension, extension in recipe.critical)
    return builder.sign(issuer.key, recipe.hashed_by or hashes.SHA256())


def chain_of(*recipes: Recipe) -> list[bytes]:
    """The certificates from the leaf to the root, each issued by the next one."""
    issuers = [*recipes[1:], recipes[-1]]
    return [issue(one, other).public_bytes(Encoding.DER) for one, other in zip(recipes, issuers, strict=True)]


def algorithm_of(key: Any) -> str:
    if isinstance(key, rsa.RSAPrivateKey):
        return _RSA[key.key_size][0] if key.key_size in _RSA else "PS256"
    return {256: "ES256", 384: "ES384", 521: "ES512"}.get(key.curve.key_size, "ES256")


def signed_with(key: Any, message: bytes) -> bytes:
    """A raw signature by the algorithm of the key."""
    if isinstance(key, rsa.RSAPrivateKey):
        hashed_by = _RSA.get(key.key_size, ("", hashes.SHA256()))[1]
        return key.sign(message, padding.PSS(padding.MGF1(hashed_by), padding.PSS.DIGEST_LENGTH), hashed_by)
    width = (key.curve.key_size + 7) // 8
    made = key.sign(message, ec.ECDSA(_HASHES.get(key.curve.key_size, hashes.SHA256())))
    return b"".join(part.to_bytes(width, "big") for part in decode_dss_signature(made))


def payload_for(subject: Descriptor = SUBJECT, **changes: Any) -> bytes:
    return json.dumps({"targetArtifact": {**subject.to_json(), **changes}}).encode()


def url64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


@dataclass(frozen=True)
class Envelope:
    """An envelope to make. Times are in seconds; `protected` changes the protected header, None removes a field."""

    chain: Sequence[bytes]
    key: Any
    payload: bytes = payload_for()
    scheme: str = "notary.x509"
    signed: int = NOW - 60
    expires: int | None = None
    protected: Mapping[Any, Any] | None = None
    critical: Sequence[Any] | None = None
    token: bytes | None = None

    def header(self, time: Any) -> dict[Any, Any]:
        moment = "authenticSigningTime" if self.scheme.endswith("signingAuthority") else "signingTime"
        made = {"io.cncf.notary.signingScheme": self.scheme, f"io.cncf.notary.{moment}": time(self.signed)}
        critical = ["io.cncf.notary.signingScheme"]
        if moment == "authenticSigningTime":
            critical.append("io.cncf.notary.authenticSigningTime")
        if self.expires is not None:
            made["io.cncf.notary.expiry"] = time(self.expires)
            critical.append("io.cncf.notary.expiry")
        made["crit"] = list(self.critical) if self.critical is not None else critical
        made["alg"], made["cty"] = algorithm_of(self.key), PAYLOAD_TYPE
        return {name: value for name, value in {**made, **(self.protected or {})}.items() if value is not None}

    def jws_parts(self) -> dict[str, Any]:
        protected = url64(json.dumps(self.header(_text)).encode())
        signature = signed_with(self.key, f"{protected}.{url64(self.payload)}".encode())
        token = {} if self.token is None else {_TIMESTAMP: base64.b64encode(self.token).decode()}
        header = {"x5c": [base64.b64encode(each).decode() for each in self.chain], **token}
        return {
            "payload": url64(self.payload),
            "protected": protected,
            "header": header,
            "signature": url64(signature),
        }

    def jws(self) -> bytes:
        return json.dumps(self.jws_parts()).encode()

    def cose_parts(self) -> list[Any]:
        labels = {"alg": 1, "crit": 2, "cty": 3}
        header = {labels.get(name, name): value for name, value in self.header(_tagged).items()}
        header = {label: _COSE.get(value, value) if label == 1 else value for label, value in header.items()}
        protected = cbor2.dumps(header)
        signature = signed_with(self.key, cbor2.dumps(["Signature1", protected, b"", self.payload]))
        token = {} if self.token is None else {_TIMESTAMP: self.token}
        return [protected, {33: list(self.chain), **token}, self.payload, signature]

    def cose(self) -> bytes:
        return cbor2.dumps(cbor2.CBORTag(18, self.cose_parts()))

    def of(self, media_type: str) -> bytes:
        return self.jws() if media_type == JWS else self.cose()


_TIMESTAMP = "io.cncf.notary.timestampSignature"


def _text(seconds: int) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _tagged(seconds: int) -> cbor2.CBORTag:
    return cbor2.CBORTag(1, seconds)


def policy_of(*statements: Mapping[str, Any]) -> bytes:
    return json.dumps({"version": "1.0", "trustPolicies": statements}).encode()


def statement_of(**changes: Any) -> dict[str, Any]:
    made = {
        "name": "all",
        "registryScopes": ["*"],
        "signatureVerification": {"level": "strict"},
        "trustStores": ["ca:acme"],
        "trustedIdentities": ["*"],
    }
    return {name: value for name, value in {**made, **changes}.items() if value is not None}


def write_store(folder: Path, stores: Mapping[str, Sequence[bytes]]) -> None:
    """Writes a trust store: ``{"ca:acme": [DER, …]}``."""
    for name, certificates in stores.items():
        kind, _, own = name.partition(":")
        place = folder / "truststore" / "x509" / kind / own
        place.mkdir(parents=True, exist_ok=True)
        for number, der in enumerate(certificates):
            (place / f"{number}.pem").write_bytes(x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM))


_TSA_CONFIG = """
[tsa]
default_tsa = own
[own]
serial = {folder}/serial
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
accuracy = secs:1
ess_cert_id_alg = sha256
"""


def stamped(folder: Path, signature: bytes, chain: Sequence[bytes], key: Any) -> bytes:
    """The token of openssl's timestamp authority for a signature, with the time of now."""
    folder.mkdir(parents=True, exist_ok=True)
    loaded = [x509.load_der_x509_certificate(each).public_bytes(Encoding.PEM) for each in chain]
    (folder / "signature").write_bytes(signature)
    (folder / "tsa.pem").write_bytes(loaded[0])
    (folder / "chain.pem").write_bytes(b"".join(loaded[1:]))
    (folder / "tsa.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (folder / "tsa.cnf").write_text(_TSA_CONFIG.format(folder=folder))
    (folder / "serial").write_text("01\n")

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", "ts", *arguments], cwd=folder, check=True, capture_output=True)

    openssl("-query", "-data", "signature", "-sha256", "-cert", "-out", "query")
    openssl(
        *("-reply", "-config", "tsa.cnf", "-queryfile", "query", "-signer", "tsa.pem", "-inkey", "tsa.key"),
        *("-chain", "chain.pem", "-token_out", "-out", "token"),
    )
    return (folder / "token").read_bytes()
