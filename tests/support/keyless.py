"""Makes keyless signatures for tests: a certificate authority as Fulcio is one, and a transparency log as Rekor 1 is one."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from bundler.keys.image_keys import ImageKey
from tests.support.notation import NOW, ca, chain_of, issue, leaf
from tests.support.signatures import SIGNATURE, Signer, base64_of, pae

ISSUER, EMAIL, WORKFLOW = "https://issuer.example", "release@acme.example", "https://github.com/acme/ci/.github/w.yml"
ROOT, INTERMEDIATE = ca("fulcio root"), ca("fulcio", path_length=0)
TEN_MINUTES = 600


def unknown(oid: str, value: bytes) -> x509.UnrecognizedExtension:
    return x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), value)


def identity(email: str = EMAIL, issuer: str = ISSUER, workflow: str = WORKFLOW) -> tuple[x509.ExtensionType, ...]:
    """The extensions of a certificate of Fulcio."""
    return (
        x509.SubjectAlternativeName([x509.RFC822Name(email)]),
        unknown("1.3.6.1.4.1.57264.1.1", issuer.encode()),
        unknown("1.3.6.1.4.1.57264.1.8", b"\x0c" + bytes([len(issuer)]) + issuer.encode()),
        unknown("1.3.6.1.4.1.57264.1.9", b"\x0c" + bytes([len(workflow)]) + workflow.encode()),
    )


def pem_of(*ders: bytes) -> str:
    return "".join(x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM).decode() for der in ders)


@dataclass(frozen=True)
class Log:
    """A transparency log."""

    signer: Signer

    @property
    def key(self) -> ImageKey:
        return self.signer.public

    def entry(self, body: Mapping[str, Any], seconds: int = NOW, index: int = 7) -> dict[str, Any]:
        """The payload of a signed entry timestamp, and the timestamp."""
        content = base64_of(json.dumps(body).encode())
        log = hashlib.sha256(self.signer.der).hexdigest()
        payload = {"body": content, "integratedTime": seconds, "logID": log, "logIndex": index}
        canonical = json.dumps(payload, sort_keys=True, separators=(",", ":")).encode()
        return {"SignedEntryTimestamp": base64_of(self.signer.sign(canonical)), "Payload": payload}


@dataclass(frozen=True)
class Keyless:
    """A certificate of the moment with its key."""

    chain: tuple[bytes, ...]
    signer: Signer

    def body(self, message: bytes, signature: bytes) -> dict[str, Any]:
        """The body of a log entry for a signature of bytes."""
        key = {"content": base64_of(pem_of(self.chain[0]).encode())}
        hashed = {"algorithm": "sha256", "value": hashlib.sha256(message).hexdigest()}
        spec = {"data": {"hash": hashed}, "signature": {"content": base64_of(signature), "publicKey": key}}
        return {"apiVersion": "0.0.1", "kind": "hashedrekord", "spec": spec}

    def dsse_body(self, payload: bytes, signature: bytes) -> dict[str, Any]:
        """The body of a log entry for an envelope."""
        hashed = {"algorithm": "sha256", "value": hashlib.sha256(payload).hexdigest()}
        logged = {"signature": base64_of(signature), "verifier": base64_of(pem_of(self.chain[0]).encode())}
        spec = {"envelopeHash": hashed, "payloadHash": hashed, "signatures": [logged]}
        return {"apiVersion": "0.0.1", "kind": "dsse", "spec": spec}

    def annotations(self, log: Log, payload: bytes, *, seconds: int = NOW, **changes: Any) -> dict[str, str]:
        """The annotations of a payload of simple signing, as cosign 2 writes them."""
        signature = changes.pop("signature", None) or self.signer.sign(payload)
        body = changes.pop("body", self.body(payload, signature))
        made = {
            SIGNATURE: base64_of(signature),
            "dev.sigstore.cosign/certificate": pem_of(self.chain[0]),
            "dev.sigstore.cosign/chain": pem_of(*self.chain[1:]),
            "dev.sigstore.cosign/bundle": json.dumps(log.entry(body, seconds)),
        }
        return {name: value for name, value in {**made, **changes}.items() if value is not None}

    def bundle(
        self,
        log: Log,
        payload: bytes,
        *,
        seconds: int = NOW,
        kind: str = "application/vnd.in-toto+json",
        change: Callable[[dict[str, Any]], None] = lambda body: None,
    ) -> Any:
        """A sigstore bundle with an envelope, as cosign 3 writes it with a log that signs times."""
        signature = self.signer.sign(pae(kind, payload))
        body = self.dsse_body(payload, signature)
        change(body)
        entry = log.entry(body, seconds)
        envelope = {"payload": base64_of(payload), "payloadType": kind, "signatures": [{"sig": base64_of(signature)}]}
        return self._document(entry, dsseEnvelope=envelope)

    def message_bundle(self, log: Log, manifest: bytes) -> Any:
        """A sigstore bundle with a signature of the manifest itself."""
        signature = self.signer.sign(manifest)
        digest = {"algorithm": "SHA2_256", "digest": base64_of(hashlib.sha256(manifest).digest())}
        message = {"messageDigest": digest, "signature": base64_of(signature)}
        return self._document(log.entry(self.body(manifest, signature)), messageSignature=message)

    def _document(self, entry: Mapping[str, Any], **content: Any) -> dict[str, Any]:
        payload = entry["Payload"]
        logged = {
            "logIndex": str(payload["logIndex"]),
            "logId": {"keyId": base64.b64encode(bytes.fromhex(payload["logID"])).decode()},
            "kindVersion": {"kind": "dsse", "version": "0.0.1"},
            "integratedTime": str(payload["integratedTime"]),
            "inclusionPromise": {"signedEntryTimestamp": entry["SignedEntryTimestamp"]},
            "canonicalizedBody": payload["body"],
        }
        material = {"certificate": {"rawBytes": base64_of(self.chain[0])}, "tlogEntries": [logged]}
        return {
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": material,
            **content,
        }


ROOTS = chain_of(INTERMEDIATE, ROOT)
"""The intermediate authority, and the root."""


def keyless(name: str = "moment", **changes: Any) -> Keyless:
    """A certificate of ten minutes, and its key."""
    issuer = changes.pop("issuer", INTERMEDIATE)
    recipe = leaf(name, **{"begins": NOW - 60, "ends": NOW + TEN_MINUTES, "extensions": identity(), **changes})
    made = issue(recipe, issuer).public_bytes(Encoding.DER)
    return Keyless((made, *ROOTS), Signer(recipe.key))
