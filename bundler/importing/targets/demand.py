"""The demand of one target: the blobs that its open images need, and the repositories that need them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Protocol

from bundler.bundle.reader import Bundle
from bundler.core.digest import Digest
from bundler.core.protocols import BlobSink, ImageSink
from bundler.core.reference import Reference
from bundler.errors import BundlerError
from bundler.importing.leg import Ground, Leg, Progress
from bundler.importing.results import Outcome
from bundler.run import Run, retrying
from bundler.transfer import Copied, Destination, ask_all


class DemandingTarget(Protocol):
    """A target that takes blobs in any order."""

    @property
    def name(self) -> str:
        """Its name, which is also the peer of its requests."""

    def sink_for(self, name: Reference) -> ImageSink:
        """The sink that takes an image of this name."""

    def is_empty(self, name: Reference, ground: Ground) -> bool:
        """True if there can be nothing under this name, so that no request is needed."""

    def places(self) -> Mapping[str, Reference]:
        """The name of an image of an earlier import that probably has a blob, by the digest of the blob."""


class Demand:
    """The blobs that open images of a target need. Local to a stage."""

    def __init__(self, bundle: Bundle, target: DemandingTarget, run: Run) -> None:
        self._bundle = bundle
        self._target = target
        self._run = run

    def destinations(self, leg: Leg) -> dict[int, Destination]:
        """All repositories whose open images need a blob, by the number of the blob in the bundle."""
        sinks: dict[int, dict[ImageSink, None]] = {}
        for each in leg.result.open_images:
            sink = self._target.sink_for(each.name)
            for number in each.missing_blobs:
                sinks.setdefault(number, {})[sink] = None
        holders = self._holders(leg, sinks) if sinks else {}
        return {
            number: Destination(tuple(destinations), self._target.name, holders.get(number))
            for number, destinations in sinks.items()
        }

    def _holders(self, leg: Leg, wanted: Iterable[int]) -> dict[int, ImageSink]:
        """Finds repositories from which blobs can be mounted, by the numbers of the blobs.

        Blobs that no bundle has were found there. An image that is complete with its tag has all its blobs. Blobs of an
        earlier import are probably still there.
        """
        holders = {number: self._target.sink_for(name) for number, name in leg.holders.items()}
        for each in leg.result.images:
            if each.outcome is Outcome.PRESENT:
                sink = self._target.sink_for(each.name)
                for number in each.blobs:
                    holders.setdefault(number, sink)
        places, blobs = self._target.places(), self._bundle.manifest.blobs
        for number in wanted:
            name = places.get(str(blobs[number].descriptor.digest))
            if name is not None and number not in holders:
                holders[number] = self._target.sink_for(name)
        return holders

    def unsent(self, progress: Progress, ground: Ground) -> Counter[str]:
        """Computes the bytes that each repository lacks. Images fail if a request for their blobs fails."""
        blobs = self._bundle.manifest.blobs
        names: dict[BlobSink, Reference] = {
            self._target.sink_for(each.name): each.name for each in progress.open_images
        }
        unsent: dict[int, tuple[str, int]] = {}

        def ask(question: tuple[int, Destination]) -> None:
            number, destination = question
            descriptor, first = blobs[number].descriptor, destination.sinks[0]
            asked = [] if self._target.is_empty(names[first], ground) else [first]
            if destination.holder is not None:
                asked.append(destination.holder)
            has_blob = (partial(sink.has_blob, descriptor) for sink in asked)
            subject = str(descriptor.digest)
            if not any(retrying(each, self._run, subject=subject, peer=self._target.name) for each in has_blob):
                unsent[number] = (names[first].repository, descriptor.size_bytes)

        questions = list(self.destinations(progress.leg()).items())
        errors = {question[0]: error for question, error in ask_all(questions, ask, self._run)}
        for each in progress.open_images:
            for number in each.missing_blobs:
                if number in errors:
                    progress.fail(each, errors[number])
        total: Counter[str] = Counter()
        for repository, size_bytes in unsent.values():
            total[repository] += size_bytes
        return total

    def fail_unserved(self, progress: Progress, copied: Copied) -> None:
        """Fails the images that lack a blob in their own repository; in others it may be there."""
        errors: dict[tuple[Digest, BlobSink], BundlerError] = {
            (copy.descriptor.digest, sink): error
            for copy, error in copied.failed
            for destination in copy.destinations
            for sink in destination.sinks
        }
        blobs = self._bundle.manifest.blobs
        for each in progress.open_images if errors else ():
            sink = self._target.sink_for(each.name)
            for number in each.missing_blobs:
                error = errors.get((blobs[number].descriptor.digest, sink))
                if error is not None:
                    progress.fail(each, error)
