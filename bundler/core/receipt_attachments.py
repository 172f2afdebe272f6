"""The results for attachments in a receipt. `bundler.core.receipt` has the rest of the document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from bundler import texts
from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.json_fields import boolean, text
from bundler.core.manifest.attachments import is_tag_for

UNFINISHED = "unfinished"
ATTACHED = frozenset({"pushed", "present", "kept", "skipped", "left out", UNFINISHED})
"""The outcomes of attachments."""


@frozen
class ReceiptAttachment:
    """One attachment of an image at one target.

    Attributes:
        subject: The digest of the manifest that it is attached to.
        digest: The digest of its manifest.
        kind: ``signature``, ``sbom``, ``attestation`` or another word.
        outcome: The result, see `bundler.importing.attached.Attached`; ``unfinished`` if the target may not have it.
        artifact_type: Its type in a list of referrers; empty if it has none.
        tag: Its tag in the repository of the image; empty if a list attaches it.
        replaced: The digest that its tag had before.
        is_in_fallback: True if the import added it to the index at the fallback tag of its subject.
    """

    subject: str
    digest: str
    kind: str
    outcome: str
    artifact_type: str = ""
    tag: str = ""
    replaced: str | None = None
    is_in_fallback: bool = False


def better_attached(
    earlier: Sequence[ReceiptAttachment], later: Sequence[ReceiptAttachment]
) -> tuple[ReceiptAttachment, ...]:
    """The later results of the attachments. If the later run found one in place, the earlier push is kept."""
    pushed = {(each.subject, each.digest, each.tag): each for each in earlier if each.outcome == "pushed"}
    keys = [(each.subject, each.digest, each.tag) for each in later]
    kept = tuple(
        pushed.get(key, each) if each.outcome in ("present", UNFINISHED) else each
        for key, each in zip(keys, later, strict=True)
    )
    return kept or tuple(earlier)


def finished_attached(
    attached: Sequence[ReceiptAttachment], unfinished: Sequence[ReceiptAttachment]
) -> tuple[ReceiptAttachment, ...]:
    """The results for attachments, with the earlier digests of the tags that a killed import has moved.

    Args:
        attached: The results of the import that has ended.
        unfinished: Those of the killed import, from before it moved anything.
    """
    before = {(each.subject, each.digest, each.tag): each.replaced for each in unfinished if each.tag}

    def finished(each: ReceiptAttachment) -> ReceiptAttachment:
        replaced = before.get((each.subject, each.digest, each.tag))
        has_moved = each.outcome == "present" and replaced is not None and replaced != each.digest
        return replace(each, outcome="pushed", replaced=replaced) if has_moved else each

    return tuple(map(finished, attached))


def attachment_document(attachment: ReceiptAttachment) -> dict[str, Any]:
    """An entry of ``attached``."""
    return {
        "subject": attachment.subject,
        "digest": attachment.digest,
        "kind": attachment.kind,
        "artifactType": attachment.artifact_type or None,
        "tag": attachment.tag or None,
        "outcome": attachment.outcome,
        "replaced": attachment.replaced,
        "inFallbackIndex": attachment.is_in_fallback,
    }


def read_attachment(document: dict[str, Any]) -> ReceiptAttachment:
    """The result that an entry describes.

    Raises:
        ValueError, TypeError, KeyError, BundlerError: The entry is not valid.
    """
    subject, tag = Digest.parse(document["subject"]), _text_or_none(document["tag"]) or ""
    if tag and not is_tag_for(subject, tag):
        raise ValueError(texts.text("the tag {tag:.100} is not one for attachments", tag=repr(tag)))
    if document["outcome"] not in ATTACHED:
        raise ValueError("an unknown outcome")
    return ReceiptAttachment(
        subject=str(subject),
        digest=str(Digest.parse(document["digest"])),
        kind=text(document["kind"]),
        outcome=text(document["outcome"]),
        artifact_type=_text_or_none(document["artifactType"]) or "",
        tag=tag,
        replaced=_digest_or_none(document["replaced"]),
        is_in_fallback=boolean(document["inFallbackIndex"]),
    )


def _text_or_none(value: object) -> str | None:
    return None if value is None else text(value)


def _digest_or_none(value: object) -> str | None:
    return None if value is None else str(Digest.parse(text(value)))
