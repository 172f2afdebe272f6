"""Attachments: manifests that refer to another manifest of the bundle, such as signatures. FORMAT.md, section 5.11.

An attachment consists of manifests and blobs, as an image does. The format does not specify how tools find, judge and
push attachments.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bundler import texts
from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.json_fields import list_of, size, text
from bundler.core.manifest.blobs import media_type
from bundler.core.oci import one_text
from bundler.core.patterns import lazy_pattern

_WORD = lazy_pattern(r"[a-z][a-z0-9-]{0,31}")
_SUFFIX = lazy_pattern(r"\.[a-z]{1,32}")


@frozen
class Attachment:
    """A manifest that is attached to a manifest of an image, or to another attachment of the image.

    Attributes:
        subject: The digest of the manifest that it is attached to.
        kind: ``signature``, ``sbom``, ``attestation`` or ``other``, for people. Readers count kinds that they do not
            know as ``other``.
        found: The place where the writer found it: ``referrers``, ``fallback-tag``, ``tag``,
            ``layout`` or ``index``.
        manifests: Numbers of its manifests in `BundleManifest.blobs`, children before parents, the root last.
        blobs: Numbers of its configs and layers in the same list.
        artifact_type: Its type in a list of referrers; empty if it has none.
        tag: The tag that it has in the repository of its subject; empty if its ``subject`` field attaches it.
    """

    subject: Digest
    kind: str
    found: str
    manifests: tuple[int, ...]
    blobs: tuple[int, ...]
    artifact_type: str = ""
    tag: str = ""

    @property
    def needs(self) -> tuple[int, ...]:
        """The numbers of all its manifests and blobs."""
        return self.blobs + self.manifests


def attachment_json(attachment: Attachment) -> dict[str, Any]:
    """An entry of ``attachments``."""
    return {
        "subject": str(attachment.subject),
        "kind": attachment.kind,
        "found": attachment.found,
        **({"artifactType": attachment.artifact_type} if attachment.artifact_type else {}),
        **({"tag": attachment.tag} if attachment.tag else {}),
        "manifests": attachment.manifests,
        "blobs": attachment.blobs,
    }


def read_attachment(entry: Mapping[str, Any]) -> Attachment:
    """The attachment that an entry describes.

    Raises:
        ValueError, TypeError, KeyError, BundlerError: The entry is not valid.
    """
    attachment = Attachment(
        subject=Digest.parse(entry["subject"]),
        kind=one_text(_word(entry["kind"])),
        found=one_text(_word(entry["found"])),
        manifests=tuple(map(size, list_of(entry["manifests"]))),
        blobs=tuple(map(size, list_of(entry["blobs"]))),
        artifact_type=one_text(media_type(entry["artifactType"])) if "artifactType" in entry else "",
        tag=text(entry["tag"]) if "tag" in entry else "",
    )
    if "tag" in entry and not is_tag_for(attachment.subject, attachment.tag):
        # Any other tag could replace the tag of an image at the target.
        raise ValueError(
            texts.text(
                "the tag {tag:.100} is not one for attachments of {subject}",
                tag=repr(attachment.tag),
                subject=attachment.subject,
            )
        )
    return attachment


def is_tag_for(subject: Digest, tag: str) -> bool:
    """True if a tag has the form that tools give to attachments of a manifest: ``sha256-<hex>.sig``."""
    beginning = f"{subject.algorithm}-{subject.encoded}"[:128]
    return tag.startswith(beginning) and len(tag) <= 128 and _SUFFIX.fullmatch(tag[len(beginning) :]) is not None


def _word(value: object) -> str:
    word = text(value)
    if not _WORD.fullmatch(word):
        raise ValueError(texts.text("not one word: {word:.60}", word=repr(word)))
    return word
