"""The attachments that an import brought, when its tags are restored: what of them can go, and how.

Attachments of an image whose tag stays, stay. A registry with the referrers API lists a manifest as long as it has it,
until its garbage collection. So only what clients maintain is undone: fallback indexes, and tags.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.receipt import Receipt, ReceiptImage
from bundler.core.receipt_attachments import UNFINISHED, ReceiptAttachment
from bundler.core.reference import Reference

Group = tuple[str, str]
"""A repository, and the digest of an image in it."""


@frozen
class AttachmentTag:
    """A tag of an attachment that an import moved or made, and its digest before; None if it did not exist."""

    name: Reference
    pushed: Digest
    before: Digest | None


@frozen
class AddedEntries:
    """The attachments that an import added to the fallback index of a subject."""

    repository: Reference
    subject: Digest
    digests: tuple[Digest, ...]


def images_by_group(receipt: Receipt) -> dict[Group, list[ReceiptImage]]:
    """The images of a receipt in registries, by repository and digest: such images share their attachments."""
    groups: dict[Group, list[ReceiptImage]] = {}
    for target in receipt.targets:
        for image in target.images if target.kind == "registry" else ():
            groups.setdefault((Reference.parse(image.name).name, image.digest), []).append(image)
    return groups


def tags_of(images: Mapping[Group, Iterable[ReceiptImage]]) -> tuple[AttachmentTag, ...]:
    """The tags of attachments that an import moved, or may have moved, each once."""
    found = {
        (repository, each.tag): AttachmentTag(
            Reference.parse(f"{repository}:{each.tag}"),
            Digest.parse(each.digest),
            Digest.parse(each.replaced) if each.replaced else None,
        )
        for (repository, _), members in images.items()
        for image in members
        for each in image.attached
        if each.tag and _may_have_moved(each)
    }
    return tuple(found.values())


def entries_of(images: Mapping[Group, Iterable[ReceiptImage]]) -> tuple[AddedEntries, ...]:
    """The entries of fallback indexes that an import added, by repository and subject."""
    found: dict[tuple[str, str], dict[str, None]] = {}
    for (repository, _), members in images.items():
        for image in members:
            for each in image.attached:
                if each.is_in_fallback and each.outcome == "pushed":
                    found.setdefault((repository, each.subject), {})[each.digest] = None
    return tuple(
        AddedEntries(Reference.parse(repository), Digest.parse(subject), tuple(map(Digest.parse, digests)))
        for (repository, subject), digests in found.items()
    )


def _may_have_moved(attachment: ReceiptAttachment) -> bool:
    """True if the import moved a tag, or may have: of a stopped import, only tags that had another digest count."""
    return attachment.outcome == "pushed" or (attachment.outcome == UNFINISHED and attachment.replaced is not None)
