"""The blobs that the receiver of a bundle has, by statements: a bundle leaves them out. FORMAT.md, section 5.13."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field, replace

from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.inventory import Inventory
from bundler.core.limits import BASE_REPOSITORIES
from bundler.core.location import DAEMON, REGISTRY
from bundler.core.manifest import MANIFEST, Base, BundleManifest, InBase, Series
from bundler.core.receipt import Receipt
from bundler.core.receipt_series import ReceiptSeries
from bundler.core.reference import Reference
from bundler.core.statement import Statement
from bundler.errors import BundlerError, Damaged
from bundler.texts import text

_IN_PLACE = frozenset({"pushed", "present"})
"""The outcomes of images whose blobs the target has. A skipped image may have other blobs under its name."""


@frozen
class AtReceiver:
    """The blobs that the receiver of a bundle has.

    Attributes:
        bases: The statements that say so, and those that these statements rely on.
        blobs: The places of the blobs in the bases, by digest.
        given: The numbers in ``bases`` of the statements that the user gave; the others were found in these.
        earlier: The channels of the bundles in these statements, with the ids of the bundles.
    """

    bases: tuple[Base, ...] = ()
    blobs: Mapping[Digest, tuple[InBase, ...]] = field(default_factory=dict)
    given: tuple[int, ...] = ()
    earlier: tuple[tuple[Series, str], ...] = ()


NOTHING_THERE = AtReceiver()
"""The receiver has no blob, as far as is known: the bundle carries everything."""


def by_statement(statement: Statement) -> AtReceiver:
    """The blobs that the receiver has by one statement.

    Raises:
        Damaged: A receipt has a digest or a name that is not valid.
    """
    return replace(_blobs_by(statement), earlier=_earlier(statement))


def _earlier(statement: Statement) -> tuple[tuple[Series, str], ...]:
    """The channel of the bundle that a statement is, or that it is the receipt of."""
    match statement.document:
        case BundleManifest(series=Series() as series):
            return ((series, statement.id),)
        case Receipt(series=ReceiptSeries() as found) as receipt:
            return ((Series(found.channel, found.sequence, found.previous), receipt.bundle_id),)
        case _:
            return ()


def _blobs_by(statement: Statement) -> AtReceiver:
    match statement.document:
        case BundleManifest() as manifest:
            return _by_bundle(manifest, statement.base)
        case Receipt() as receipt:
            try:
                return _of_repositories(_repositories_by_receipt(receipt), statement.base)
            except BundlerError as error:
                message = text("not a receipt of bundler: {error}", error=error)
                raise Damaged(message, subject=receipt.bundle_name) from error
        case Inventory() as inventory:
            return _of_repositories(_repositories_by_inventory(inventory), statement.base)


def _by_bundle(manifest: BundleManifest, own: Base) -> AtReceiver:
    """The blobs of a bundle, and those that it leaves out because its own bases have them.

    The manifest says which chunk of which earlier bundle has such a blob, so the earlier bundle is not needed.
    """
    shared: dict[tuple[InBase, ...], tuple[InBase, ...]] = {}
    blobs: dict[Digest, tuple[InBase, ...]] = {}
    for blob in manifest.blobs:
        if blob.kind == MANIFEST:
            continue  # a bundle carries its manifests in any case
        if blob.is_left_out:
            places = tuple(replace(place, base=place.base + 1) for place in blob.bases)
        else:
            places = (InBase(0, tuple(piece.chunk for piece in blob.stored.pieces)),)
        blobs[blob.descriptor.digest] = shared.setdefault(places, places)
    return AtReceiver((own, *manifest.bases), blobs, (0,))


def _of_repositories(repositories: Mapping[Digest, Iterable[str]], own: Base) -> AtReceiver:
    shared: dict[tuple[InBase, ...], tuple[InBase, ...]] = {}
    blobs: dict[Digest, tuple[InBase, ...]] = {}
    for digest, names in repositories.items():
        places = (InBase(0, repositories=tuple(names)[:BASE_REPOSITORIES]),)
        blobs[digest] = shared.setdefault(places, places)
    return AtReceiver((own,), blobs, (0,))


def _repositories_by_receipt(receipt: Receipt) -> dict[Digest, dict[str, None]]:
    """The blobs that an import has found or put at its targets, each with its repositories; none for a layout.

    Daemons do not count, because they do not keep blobs.
    """
    found: dict[Digest, dict[str, None]] = {}
    digests: dict[int, Digest] = {}
    for target in receipt.targets:
        for image in target.images if target.kind != DAEMON else ():
            if image.outcome not in _IN_PLACE:
                continue
            repository = Reference.parse(image.name).repository if target.kind == REGISTRY else None
            for number in image.blobs:
                if number < len(receipt.blobs):
                    if number not in digests:
                        digests[number] = Digest.parse(receipt.blobs[number])
                    found.setdefault(digests[number], {}).update({repository: None} if repository else {})
    return found


def _repositories_by_inventory(inventory: Inventory) -> dict[Digest, dict[str, None]]:
    """The blobs of an inventory, each with its repositories; none for a layout. A daemon does not keep blobs.

    Of each manifest only so many repositories are looked at as one blob may have: many may list the same large one.
    """
    holders: dict[int, list[str]] = {}
    for repository in inventory.repositories if inventory.kind != DAEMON else ():
        for manifest in repository.manifests:
            names = holders.setdefault(manifest, [])
            if len(names) < BASE_REPOSITORIES:
                names.append(repository.name)
    found: dict[Digest, dict[str, None]] = {}
    for manifest, names in holders.items():
        for number in inventory.manifests[manifest].blobs:
            held = found.setdefault(inventory.blobs[number].digest, {})
            if inventory.kind == REGISTRY and len(held) < BASE_REPOSITORIES:
                held.update(dict.fromkeys(names))
    return found


def together(statements: Iterable[AtReceiver]) -> AtReceiver:
    """The blobs that at least one of some statements names. The order of the statements makes no difference.

    If two of them name one base, the one that is this base decides about its blobs.
    """
    statements = tuple(statements)
    own = {each.bases[number].id for each in statements for number in each.given}
    by_id = {base.id: base for each in statements for base in each.bases if base.id not in own}
    by_id |= {base.id: base for each in statements for base in map(each.bases.__getitem__, each.given)}
    bases = sorted(by_id.values(), key=lambda base: (base.created, base.kind, base.name, base.id))
    number_of = {base.id: number for number, base in enumerate(bases)}
    found: dict[Digest, tuple[InBase, ...]] = {}
    shared: dict[tuple[InBase, ...], tuple[InBase, ...]] = {}
    for each in sorted(statements, key=lambda statement: [number_of[base.id] for base in statement.bases]):
        renumbered: dict[tuple[InBase, ...], tuple[InBase, ...]] = {}
        for digest, places in each.blobs.items():
            if places not in renumbered:
                renumbered[places] = tuple(
                    replace(place, base=number_of[each.bases[place.base].id])
                    for place in places
                    if place.base in each.given or each.bases[place.base].id not in own
                )
            merged = _merged(found.get(digest, ()), renumbered[places])
            if merged:
                found[digest] = shared.setdefault(merged, merged)
    given = tuple(sorted(number_of[base_id] for base_id in own))
    earlier = tuple(dict.fromkeys(pair for each in statements for pair in each.earlier))
    return AtReceiver(tuple(bases), found, given, earlier)


def _merged(one: tuple[InBase, ...], other: tuple[InBase, ...]) -> tuple[InBase, ...]:
    """The places of a blob by two statements, one for each base, by the numbers of the bases."""
    if not one or not other:
        return one or tuple(sorted(other, key=lambda place: place.base))
    places = {place.base: place for place in (*other, *one)}
    return tuple(places[number] for number in sorted(places))
