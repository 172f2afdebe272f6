"""Sent: every target has the blobs and manifests of its images. The bundle was read once, for all targets together.

No tag has moved, except in daemons, which get each image as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from bundler.bundle.chunk import groups_of
from bundler.bundle.reader import Bundle
from bundler.core.events import PhaseBegan, PhaseEnded
from bundler.core.tally import Tally
from bundler.errors import BundlerError, Unavailable
from bundler.importing.leg import Leg, as_end, ended, in_turn, is_over
from bundler.importing.opened import Opened
from bundler.importing.sharing import Sharing, copy_of
from bundler.importing.surveyed import Surveyed, forgiven
from bundler.importing.whole import with_whole_graphs
from bundler.system.durable_files import check_space
from bundler.texts import text
from bundler.transfer import BlobCopy, Destination, copy_blobs, copy_groups, counting


@dataclass(frozen=True, slots=True)
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
        legs = with_whole_graphs(opened.bundle, legs)
        _check_scratch(opened.bundle)
        legs = in_turn(legs, lambda leg: _prepared(leg, is_alone=len(legs) == 1))
        legs, passed = _loaded(legs)
        if not is_over(legs, opened.run):
            legs = _sent(opened, legs, passed)
        legs = in_turn(legs, lambda leg: leg.target.complete(leg), opened.run)
    except (BundlerError, KeyboardInterrupt) as error:
        return Sent(opened, legs, as_end(error))
    return Sent(opened, legs, ended(legs))


def _prepared(leg: Leg, *, is_alone: bool) -> Leg:
    """Prepares one target. If another process is writing there, its own images fail, and the other targets go on."""
    ready = leg.target.prepare(leg)
    return ready if is_alone else forgiven(ready, Unavailable)


def _loaded(legs: tuple[Leg, ...]) -> tuple[tuple[Leg, ...], frozenset[int]]:
    """Lets targets load images. Also returns the numbers of the blobs that were offered to all targets."""
    passed: frozenset[int] = frozenset()
    for number in range(len(legs)):
        if ended(legs):
            break
        sharing = Sharing(legs, passed)
        loading = legs[number].target.load(legs[number], sharing)
        legs = (*legs[:number], loading, *legs[number + 1 :])
        if sharing.passed != passed:
            legs = tuple(leg.target.settle(leg, sharing.copied) for leg in legs)
        passed = sharing.passed
    return legs, passed


def _sent(opened: Opened, legs: tuple[Leg, ...], passed: frozenset[int]) -> tuple[Leg, ...]:
    """Sends every other blob that a target wants: it is read once, and given to all at the same time."""
    bundle, run = opened.bundle, opened.run
    destinations: dict[int, list[Destination]] = {}
    destined = []
    for leg in legs:
        wanted = leg.target.wanted(leg)
        destined += [leg] if wanted else []
        for number, destination in wanted.items():
            if number not in passed:
                destinations.setdefault(number, []).append(destination)
    if not destinations:
        return legs
    descriptors = {number: bundle.manifest.blobs[number].descriptor for number in destinations}
    images = [each for leg in destined for each in leg.result.open_images]
    first = {
        number: str(each.image.reference)
        for each in reversed(images)
        for number in each.missing_blobs
        if number in destinations
    }
    copies = (
        copy_of(bundle, number, tuple(destinations[number]), first.get(number, ""))
        for number in sorted(destinations, key=lambda number: -descriptors[number].size_bytes)
    )
    whole = {each.image.reference: each for each in images}
    tally = Tally(
        [descriptors[number].digest for number in each.missing_blobs if number in descriptors]
        for each in whole.values()
    )
    counted = replace(run, listener=counting(run.listener, tally))
    total = sum(descriptor.size_bytes for descriptor in descriptors.values())
    where = ", ".join(leg.target.name for leg in destined)
    run.listener(PhaseBegan(text("sending to {where}", where=where), total, in_bytes=True, images=tally.images))
    copied = copy_groups(_by_chunks(bundle, copies), counted) if bundle.is_encrypted else copy_blobs(copies, counted)
    run.listener(PhaseEnded("sending"))
    return tuple(leg.target.settle(leg, copied) for leg in legs)


def _by_chunks(bundle: Bundle, copies: Iterable[BlobCopy]) -> list[list[BlobCopy]]:
    """Groups the copies by the chunks they read, each group in order, because chunks are decrypted one by one."""
    group_of = {chunk: n for n, chunks in enumerate(groups_of(bundle.manifest)) for chunk in chunks}
    groups: dict[int, list[BlobCopy]] = {}
    for place, copy in sorted(((bundle.place(copy.descriptor), copy) for copy in copies), key=lambda pair: pair[0]):
        groups.setdefault(group_of[place[0]], []).append(copy)
    return list(groups.values())


def _check_scratch(bundle: Bundle) -> None:
    if bundle.decrypted is not None:
        folder = bundle.decrypted.scratch.folder
        check_space(folder, bundle.scratch_bytes, hint=text("choose another folder with --scratch DIR"))
