"""The blobs that the receiver of a bundle has, as bundles, receipts and inventories say: a bundle leaves them out.

A statement is one of these documents, after its signature was checked. A receipt or an inventory proves that the blobs
were at the target. A bundle proves nothing about the target; it is assumed that it arrived. FORMAT.md, section 5.13.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from bundler.core.digest import Digest
from bundler.core.limits import BASE_NAME_CHARACTERS, BASE_REPOSITORIES
from bundler.core.location import DAEMON, REGISTRY
from bundler.core.manifest import BUNDLE, MANIFEST, RECEIPT, Base, BundleManifest, InBase
from bundler.core.receipt import Receipt
from bundler.core.reference import Reference
from bundler.errors import BundlerError, Damaged
from bundler.texts import text

_IN_PLACE = frozenset({"pushed", "present"})
"""The outcomes of images whose blobs the target has. A skipped image may have other blobs under its name."""


@dataclass(frozen=True, slots=True)
class AtReceiver:
    """The blobs that the receiver of a bundle has.

    Attributes:
        bases: The statements that say so, and those that these statements rely on.
        blobs: The places of the blobs in the bases, by digest.
        given: The numbers in ``bases`` of the statements that the user gave; the others were found in these.
    """

    bases: tuple[Base, ...] = ()
    blobs: Mapping[Digest, tuple[InBase, ...]] = field(default_factory=dict)
    given: tuple[int, ...] = ()


NOTHING_THERE = AtReceiver()
"""The receiver has no blob, as far as is known: the bundle carries everything."""


def by_bundle(manifest: BundleManifest, bundle_id: str) -> AtReceiver:
    """The blobs of a bundle, and those that it leaves out because its own bases have them.

    The manifest says which chunk of which earlier bundle has such a blob, so the earlier bundle is not needed.

    Args:
        manifest: Its manifest.
        bundle_id: Its id.
    """
    own = Base(bundle_id, BUNDLE, manifest.name, manifest.created, manifest.archive)
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


def by_receipt(receipt: Receipt, receipt_id: str) -> AtReceiver:
    """The blobs that an import has found or put at its targets. Daemons do not count: they do not keep blobs.

    Args:
        receipt: The receipt.
        receipt_id: The SHA-256 of its bytes, in hex.

    Raises:
        Damaged: It has a digest or a name that is not valid.
    """
    targets = [target for target in receipt.targets if target.kind != DAEMON]
    repositories: dict[int, dict[str, None]] = {}
    try:
        for target in targets:
            for image in target.images:
                if image.outcome not in _IN_PLACE:
                    continue
                repository = Reference.parse(image.name).repository if target.kind == REGISTRY else ""
                for number in image.blobs:
                    if number < len(receipt.blobs):
                        repositories.setdefault(number, {})[repository] = None
        shared: dict[tuple[InBase, ...], tuple[InBase, ...]] = {}
        blobs: dict[Digest, tuple[InBase, ...]] = {}
        for number, names in repositories.items():
            places = (InBase(0, repositories=tuple(filter(None, names))[:BASE_REPOSITORIES]),)
            blobs[Digest.parse(receipt.blobs[number])] = shared.setdefault(places, places)
    except BundlerError as error:
        raise Damaged(text("not a receipt of bundler: {error}", error=error), subject=receipt.bundle_name) from error
    where = ", ".join(target.target for target in targets)
    name = f"{receipt.bundle_name} at {where}" if where else receipt.bundle_name
    base = Base(receipt_id, RECEIPT, name[:BASE_NAME_CHARACTERS] or RECEIPT, receipt.finished)
    return AtReceiver((base,), blobs, (0,))


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
    return AtReceiver(tuple(bases), found, given)


def _merged(one: tuple[InBase, ...], other: tuple[InBase, ...]) -> tuple[InBase, ...]:
    """The places of a blob by two statements, one for each base, by the numbers of the bases."""
    if not one or not other:
        return one or tuple(sorted(other, key=lambda place: place.base))
    places = {place.base: place for place in (*other, *one)}
    return tuple(places[number] for number in sorted(places))
