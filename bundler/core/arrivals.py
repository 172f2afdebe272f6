"""The arrivals at registries, by the receipts of imports: tags, bundles and blobs, with their times.

A receipt is a statement about the past. The newest one that names a tag decides about it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field, replace

from bundler.core.attachments import fallback_tag
from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.given_repositories import is_below
from bundler.core.location import REGISTRY
from bundler.core.moments import seconds_of
from bundler.core.receipt import Receipt, ReceiptImage, ReceiptTarget
from bundler.core.reference import Reference, one_spelling
from bundler.core.shard import Shard

IN_PLACE = frozenset({"pushed", "present"})
"""The outcomes of images that a registry has after an import. A skipped tag names another image."""


@frozen
class ArrivedTag:
    """A tag by the newest receipt that names it.

    Attributes:
        digest: The digest that it got.
        time: The end of that import, in seconds since 1970.
        bundle: The name of its bundle.
        blobs: The places of its configs and layers in `Arrivals.blobs`.
    """

    digest: str
    time: int
    bundle: str
    blobs: tuple[int, ...] = ()


@frozen
class ArrivedBlob:
    """A config or layer: its digest, its size in bytes (None in older receipts), and a repository that got it."""

    digest: str
    size_bytes: int | None
    repository: str


@frozen
class ArrivedBundle:
    """A bundle that arrived at a registry.

    Attributes:
        id: Its id.
        name: Its name.
        channel: Its channel; empty if it has none.
        sequence: Its number in the channel; 0 without one.
        first: The end of its first import, in seconds since 1970. A later import of the same bundle is no news.
        last: The end of its last import.
        imports: The number of its imports.
        is_whole: True if one of these imports put all of its images in place, or all shards of one number did together.
    """

    id: str
    name: str
    channel: str
    sequence: int
    first: int
    last: int
    imports: int = 1
    is_whole: bool = False


@frozen
class Arrivals:
    """All that arrived at a place, by receipts.

    Attributes:
        tags: The tags of each repository; a repository is HOST/PATH.
        attachment_tags: The tags of each repository that attach signatures and the like.
        blobs: The configs and layers, each once.
        bundles: The bundles, newest first.
        registries: The targets that the receipts are about, also those that are not in the place, sorted.
        receipts: The number of receipts about the place.
        newest: The time of the newest receipt, of any place; None if there is none.
        without_blobs: The number of receipts about the place that list no blobs, as the first versions wrote them.
    """

    tags: Mapping[str, Mapping[str, ArrivedTag]] = field(default_factory=dict)
    attachment_tags: Mapping[str, frozenset[str]] = field(default_factory=dict)
    blobs: tuple[ArrivedBlob, ...] = ()
    bundles: tuple[ArrivedBundle, ...] = ()
    registries: tuple[str, ...] = ()
    receipts: int = 0
    newest: int | None = None
    without_blobs: int = 0


def arrivals(receipts: Iterable[Receipt], place: str = "") -> Arrivals:
    """Reads what receipts say. Each is read once and not kept: some are large.

    Args:
        receipts: The receipts, in any order.
        place: HOST or HOST/PREFIX; empty for all registries.

    Raises:
        ValueError: A receipt has no time.
        BundlerError: A receipt has a name or digest that is not valid.
    """
    found = _Read(place)
    for receipt in receipts:
        found.add(receipt)
    return found.arrivals()


def is_within(repository: str, place: str) -> bool:
    """True if a repository HOST/PATH is at a place HOST or HOST/PREFIX, or the place is empty."""
    if not place:
        return True
    registry, _, path = repository.partition("/")
    wanted, _, prefix = place.partition("/")
    return one_spelling(registry) == one_spelling(wanted) and is_below(path, prefix)


class _Read:
    """The arrivals that were read so far. Local to `arrivals`."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._registry = place.partition("/")[0]  # names get its spelling
        self._tags: dict[str, dict[str, ArrivedTag]] = {}
        self._attachment_tags: dict[str, set[str]] = {}
        self._blobs: dict[str, int] = {}
        self._found: list[ArrivedBlob] = []
        self._bundles: dict[str, ArrivedBundle] = {}
        self._shards: dict[str, set[Shard]] = {}
        self._registries: set[str] = set()
        self._receipts = self._without_blobs = 0
        self._newest: int | None = None

    def arrivals(self) -> Arrivals:
        return Arrivals(
            tags=self._tags,
            attachment_tags={name: frozenset(tags) for name, tags in self._attachment_tags.items()},
            blobs=tuple(self._found),
            bundles=tuple(sorted(self._bundles.values(), key=lambda each: (-each.first, each.name, each.id))),
            registries=tuple(sorted(self._registries)),
            receipts=self._receipts,
            newest=self._newest,
            without_blobs=self._without_blobs,
        )

    def add(self, receipt: Receipt) -> None:
        time = seconds_of(receipt.finished)
        targets = [target for target in receipt.targets if target.kind == REGISTRY]
        self._newest = time if self._newest is None else max(self._newest, time)
        self._registries.update(target.target for target in targets)
        arrived = [(image, name) for target in targets for image, name in self._arrived(target)]
        if not arrived:
            return
        self._receipts += 1
        self._without_blobs += not receipt.blobs
        self._add_bundle(receipt, time)
        for image, name in arrived:
            blobs = tuple(self._numbers(receipt, image, name.name))
            self._add_tag(name, ArrivedTag(image.read_back or image.digest, time, receipt.bundle_name, blobs))
            self._add_attachments(name.name, image)

    def _arrived(self, target: ReceiptTarget) -> Iterator[tuple[ReceiptImage, Reference]]:
        for image in target.images:
            if image.outcome in IN_PLACE:
                name = Reference.parse(image.name)
                if is_within(name.name, self._place):
                    registry = self._registry or name.registry
                    yield image, name if name.registry == registry else replace(name, registry=registry)

    def _numbers(self, receipt: Receipt, image: ReceiptImage, repository: str) -> Iterator[int]:
        for number in image.blobs:
            if number < len(receipt.blobs):
                digest = receipt.blobs[number]
                if digest not in self._blobs:
                    size_bytes = receipt.blob_sizes[number] if receipt.blob_sizes else None
                    self._blobs[digest] = len(self._found)
                    self._found.append(ArrivedBlob(digest, size_bytes, repository))
                yield self._blobs[digest]

    def _add_tag(self, name: Reference, arrived: ArrivedTag) -> None:
        tags = self._tags.setdefault(name.name, {})
        if name.tag is not None and (name.tag not in tags or tags[name.tag].time <= arrived.time):
            tags[name.tag] = arrived

    def _add_attachments(self, repository: str, image: ReceiptImage) -> None:
        if image.attached:
            tags = (each.tag or fallback_tag(Digest.parse(each.subject)) for each in image.attached)
            self._attachment_tags.setdefault(repository, set()).update(tags)

    def _add_bundle(self, receipt: Receipt, time: int) -> None:
        series, before = receipt.series, self._bundles.get(receipt.bundle_id)
        self._bundles[receipt.bundle_id] = ArrivedBundle(
            receipt.bundle_id,
            receipt.bundle_name,
            series.channel if series else "",
            series.sequence if series else 0,
            min(time, before.first) if before else time,
            max(time, before.last) if before else time,
            before.imports + 1 if before else 1,
            self._is_whole(receipt) or (before is not None and before.is_whole),
        )

    def _is_whole(self, receipt: Receipt) -> bool:
        """True if the import put all images in place, or is the last of the shards that did."""
        if receipt.exit_code or receipt.chosen:
            return False
        done = self._shards.setdefault(receipt.bundle_id, set())
        done.update(receipt.shards)
        counts = {shard.count for shard in receipt.shards}
        return not counts or any(sum(shard.count == count for shard in done) == count for count in counts)
