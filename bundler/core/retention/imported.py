"""The content that bundles brought to a registry, by the receipts of their imports. It stays or goes together."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import field, replace

from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.moments import is_plausible
from bundler.core.patterns import lazy_pattern
from bundler.core.receipt import Receipt, ReceiptImage
from bundler.core.reference import Reference, one_spelling

Place = tuple[str, str]
"""A repository of the registry, and a tag or digest there."""
Digests = tuple[Digest, ...]

_NUMBER = lazy_pattern(r"[-_.]?[vV]?\d[\d._-]*\Z")


@frozen
class ImportedBundle:
    """The content that one bundle brought to a registry, by all receipts about it.

    Attributes:
        id: The id of the bundle.
        name: Its name.
        kind: The channel of the bundle, or its name without the number at the end: such bundles follow each other.
        imported: The time at which its last import began, UTC, ISO 8601; empty if the clock was wrong at each of them.
        tags: The digests that its imports gave to the tags of each repository.
        untagged: The digests of its images without a tag in each repository.
        lacking: The images that no import brought.
    """

    id: str
    name: str
    kind: str
    imported: str
    tags: Mapping[str, Mapping[str, Digests]] = field(default_factory=dict)
    untagged: Mapping[str, Digests] = field(default_factory=dict)
    lacking: frozenset[Place] = frozenset()

    def digests_in(self, repository: str) -> frozenset[Digest]:
        """The images that it brought to a repository, whether a tag names them now or not."""
        tagged = (each for digests in self.tags.get(repository, {}).values() for each in digests)
        return frozenset((*tagged, *self.untagged.get(repository, ())))

    @property
    def repositories(self) -> frozenset[str]:
        """The repositories of its images."""
        return frozenset((*self.tags, *self.untagged))


@frozen
class KeptBundles:
    """The bundles of a registry, in those that stay whole and those that do not.

    Attributes:
        kept: The bundles that stay, newest first.
        old: The others, newest first.
    """

    kept: tuple[ImportedBundle, ...] = ()
    old: tuple[ImportedBundle, ...] = ()


def imported_bundle(receipt: Receipt, registry: str, known: dict[Digest, Digests], now: str) -> ImportedBundle | None:
    """The content that one import brought to a registry; None if it brought none.

    Args:
        receipt: The receipt of the import.
        registry: The host of the registry.
        known: The digests of other receipts, so that equal ones are one object: months of receipts repeat them.
        now: The time, UTC, ISO 8601.
    """
    tags: dict[str, dict[str, Digests]] = {}
    untagged: dict[str, Digests] = {}
    lacking: set[Place] = set()
    for image, name in _images(receipt, registry):
        digests = tuple(dict.fromkeys(Digest.parse(each) for each in (image.digest, image.read_back) if each))
        shared = known.setdefault(digests[0], digests) if len(digests) == 1 else digests
        if name.tag:
            named = tags.setdefault(name.repository, {})
            named[name.tag] = (*named[name.tag], *shared) if name.tag in named else shared
        else:
            untagged[name.repository] = (*untagged.get(name.repository, ()), *shared)
        if not image.is_done:
            lacking.add((name.repository, name.tag or image.digest))
    if not tags and not untagged:
        return None
    imported = receipt.started if is_plausible(receipt.started, now) else ""
    found = receipt.bundle_id, receipt.bundle_name, kind_of(receipt), imported
    return ImportedBundle(*found, tags=tags, untagged=untagged, lacking=frozenset(lacking))


def joined(imports: Iterable[ImportedBundle]) -> tuple[ImportedBundle, ...]:
    """The bundles of several imports, newest first. A bundle that was imported several times is there once."""
    found: dict[str, ImportedBundle] = {}
    for each in sorted(imports, key=lambda each: each.imported):
        found[each.id] = _together(found[each.id], each) if each.id in found else each
    return tuple(sorted(found.values(), key=lambda each: (each.imported, each.name, each.id), reverse=True))


def kept_bundles(bundles: Iterable[ImportedBundle], number: int, present: Mapping[Place, Digest]) -> KeptBundles:
    """Chooses the bundles that stay whole.

    A bundle counts if all its images arrived, and one of its tags has its image or that of a newer bundle: an import
    that failed or was undone must not push out one that works. Every bundle that is newer than the last one that counts
    stays too. So does one that was imported with a wrong clock: it may be the newest one.

    Args:
        bundles: The bundles, newest first.
        number: How many of each kind stay.
        present: The digest that each tag has now.
    """
    counted: dict[str, int] = {}
    kept: list[ImportedBundle] = []
    old: list[ImportedBundle] = []
    followed: set[Place] = set()  # the tags that have the image of a bundle, which may have come with an older one too
    for bundle in bundles:
        followed.update(place for place, digests in _tags_of(bundle) if present.get(place) in digests)
        if bundle.imported and counted.get(bundle.kind, 0) >= number:
            old.append(bundle)
            continue
        kept.append(bundle)
        if bundle.imported and not bundle.lacking and _is_there(bundle, followed):
            counted[bundle.kind] = counted.get(bundle.kind, 0) + 1
    return KeptBundles(tuple(kept), tuple(old))


def kind_of(receipt: Receipt) -> str:
    """The channel of a bundle; without one, its name without the number at the end: ``platform-2026.11``."""
    if receipt.series is not None and receipt.series.channel:
        return receipt.series.channel
    return _NUMBER.sub("", receipt.bundle_name) or receipt.bundle_name


def _images(receipt: Receipt, registry: str) -> Iterable[tuple[ReceiptImage, Reference]]:
    for target in receipt.targets:
        for image in target.images if target.kind == "registry" else ():
            name = Reference.parse(image.name)
            if one_spelling(name.registry) == one_spelling(registry):
                yield image, name


def _together(earlier: ImportedBundle, later: ImportedBundle) -> ImportedBundle:
    tags = {repository: dict(found) for repository, found in earlier.tags.items()}
    for repository, found in later.tags.items():
        known = tags.setdefault(repository, {})
        for tag, digests in found.items():
            known[tag] = tuple(dict.fromkeys((*known.get(tag, ()), *digests)))
    untagged = dict(earlier.untagged)
    for repository, digests in later.untagged.items():
        untagged[repository] = tuple(dict.fromkeys((*untagged.get(repository, ()), *digests)))
    lacking = {place for place in earlier.lacking if place in later.lacking or not _has(later, place)}
    lacking |= {place for place in later.lacking if place in earlier.lacking or not _has(earlier, place)}
    return replace(later, tags=tags, untagged=untagged, lacking=frozenset(lacking))


def _has(bundle: ImportedBundle, place: Place) -> bool:
    repository, name = place
    return name in bundle.tags.get(repository, {}) or name in map(str, bundle.untagged.get(repository, ()))


def _is_there(bundle: ImportedBundle, followed: Collection[Place]) -> bool:
    return not bundle.tags or any(place in followed for place, _ in _tags_of(bundle))


def _tags_of(bundle: ImportedBundle) -> Iterator[tuple[Place, Digests]]:
    for repository, tags in bundle.tags.items():
        for tag, digests in tags.items():
            yield (repository, tag), digests
