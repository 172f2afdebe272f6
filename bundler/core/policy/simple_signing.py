"""Signatures in cosign's older format and in skopeo's: simple signing, in the tag ``sha256-<hex>.sig``.

Each layer of the manifest is one payload; its signature is an annotation of the layer's descriptor. The payload is JSON
(containers-signature(5), cosign's specs/SIGNATURE_SPEC.md) with the digest and the reference of the image.
"""

from __future__ import annotations

from typing import Any

from bundler.core import strict_json
from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.limits import SIGNATURE_CONTAINERS
from bundler.core.policy.base64_text import exact_base64
from bundler.core.policy.evidence import SignatureLayer
from bundler.core.policy.verdict import Unfit, Verified
from bundler.errors import Damaged
from bundler.texts import text

MEDIA_TYPE = "application/vnd.dev.cosign.simplesigning.v1+json"
SIGNATURE_ANNOTATION = "dev.cosignproject.cosign/signature"
PAYLOAD_TYPE = "cosign container image signature"


@frozen
class SimplePayload:
    """A payload whose signature is right: the digest and the reference that it states."""

    digest: str
    reference: str


def signature_of(layer: SignatureLayer) -> bytes:
    """The signature of a payload.

    Raises:
        Unfit: There is none.
    """
    value = layer.annotations.get(SIGNATURE_ANNOTATION, "")
    if not value:
        raise Unfit(text("an empty signature"))
    return exact_base64(value, what=text("the signature"))


def read_payload(payload: Verified) -> SimplePayload:
    """Reads a payload, after its signature proved right.

    Raises:
        Unfit: It is not a payload of simple signing.
    """
    try:
        document = strict_json.loads(payload.content, what="payload", containers=SIGNATURE_CONTAINERS)
    except Damaged as error:
        raise Unfit(text("a payload that is not strict JSON: {error}", error=error.message)) from error
    top = _object(document, "critical", "optional")
    if top["optional"] is not None and not isinstance(top["optional"], dict):  # cosign writes null
        raise Unfit(text("a payload with other fields than simple signing has"))
    critical = _object(top["critical"], "identity", "image", "type")
    if critical["type"] != PAYLOAD_TYPE:
        raise Unfit(text("a payload of the type {kind:.80}", kind=repr(critical["type"])))
    digest = _object(critical["image"], "docker-manifest-digest")["docker-manifest-digest"]
    reference = _object(critical["identity"], "docker-reference")["docker-reference"]
    if not isinstance(digest, str) or not isinstance(reference, str):
        raise Unfit(text("a payload with other fields than simple signing has"))
    return SimplePayload(digest, reference)


def check_digest(payload: SimplePayload, digest: Digest) -> None:
    """Checks that a payload is about a manifest.

    Raises:
        Unfit: It is about another one. Its digest is compared as text: upper case is another digest.
    """
    if payload.digest != str(digest):
        raise Unfit(text("a signature of another manifest: {stated:.100}", stated=payload.digest))


def _object(value: Any, *names: str) -> dict[str, Any]:
    if not isinstance(value, dict) or set(value) != set(names):
        raise Unfit(text("a payload with other fields than simple signing has"))
    return value
