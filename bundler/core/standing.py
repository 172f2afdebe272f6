"""The standing of a registry: what is there by repository, what of it receipts know, and how old the last news is.

It joins what the registry has now (`bundler.core.inventory_table.Table`) with what receipts say
(`bundler.core.arrivals`). Without a registry only the receipts speak: then it is what should be there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Set as AbstractSet
from itertools import groupby

from bundler.core.arrivals import Arrivals, ArrivedBlob, ArrivedBundle
from bundler.core.attachments import subject_of_tag
from bundler.core.frozen import frozen
from bundler.core.inventory import NotListed
from bundler.core.inventory_table import Table


@frozen
class RepositoryStanding:
    """A repository.

    Attributes:
        name: HOST/PATH.
        tags: The number of its tags, without those that attach signatures and the like.
        attachment_tags: The number of the tags that do.
        own_bytes: The bytes of manifests, configs and layers that only this repository has.
        shared_bytes: The bytes of those that other repositories have too.
        newest: The end of the newest import into it, in seconds since 1970; None if no receipt knows one.
        bundle: The name of the bundle of that import.
        unknown: The tags that no receipt names, sorted.
        moved: The tags that have another digest than the newest receipt says, sorted.
        gone: The tags that receipts name and the registry does not have, sorted.
    """

    name: str
    tags: int
    attachment_tags: int
    own_bytes: int
    shared_bytes: int
    newest: int | None = None
    bundle: str = ""
    unknown: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()


@frozen
class Unneeded:
    """Blobs that receipts list and no tag needs any more: an estimate of what a garbage collection would free.

    Attributes:
        listed: The number of such blobs whose size is known.
        listed_bytes: Their bytes. The registry may have removed them.
        asked: The number of those that the registry was asked for.
        there: The number of those that it still has.
        there_bytes: Their bytes.
    """

    listed: int
    listed_bytes: int
    asked: int = 0
    there: int = 0
    there_bytes: int = 0


@frozen
class Standing:
    """The standing of a place.

    Attributes:
        place: HOST or HOST/PREFIX; empty if only receipts were read.
        now: The time, in seconds since 1970.
        repositories: The repositories, sorted by name.
        manifests: The number of manifests; 0 if only receipts were read, which do not list them.
        blobs: The number of configs and layers, each once.
        size_bytes: The bytes of all of them.
        channels: The newest bundle of each channel, sorted by channel; the first without one is that of no channel.
        bundles: The number of bundles that arrived.
        receipts: The number of receipts about the place.
        elsewhere: The registries that the receipts are about, if none of them is about the place.
        newest: The time of the newest receipt; None without one.
        without_blobs: The number of receipts that list no blobs.
        not_listed: Repositories and tags that could not be read.
        unneeded: Blobs that no tag needs; None if only receipts were read.
    """

    place: str
    now: int
    repositories: tuple[RepositoryStanding, ...]
    manifests: int
    blobs: int
    size_bytes: int
    channels: tuple[ArrivedBundle, ...] = ()
    bundles: int = 0
    receipts: int = 0
    elsewhere: tuple[str, ...] = ()
    newest: int | None = None
    without_blobs: int = 0
    not_listed: tuple[NotListed, ...] = ()
    unneeded: Unneeded | None = None

    @property
    def tags(self) -> int:
        """The number of tags of images."""
        return sum(each.tags for each in self.repositories)

    @property
    def unknown_tags(self) -> int:
        """The number of tags that no receipt names."""
        return sum(len(each.unknown) for each in self.repositories)

    @property
    def moved_tags(self) -> int:
        """The number of tags that have another digest than the newest receipt says."""
        return sum(len(each.moved) for each in self.repositories)

    @property
    def gone_tags(self) -> int:
        """The number of tags that receipts name and the registry does not have."""
        return sum(len(each.gone) for each in self.repositories)

    @property
    def is_clock_wrong(self) -> bool:
        """True if the clock shows a time before the newest receipt: then no age can be believed."""
        return self.newest is not None and self.now < self.newest

    def age_seconds(self, time: int | None) -> int | None:
        """The age of something; None if it has no time, or the clock cannot be believed."""
        return None if time is None or self.is_clock_wrong else max(0, self.now - time)


def standing_of_registry(
    place: str, table: Table, known: Arrivals, *, now: int, not_listed: tuple[NotListed, ...] = ()
) -> Standing:
    """The standing of a registry whose content was read.

    Args:
        place: HOST or HOST/PREFIX.
        table: Its content.
        known: The arrivals by its receipts.
        now: The time, in seconds since 1970.
        not_listed: Repositories and tags that could not be read.
    """
    host = place.partition("/")[0]
    sizes = [blob.size_bytes for blob in table.blobs]
    first_manifest = len(sizes)
    sizes += [manifest.descriptor.size_bytes for manifest in table.manifests]
    held: dict[str, frozenset[int]] = {}
    digests: dict[str, dict[str, str]] = {}
    for repository in table.repositories:
        name = f"{host}/{repository.name}"
        blobs = {number for each in repository.manifests for number in table.manifests[each].blobs}
        held[name] = frozenset(blobs | {first_manifest + each for each in repository.manifests})
        digests[name] = {tag: str(table.manifests[number].descriptor.digest) for tag, number in repository.tags}
    return Standing(
        place,
        now,
        tuple(_repositories(digests, held, sizes, known)),
        len(table.manifests),
        len(table.blobs),
        sum(sizes),
        channels=tuple(newest_of_channels(known.bundles)),
        bundles=len(known.bundles),
        receipts=known.receipts,
        elsewhere=() if known.receipts else known.registries,
        newest=known.newest,
        without_blobs=known.without_blobs,
        not_listed=not_listed,
        unneeded=_listed(unneeded_blobs(table, known)),
    )


def standing_of_receipts(known: Arrivals, *, now: int) -> Standing:
    """The standing of all registries that receipts are about: what should be there."""
    sizes = [blob.size_bytes or 0 for blob in known.blobs]
    held = {
        name: frozenset(number for tag in tags.values() for number in tag.blobs) for name, tags in known.tags.items()
    }
    digests = {name: {tag: each.digest for tag, each in tags.items()} for name, tags in known.tags.items()}
    needed = frozenset((_host(name), number) for name, numbers in held.items() for number in numbers)
    return Standing(
        "",
        now,
        tuple(_repositories(digests, held, sizes, known)),
        0,
        len(needed),
        sum(sizes[number] for _, number in needed),
        channels=tuple(newest_of_channels(known.bundles)),
        bundles=len(known.bundles),
        receipts=known.receipts,
        newest=known.newest,
        without_blobs=known.without_blobs,
    )


def newest_of_channels(bundles: Iterable[ArrivedBundle]) -> Iterator[ArrivedBundle]:
    """The newest bundle of each channel, and of the bundles without one.

    In a channel the highest number decides, and its first import is the time of the last news: an older bundle that is
    imported again must not hide that nothing new arrives.
    """
    ordered = sorted(bundles, key=lambda each: (each.channel, each.sequence, each.first))
    for _, own in groupby(ordered, lambda each: each.channel):
        *_, newest = own
        yield newest


def unneeded_blobs(table: Table, known: Arrivals) -> tuple[ArrivedBlob, ...]:
    """The blobs that receipts list and that no tag needs, largest first. Blobs of an unknown size are left out."""
    needed = {str(blob.digest) for blob in table.blobs}
    found = (blob for blob in known.blobs if blob.size_bytes is not None and blob.digest not in needed)
    return tuple(sorted(found, key=lambda blob: (-(blob.size_bytes or 0), blob.digest)))


def _listed(blobs: tuple[ArrivedBlob, ...]) -> Unneeded:
    return Unneeded(len(blobs), sum(blob.size_bytes or 0 for blob in blobs))


def _repositories(
    digests: Mapping[str, Mapping[str, str]],
    held: Mapping[str, AbstractSet[int]],
    sizes: list[int],
    known: Arrivals,
) -> Iterator[RepositoryStanding]:
    """The repositories by their tags with digests, and by the numbers of what they hold."""
    users = Counter((_host(name), number) for name, numbers in held.items() for number in numbers)
    for name in sorted({*digests, *known.tags}):
        found, arrived = digests.get(name, {}), known.tags.get(name, {})
        attaching = {tag for tag in found if subject_of_tag(tag)}
        images = found.keys() - attaching
        newest = max(arrived.values(), key=lambda each: each.time, default=None)
        own = sum(sizes[number] for number in held.get(name, ()) if users[_host(name), number] == 1)
        yield RepositoryStanding(
            name,
            len(images),
            len(attaching),
            own,
            sum(sizes[number] for number in held.get(name, ())) - own,
            newest.time if newest else None,
            newest.bundle if newest else "",
            unknown=tuple(
                sorted((images - arrived.keys()) | (attaching - known.attachment_tags.get(name, frozenset())))
            ),
            moved=tuple(sorted(tag for tag in images & arrived.keys() if found[tag] != arrived[tag].digest)),
            gone=tuple(sorted(arrived.keys() - found.keys())),
        )


def _host(name: str) -> str:
    """The registry of a repository: each stores its own copy of a blob."""
    return name.partition("/")[0]
