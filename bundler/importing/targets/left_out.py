"""Looks at one target for the blobs that a bundle leaves out and that no other bundle has.

The digest is the proof: a statement says only where to ask. A registry may have removed a blob since the statement was
made, so it is asked at every import.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Protocol

from bundler.bundle.reader import Bundle
from bundler.core.events import Moved, PhaseBegan, PhaseEnded
from bundler.core.limits import BASE_REPOSITORIES
from bundler.core.oci import Descriptor
from bundler.core.protocols import ImageSink
from bundler.core.reference import Reference
from bundler.errors import Interrupted, Refused
from bundler.importing.leg import Ground, Leg, Progress
from bundler.importing.results import Outcome
from bundler.run import Run
from bundler.texts import text
from bundler.transfer import ask_all


class SearchableTarget(Protocol):
    """A target that can be asked for blobs."""

    @property
    def name(self) -> str:
        """The name of the target, for messages."""

    def sink_for(self, name: Reference) -> ImageSink:
        """The sink that takes an image of this name."""

    def has_left_out(self, descriptor: Descriptor, name: Reference, ground: Ground) -> bool:
        """True if the sink of a name has a blob."""

    def places(self) -> Mapping[str, Reference]:
        """The name of an image of an earlier import that probably has a blob, by the digest of the blob."""

    def places_by_statement(self, repositories: Iterable[str]) -> Iterable[Reference]:
        """The names at the target of repositories that had a blob, by a statement."""


class LeftOut:
    """The search for the blobs that the open images of one leg need. Used once."""

    def __init__(self, bundle: Bundle, target: SearchableTarget, run: Run, leg: Leg) -> None:
        """Asks nothing yet."""
        self._bundle = bundle
        self._target = target
        self._run = run
        self._leg = leg
        self._lock = threading.Lock()
        self._holders: dict[int, Reference] = {}
        self._lacking: set[int] = set()
        self._names = self._names_that_need()
        self._present = self._names_that_are_complete()
        self._earlier = target.places() if self._names else {}

    def proved(self) -> Leg:
        """Asks for all blobs; returns the leg with their holders, and with the blobs that are nowhere.

        An image fails if a request for one of its blobs fails.
        """
        if not self._names:
            return self._leg
        title = text("looking at {target} for blobs that are left out", target=self._target.name)
        self._run.listener(PhaseBegan(title, len(self._names), in_bytes=False))
        errors = dict(ask_all(list(self._names), self._look_for, self._run))
        self._run.listener(PhaseEnded("looking"))
        progress = Progress(self._leg)
        for each in progress.open_images:
            for number in each.missing_blobs:
                if number in errors:
                    progress.fail(each, errors[number])
        leg = progress.leg(holders=self._holders)
        return replace(leg, result=replace(leg.result, lacking=frozenset(self._lacking)))

    def _names_that_need(self) -> dict[int, list[Reference]]:
        """For each blob that no bundle has, one name for each sink that needs it."""
        absent = self._bundle.absent
        found: dict[int, dict[ImageSink, Reference]] = {}
        for each in self._leg.result.open_images if absent else ():
            sink = self._target.sink_for(each.name)
            for number in absent.intersection(each.missing_blobs):
                found.setdefault(number, {}).setdefault(sink, each.name)
        return {number: list(found[number].values()) for number in sorted(found)}

    def _names_that_are_complete(self) -> dict[int, list[Reference]]:
        """For each of these blobs some images that are complete at the target and need it too."""
        found: dict[int, list[Reference]] = {number: [] for number in self._names}
        for each in self._leg.result.images if found else ():
            if each.outcome is Outcome.PRESENT:
                for number in found.keys() & set(each.blobs):
                    if len(found[number]) < BASE_REPOSITORIES:
                        found[number].append(each.name)
        return found

    def _look_for(self, number: int) -> None:
        descriptor, ground = self._bundle.manifest.blobs[number].descriptor, self._leg.ground
        has = {name: self._target.has_left_out(descriptor, name, ground) for name in self._names[number]}
        if not all(has.values()):
            holder = next((name for name, there in has.items() if there), None) or self._elsewhere(number)
            with self._lock:
                if holder is None:
                    self._lacking.add(number)
                else:
                    self._holders[number] = holder
        self._run.listener(Moved(1))

    def _elsewhere(self, number: int) -> Reference | None:
        """A name at the target that has a blob, although no image needs it there; None if none is known."""
        descriptor = self._bundle.manifest.blobs[number].descriptor
        asked = {self._target.sink_for(name) for name in self._names[number]}
        for name in self._candidates(number):
            sink = self._target.sink_for(name)
            if sink in asked:
                continue
            asked.add(sink)
            try:
                if self._target.has_left_out(descriptor, name, self._leg.ground):
                    return name
            except Interrupted:
                raise
            except Refused:
                continue  # a repository that was removed, or that this user may not read
        return None

    def _candidates(self, number: int) -> Iterator[Reference]:
        blob = self._bundle.manifest.blobs[number]
        for place in blob.bases:
            yield from self._target.places_by_statement(place.repositories)
        earlier = self._earlier.get(str(blob.descriptor.digest))
        if earlier is not None:
            yield earlier
        yield from self._present[number]
