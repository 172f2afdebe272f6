"""The evidence on one image: its name, its manifests, and what is attached to them. All of it is hostile."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from typing import Any, Protocol

from bundler.core import oci, strict_json
from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.limits import MANIFEST_BYTES
from bundler.core.oci import Descriptor
from bundler.core.policy.verdict import Judgement, Unfit
from bundler.core.reference import Reference
from bundler.errors import Damaged, Refused
from bundler.texts import text

_STATEMENT_TYPES = "application/vnd.in-toto"
"""The beginning of the media types of in-toto statements, which are the layers of BuildKit's attestations."""


class Documents(Protocol):
    """Reads small documents of one image: manifests, and the blobs of attachments."""

    def read(self, descriptor: Descriptor) -> bytes:
        """The bytes, verified against the digest and the size.

        The caller has checked that the size is within a limit.

        Raises:
            Damaged, Incomplete, LocalStorage: They cannot be read, or there is no such document.
        """


@frozen
class Attached:
    """A manifest that is attached to a manifest of the image, or to another attachment.

    Attributes:
        subject: The digest of the manifest that it is attached to, as the bundle or the registry says.
        descriptor: The descriptor of its manifest.
        tag: The tag that attaches it, as cosign's ``sha256-<hex>.sig``; empty if its field ``subject`` does.
    """

    subject: Digest
    descriptor: Descriptor
    tag: str = ""


@frozen
class SignatureLayer:
    """A layer of an attached manifest, with its annotations."""

    descriptor: Descriptor
    annotations: Mapping[str, str]


@frozen
class AttachedManifest:
    """The content of an attached manifest.

    Attributes:
        artifact_type: Its ``artifactType``; the media type of its config if it has none.
        layers: Its layers, or the blobs of an OCI 1.1 artifact manifest.
        annotations: Its own annotations.
    """

    artifact_type: str
    layers: tuple[SignatureLayer, ...]
    annotations: Mapping[str, str]


@frozen
class SignedImage:
    """An image as a policy sees it.

    Attributes:
        reference: The name of the image in the bundle, which is its name at the source; with its transport ``docker``
            it selects the rule.
        root: The descriptor of the manifest or index that the name refers to.
        attached: Everything that is attached to its manifests.
        documents: Reads its manifests and attachments.
        made_from: The digest of the source's index if the root was made for chosen platforms; no signature of the
            source can apply to such an index.
    """

    reference: Reference
    root: Descriptor
    attached: tuple[Attached, ...]
    documents: Documents
    made_from: Digest | None = None
    _by_subject: Mapping[Digest, list[Attached]] = field(init=False, repr=False, compare=False)
    """The attachments of each manifest: a registry may list thousands of both."""

    def __post_init__(self) -> None:
        by_subject: dict[Digest, list[Attached]] = {}
        for each in self.attached:
            by_subject.setdefault(each.subject, []).append(each)
        object.__setattr__(self, "_by_subject", by_subject)

    def read(self, descriptor: Descriptor, *, limit_bytes: int) -> bytes:
        """The verified bytes of a manifest, or of a blob of an attachment.

        Raises:
            Unfit: It is larger than the limit. Nothing is read.
            Damaged, Incomplete, LocalStorage: It cannot be read.
        """
        if descriptor.size_bytes > limit_bytes:
            raise Unfit(
                text(
                    "a document of {size_bytes:,} bytes; at most {limit_bytes:,} are read",
                    size_bytes=descriptor.size_bytes,
                    limit_bytes=limit_bytes,
                )
            )
        return self.documents.read(descriptor)

    def attached_to(self, subject: Digest) -> Iterator[Attached]:
        """The attachments of one manifest, without attachments of attachments. A manifest cannot attach itself."""
        return (each for each in self._by_subject.get(subject, ()) if each.descriptor.digest != subject)

    def manifest_of(self, attached: Attached) -> AttachedManifest:
        """Reads an attached manifest.

        Raises:
            Unfit: It is not valid, too large, or its ``subject`` is another manifest.
            Damaged, Incomplete, LocalStorage: It cannot be read.
        """
        content = self.read(attached.descriptor, limit_bytes=MANIFEST_BYTES)
        return parse_attached(content, attached)


def parse_attached(content: bytes, attached: Attached) -> AttachedManifest:
    """Reads the bytes of an attached manifest, whose digest was checked.

    Raises:
        Unfit: It is no manifest, or its ``subject`` is another manifest.
    """
    what = str(attached.descriptor.digest)
    try:
        manifest = oci.parse_manifest(content, attached.descriptor.media_type, what=what)
        document = strict_json.loads(content, what=what)
    except (Damaged, Refused) as error:
        raise Unfit(text("not a valid manifest: {error}", error=error.message)) from error
    if manifest.children or not isinstance(document, dict):
        raise Unfit(text("an index, not the manifest of a signature"))
    _check_subject(document, attached)
    listed = document.get("blobs" if attached.descriptor.media_type == oci.OCI_ARTIFACT else "layers") or []
    annotations = [_annotations(entry) for entry in listed]
    config = manifest.config.media_type if manifest.config else ""
    declared = document.get("artifactType")
    return AttachedManifest(
        declared if isinstance(declared, str) and declared else config,
        tuple(map(SignatureLayer, manifest.layers, annotations)),
        _annotations(document),
    )


def _check_subject(document: Mapping[str, Any], attached: Attached) -> None:
    """Checks that a manifest names the subject that it is said to have. One that a tag attaches may name none."""
    subject = document.get("subject")
    if subject is None and attached.tag:
        return
    stated = subject.get("digest") if isinstance(subject, dict) else None
    if stated != str(attached.subject):
        raise Unfit(text("a signature of another manifest: {stated:.100}", stated=str(stated)))


def _annotations(document: Mapping[str, Any]) -> Mapping[str, str]:
    found = document.get("annotations")
    return {k: v for k, v in found.items() if isinstance(v, str)} if isinstance(found, dict) else {}


def judge_manifests(image: SignedImage, judge: Callable[[Descriptor], Judgement]) -> Judgement:
    """Judges the manifests of an image that must be signed.

    A signature of the root is enough: its digest covers everything below it. No signature of the source can apply to
    an index that was made for chosen platforms; there, each child needs one. Attestations of BuildKit need none,
    because no container runs them: the annotation alone makes none of an image.

    Args:
        image: The image.
        judge: Judges one manifest.
    """
    root = judge(image.root)
    if root.is_accepted or image.made_from is None or not image.root.is_index:
        return root
    content = image.read(image.root, limit_bytes=MANIFEST_BYTES)
    index = oci.parse_manifest(content, image.root.media_type, what=str(image.reference))
    children = [child for child in index.children if not _is_attestation(image, child)]
    judgements: list[Judgement] = []
    for child in children:
        judgement = judge(child)
        if not judgement.is_accepted:
            return judgement.of(child.digest)
        judgements.append(judgement)
    return judgements[0] if judgements else root


def _is_attestation(image: SignedImage, child: Descriptor) -> bool:
    """True if a child of an index is marked as an attestation, and has statements where an image has its layers.

    Every user who may push to the source can write the mark, and container runtimes do not read it.
    """
    if child.attests is None or child.is_index:
        return False
    content = image.read(child, limit_bytes=MANIFEST_BYTES)
    layers = oci.parse_manifest(content, child.media_type, what=str(image.reference)).layers
    return bool(layers) and all(layer.media_type.startswith(_STATEMENT_TYPES) for layer in layers)
