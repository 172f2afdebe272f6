"""Sends the objects of a bundle through one engine, from several threads, each object once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import field

from bundler.core.digest import Digest
from bundler.core.events import Moved, PhaseBegan, PhaseEnded
from bundler.core.frozen import frozen, slotted
from bundler.core.scan import CLEAN, Engine, Scan, Scanner, Unit, Verdict, failed, not_scanned
from bundler.core.several import together
from bundler.errors import BundlerError, Incomplete, Interrupted
from bundler.run import Run
from bundler.scanning.kept import KeptVerdicts, kept_verdicts
from bundler.scanning.subjects import CheckedBlobs, Subjects
from bundler.texts import counted, text
from bundler.workers import run_all


@frozen
class ScannedObjects:
    """The verdicts of one scanner on all objects, and how many of them were kept from earlier scans."""

    scan: Scan
    kept: int


def scan_objects(engine: Engine, subjects: Subjects, run: Run, *, is_kept: bool) -> ScannedObjects:
    """Scans all objects of a bundle.

    Args:
        engine: The engine; it is started and ended here.
        subjects: The objects.
        run: Receives progress and can be stopped.
        is_kept: Use the verdicts of earlier scans, and keep those of this one.

    Raises:
        BundlerError: The engine failed as a whole, or the bundle is damaged.
        Interrupted: The user stopped it.
    """
    with engine:
        scanner = engine.identity()
        keeper = kept_verdicts(scanner) if is_kept else KeptVerdicts(None, None, scanner)
        earlier = keeper.read()
        objects = subjects.objects(scanner.unit)
        kept = {digest: earlier[digest] for digest in objects if digest in earlier}
        left = [digest for digest in objects if digest not in kept]
        work = _Work(engine, scanner, subjects, keeper, run)
        with work.phase(left):
            failures = run_all(left, work.scan, front_workers=max(1, engine.at_a_time), cancellation=run.cancellation)
    if work.stopped:
        raise work.stopped[0]
    if failures:
        errors = [error for _, error in failures]
        raise together(counted(len(errors), "{count} object is damaged", "{count} objects are damaged"), errors)
    return ScannedObjects(Scan(scanner, {**kept, **work.verdicts}), len(kept))


@slotted
class _Work:
    """The work of one engine. `scan` is called from several threads."""

    engine: Engine
    scanner: Scanner
    subjects: Subjects
    keeper: KeptVerdicts
    run: Run
    verdicts: dict[Digest, Verdict] = field(default_factory=dict)
    stopped: list[BundlerError] = field(default_factory=list)
    """The error by which the engine failed as a whole. Then the other objects are left."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def in_bytes(self) -> bool:
        """True if progress is counted in bytes: images are not read by the engine in one piece."""
        return self.scanner.unit is Unit.BLOB

    @contextmanager
    def phase(self, left: list[Digest]) -> Iterator[None]:
        """The phase of the run in which some objects are scanned."""
        title = text("scanning with {scanner}", scanner=self.scanner.name)
        total = sum(map(self.subjects.size_of, left)) if self.in_bytes else len(left)
        self.run.listener(PhaseBegan(title, total, in_bytes=self.in_bytes))
        yield
        self.run.listener(PhaseEnded(title))

    def scan(self, digest: Digest) -> None:
        """Scans one object.

        Raises:
            BundlerError: The engine failed as a whole, or the object is damaged.
            Interrupted: The user stopped it.
        """
        if self.stopped:
            return
        moved = _Moved(self.run, self.in_bytes)
        blobs = CheckedBlobs(self.subjects.bundle, moved.add)
        verdict = self._verdict(digest, blobs)
        moved.end(self.subjects.size_of(digest) if self.in_bytes else 1)
        with self._lock:
            self.verdicts[digest] = verdict
        self.keeper.keep(digest, verdict)

    def _verdict(self, digest: Digest, blobs: CheckedBlobs) -> Verdict:
        """The verdict on one object. An error of the bundle wins over any verdict that an engine made of it."""
        try:
            found = self.subjects.subject(digest, self.scanner.unit, blobs, self.run)
            verdict = found if isinstance(found, Verdict) else self.engine.scan(found)
        except Interrupted:
            raise
        except BundlerError as error:
            if blobs.fault is None:
                self.stopped.append(error)
                raise
            verdict = failed(str(error))
        if isinstance(blobs.fault, Incomplete):
            return not_scanned(str(blobs.fault))  # all chunks are here: it is in a base, or is a foreign layer
        if blobs.fault is not None:
            raise blobs.fault
        if verdict == CLEAN and self.scanner.unit is Unit.BLOB and digest not in blobs.whole:
            return failed("the scanner did not read the whole object")
        return verdict


@slotted
class _Moved:
    """The progress of one object. Engines may read it more than once, or not to its end."""

    run: Run
    in_bytes: bool
    amount: int = 0

    def add(self, size_bytes: int) -> None:
        """Reports bytes that were read, and stops if the user wants that."""
        self.run.cancellation.check()
        if self.in_bytes:
            self.amount += size_bytes
            self.run.listener(Moved(size_bytes))

    def end(self, total: int) -> None:
        """Reports the rest."""
        if total != self.amount:
            self.run.listener(Moved(total - self.amount))
