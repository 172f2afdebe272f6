"""The interface of engines: the programs and services that scan. `bundler.hooks` implements it.

``bundler.hooks.engines.find_engine(given, database=DIR)`` finds the engine for a value of ``--with``; ``database`` is a
folder, or None.

An engine sees one object at a time. It reads the bytes of the object through `Subject`, which compares them with their
digest. Engines unpack nothing of an image into the file system of this machine where the scanner allows that.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Protocol, TypeGuard

from bundler.core.frozen import frozen
from bundler.core.oci import Descriptor
from bundler.core.protocols import Pieces
from bundler.core.scan.verdict import Scanner, Verdict


class SubjectBlobs(Protocol):
    """Gives the blobs of the bundle, verified."""

    def open(self, descriptor: Descriptor) -> Pieces:
        """The bytes of a blob from its beginning. It may be opened again.

        Raises:
            Damaged: At the end, if the bytes do not match the digest. So the end must be reached before a verdict.
            Incomplete: The bundle does not have the blob.
            LocalStorage: The medium cannot be read.
            Interrupted: The user stopped the run.
        """

    def read(self, descriptor: Descriptor) -> bytes:
        """A manifest or config, whole.

        Raises:
            Damaged, Incomplete, LocalStorage, Interrupted: As `open`.
        """


@frozen
class Subject:
    """One object to scan.

    Attributes:
        descriptor: The blob, or the manifest of an image of one platform.
        name: The image that has it, for messages and for layouts: a full reference.
        blobs: Reads this object and all that it needs.
        needs: For an image its config, then its layers; empty for a blob.
        platform: For an image its platform: ``linux/amd64``.
        check: Raises `Interrupted` if the user stopped the run. Call it at least once a second while you wait.
    """

    descriptor: Descriptor
    name: str
    blobs: SubjectBlobs
    needs: tuple[Descriptor, ...] = ()
    platform: str = ""
    check: Callable[[], object] = lambda: None


class Engine(Protocol):
    """A scanner that is ready to scan. It is a context manager: entering starts what it needs, leaving ends that.

    `scan` is called from several threads, at most `at_a_time` of them.
    """

    @property
    def at_a_time(self) -> int:
        """The number of objects that it scans at a time; at least 1."""

    def __enter__(self) -> Engine:
        """Starts it.

        Raises:
            Misuse: The program is not installed, or the database is missing.
            Refused, Unavailable, LocalStorage: The service does not answer, or the program failed.
        """

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        """Ends it, also after an error and after an interruption."""

    def identity(self) -> Scanner:
        """Its name, version and database. Asked once, after it was started.

        Raises:
            BundlerError: As `__enter__`.
        """

    def scan(self, subject: Subject) -> Verdict:
        """The verdict on one object.

        A failure at this object is a verdict (`bundler.core.scan.failed`), and the others go on. An error of the bundle
        (`Damaged`, `Incomplete`) and `Interrupted` are raised as they come from `Subject.blobs`.

        Raises:
            BundlerError: The engine cannot scan any more objects, or an error of the bundle.
        """


class ImageEngine(Engine, Protocol):
    """A scanner of images that can read them from a registry. Else it writes each image to scratch first."""

    def served_at(self, registry: str) -> Engine:
        """The same scanner, which reads the images from a registry.

        Args:
            registry: The host and port of a registry on this machine that serves the bundle, as ``bundler serve`` does.
        """


def takes_registry(engine: Engine) -> TypeGuard[ImageEngine]:
    """True if a scanner can read images from a registry."""
    return hasattr(engine, "served_at")
