"""Makes stores of locations: the one place that knows which transport is which store."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from bundler.core.events import Listener, Noticed, nobody
from bundler.core.location import ArchiveImage, DaemonImage, ImageLocation, LayoutImage
from bundler.core.oci import Descriptor
from bundler.core.protocols import ImageSource
from bundler.errors import Refused
from bundler.pace import Paces
from bundler.stores import docker_daemon
from bundler.stores.archives import Archive, Ready, Staging
from bundler.stores.docker_sdk import Daemon
from bundler.stores.hosts import NetworkOptions
from bundler.stores.image_file import ImageFile, Tap, nothing
from bundler.stores.kept import KeptDocuments, KeptRepository
from bundler.stores.oci_layout import FolderFiles, LayoutSource
from bundler.stores.registry import Registry, Repository
from bundler.texts import text


class Stores:
    """Opens each store once. Thread-safe."""

    def __init__(
        self,
        options: NetworkOptions,
        paces: Paces | None = None,
        kept: KeptDocuments | None = None,
        listener: Listener = nobody,
    ) -> None:
        """Opens nothing yet.

        Args:
            options: How to reach registries.
            paces: Those of the run.
            kept: What earlier runs have read from registries that are sources.
            listener: Gets what registries warn of.
        """
        self._options = options
        self._paces = paces or Paces()
        self._kept = kept
        self._listener = listener
        self._lock = threading.Lock()
        self._registries: dict[str, Registry] = {}
        self._repositories: dict[tuple[str, str], Repository] = {}
        self._layouts: dict[str, LayoutSource] = {}
        self._archives: dict[tuple[str, str], Archive] = {}
        self._ready: dict[ImageLocation, Ready] = {}
        self.daemon = Daemon()

    @property
    def keeps_documents(self) -> bool:
        """Whether what is read from registries is kept for the next run."""
        return self._kept is not None

    def registry(self, name: str) -> Registry:
        """A registry."""
        with self._lock:
            if name not in self._registries:
                self._registries[name] = Registry(name, self._options, self._paces, self._notice)
            return self._registries[name]

    def repository(self, registry: str, path: str) -> Repository:
        """A repository of a registry."""
        host = self.registry(registry)
        with self._lock:
            return self._repositories.setdefault((registry, path), host.repository(path))

    def source(self, location: ImageLocation) -> tuple[ImageSource, str | None]:
        """Where an image is read from, and what it is asked for by. What needs it was made `ready` before.

        Raises:
            Refused, Damaged, LocalStorage: A file or folder cannot be read.
        """
        if isinstance(location, (ArchiveImage, DaemonImage)):
            return self._ready[location].source, location.name
        if isinstance(location, LayoutImage):
            return self.layout(location), location.name
        reference = location.reference
        repository = self.repository(reference.registry, reference.repository)
        return KeptRepository(repository, self._kept) if self._kept else repository, reference.target

    def read_config(self, location: ImageLocation, descriptor: Descriptor, read: Callable[[], bytes]) -> bytes:
        """A config of an image: one that is kept, or what ``read`` gives."""
        source, _ = self.source(location)
        return source.read_config(descriptor, read) if isinstance(source, KeptRepository) else read()

    def layout(self, location: LayoutImage) -> LayoutSource:
        """The layout that an image is in.

        Raises:
            Refused: There is none.
        """
        path = Path(location.path)
        if not path.is_dir():
            hint = text("it is a file: write docker-archive:{path} or oci-archive:{path}", path=path)
            raise Refused("there is no such folder", subject=str(location), hint=hint if path.is_file() else None)
        with self._lock:
            return self._layouts.setdefault(location.path, LayoutSource(FolderFiles(path)))

    def archive(self, location: ArchiveImage, tap: Tap = nothing) -> Archive:
        """The archive that an image is in, indexed.

        Raises:
            Refused, Damaged, LocalStorage: It cannot be read, or is none.
        """
        key = (location.transport, location.path)
        with self._lock:
            found = self._archives.get(key)
        if found is None:
            found = Archive.indexed(self.image_file(location), location.transport, tap)
            with self._lock:
                self._archives[key] = found
        return found

    def image_file(self, location: ArchiveImage) -> ImageFile:
        """The file that an image is in.

        Raises:
            Refused, Damaged, LocalStorage: There is none, or it cannot be read.
        """
        path = Path(location.path)
        if path.is_dir():
            raise Refused("a folder, not a file", subject=str(location), hint=text("write oci:{path}", path=path))
        return ImageFile(path, called=f"{location.transport}:{location.path}")

    def make_ready(self, locations: Sequence[ArchiveImage] | Sequence[DaemonImage], staging: Staging) -> None:
        """Makes images of one archive, or one of a daemon, ready to be copied; `source` gives them then.

        Raises:
            BundlerError: As `Archive.ready` and `docker_daemon.ready`.
        """
        first = locations[0]
        if isinstance(first, DaemonImage):
            made = docker_daemon.ready(first.name, self.daemon, staging)
        else:
            made = self.archive(first).ready([location.name for location in locations], staging)
        with self._lock:
            self._ready.update(dict.fromkeys(locations, made))

    def _notice(self, text: str) -> None:
        self._listener(Noticed(text))

    def is_repacked(self, location: ImageLocation) -> bool:
        """Whether an image's manifest, and so its digest, was made here."""
        ready = self._ready.get(location)
        return ready is not None and ready.is_repacked
