"""Attachments as cosign, notation and oras make them, for images of `tests.support.images`."""

from __future__ import annotations

import json
from typing import Any

from tests.support.images import OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, Image, descriptor, sha256
from tests.support.servers import Endpoint

BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
NOTATION = "application/vnd.cncf.notary.signature"
SPDX = "application/spdx+json"
SIMPLE_SIGNING = "application/vnd.dev.cosign.simplesigning.v1+json"
EMPTY_CONFIG = b"{}"
EMPTY = "application/vnd.oci.empty.v1+json"


def referrer(
    subject: Image,
    artifact_type: str = SPDX,
    content: bytes = b"{}",
    *,
    annotations: dict[str, str] | None = None,
    layer_type: str = "",
    **more: Any,
) -> Image:
    """A manifest with a ``subject`` and one layer."""
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": artifact_type,
        "config": descriptor(EMPTY, EMPTY_CONFIG),
        "layers": [descriptor(layer_type or artifact_type, content)],
        "subject": subject.descriptor(),
        **({"annotations": annotations} if annotations else {}),
        **more,
    }
    blobs = {sha256(blob): blob for blob in (EMPTY_CONFIG, content)}
    return Image(OCI_MANIFEST, json.dumps(document).encode(), blobs)


def cosign(subject: Image, layer_type: str = SIMPLE_SIGNING) -> Image:
    """A manifest as cosign tags it with ``sha256-<hex>.sig``: a manifest without ``subject``, whose config claims to be an image's."""
    config = b'{"architecture":"","os":"","rootfs":{"type":"layers","diff_ids":[]}}'
    payload = json.dumps({"critical": {"image": {"docker-manifest-digest": subject.digest}}}).encode()
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor(OCI_CONFIG, config),
        "layers": [descriptor(layer_type, payload, annotations={"dev.cosignproject.cosign/signature": "MEQ="})],
    }
    return Image(OCI_MANIFEST, json.dumps(document).encode(), {sha256(blob): blob for blob in (config, payload)})


def fallback_index(*referrers: Image, **more: Any) -> Image:
    """The index at the fallback tag, as cosign 3 writes it: without annotations."""
    entries = [
        each.descriptor(artifactType=kind)
        if (kind := json.loads(each.content).get("artifactType"))
        else each.descriptor()
        for each in referrers
    ]
    document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries, **more}
    return Image(OCI_INDEX, json.dumps(document).encode(), {}, list(referrers))


def dashed(image: Image, suffix: str = "") -> str:
    """The fallback tag of an image, or cosign's tag of it."""
    return image.digest.replace(":", "-") + suffix


def push_all(registry: Endpoint, repository: str, subject: Image, *, tag: str = "1") -> dict[str, Image]:
    """Pushes an image with an attachment of each form: by ``subject``, by fallback tag, and by cosign's tags."""
    subject.push(registry, repository, tag)
    found = {
        "sbom": referrer(subject),
        "signature": cosign(subject),
        "attestation": cosign(subject, "application/vnd.dsse.envelope.v1+json"),
    }
    found["sbom"].push(registry, repository)
    fallback_index(found["sbom"]).push(registry, repository, dashed(subject))
    found["signature"].push(registry, repository, dashed(subject, ".sig"))
    found["attestation"].push(registry, repository, dashed(subject, ".att"))
    return found
