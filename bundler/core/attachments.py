"""Attachments as sources list them: referrers, fallback indexes, tags of cosign; their kinds, and which to carry.

OCI distribution-spec 1.1 ("Listing Referrers", "Referrers Tag Schema") and image-spec 1.1 (``subject``,
``artifactType``). cosign: ``specs/SIGNATURE_SPEC.md``, ``specs/BUNDLE_SPEC.md``. The attachments of a bundle are in
`bundler.core.manifest.attachments`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bundler import texts
from bundler.core import oci, strict_json
from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.limits import ATTACHMENTS
from bundler.core.oci import Descriptor
from bundler.core.patterns import lazy_pattern
from bundler.errors import Damaged, Refused

SIGNATURE, SBOM, ATTESTATION, OTHER = "signature", "sbom", "attestation", "other"
KINDS = (SIGNATURE, SBOM, ATTESTATION, OTHER)
"""The kinds, for people and for choices."""

REFERRERS, FALLBACK_TAG, TAG, LAYOUT, INDEX = "referrers", "fallback-tag", "tag", "layout", "index"
"""The places where an attachment can be found; an index lists BuildKit's attestations."""

TAG_SUFFIXES = {".sig": SIGNATURE, ".att": ATTESTATION, ".sbom": SBOM}
"""The suffixes of cosign's tags, with their kinds."""

BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle"
SIMPLE_SIGNING = "application/vnd.dev.cosign.simplesigning.v1+json"
COSIGN_PREDICATE = "https://sigstore.dev/cosign/sign/v1"
"""The predicate of cosign 3's signatures, which are in-toto statements in the same bundle as attestations."""

WITHOUT_HINT = texts.text("carry the image without them (attachments: none in the list, or --attachments none)")

_BUNDLE_CONTENT = "dev.sigstore.bundle.content"
_BUNDLE_PREDICATE = "dev.sigstore.bundle.predicateType"
_TAG = lazy_pattern(r"sha256-(?P<hex>[0-9a-f]{64})(?P<suffix>\.[a-z]{1,32})?")
_BY_TYPE = (
    (lazy_pattern(r"application/vnd\.cncf\.notary\.signature"), SIGNATURE),
    (lazy_pattern(r"application/vnd\.dev\.cosign\.(?:artifact\.sig|simplesigning)\.v1\+json"), SIGNATURE),
    (lazy_pattern(r"application/vnd\.dev\.cosign\.artifact\.att\.v1\+json"), ATTESTATION),
    (lazy_pattern(r"application/vnd\.dev\.cosign\.artifact\.sbom\.v1\+json"), SBOM),
    (lazy_pattern(r"application/vnd\.(?:dsse\.envelope\.v1|in-toto)\+(?:json|dsse)"), ATTESTATION),
    (lazy_pattern(r"(?:application|text)/(?:vnd\.)?(?:spdx|cyclonedx|syft)(?:[.+].*)?"), SBOM),
    (lazy_pattern(r"application/vnd\.goharbor\.harbor\.sbom\.v1"), SBOM),
)
"""Kinds by media type, of the artifact, its config or its layers; the first that matches counts."""


@frozen
class Referrer:
    """An entry of a list of referrers.

    Attributes:
        descriptor: The attachment. The list may be wrong about it.
        artifact_type: Its type, as the list says; empty if it does not.
        annotations: Its annotations, as the list says. Fallback indexes by cosign 3 have none.
    """

    descriptor: Descriptor
    artifact_type: str = ""
    annotations: tuple[tuple[str, str], ...] = ()

    @property
    def kind(self) -> str:
        """Its kind, as far as the list shows it."""
        return kind_of(self.artifact_type, annotations=dict(self.annotations))


@frozen
class FallbackIndex:
    """The index at the fallback tag of a subject.

    Attributes:
        descriptor: The index.
        content: Its bytes.
        referrers: Its entries.
    """

    descriptor: Descriptor
    content: bytes
    referrers: tuple[Referrer, ...]


@frozen
class FoundAttachment:
    """An attachment that a source lists for a subject. Nothing of it is verified.

    Attributes:
        descriptor: The descriptor of its manifest; None if only its tag is known, which the source resolves.
        found: The place where it was found: `REFERRERS`, `FALLBACK_TAG`, `TAG`, `LAYOUT` or `INDEX`.
        kind: Its kind, as far as the list shows it.
        artifact_type: Its type, as the list says; empty if it does not.
        tag: The tag that attaches it; empty if its ``subject`` must do that.
    """

    descriptor: Descriptor | None
    found: str
    kind: str
    artifact_type: str = ""
    tag: str = ""

    @property
    def name(self) -> str:
        """Its tag or digest."""
        return self.tag or str(self.descriptor.digest if self.descriptor else "")


@frozen
class AttachmentFacts:
    """The statements of an attachment's manifest.

    Attributes:
        kind: Its kind.
        artifact_type: Its type in a list of referrers: ``artifactType``, or the media type of its config.
        subject: The digest that it is attached to; None if it has no ``subject``.
    """

    kind: str
    artifact_type: str
    subject: Digest | None


def fallback_tag(subject: Digest) -> str:
    """The tag at which clients list the referrers of a manifest in a registry without the API."""
    return f"{subject.algorithm[:32]}-{subject.encoded[:64]}"


def tag_of(subject: Digest, suffix: str) -> str:
    """The tag that cosign gives an attachment: ``sha256-<hex>.sig``."""
    return f"{subject.algorithm}-{subject.encoded}{suffix}"


def subject_of_tag(tag: str) -> tuple[Digest, str] | None:
    """The subject that a tag of cosign's form names, and its suffix; the suffix of a fallback tag is empty."""
    match = _TAG.fullmatch(tag)
    return (Digest("sha256", match["hex"]), match["suffix"] or "") if match else None


def parse_referrers(content: bytes, *, subject: Digest, what: str, before: int = 0) -> tuple[Referrer, ...]:
    """Reads a list of referrers: a page of the API's answer, or a fallback index.

    It leaves out the subject itself, which some registries list.

    Args:
        content: The bytes.
        subject: The manifest whose referrers these are.
        what: The name of the list, for messages.
        before: The number of entries of earlier pages.

    Raises:
        Damaged: It is not an image index, or an entry is not a descriptor.
        Refused: There are too many entries.
    """
    document = strict_json.loads(content, what=what)
    entries = document.get("manifests", False) if isinstance(document, dict) else False
    entries = [] if entries is None else entries  # programs in Go write null for an empty list
    if not isinstance(entries, list):
        raise Damaged("not a list of referrers", subject=what)
    if before + len(entries) > ATTACHMENTS:
        raise too_many(what)
    read = [_referrer(entry, what=f"{what}: manifests[{number}]") for number, entry in enumerate(entries)]
    return tuple(each for each in read if each.descriptor.digest != subject)


def parse_fallback_index(content: bytes, descriptor: Descriptor, *, subject: Digest, what: str) -> FallbackIndex | None:
    """Reads what the fallback tag of a subject refers to; None if it is not a list of referrers.

    It must be an image index without ``subject``. GitLab takes the tag for a digest and answers the subject itself.

    Raises:
        Damaged: It is an index, but an entry is not a descriptor.
        Refused: There are too many entries.
    """
    if descriptor.media_type != oci.OCI_INDEX or descriptor.digest == subject:
        return None
    document = strict_json.loads(content, what=what)
    if not isinstance(document, dict) or document.get("subject") is not None:
        return None
    return FallbackIndex(descriptor, content, parse_referrers(content, subject=subject, what=what))


def facts_of(content: bytes, tag: str, *, what: str) -> AttachmentFacts:
    """Reads what the manifest of an attachment says. `oci.parse_manifest` must have read it without an error.

    Args:
        content: The bytes of the manifest.
        tag: The tag that attaches it; empty if none does.
        what: The name of the attachment, for messages.

    Raises:
        Damaged: The ``subject`` is not a descriptor.
    """
    document = strict_json.loads(content, what=what)
    document = document if isinstance(document, dict) else {}
    subject = document.get("subject")
    config_type = _media_type(_mapping(document.get("config")).get("mediaType"))
    artifact_type = _media_type(document.get("artifactType")) or config_type
    layers = document.get("layers") or document.get("blobs")
    layer_types = (
        [_media_type(_mapping(layer).get("mediaType")) for layer in layers] if isinstance(layers, list) else []
    )
    suffix = tag[tag.rfind(".") :] if "." in tag else ""
    return AttachmentFacts(
        kind_of(
            artifact_type, annotations=_annotations(document), layer_types=[config_type, *layer_types], suffix=suffix
        ),
        artifact_type,
        oci.parse_descriptor(subject, what=f"{what}: subject").digest if subject is not None else None,
    )


def kind_of(
    artifact_type: str,
    *,
    annotations: Mapping[str, str] | None = None,
    layer_types: Iterable[str] = (),
    suffix: str = "",
) -> str:
    """The kind of an attachment.

    Args:
        artifact_type: Its type.
        annotations: Its annotations: of a bundle of sigstore they say whether it is a signature or an attestation.
        layer_types: The media types of its config and layers; without the manifest they are not known.
        suffix: The suffix of its tag.
    """
    if suffix in TAG_SUFFIXES:
        return TAG_SUFFIXES[suffix]
    for media_type in (artifact_type, *layer_types):
        if media_type.startswith(BUNDLE_TYPE):
            return _kind_of_bundle(annotations or {})
        for pattern, kind in _BY_TYPE:
            if pattern.fullmatch(media_type):
                return kind
    return OTHER


def too_many(what: str) -> Refused:
    """The error for an image with more attachments than a bundle takes."""
    return Refused(
        "too many attachments",
        subject=what,
        expected=texts.text("at most {attachments:,}", attachments=ATTACHMENTS),
        actual="more",
        hint=WITHOUT_HINT,
    )


def _kind_of_bundle(annotations: Mapping[str, str]) -> str:
    predicate = annotations.get(_BUNDLE_PREDICATE, "")
    is_envelope = annotations.get(_BUNDLE_CONTENT, "dsse-envelope") == "dsse-envelope"
    return ATTESTATION if is_envelope and predicate not in ("", COSIGN_PREDICATE) else SIGNATURE


def _referrer(entry: object, *, what: str) -> Referrer:
    descriptor = oci.parse_descriptor(entry, what=what).bare
    document = _mapping(entry)
    kept = tuple((key, value) for key, value in _annotations(document).items() if key.startswith("dev.sigstore."))
    return Referrer(descriptor, oci.one_text(_media_type(document.get("artifactType"))), kept)


def _media_type(value: object) -> str:
    return value if isinstance(value, str) and oci.is_media_type(value) else ""


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _annotations(document: Mapping[str, Any]) -> dict[str, str]:
    found = _mapping(document.get("annotations"))
    return {key: value for key, value in found.items() if isinstance(value, str)}
