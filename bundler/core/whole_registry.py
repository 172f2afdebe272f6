"""All that a backup of a registry must carry: its tags, and what the carried images must bring along.

Tags of attachments travel with their subject, as attachments; they are images of their own only if the registry does
not have the subject. Afterwards each of them is looked for in the bundle, because no tag may be left out in silence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from bundler.core.attachments import TAG_SUFFIXES, subject_of_tag
from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.inventory import HeldManifest, HeldRepository
from bundler.core.manifest import BundleManifest, Image
from bundler.core.reference import Reference

_ATTACHING = {"", *TAG_SUFFIXES}


@frozen
class AttachingTag:
    """A tag by which an attachment, or a list of attachments, belongs to another manifest.

    Attributes:
        repository: The repository.
        tag: The tag.
        subject: The manifest that it names.
        digest: The manifest that it refers to.
        listed: The manifests that this one lists, as far as the repository has them; for a fallback tag its referrers.
    """

    repository: str
    tag: str
    subject: Digest
    digest: Digest
    listed: tuple[Digest, ...] = ()

    def __str__(self) -> str:
        return f"{self.repository}:{self.tag}"


@frozen
class Roots:
    """The tags of a repository.

    Attributes:
        images: The digest of each tag that is an image of its own.
        attaching: The tags that travel with their subject, which the repository has.
        orphans: The tags of subjects that no other tag of the repository leads to.
    """

    images: Mapping[str, Digest]
    attaching: tuple[AttachingTag, ...]
    orphans: tuple[AttachingTag, ...]


def roots_of(repository: HeldRepository, manifests: Sequence[HeldManifest]) -> Roots:
    """Sorts the tags of a repository.

    Args:
        repository: The repository.
        manifests: The manifests of its registry, which it names by numbers.
    """
    held = {manifests[number].descriptor.digest for number in repository.manifests}
    images: dict[str, Digest] = {}
    attaching: list[AttachingTag] = []
    orphans: list[AttachingTag] = []
    for tag, number in repository.tags:
        manifest = manifests[number]
        found = subject_of_tag(tag)
        # A fallback tag is an index; a tag of that form for anything else is a tag like others.
        if found is None or found[1] not in _ATTACHING or (not found[1] and not manifest.descriptor.is_index):
            images[tag] = manifest.descriptor.digest
            continue
        listed = tuple(manifests[child].descriptor.digest for child in manifest.children)
        each = AttachingTag(repository.name, tag, found[0], manifest.descriptor.digest, listed)
        (attaching if found[0] in held else orphans).append(each)
    return Roots(images, tuple(attaching), tuple(orphans))


def not_carried(
    attaching: Iterable[AttachingTag], manifest: BundleManifest, *, is_whole: bool
) -> tuple[AttachingTag, ...]:
    """The tags of attachments that a bundle lacks.

    Args:
        attaching: The tags that should have travelled with their subjects.
        manifest: The manifest of the bundle.
        is_whole: False if images were chosen: then only the tags of carried subjects are looked for.
    """
    by_repository: dict[str, list[Image]] = {}
    for image in manifest.images:
        by_repository.setdefault(image.reference.repository, []).append(image)
    found: list[AttachingTag] = []
    carried_in: dict[str, _Carried] = {}
    for each in attaching:
        if each.repository not in carried_in:
            carried_in[each.repository] = _Carried.of(by_repository.get(each.repository, ()), manifest)
        carried = carried_in[each.repository]
        is_wanted = is_whole or each.subject in carried.manifests
        if is_wanted and not carried.has(each):
            found.append(each)
    return tuple(found)


@frozen
class _Carried:
    """The manifests that a bundle has of one repository, and the tags of attachments among them."""

    manifests: frozenset[Digest]
    tags: frozenset[tuple[str, Digest]]

    @classmethod
    def of(cls, images: Iterable[Image], manifest: BundleManifest) -> _Carried:
        manifests: set[Digest] = set()
        tags: set[tuple[str, Digest]] = set()
        for image in images:
            for number in (*image.manifests, *(number for each in image.attachments for number in each.manifests)):
                manifests.add(manifest.blobs[number].descriptor.digest)
            for each in image.attachments:
                if each.tag:
                    tags.add((each.tag, manifest.blobs[each.manifests[-1]].descriptor.digest))
            if image.reference.tag is not None:
                tags.add((image.reference.tag, image.root.digest))
        return cls(frozenset(manifests), frozenset(tags))

    def has(self, each: AttachingTag) -> bool:
        """True if the tag itself is carried, or is a list of referrers that are all carried."""
        if (each.tag, each.digest) in self.tags:
            return True
        is_list = subject_of_tag(each.tag) == (each.subject, "")
        return is_list and each.subject in self.manifests and self.manifests.issuperset(each.listed)


def digest_name(registry: str, repository: str, digest: Digest) -> Reference:
    """The name of an image that has no tag."""
    return Reference(registry, repository, None, digest)
