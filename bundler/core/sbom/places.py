"""The places of SBOMs in attached manifests: which layers are one, and how each is wrapped.

- a layer that is the document itself: cosign's tag ``.sbom``, referrers of ORAS, Trivy, Harbor;
- an in-toto statement: the children ``unknown/unknown`` of an index, as BuildKit makes them;
- a DSSE envelope around an in-toto statement: cosign's tag ``.att``;
- a sigstore bundle around such an envelope: cosign 3.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any

from bundler.core import oci, strict_json
from bundler.core.frozen import frozen
from bundler.core.oci import Descriptor

DOCUMENT_TYPES = frozenset(
    {
        "application/spdx+json",
        "text/spdx+json",
        "application/vnd.spdx+json",
        "application/vnd.cyclonedx+json",
        "application/vnd.cyclonedx",
        "application/vnd.goharbor.harbor.sbom.v1",
    }
)
"""Media types of SBOMs in JSON: of cosign, ORAS, Trivy and Harbor."""

OTHER_TYPES = frozenset(
    {"text/spdx", "application/vnd.cyclonedx+xml", "application/vnd.syft+json", "application/vnd.dsse.envelope.v1+json"}
)
"""Media types of SBOMs in other forms. They are found, and then it is said that they cannot be read."""

IN_TOTO = "application/vnd.in-toto+json"
DSSE = "application/vnd.dsse.envelope.v1+json"
SIGSTORE = "application/vnd.dev.sigstore.bundle"
"""The beginning of the media types of all versions of sigstore bundles."""

PREDICATES = ("https://spdx.dev/Document", "https://cyclonedx.org/bom", "https://cyclonedx.org/schema")
"""The beginnings of the predicate types of SBOMs; some tools add a version."""

_PREDICATE_ANNOTATIONS = ("in-toto.io/predicate-type", "predicateType", "dev.sigstore.bundle.predicateType")


class Wrapping(Enum):
    """The form in which a blob has an SBOM."""

    PLAIN = "plain"
    STATEMENT = "in-toto statement"
    ENVELOPE = "DSSE envelope"
    BUNDLE = "sigstore bundle"


@frozen
class Place:
    """A blob that is, or seems to be, an SBOM.

    Attributes:
        descriptor: The blob.
        wrapping: Its form.
        is_certain: False if only its content can say that it is an SBOM and not another attestation.
    """

    descriptor: Descriptor
    wrapping: Wrapping
    is_certain: bool = True


def places_in(content: bytes, media_type: str, *, kind: str, what: str) -> Iterator[Place]:
    """The SBOMs of one attached manifest, or of one child of an index that attests.

    Args:
        content: The manifest, whose digest was checked.
        media_type: Its media type.
        kind: The kind of the attachment; ``sbom`` makes each of its layers one.
        what: Its name, for messages.

    Raises:
        Damaged, Refused: It is not a valid manifest.
    """
    manifest = oci.parse_manifest(content, media_type, what=what)
    document = strict_json.loads(content, what=what)
    own = _annotations(document)
    artifact_type = document.get("artifactType") if isinstance(document, dict) else None
    is_sbom = kind == "sbom" or artifact_type in DOCUMENT_TYPES
    listed = document.get("layers") or document.get("blobs") or []
    for layer, entry in zip(manifest.layers, listed, strict=True):
        place = _place(layer, {**own, **_annotations(entry)}, is_sbom=is_sbom)
        if place is not None:
            yield place


def _place(layer: Descriptor, annotations: Mapping[str, str], *, is_sbom: bool) -> Place | None:
    stated = next((annotations[name] for name in _PREDICATE_ANNOTATIONS if name in annotations), None)
    wrapping = _wrapping(layer.media_type)
    if wrapping is not Wrapping.PLAIN:
        if stated is not None and not is_predicate(stated):
            return None
        return Place(layer, wrapping, is_certain=stated is not None)
    if is_sbom or layer.media_type in DOCUMENT_TYPES | OTHER_TYPES:
        return Place(layer, wrapping)
    return None


def is_predicate(stated: str) -> bool:
    """True if a predicate type is that of an SBOM."""
    return stated.startswith(PREDICATES) or stated in ("spdx", "spdxjson", "cyclonedx")


def _wrapping(media_type: str) -> Wrapping:
    if media_type == IN_TOTO:
        return Wrapping.STATEMENT
    if media_type == DSSE:
        return Wrapping.ENVELOPE
    return Wrapping.BUNDLE if media_type.startswith(SIGSTORE) else Wrapping.PLAIN


def _annotations(entry: Any) -> dict[str, str]:
    found = entry.get("annotations") if isinstance(entry, dict) else None
    return {name: value for name, value in found.items() if isinstance(value, str)} if isinstance(found, dict) else {}
