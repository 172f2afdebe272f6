"""Sent: every target has the blobs and manifests of its images. The bundle was read once, for all targets together.

No tag has moved, except in daemons, which get each image as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from bundler.bundle.chunk import groups_of
from bundler.bundle.reader import Bundle
from bundler.core.events import PhaseBegan, PhaseEnded
from bundler.core.frozen import frozen
from bundler.core.oci import Descriptor
from bundler.core.protocols import BlobSource
from bundler.core.tally import Tally
from bundler.errors import BundlerError, Unavailable
from bundler.importing.leg import Leg, as_end, ended, in_turn, is_over
from bundler.importing.opened import Opened
from bundler.importing.sharing import Sharing, copy_of
from bundler.importing.surveyed import Surveyed, forgiven
from bundler.importing.whole import with_whole_graphs
from bundler.system.durable_files import check_space
from bundler.texts import text
from bundler.transfer import SMALL_BLOB_BYTES, BlobCopy, Copied, Destination, copy_blobs, copy_groups, counting

_MOUNT_BYTES = 4 << 20
"""The bytes that a line carries during the two round trips of a mount: 50 MB/s with 50 ms."""


@frozen
class Sent:
    """The legs of an import after all blobs and manifests.

    Attributes:
        opened: The open bundle.
        legs: One for each target.
        ended: The error that ended the import; None if there is none.
    """

    opened: Opened
    legs: tuple[Leg, ...]
    ended: BundlerError | None = None


def send(surveyed: Surveyed) -> Sent:
    """Loads images into daemons, and shares each blob with all targets that want it; then sends the other blobs."""
    opened, legs = surveyed.opened, surveyed.legs
    try:
        legs = delivered(opened, prepared(opened, with_whole_graphs(opened.bundle, legs)))
    except (Exception, KeyboardInterrupt) as error:
        return Sent(opened, legs, as_end(error))
    return Sent(opened, legs, ended(legs))


def delivered(opened: Opened, legs: tuple[Leg, ...]) -> tuple[Leg, ...]:
    """The legs of prepared targets, with all that their open images need."""
    legs, passed = loaded(legs)
    if not is_over(legs, opened.run):
        legs = _sent(opened, legs, passed)
    return in_turn(legs, lambda leg: leg.target.complete(leg), opened.run)


def prepared(opened: Opened, legs: tuple[Leg, ...]) -> tuple[Leg, ...]:
    """Prepares all targets for the first blob.

    Raises:
        LocalStorage: There is no scratch space for an encrypted bundle.
    """
    _check_scratch(opened.bundle)
    return in_turn(legs, lambda leg: _prepared(leg, is_alone=len(legs) == 1))


def _prepared(leg: Leg, *, is_alone: bool) -> Leg:
    """Prepares one target. If another process is writing there, its own images fail, and the other targets go on."""
    ready = leg.target.prepare(leg)
    return ready if is_alone else forgiven(ready, Unavailable)


def loaded(legs: tuple[Leg, ...]) -> tuple[tuple[Leg, ...], frozenset[int]]:
    """Lets targets load images. Also returns the numbers of the blobs that were offered to all targets."""
    passed: frozenset[int] = frozenset()
    for number in range(len(legs)):
        if ended(legs):
            break
        sharing = Sharing(partial(_wanted, legs), passed)
        loading = legs[number].target.load(legs[number], sharing)
        legs = (*legs[:number], loading, *legs[number + 1 :])
        if sharing.passed != passed:
            legs = tuple(leg.target.settle(leg, sharing.copied) for leg in legs)
        passed = sharing.passed
    return legs, passed


def _wanted(legs: tuple[Leg, ...]) -> tuple[Mapping[int, Destination], ...]:
    return tuple(leg.target.wanted(leg) for leg in legs)


def _sent(opened: Opened, legs: tuple[Leg, ...], passed: frozenset[int]) -> tuple[Leg, ...]:
    """Sends every other blob that a target wants."""
    copied = copy_wanted(opened, list(zip(legs, _wanted(legs), strict=True)), passed)
    return tuple(leg.target.settle(leg, copied) for leg in legs) if copied is not None else legs


def copy_wanted(
    opened: Opened,
    wanted: Sequence[tuple[Leg, Mapping[int, Destination]]],
    passed: frozenset[int] = frozenset(),
    source: BlobSource | None = None,
) -> Copied | None:
    """Sends blobs: each is read once, and given to all targets that want it at the same time.

    Args:
        opened: The open bundle.
        wanted: The blobs that each target wants, by their numbers.
        passed: The blobs that were offered to all targets already.
        source: Reads the blobs of the bundle; None for the bundle itself.

    Returns:
        The result; None if there was nothing to send.
    """
    bundle, run = opened.bundle, opened.run
    destined = [leg for leg, blobs in wanted if blobs]
    shipments = _shipments(bundle, wanted, passed)
    if not shipments:
        return None
    descriptors = {each.number: bundle.manifest.blobs[each.number].descriptor for each in shipments}
    images = [each for leg in destined for each in leg.result.open_images]
    first = {
        number: str(each.image.reference)
        for each in reversed(images)
        for number in each.missing_blobs
        if number in descriptors
    }
    copies = (
        copy_of(bundle, each.number, each.destinations, first.get(each.number, ""), each.source or source)
        for each in sorted(shipments, key=lambda each: turn_of(bundle, descriptors[each.number], each.destinations))
    )
    whole = {each.image.reference: each for each in images}
    tally = Tally(
        [descriptors[number].digest for number in each.missing_blobs if number in descriptors]
        for each in whole.values()
    )
    counted = replace(run, listener=counting(run.listener, tally))
    total = sum(descriptors[each.number].size_bytes for each in shipments)
    where = ", ".join(leg.target.name for leg in destined)
    run.listener(PhaseBegan(text("sending to {where}", where=where), total, in_bytes=True, images=tally.images))
    copied = copy_groups(_by_chunks(bundle, copies), counted) if bundle.needs_order else copy_blobs(copies, counted)
    run.listener(PhaseEnded("sending"))
    return copied


@frozen
class _Shipment:
    """A blob by its number, who is to have it, and the place that has it if no bundle does."""

    number: int
    destinations: tuple[Destination, ...]
    source: BlobSource | None = None


def _shipments(
    bundle: Bundle, wanted: Iterable[tuple[Leg, Mapping[int, Destination]]], passed: frozenset[int]
) -> list[_Shipment]:
    """The blobs that must be sent. Each target gives itself those that no bundle has."""
    shared: dict[int, list[Destination]] = {}
    own: list[_Shipment] = []
    absent = bundle.absent
    for leg, blobs in wanted:
        for number, destination in blobs.items():
            if number in absent:
                own.append(_Shipment(number, (destination,), leg.target.source_at_target(leg, number)))
            elif number not in passed:
                shared.setdefault(number, []).append(destination)
    return [*(_Shipment(number, tuple(destinations)) for number, destinations in shared.items()), *own]


def turn_of(bundle: Bundle, descriptor: Descriptor, destinations: Iterable[Destination]) -> tuple[int, tuple[int, ...]]:
    """When a blob is sent: large ones first, those that take longest first; small ones in the order of their places.

    A base image that nineteen repositories mount takes seconds after its bytes, in which other blobs must move.
    Neighbours are read with one request from S3, and without a seek from a disc.
    """
    if descriptor.size_bytes >= SMALL_BLOB_BYTES:
        mounts = sum(len(each.sinks) - 1 for each in destinations)
        return -descriptor.size_bytes - mounts * _MOUNT_BYTES, ()
    return 0, bundle.place(descriptor)


def _by_chunks(bundle: Bundle, copies: Iterable[BlobCopy]) -> list[list[BlobCopy]]:
    """Groups the copies by the chunks they read, each group in order, because chunks are decrypted one by one."""
    group_of = {
        (place, chunk): (place, n)
        for place, each in enumerate((bundle, *bundle.others))
        for n, chunks in enumerate(groups_of(each.manifest))
        for chunk in chunks
    }
    groups: dict[tuple[int, int], list[BlobCopy]] = {}
    for place, copy in sorted(((bundle.place(copy.descriptor), copy) for copy in copies), key=lambda pair: pair[0]):
        groups.setdefault(group_of.get(place[:2], place[:2]), []).append(copy)
    return list(groups.values())


def _check_scratch(bundle: Bundle) -> None:
    decrypted = next((each.decrypted for each in (bundle, *bundle.others) if each.decrypted is not None), None)
    if decrypted is not None:
        folder = decrypted.scratch.folder
        check_space(folder, bundle.scratch_bytes, hint=text("choose another folder with --scratch DIR"))
