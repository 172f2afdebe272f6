"""Makes stores of locations and targets: the one place that knows which transport is which store."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from bundler.core.location import (
    ArchiveImage,
    ArchiveTarget,
    DaemonImage,
    ImageLocation,
    LayoutImage,
    LayoutTarget,
    Target,
)
from bundler.core.protocols import ImageSink, ImageSource
from bundler.core.reference import Reference
from bundler.errors import Refused
from bundler.stores import docker_daemon
from bundler.stores.archives import Archive, Ready, Staging
from bundler.stores.docker_sdk import Daemon
from bundler.stores.hosts import NetworkOptions
from bundler.stores.image_file import ImageFile, Tap, nothing
from bundler.stores.oci_archive import ArchiveSink
from bundler.stores.oci_layout import FolderFiles, LayoutFolderSink, LayoutSource
from bundler.stores.registry import Registry, Repository


class Stores:
    """Opens each store once. Thread-safe."""

    def __init__(self, options: NetworkOptions) -> None:
        self._options = options
        self._lock = threading.Lock()
        self._registries: dict[str, Registry] = {}
        self._repositories: dict[tuple[str, str], Repository] = {}
        self._layouts: dict[str, LayoutSource] = {}
        self._archives: dict[tuple[str, str], Archive] = {}
        self._ready: dict[ImageLocation, Ready] = {}
        self.daemon = Daemon()

    def repository(self, registry: str, path: str) -> Repository:
        """A repository of a registry."""
        with self._lock:
            host = self._registries.setdefault(registry, Registry(registry, self._options))
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
        return self.repository(reference.registry, reference.repository), reference.target

    def layout(self, location: LayoutImage) -> LayoutSource:
        """The layout that an image is in.

        Raises:
            Refused: There is none.
        """
        path = Path(location.path)
        if not path.is_dir():
            raise Refused("there is no such folder", subject=str(location))
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
        return ImageFile(Path(location.path), called=f"{location.transport}:{location.path}")

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

    def is_repacked(self, location: ImageLocation) -> bool:
        """Whether an image's manifest, and so its digest, was made here."""
        ready = self._ready.get(location)
        return ready is not None and ready.is_repacked


class Destination(Protocol):
    """A place that images are imported into."""

    def check(self) -> None:
        """Makes sure, without changing anything, that it can take images."""

    def prepare(self) -> None:
        """Makes it ready to take images; called before the first."""

    def sink_for(self, name: Reference) -> ImageSink:
        """The sink that takes an image of this name."""

    def tag_of(self, name: Reference) -> str | None:
        """What the sink calls an image of this name; None if it is found by its digest only."""

    def finish(self, *, is_worth_keeping: bool) -> None:
        """Completes it after the last image, or leaves nothing behind if no image arrived."""


class RegistryDestination:
    """A registry."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    def check(self) -> None:
        """Nothing: the first question will tell."""

    def prepare(self) -> None:
        """Nothing: repositories appear with the first push."""

    def sink_for(self, name: Reference) -> ImageSink:
        """The repository."""
        return self._stores.repository(name.registry, name.repository)

    def tag_of(self, name: Reference) -> str | None:
        """The tag."""
        return name.tag

    def finish(self, *, is_worth_keeping: bool) -> None:
        """Nothing: each image is complete by itself."""


class LayoutDestination:
    """An OCI image layout, in a folder or in a tar: one sink for all images, which go by their full names."""

    def __init__(self, sink: LayoutFolderSink | ArchiveSink) -> None:
        self._sink = sink

    def check(self) -> None:
        """Looks at the folder or file."""
        self._sink.check()

    def prepare(self) -> None:
        """Makes the folder or file."""
        self._sink.prepare()

    def sink_for(self, name: Reference) -> ImageSink:
        """The layout."""
        del name
        return self._sink

    def tag_of(self, name: Reference) -> str | None:
        """The full name."""
        return str(name)

    def finish(self, *, is_worth_keeping: bool) -> None:
        """Completes it; a file without any image is removed."""
        if is_worth_keeping:
            self._sink.finish()
        elif isinstance(self._sink, ArchiveSink):
            self._sink.discard()


def open_destination(target: Target, stores: Stores) -> Destination:
    """The destination for a target. Nothing is contacted or written yet."""
    if isinstance(target, LayoutTarget):
        return LayoutDestination(LayoutFolderSink(Path(target.path)))
    if isinstance(target, ArchiveTarget):
        return LayoutDestination(ArchiveSink(Path(target.path)))
    return RegistryDestination(stores)
