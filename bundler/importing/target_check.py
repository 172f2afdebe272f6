"""``--verify-target``: reads back from a target what images need there, and hashes it.

A registry that says that it has a blob may hold other bytes under its name (its disk let them rot), and answers a push
of the right ones with 201 and keeps the wrong ones. Only reading tells.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from bundler.bundle.reader import Bundle
from bundler.core.advice import problem
from bundler.core.events import Moved, PhaseBegan, PhaseEnded
from bundler.core.oci import Descriptor
from bundler.core.reference import Reference
from bundler.errors import BundlerError, Damaged, Interrupted, LocalStorage, Refused, Unavailable
from bundler.importing.results import ImageResult, ReadBack
from bundler.importing.targets import ImportTarget
from bundler.run import Run, retrying
from bundler.texts import text
from bundler.transfer import read_blob, work_through

_ABSENT = ("not-found", "name-unknown")
_NOT_GIVEN = (
    "run the same command again; if it stays so, the registry may believe that it has a blob "
    "which it has lost: restart it"
)


@dataclass(frozen=True, slots=True)
class Fault:
    """A blob that is not at the target as it should be; ``is_mendable`` says whether sending it again helps."""

    error: BundlerError
    is_mendable: bool


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A blob by its number in the bundle, the names of the images that need it (one of each place), and its kind."""

    number: int
    names: list[Reference]
    is_manifest: bool


class TargetCheck:
    """Reads back from one target; what was found whole is not read again."""

    def __init__(self, bundle: Bundle, import_target: ImportTarget, run: Run, *, target: str) -> None:
        self.counted = ReadBack()
        self._bundle = bundle
        self._import_target = import_target
        self._run = run
        self._target = target
        self._lock = threading.Lock()
        self._whole: set[tuple[int, int]] = set()
        """Numbers of blobs, with the ids of the sinks where they are as they should be."""
        self._read: set[int] = set()
        """Numbers of blobs whose bytes were read and are right; elsewhere in the same store a look is enough."""
        self._damaged: set[int] = set()

    def faults(self, images: Sequence[ImageResult]) -> list[tuple[ImageResult, list[Fault]]]:
        """The images that are not there whole, with what is wrong.

        Raises:
            Interrupted: The user stopped the run.
        """
        wanted = self._wanted(images)
        blobs = self._bundle.manifest.blobs
        found: dict[tuple[int, int], Fault] = {}

        def size_of(each: _Wanted) -> int:
            return blobs[each.number].descriptor.size_bytes

        def check(each: _Wanted) -> None:
            for name in each.names:
                place = (each.number, id(self._import_target.sink_for(name)))
                fault = self._fault(each, name)
                with self._lock:
                    if fault is not None:
                        found[place] = fault
                        self._damaged.add(each.number)
                    else:
                        self._whole.add(place)
                        self._damaged.discard(each.number)

        if wanted:
            total = sum(map(size_of, wanted))
            self._run.listener(
                PhaseBegan(text("reading back from {target}", target=self._target), total, in_bytes=True)
            )
            work_through(sorted(wanted, key=size_of, reverse=True), check, self._run, size_of=size_of)
            self._run.listener(PhaseEnded("reading back"))
        self.counted.damaged = len(self._damaged)
        listed = ((each, self._faults_of(each, found)) for each in images)
        return [(each, faults) for each, faults in listed if faults]

    def _wanted(self, images: Sequence[ImageResult]) -> list[_Wanted]:
        names: dict[int, dict[int, Reference]] = {}
        manifests: set[int] = set()
        for each in images:
            sink = id(self._import_target.sink_for(each.name))
            manifests.update(each.image.manifests)
            for number in each.image.needs:
                if (number, sink) not in self._whole:
                    names.setdefault(number, {})[sink] = each.name
        return [_Wanted(number, list(places.values()), number in manifests) for number, places in names.items()]

    def _faults_of(self, each: ImageResult, found: dict[tuple[int, int], Fault]) -> list[Fault]:
        sink = id(self._import_target.sink_for(each.name))
        return [found[number, sink] for number in each.image.needs if (number, sink) in found]

    def _fault(self, wanted: _Wanted, name: Reference) -> Fault | None:
        """What is wrong with a blob in one place of the target."""
        descriptor = self._bundle.manifest.blobs[wanted.number].descriptor
        try:
            if wanted.is_manifest:
                self._read_manifest(descriptor, name)
                self._run.listener(Moved(descriptor.size_bytes))
            elif descriptor.size_bytes == 0 or wanted.number in self._read:
                has_blob = partial(self._import_target.sink_for(name).has_blob, descriptor)
                if not retrying(has_blob, self._run, subject=str(name), peer=self._target):
                    return self._absent(descriptor, name)
            else:
                source = self._import_target.source_for(name)
                label = f"{descriptor.digest.short} of {name}"
                read_blob(descriptor, source, self._run, label=label, peer=self._target)
        except Interrupted:
            raise
        except BundlerError as error:
            return self._told(error, descriptor, name)
        with self._lock:
            if wanted.number not in self._read:
                self._read.add(wanted.number)
                self.counted.blobs += 1
                self.counted.size_bytes += descriptor.size_bytes
        return None

    def _read_manifest(self, descriptor: Descriptor, name: Reference) -> None:
        source = self._import_target.source_for(name)
        damaged: list[Damaged] = []

        def read() -> None:
            try:
                source.read_manifest(descriptor)
            except Damaged as error:
                error.retryable = not damaged  # bytes may be changed on their way, but not twice
                damaged.append(error)
                raise

        retrying(read, self._run, subject=str(name), peer=self._target)

    def _told(self, error: BundlerError, descriptor: Descriptor, name: Reference) -> Fault:
        if isinstance(error, Refused) and error.code in _ABSENT:
            return self._absent(descriptor, name)
        if self._import_target.is_overwriting and isinstance(error, (Damaged, Refused)):
            return Fault(_misread(error, descriptor, name), is_mendable=True)
        if isinstance(error, Damaged):
            return Fault(_damage(descriptor, name, error.expected, error.actual), is_mendable=False)
        if isinstance(error, Unavailable):
            error.hint = error.hint or _NOT_GIVEN
        return Fault(error, is_mendable=False)

    def _absent(self, descriptor: Descriptor, name: Reference) -> Fault:
        return Fault(_damage(descriptor, name, f"{descriptor.size_bytes} bytes", "nothing"), is_mendable=True)


def _damage(descriptor: Descriptor, name: Reference, expected: str | None, actual: str | None) -> BundlerError:
    return problem("damaged-at-target", subject=f"{name.name}@{descriptor.digest}", expected=expected, actual=actual)


def _misread(error: BundlerError, descriptor: Descriptor, name: Reference) -> BundlerError:
    return LocalStorage(
        "what was written reads back as something else",
        subject=f"{name.name}@{descriptor.digest}",
        expected=error.expected,
        actual=error.actual,
        hint="the disk is failing, or something else writes there: choose another place",
    )
