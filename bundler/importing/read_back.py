"""``--verify-target``: reads back and hashes all blobs that images need at a target.

A registry that reports a blob may hold other bytes under its digest, for example after a disk error. It answers a push
of the right bytes with 201, and keeps the wrong ones. Only reading the blob shows this.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Protocol

from bundler.bundle.reader import Bundle
from bundler.core.advice import problem
from bundler.core.events import Moved, PhaseBegan, PhaseEnded
from bundler.core.frozen import frozen
from bundler.core.oci import Descriptor
from bundler.core.protocols import ImageSink, ImageSource
from bundler.core.reference import Reference
from bundler.errors import BundlerError, Damaged, Interrupted, LocalStorage, NotFound, Refused, Unavailable
from bundler.importing.results import ImageResult, ReadBack
from bundler.run import Run, retrying
from bundler.texts import text
from bundler.transfer import work_through
from bundler.verified_blob import read_blob

_NOT_GIVEN = "run the same command again; if it fails again, the registry may list a blob that it has lost: restart it"


class ReadableTarget(Protocol):
    """A target whose blobs can be read."""

    @property
    def name(self) -> str:
        """Its name, which is also the peer of its requests."""

    @property
    def is_overwriting(self) -> bool:
        """True if a blob that is sent again replaces a damaged one."""

    def sink_for(self, name: Reference) -> ImageSink:
        """The sink that has an image of this name."""

    def source_for(self, name: Reference) -> ImageSource:
        """The source that reads the content of that sink."""


@frozen
class Fault:
    """A blob that is missing or damaged at the target; ``is_mendable`` is True if sending it again helps."""

    error: BundlerError
    is_mendable: bool


@frozen
class Reading:
    """The blobs of one target that were read so far, by their numbers in the bundle.

    Attributes:
        whole: The complete blobs, each with its sink; they are not read again.
        read: The blobs whose bytes were read and match; in other sinks of the same store, one request is enough.
        damaged: The blobs that are damaged in at least one sink.
        size_bytes: The size of all that was read.
    """

    whole: frozenset[tuple[int, ImageSink]] = frozenset()
    read: frozenset[int] = frozenset()
    damaged: frozenset[int] = frozenset()
    size_bytes: int = 0

    @property
    def counted(self) -> ReadBack:
        """The figures for reports."""
        return ReadBack(len(self.read), self.size_bytes, len(self.damaged))


@frozen
class _Wanted:
    """A blob by its number in the bundle, with an image name for each sink that has it, and its kind."""

    number: int
    names: tuple[tuple[ImageSink, Reference], ...]
    is_manifest: bool


class Reader:
    """Reads back from one target, with many threads. Local to a stage; `reading` is the state for the next stage."""

    def __init__(self, bundle: Bundle, target: ReadableTarget, run: Run, reading: Reading) -> None:
        self._bundle = bundle
        self._target = target
        self._run = run
        self._lock = threading.Lock()
        self._whole = set(reading.whole)
        self._read = set(reading.read)
        self._damaged = set(reading.damaged)
        self._size_bytes = reading.size_bytes

    @property
    def reading(self) -> Reading:
        """The blobs that were read so far."""
        with self._lock:
            return Reading(frozenset(self._whole), frozenset(self._read), frozenset(self._damaged), self._size_bytes)

    def faults(self, images: Sequence[ImageResult]) -> list[tuple[ImageResult, list[Fault]]]:
        """Returns the images that are not complete at the target, with their faults.

        Raises:
            Interrupted: The user stopped the run.
        """
        wanted = self._wanted(images)
        blobs = self._bundle.manifest.blobs
        found: dict[tuple[int, ImageSink], Fault] = {}

        def size_of(each: _Wanted) -> int:
            return blobs[each.number].descriptor.size_bytes

        def check(each: _Wanted) -> None:
            for sink, name in each.names:
                fault = self._fault(each, name)
                with self._lock:
                    if fault is not None:
                        found[each.number, sink] = fault
                        self._damaged.add(each.number)
                    else:
                        self._whole.add((each.number, sink))
                        self._damaged.discard(each.number)

        if wanted:
            total = sum(map(size_of, wanted))
            self._run.listener(
                PhaseBegan(text("reading back from {target}", target=self._target.name), total, in_bytes=True)
            )
            work_through(sorted(wanted, key=size_of, reverse=True), check, self._run, size_of=size_of)
            self._run.listener(PhaseEnded("reading back"))
        listed = ((each, self._faults_of(each, found)) for each in images)
        return [(each, faults) for each, faults in listed if faults]

    def _wanted(self, images: Iterable[ImageResult]) -> list[_Wanted]:
        names: dict[int, dict[ImageSink, Reference]] = {}
        manifests: set[int] = set()
        for each in images:
            sink = self._target.sink_for(each.name)
            manifests.update(each.manifests)
            for number in (*each.blobs, *each.manifests):
                if (number, sink) not in self._whole:
                    names.setdefault(number, {})[sink] = each.name
        return [_Wanted(number, tuple(places.items()), number in manifests) for number, places in names.items()]

    def _faults_of(self, each: ImageResult, found: dict[tuple[int, ImageSink], Fault]) -> list[Fault]:
        sink = self._target.sink_for(each.name)
        return [found[number, sink] for number in (*each.blobs, *each.manifests) if (number, sink) in found]

    def _fault(self, wanted: _Wanted, name: Reference) -> Fault | None:
        """Returns the fault of a blob in one sink of the target; None if there is none."""
        descriptor = self._bundle.manifest.blobs[wanted.number].descriptor
        try:
            if wanted.is_manifest:
                self._read_manifest(descriptor, name)
                self._run.listener(Moved(descriptor.size_bytes))
            elif descriptor.size_bytes == 0 or wanted.number in self._read:
                has_blob = partial(self._target.sink_for(name).has_blob, descriptor)
                if not retrying(has_blob, self._run, subject=str(name), peer=self._target.name):
                    return _absent(descriptor, name)
            else:
                source = self._target.source_for(name)
                label = f"{descriptor.digest.short} of {name}"
                read_blob(descriptor, source, self._run, label=label, peer=self._target.name)
        except Interrupted:
            raise
        except BundlerError as error:
            return self._fault_of(error, descriptor, name)
        with self._lock:
            if wanted.number not in self._read:
                self._read.add(wanted.number)
                self._size_bytes += descriptor.size_bytes
        return None

    def _read_manifest(self, descriptor: Descriptor, name: Reference) -> None:
        source = self._target.source_for(name)
        tries: Counter[str] = Counter()

        def read() -> None:
            try:
                source.read_manifest(descriptor)
            except Damaged as error:
                tries["damaged"] += 1  # one transfer may change bytes; two would be no accident
                raise error.but(retryable=tries["damaged"] == 1) from error.__cause__

        retrying(read, self._run, subject=str(name), peer=self._target.name)

    def _fault_of(self, error: BundlerError, descriptor: Descriptor, name: Reference) -> Fault:
        if isinstance(error, NotFound):
            return _absent(descriptor, name)
        if self._target.is_overwriting and isinstance(error, (Damaged, Refused)):
            return Fault(_misread(error, descriptor, name), is_mendable=True)
        if isinstance(error, Damaged):
            return Fault(_damage(descriptor, name, error.expected, error.actual), is_mendable=False)
        if isinstance(error, Unavailable) and not error.hint:
            return Fault(error.but(hint=_NOT_GIVEN), is_mendable=False)
        return Fault(error, is_mendable=False)


def _absent(descriptor: Descriptor, name: Reference) -> Fault:
    return Fault(_damage(descriptor, name, f"{descriptor.size_bytes} bytes", "nothing"), is_mendable=True)


def _damage(descriptor: Descriptor, name: Reference, expected: str | None, actual: str | None) -> BundlerError:
    return problem("damaged-at-target", subject=f"{name.name}@{descriptor.digest}", expected=expected, actual=actual)


def _misread(error: BundlerError, descriptor: Descriptor, name: Reference) -> BundlerError:
    return LocalStorage(
        "the bytes that were read back differ from those that were written",
        subject=f"{name.name}@{descriptor.digest}",
        expected=error.expected,
        actual=error.actual,
        hint="the disk is failing, or another program writes there: choose another folder",
    )
