"""The content that bundles brought to a registry, by the receipts of their imports. It stays or goes together."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import field

from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.receipt import Receipt, ReceiptImage
from bundler.core.reference import Reference

Place = tuple[str, str]
"""A repository of the registry, and a tag there."""

_NUMBER = re.compile(r"[-_.]?[vV]?\d[\d._-]*\Z")


@frozen
class ImportedBundle:
    """The content that one bundle brought to a registry, by all receipts about it.

    Attributes:
        id: The id of the bundle.
        name: Its name.
        kind: The channel of the bundle, or its name without the number at the end: such bundles follow each other.
        imported: The time at which its last import began, UTC, ISO 8601.
        is_whole: True if all its images arrived.
        tags: The digests that its imports gave to the tags of each repository.
        digests: The digests of its images in each repository; also of those that no tag names.
    """

    id: str
    name: str
    kind: str
    imported: str
    is_whole: bool
    tags: Mapping[str, Mapping[str, frozenset[Digest]]] = field(default_factory=dict)
    digests: Mapping[str, frozenset[Digest]] = field(default_factory=dict)


@frozen
class KeptBundles:
    """The bundles of a registry, in those that stay whole and those that do not.

    Attributes:
        kept: The bundles that stay, newest first.
        old: The others, newest first.
    """

    kept: tuple[ImportedBundle, ...] = ()
    old: tuple[ImportedBundle, ...] = ()


def imported_bundles(receipts: Iterable[Receipt], registry: str) -> tuple[ImportedBundle, ...]:
    """The bundles that were imported into a registry, newest first.

    Args:
        receipts: The receipts, in any order; those of other registries do not count.
        registry: The host of the registry.
    """
    by_bundle: dict[str, list[tuple[Receipt, list[ReceiptImage]]]] = {}
    for receipt in receipts:
        images = _images(receipt, registry)
        if images:
            by_bundle.setdefault(receipt.bundle_id, []).append((receipt, images))
    found = [_bundle(each) for each in by_bundle.values()]
    return tuple(sorted(found, key=lambda each: (each.imported, each.id), reverse=True))


def kept_bundles(bundles: Iterable[ImportedBundle], number: int, present: Mapping[Place, Digest]) -> KeptBundles:
    """Chooses the bundles that stay whole.

    A bundle counts if all its images arrived, and one of its tags still has its image: an import that failed or was
    undone must not push out one that works. Every bundle that is newer than the last one that counts stays too.

    Args:
        bundles: The bundles, newest first.
        number: How many of each kind stay.
        present: The digest that each tag has now.
    """
    counted: dict[str, int] = {}
    kept: list[ImportedBundle] = []
    old: list[ImportedBundle] = []
    for bundle in bundles:
        if counted.get(bundle.kind, 0) >= number:
            old.append(bundle)
            continue
        kept.append(bundle)
        if bundle.is_whole and _is_there(bundle, present):
            counted[bundle.kind] = counted.get(bundle.kind, 0) + 1
    return KeptBundles(tuple(kept), tuple(old))


def kind_of(receipt: Receipt) -> str:
    """The channel of a bundle; without one, its name without the number at the end: ``platform-2026.11``."""
    if receipt.series is not None and receipt.series.channel:
        return f"channel {receipt.series.channel}"
    return _NUMBER.sub("", receipt.bundle_name) or receipt.bundle_name


def _images(receipt: Receipt, registry: str) -> list[ReceiptImage]:
    return [
        image
        for target in receipt.targets
        if target.kind == "registry"
        for image in target.images
        if Reference.parse(image.name).registry == registry
    ]


def _bundle(found: list[tuple[Receipt, list[ReceiptImage]]]) -> ImportedBundle:
    newest = max((receipt for receipt, _ in found), key=lambda receipt: receipt.started)
    images = [image for _, each in found for image in each]
    done = {image.name for image in images if image.is_done}
    tags: dict[str, dict[str, frozenset[Digest]]] = {}
    digests: dict[str, frozenset[Digest]] = {}
    for image in images:
        name = Reference.parse(image.name)
        known = frozenset(Digest.parse(each) for each in (image.digest, image.read_back) if each)
        digests[name.repository] = digests.get(name.repository, frozenset()) | known
        if name.tag:
            in_repository = tags.setdefault(name.repository, {})
            in_repository[name.tag] = in_repository.get(name.tag, frozenset()) | known
    return ImportedBundle(
        newest.bundle_id,
        newest.bundle_name,
        kind_of(newest),
        newest.started,
        is_whole={image.name for image in images} <= done,
        tags=tags,
        digests=digests,
    )


def _is_there(bundle: ImportedBundle, present: Mapping[Place, Digest]) -> bool:
    return not bundle.tags or any(
        present.get((repository, tag)) in digests
        for repository, tags in bundle.tags.items()
        for tag, digests in tags.items()
    )
