"""Sharing: the blobs that one target loads are given to all other targets that want them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import TypeVar

from bundler.bundle.reader import Bundle
from bundler.core.protocols import BlobSource
from bundler.errors import BundlerError, Damaged, Refused
from bundler.run import Run
from bundler.texts import text
from bundler.transfer import BlobCopy, Copied, Destination, copy_blobs

Result = TypeVar("Result")
Wanted = Callable[[], Sequence[Mapping[int, Destination]]]
"""Returns the destinations of blobs by their numbers, for each target."""


class Sharing:
    """The blobs that one target loads. Each is offered to the others once. Local to the stage."""

    def __init__(self, wanted: Wanted, passed: frozenset[int] = frozenset()) -> None:
        """Offers blobs to those who want them, except blobs that were offered before.

        Args:
            wanted: Returns what each target wants. Called once, and only if a blob is loaded.
            passed: The blobs that were offered before.
        """
        self._ask = wanted
        self._passed = set(passed)
        self._failed: list[tuple[BlobCopy, BundlerError]] = []
        self._bytes_by_peer: Counter[str] = Counter()

    @cached_property
    def _wanted(self) -> Sequence[Mapping[int, Destination]]:
        return self._ask()

    @property
    def passed(self) -> frozenset[int]:
        """The numbers of the blobs that were offered."""
        return frozenset(self._passed)

    @property
    def copied(self) -> Copied:
        """The result of copying all blobs that were offered."""
        return Copied(tuple(self._failed), self._bytes_by_peer)

    def take(self, number: int) -> tuple[Destination, ...]:
        """The other destinations of a blob that is loaded next; none if it was offered before."""
        if number in self._passed:
            return ()
        self._passed.add(number)
        return tuple(wanted[number] for wanted in self._wanted if number in wanted)

    def note(self, copied: Copied) -> None:
        """Stores the result of copying blobs."""
        self._failed.extend(copied.failed)
        self._bytes_by_peer.update(copied.bytes_by_peer)


def copy_of(
    bundle: Bundle,
    number: int,
    destinations: tuple[Destination, ...],
    image: str = "",
    source: BlobSource | None = None,
) -> BlobCopy:
    """Returns the copy of a blob of the bundle, for an image, to its destinations.

    Args:
        bundle: The bundle.
        number: The number of the blob.
        destinations: Who is to have it.
        image: The image that it is for, of several the first.
        source: The place that has it, if it is not in the bundle or in the others.
    """
    descriptor = bundle.manifest.blobs[number].descriptor
    label = text("{blob} ({place})", blob=descriptor.digest.short, place=bundle.where(descriptor))
    return BlobCopy(descriptor, bundle if source is None else source, destinations, label, image)


def copy_whole(bundle: Bundle, numbers: Iterable[int], mine: Destination, sharing: Sharing, run: Run) -> None:
    """Copies the blobs of one image, in order, and gives them to the other targets that want them.

    Args:
        bundle: The bundle.
        numbers: The numbers of the blobs.
        mine: The sink that takes the image as a whole.
        sharing: The blobs that were offered to the others.
        run: The run.

    Raises:
        BundlerError: A blob did not arrive in the sink.
    """
    copies = [copy_of(bundle, number, (mine, *sharing.take(number))) for number in numbers]
    copied = copy_blobs(copies, run, ordered_workers=1)
    sharing.note(copied)
    for copy, error in copied.failed:
        if mine in copy.destinations:
            raise error


def loaded_again(bundle: Bundle, load: Callable[[], Result]) -> Result:
    """Loads an image; again, if a good copy of a chunk has replaced a bad one: a stream cannot go back.

    Raises:
        BundlerError: It cannot be loaded.
    """
    recovered = bundle.recovered_chunks
    try:
        return load()
    except (Damaged, Refused):
        if bundle.recovered_chunks == recovered:
            raise
    return load()
