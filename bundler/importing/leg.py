"""A leg: one target's part of an import, from one stage to the next, as a value."""

from __future__ import annotations

import threading
from collections.abc import Callable, Container, Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import field, replace
from typing import TYPE_CHECKING, Any

from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.reference import Reference
from bundler.errors import Bug, BundlerError, Interrupted
from bundler.importing.results import ImageResult, Outcome, TargetResult
from bundler.run import Run

if TYPE_CHECKING:
    from bundler.importing.daemon_variant import Variant
    from bundler.importing.read_back import Reading
    from bundler.importing.targets.target import Target


@frozen
class Ground:
    """The projects that a registry lacks before a push, and its new repositories, as far as they were requested."""

    missing_projects: frozenset[str] = frozenset()
    new_repositories: frozenset[str] = frozenset()


@frozen
class Loaded:
    """An image that a daemon has: its id there, and True if the daemon had it before this run."""

    id: Digest
    was_here: bool


@frozen
class Leg:
    """One target's part of an import.

    Attributes:
        target: The target.
        result: The results of its images so far.
        ended: The error that ended the import at this target; later stages leave the leg unchanged.
        ground: The projects and repositories that the registry lacks.
        reading: The blobs that were read back so far; None without ``--verify-target``.
        is_prepared: True if the target was prepared, so that it must be finished.
        variants: The platforms of images that a daemon gets.
        loaded: The images that a daemon has, and whose tags must still move.
        holders: A name at the target that has a blob which no bundle here has, by the number of the blob, if another
            name needs it.
    """

    target: Target
    result: TargetResult
    ended: BundlerError | None = None
    ground: Ground = Ground()
    reading: Reading | None = None
    is_prepared: bool = False
    variants: Mapping[Reference, Variant] = field(default_factory=dict)
    loaded: Mapping[Reference, Loaded] = field(default_factory=dict)
    holders: Mapping[int, Reference] = field(default_factory=dict)

    def closed(self, outcome: Outcome) -> Leg:
        """Returns it with an outcome for all images that are still open."""
        return replace(self, result=self.result.closed(outcome))

    def failing(self, errors: Mapping[Reference, BundlerError]) -> Leg:
        """Returns it with failures of open images. They are given by their references in the bundle."""
        if not errors:
            return self
        progress = Progress(self)
        for each in progress.open_images:
            if each.image.reference in errors:
                progress.fail(each, errors[each.image.reference])
        return progress.leg()

    def only(self, references: Container[Reference]) -> Leg:
        """Returns a part of it: its open images of these references."""
        images = tuple(each for each in self.result.open_images if each.image.reference in references)
        return replace(self, result=replace(self.result, images=images))

    def joined(self, part: Leg) -> Leg:
        """Returns it after a stage has worked on a part of it."""
        news = {each.image.reference: each for each in part.result.images}
        images = tuple(news.get(each.image.reference, each) for each in self.result.images)
        return replace(part, result=replace(part.result, images=images))

    def failing_all(self, error: BundlerError) -> Leg:
        """Returns it with one failure for all images that are still open."""
        return self.failing(dict.fromkeys((each.image.reference for each in self.result.open_images), error))


class Progress:
    """The images of a leg while one stage works on them, from many threads. Local to the stage."""

    def __init__(self, leg: Leg) -> None:
        self._leg = leg
        self._images = {each.image.reference: each for each in leg.result.images}
        self._bytes_sent = leg.result.bytes_sent
        self._ended = leg.ended
        self._lock = threading.Lock()
        self.has_failures = leg.result.has_failures

    @property
    def images(self) -> tuple[ImageResult, ...]:
        """All images as they are now."""
        return tuple(self._images.values())

    @property
    def open_images(self) -> tuple[ImageResult, ...]:
        """The images that are not done yet."""
        return tuple(each for each in self._images.values() if each.is_open)

    def now(self, each: ImageResult) -> ImageResult:
        """An image as it is now."""
        return self._images[each.image.reference]

    def note(self, each: ImageResult) -> None:
        """Stores a new value of an image."""
        self._images[each.image.reference] = each
        self.has_failures = self.has_failures or each.outcome is Outcome.FAILED

    def note_all(self, images: Iterable[ImageResult]) -> None:
        """Stores new values of images."""
        for each in images:
            self.note(each)

    def fail(self, each: ImageResult, error: BundlerError) -> None:
        """Notes the failure of an image; the first one counts."""
        self.note(self.now(each).failed(error))

    def note_sent(self, amount_bytes: int) -> None:
        """Adds to the number of bytes that were sent."""
        with self._lock:
            self._bytes_sent += amount_bytes

    @contextmanager
    def failing(self, each: ImageResult) -> Generator[None, None, None]:
        """Notes the error of one image, so that the next image gets its turn."""
        try:
            yield
        except Interrupted:
            raise
        except BundlerError as error:
            self.fail(each, error)

    @contextmanager
    def until_ended(self) -> Generator[None, None, None]:
        """Notes an error that ends the import in the leg: the receipt lists what was done until then."""
        try:
            yield
        except (Exception, KeyboardInterrupt) as error:
            self._ended = as_end(error)

    def leg(self, **changes: Any) -> Leg:
        """Returns the leg at the end of the stage."""
        result = replace(self._leg.result, images=self.images, bytes_sent=self._bytes_sent)
        leg = replace(self._leg, result=result, ended=self._ended, **changes)
        return replace(leg, result=replace(result, re_read=leg.reading.counted)) if leg.reading else leg


def as_end(error: Exception | KeyboardInterrupt) -> BundlerError:
    """The error that ends an import, as a value: Ctrl-C arrives as `KeyboardInterrupt` in the main thread."""
    if isinstance(error, BundlerError):
        return error
    return Interrupted() if isinstance(error, KeyboardInterrupt) else Bug(error)


def ended(legs: Iterable[Leg]) -> BundlerError | None:
    """The error that ended the import at one of its targets; None if there is none."""
    return next((leg.ended for leg in legs if leg.ended is not None), None)


def is_over(legs: Iterable[Leg], run: Run) -> bool:
    """True if the import has ended, or if an image failed and the run ends at the first failure."""
    return any(leg.ended is not None or (run.is_fail_fast and leg.result.has_failures) for leg in legs)


def in_turn(legs: tuple[Leg, ...], step: Callable[[Leg], Leg], run: Run | None = None) -> tuple[Leg, ...]:
    """Runs a step for one leg after the other, until the import is over.

    Args:
        legs: All legs of the import.
        step: Returns the next value of a leg.
        run: The run, if a failed image may end it; None if it never does.
    """
    for number in range(len(legs)):
        if ended(legs) or (run is not None and is_over(legs, run)):
            break
        legs = (*legs[:number], stepped(legs[number], step), *legs[number + 1 :])
    return legs


def stepped(leg: Leg, step: Callable[[Leg], Leg]) -> Leg:
    """Returns the next value of a leg. An error of the step ends this leg; the values of the other legs are kept."""
    try:
        return step(leg)
    except (Exception, KeyboardInterrupt) as error:
        return replace(leg, ended=leg.ended or as_end(error))
