"""Sigstore bundles, the format of cosign 3: sigstore's protobuf-specs, cosign's specs/BUNDLE_SPEC.md.

A bundle has either a DSSE envelope around an in-toto statement, or a signature of the manifest's own bytes. The
envelope says what is signed and must be read first; the statement in it is read only after the signature proved right.
A bundle of cosign states the digest of the image, but not its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bundler.core import strict_json
from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.limits import SIGNATURE_CONTAINERS
from bundler.core.policy.base64_text import exact_base64
from bundler.core.policy.verdict import Unfit, Verified
from bundler.errors import Damaged
from bundler.texts import text

MEDIA_TYPE_STEM = "application/vnd.dev.sigstore.bundle"
MEDIA_TYPES = frozenset(
    {
        f"{MEDIA_TYPE_STEM}.v0.3+json",
        *(f"{MEDIA_TYPE_STEM}+json;version=0.{minor}" for minor in (1, 2, 3)),
    }
)
IN_TOTO = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
COSIGN_SIGN = "https://sigstore.dev/cosign/sign/v1"
"""The predicate of a signature. Attestations have others: a signed SBOM approves no image."""


@frozen
class Envelope:
    """A DSSE envelope with exactly one signature."""

    payload: bytes
    payload_type: str
    signature: bytes

    @property
    def signed_bytes(self) -> bytes:
        """The bytes that are signed: DSSE's pre-authentication encoding, PAE."""
        kind = self.payload_type.encode()
        return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(self.payload), self.payload)


@frozen
class MessageSignature:
    """A signature of the bytes of the manifest, with their SHA-256 as the bundle states it."""

    digest: bytes
    signature: bytes


@frozen
class Claim:
    """The claim that the signature of a bundle must prove.

    Attributes:
        signature: The signature.
        message: The bytes that are signed; None for the bytes of the manifest itself.
        statement: The in-toto statement in the message, which must not be read before the signature proved right; None
            if the manifest itself is signed.
    """

    signature: bytes
    message: bytes | None = None
    statement: bytes | None = None


@frozen
class SigstoreBundle:
    """The content of a bundle, of which nothing is verified.

    Attributes:
        media_type: Its version.
        material: The field ``verificationMaterial``.
        content: The signature, and the content that it signs.
    """

    media_type: str
    material: Mapping[str, Any]
    content: Envelope | MessageSignature

    @property
    def key_hint(self) -> bytes | None:
        """The SHA-256 of the key that signed, by the bundle's own word, as cosign writes it; None if it says none."""
        key = self.material.get("publicKey")
        hint = key.get("hint") if isinstance(key, dict) else None
        try:
            found = exact_base64(hint, what="hint")
        except Unfit:
            return None
        return found if len(found) == 32 else None


def parse_bundle(content: bytes) -> SigstoreBundle:
    """Reads a bundle. Its length was checked.

    Raises:
        Unfit: It is not a bundle, or has more or fewer than one signature.
    """
    try:
        document = strict_json.loads(content, what="bundle", containers=SIGNATURE_CONTAINERS)
    except Damaged as error:
        raise Unfit(text("a bundle that is not strict JSON: {error}", error=error.message)) from error
    top = _object(document, {"mediaType", "verificationMaterial"}, {"dsseEnvelope", "messageSignature"})
    if top["mediaType"] not in MEDIA_TYPES:
        raise Unfit(text("a bundle of the version {version:.80}", version=repr(top["mediaType"])))
    material = _object(
        top["verificationMaterial"],
        set(),
        {"publicKey", "certificate", "x509CertificateChain", "tlogEntries", "timestampVerificationData"},
    )
    if ("dsseEnvelope" in top) == ("messageSignature" in top):
        raise Unfit(text("a bundle without exactly one of dsseEnvelope and messageSignature"))
    if "dsseEnvelope" in top:
        return SigstoreBundle(top["mediaType"], material, _envelope(top["dsseEnvelope"]))
    return SigstoreBundle(top["mediaType"], material, _message_signature(top["messageSignature"]))


def claim_of(bundle: SigstoreBundle, digest: Digest) -> Claim:
    """The claim of a bundle, before its signature is checked.

    Args:
        bundle: The bundle.
        digest: The digest of the manifest that it must be about.

    Raises:
        Unfit: It is about something else, as far as that can be seen without reading what is signed.
    """
    match bundle.content:
        case MessageSignature(stated, signature):
            if digest.algorithm != "sha256" or stated.hex() != digest.encoded:
                raise Unfit(text("a signature of another manifest: {stated:.100}", stated=f"sha256:{stated.hex()}"))
            return Claim(signature)
        case Envelope() as envelope:
            if envelope.payload_type != IN_TOTO:
                raise Unfit(text("a payload of the type {kind:.80}", kind=repr(envelope.payload_type)))
            return Claim(envelope.signature, envelope.signed_bytes, envelope.payload)


def check_statement(payload: Verified, digest: Digest) -> None:
    """Checks the in-toto statement of an envelope, after its signature proved right.

    Raises:
        Unfit: It is no signature of this manifest.
    """
    try:
        statement = strict_json.loads(payload.content, what="statement", containers=SIGNATURE_CONTAINERS)
    except Damaged as error:
        raise Unfit(text("a payload that is not strict JSON: {error}", error=error.message)) from error
    fields = _object(statement, {"_type", "subject", "predicateType"}, {"predicate"})
    if fields["_type"] != STATEMENT_TYPE:
        raise Unfit(text("a statement of the type {kind:.80}", kind=repr(fields["_type"])))
    if fields["predicateType"] != COSIGN_SIGN:
        raise Unfit(text("an attestation of the type {kind:.80}, not a signature", kind=repr(fields["predicateType"])))
    subjects = fields["subject"] if isinstance(fields["subject"], list) else []
    digests = [each.get("digest") for each in subjects if isinstance(each, dict)]
    stated = [each.get(digest.algorithm) for each in digests if isinstance(each, dict)]
    if digest.encoded not in stated:  # as text: upper case is another digest
        shown = str(stated[0]) if stated else ""
        raise Unfit(text("a signature of another manifest: {stated:.100}", stated=f"{digest.algorithm}:{shown}"))


def _envelope(value: Any) -> Envelope:
    fields = _object(value, {"payload", "payloadType", "signatures"}, set())
    signatures = fields["signatures"] if isinstance(fields["signatures"], list) else []
    if len(signatures) != 1:
        raise Unfit(text("an envelope with {count:,} signatures, not 1", count=len(signatures)))
    signature = _object(signatures[0], {"sig"}, {"keyid"})["sig"]
    if not isinstance(fields["payloadType"], str):
        raise Unfit(text("a payload of the type {kind:.80}", kind=repr(fields["payloadType"])))
    return Envelope(
        exact_base64(fields["payload"], what=text("the payload")), fields["payloadType"], _signature(signature)
    )


def _message_signature(value: Any) -> MessageSignature:
    fields = _object(value, {"messageDigest", "signature"}, set())
    digest = _object(fields["messageDigest"], {"algorithm", "digest"}, set())
    if digest["algorithm"] != "SHA2_256":
        raise Unfit(text("a digest of the kind {kind:.80}", kind=repr(digest["algorithm"])))
    return MessageSignature(exact_base64(digest["digest"], what=text("the digest")), _signature(fields["signature"]))


def _signature(value: Any) -> bytes:
    if not value:
        raise Unfit(text("an empty signature"))
    return exact_base64(value, what=text("the signature"))


def _object(value: Any, required: set[str], optional: set[str]) -> dict[str, Any]:
    if not isinstance(value, dict) or not required <= set(value) <= required | optional:
        raise Unfit(text("a bundle with other fields than sigstore's bundles have"))
    return value
