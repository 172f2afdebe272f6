"""Attachments in an OCI image layout: entries of index.json with ``subject``, and names of cosign's form.

oras and ORAS-based tools list each attachment in index.json, and its manifest names its subject. regctl lists them in
an index with the name of the fallback tag. Hauler and skopeo give cosign's names. Image-spec 1.1 ``image-layout.md``
leaves the form open.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from typing import Protocol

from bundler.core import oci
from bundler.core.attachments import LAYOUT, FoundAttachment, facts_of, kind_of, subject_of_tag
from bundler.core.digest import Digest
from bundler.core.frozen import frozen, slotted
from bundler.core.limits import INDEX_DEPTH, MANIFEST_BYTES
from bundler.core.oci import Descriptor
from bundler.errors import BundlerError
from bundler.stores.held_images import HeldImage


class Documents(Protocol):
    """The documents of a layout, by their paths."""

    @property
    def called(self) -> str:
        """The name of the layout in errors."""

    def size(self, path: str) -> int | None:
        """The size of a file in bytes; None if it does not exist."""

    def read(self, path: str, limit_bytes: int) -> bytes | None:
        """A whole file, up to a limit; None if it does not exist."""


@frozen
class LayoutAttachments:
    """The attachments of a layout.

    Attributes:
        images: The images of its index; those that are only attached to others are marked.
        by_subject: The attachments, by the digest that they are attached to.
    """

    images: Sequence[HeldImage[Descriptor]]
    by_subject: Mapping[Digest, tuple[FoundAttachment, ...]]


def find_attachments(files: Documents, images: Sequence[HeldImage[Descriptor]]) -> LayoutAttachments:
    """Finds the attachments in a layout. A document that cannot be read is no attachment; its export finds the error.

    Args:
        files: The documents of the layout.
        images: The entries of its index.
    """
    search = _Search(files)
    return LayoutAttachments(
        [replace(held, is_attached=True) if search.is_attached(held) else held for held in images],
        {subject: tuple(found) for subject, found in search.found.items()},
    )


@slotted
class _Search:
    files: Documents
    found: dict[Digest, dict[FoundAttachment, None]] = field(default_factory=dict)
    _seen: set[Digest] = field(default_factory=set)

    def is_attached(self, held: HeldImage[Descriptor]) -> bool:
        """True if an entry of the index is no image of its own. Notes what it attaches."""
        tags = [tag for tag in map(_tag_of, (*held.names, *held.aliases)) if tag]
        named = {tag: found for tag in tags if (found := subject_of_tag(tag))}
        is_attached = False
        for tag, (subject, suffix) in named.items():
            if suffix and self._is_there(subject) and subject != held.image.digest:
                kind = kind_of("", suffix=suffix)
                self._note(subject, FoundAttachment(held.image.bare, LAYOUT, kind, tag=tag))
                is_attached = True
        is_list = any(not suffix for _, suffix in named.values()) and held.image.is_index
        own_names = [name for name in held.names if not _is_of_attachment(name, held.image.digest)]
        has_subject = self._note_subject(held.image)
        if is_list or (not own_names and held.image.is_index):
            is_list = self._has_only_attachments(held.image, depth=0) or is_list
        return not own_names and (is_attached or is_list or has_subject)

    def _note_subject(self, descriptor: Descriptor) -> bool:
        """True if a manifest names a subject that is there. Notes it as attached."""
        content = self._read(descriptor)
        if content is None or b'"subject"' not in content:  # most images have none, and need no second parse
            return False
        try:
            facts = facts_of(content, "", what=self.files.called)
        except BundlerError:
            return False
        if facts.subject is None or facts.subject == descriptor.digest or not self._is_there(facts.subject):
            return False
        self._note(facts.subject, FoundAttachment(descriptor.bare, LAYOUT, facts.kind, facts.artifact_type))
        return True

    def _has_only_attachments(self, index: Descriptor, *, depth: int) -> bool:
        """True if an index lists attachments and nothing else. Notes all that it lists."""
        if index.digest in self._seen or depth > INDEX_DEPTH:
            return False
        self._seen.add(index.digest)
        are_attached = []
        for child in self._children(index):
            is_list = child.is_index and self._has_only_attachments(child, depth=depth + 1)
            are_attached.append(self._note_subject(child) or is_list)
        return bool(are_attached) and all(are_attached)

    def _children(self, index: Descriptor) -> Iterator[Descriptor]:
        content = self._read(index)
        if content is None:
            return
        try:
            yield from oci.parse_manifest(content, index.media_type, what=self.files.called).children
        except BundlerError:
            return

    def _read(self, descriptor: Descriptor) -> bytes | None:
        try:
            return self.files.read(descriptor.digest.path, MANIFEST_BYTES)
        except BundlerError:
            return None

    def _is_there(self, digest: Digest) -> bool:
        try:
            return self.files.size(digest.path) is not None
        except BundlerError:
            return False

    def _note(self, subject: Digest, attachment: FoundAttachment) -> None:
        self.found.setdefault(subject, {})[attachment] = None  # each once: an index may have 100,000 entries


def _tag_of(name: str) -> str:
    """The tag in a full name, or a name that is only a tag."""
    return name.partition("@")[0].rpartition("/")[2].rpartition(":")[2]


def _is_of_attachment(name: str, digest: Digest) -> bool:
    """True if a full name is one that tools make for attachments: cosign's tag, or Hauler's digest of the manifest."""
    tagged, _, own = name.rpartition("/")[2].partition("@")
    return subject_of_tag(_tag_of(name)) is not None or (own == str(digest) and ":" not in tagged)
