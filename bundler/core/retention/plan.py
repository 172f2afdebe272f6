"""The plan of a prune: of each repository the tags and manifests that go, and the bytes that this frees.

A manifest is removed by its digest only if every tag that names it goes: registries before distribution 3 remove all
tags of a digest with it. A tag whose image stays is removed alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field

from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.inventory import HeldRepository
from bundler.core.inventory_table import Table
from bundler.core.oci import Descriptor
from bundler.core.retention.choice import Fate, Tags, Verdict, own_tags, verdicts
from bundler.core.retention.imported import ImportedBundle, KeptBundles, Place, kept_bundles
from bundler.core.retention.needs import Needs
from bundler.core.retention.rules import Retention


@frozen
class Agreed:
    """The part of an earlier plan for a repository that may still be done. Everything else stays, with its needs.

    Attributes:
        tags: The digest that each tag had that was to go.
        digests: The manifests that were to go.
    """

    tags: Mapping[str, Digest]
    digests: frozenset[Digest]


@frozen
class Known:
    """The known content of a registry.

    Attributes:
        table: Its repositories, manifests and blobs.
        bundles: The imported bundles, newest first.
        dates: The seconds since 1970 at which images were made, by digest.
        unread: The repositories that could not be read whole, with the reason. Nothing is removed there.
        leftovers: Manifests that an interrupted prune was to remove, by repository.
    """

    table: Table
    bundles: tuple[ImportedBundle, ...] = ()
    dates: Mapping[Digest, int] = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)
    leftovers: Mapping[str, frozenset[Digest]] = field(default_factory=dict)


@frozen
class GoingManifest:
    """A manifest that is removed, with all its tags.

    Attributes:
        descriptor: The manifest.
        tags: Its tags, sorted; those of attachments included.
        needs: The manifests that go too because it goes. If it stays, they stay.
    """

    descriptor: Descriptor
    tags: tuple[str, ...] = ()
    needs: tuple[Digest, ...] = ()

    @property
    def digest(self) -> Digest:
        """The digest of the manifest."""
        return self.descriptor.digest


@frozen
class GoingTag:
    """A tag that is removed alone, because its manifest stays.

    Attributes:
        tag: The tag.
        descriptor: Its manifest.
        others: The tags that name the same manifest and stay.
    """

    tag: str
    descriptor: Descriptor
    others: tuple[str, ...] = ()


@frozen
class RepositoryPlan:
    """The plan for one repository.

    Attributes:
        name: Its path.
        verdicts: The decision on each tag, without those of attachments.
        manifests: The manifests that go. None goes before one that needs it.
        tags: The tags that go alone.
        unread: The reason why nothing is removed here; empty if the repository was read whole.
    """

    name: str
    verdicts: tuple[Verdict, ...]
    manifests: tuple[GoingManifest, ...] = ()
    tags: tuple[GoingTag, ...] = ()
    unread: str = ""

    @property
    def is_changed(self) -> bool:
        """True if something goes."""
        return bool(self.manifests or self.tags)

    def count(self, fate: Fate) -> int:
        """The number of tags with a decision."""
        return sum(verdict.fate is fate for verdict in self.verdicts)


@frozen
class Freed:
    """The estimate of what a prune frees: configs and layers that no manifest needs any more, and the manifests.

    Attributes:
        blobs: The number of blobs.
        size_bytes: The bytes of blobs and manifests.
    """

    blobs: int = 0
    size_bytes: int = 0


@frozen
class Plan:
    """The plan for a registry.

    Attributes:
        repositories: The plan of each repository, sorted by name.
        bundles: The bundles that stay, and the others.
        freed: The bytes that it frees.
    """

    repositories: tuple[RepositoryPlan, ...]
    bundles: KeptBundles
    freed: Freed

    @property
    def changed(self) -> tuple[RepositoryPlan, ...]:
        """The repositories in which something goes."""
        return tuple(each for each in self.repositories if each.is_changed)

    @property
    def is_empty(self) -> bool:
        """True if nothing goes."""
        return not self.changed

    def count(self, fate: Fate) -> int:
        """The number of tags with a decision."""
        return sum(each.count(fate) for each in self.repositories)


def plan(known: Known, retention: Retention) -> Plan:
    """Plans a prune.

    Args:
        known: The registry.
        retention: The rules.
    """
    bundles = kept_bundles(known.bundles, retention.protected_bundles, _present(known.table))
    found = tuple(_of_repository(each, known, retention, bundles) for each in known.table.repositories)
    return Plan(found, bundles, _freed(known.table, found))


def plan_again(known: Known, retention: Retention, bundles: KeptBundles, agreed: Agreed) -> RepositoryPlan | None:
    """Plans a prune for one repository that was read again: only what an earlier plan had too goes.

    Args:
        known: The repository; None is returned if it has no manifest any more.
        retention: The rules.
        bundles: The bundles that stay, and the others, as they were chosen for the earlier plan.
        agreed: The earlier plan.
    """
    found = [_of_repository(each, known, retention, bundles, agreed) for each in known.table.repositories]
    return found[0] if found else None


def _present(table: Table) -> dict[Place, Digest]:
    return {
        (each.name, tag): table.manifests[number].descriptor.digest
        for each in table.repositories
        for tag, number in each.tags
    }


def _of_repository(
    repository: HeldRepository,
    known: Known,
    retention: Retention,
    bundles: KeptBundles,
    agreed: Agreed | None = None,
) -> RepositoryPlan:
    manifests = known.table.manifests
    digests = {number: manifests[number].descriptor.digest for number in repository.manifests}
    dates = {number: known.dates[digest] for number, digest in digests.items() if digest in known.dates}
    tags = Tags(repository.name, own_tags(dict(repository.tags)), digests, dates)
    decided = verdicts(tags, retention, bundles)
    unread = known.unread.get(repository.name, "")
    if unread or not retention.is_for(repository.name):
        return RepositoryPlan(repository.name, decided, unread=unread)
    removed = frozenset(
        verdict.tag
        for verdict in decided
        if verdict.fate is Fate.REMOVED and (agreed is None or agreed.tags.get(verdict.tag) == digests[verdict.number])
    )
    needs = Needs.of(repository, manifests)
    old = bundles.old if retention.keep_bundles is not None else ()
    left = _images(repository.name, old) | known.leftovers.get(repository.name, frozenset())
    kept = _among(digests, _images(repository.name, bundles.kept))
    going = needs.unneeded(removed, kept, _among(digests, left))
    if agreed is not None:
        new = {number for number in going if digests[number] not in agreed.digests}
        going = needs.unneeded(removed, kept | new, _among(digests, left & agreed.digests))
    is_going = frozenset(going)
    named = _tags_by_manifest(needs)
    alone = _tags_alone(needs, removed, is_going)
    return RepositoryPlan(
        repository.name,
        decided,
        tuple(
            GoingManifest(
                manifests[number].descriptor,
                named.get(number, ()),
                tuple(digests[each] for each in needs.edges[number] if each in is_going),
            )
            for number in going
        ),
        tuple(
            GoingTag(
                tag,
                manifests[needs.tags[tag]].descriptor,
                tuple(each for each in named[needs.tags[tag]] if each not in alone),
            )
            for tag in alone
        ),
    )


def _tags_by_manifest(needs: Needs) -> dict[int, tuple[str, ...]]:
    """The tags of each manifest, in their order."""
    named: dict[int, list[str]] = {}
    for tag, number in sorted(needs.tags.items()):
        named.setdefault(number, []).append(tag)
    return {number: tuple(tags) for number, tags in named.items()}


def _tags_alone(needs: Needs, removed: frozenset[str], going: frozenset[int]) -> tuple[str, ...]:
    """The tags that go while their manifests stay: rules remove them, or the subject of an attachment tag goes."""
    return tuple(
        tag
        for tag, number in sorted(needs.tags.items())
        if number not in going and (tag in removed or needs.attached.get(tag) in going)
    )


def _images(repository: str, bundles: Iterable[ImportedBundle]) -> frozenset[Digest]:
    """The images that bundles brought to a repository, whether a tag names them or not."""
    return frozenset[Digest]().union(*(bundle.digests_in(repository) for bundle in bundles))


def _among(digests: Mapping[int, Digest], chosen: frozenset[Digest]) -> set[int]:
    return {number for number, digest in digests.items() if digest in chosen}


def _freed(table: Table, plans: Iterable[RepositoryPlan]) -> Freed:
    going = {each.name: {manifest.descriptor.digest for manifest in each.manifests} for each in plans}
    staying: set[int] = set()
    for repository in table.repositories:
        gone = going.get(repository.name, set())
        staying.update(n for n in repository.manifests if not gone or table.manifests[n].descriptor.digest not in gone)
    needed: set[int] = set()
    for number in staying:
        needed.update(table.manifests[number].blobs)
    removed = [held for number, held in enumerate(table.manifests) if number not in staying]
    blobs = {blob for held in removed for blob in held.blobs} - needed
    size_bytes = sum(table.blobs[blob].size_bytes for blob in blobs)
    return Freed(len(blobs), size_bytes + sum(held.descriptor.size_bytes for held in removed))
