"""Opens each registry, layout, file and daemon once in a run, and keeps it open."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from bundler.core.events import Listener, Noticed, nobody
from bundler.core.location import Location
from bundler.core.oci import Descriptor
from bundler.core.protocols import ImageSource
from bundler.pace import Paces
from bundler.stores.hosts import NetworkOptions
from bundler.stores.kept import KeptDocuments, KeptRepository
from bundler.stores.registry import Registry
from bundler.stores.repository import Repository

if TYPE_CHECKING:
    from bundler.stores.archives import Ready
    from bundler.stores.docker_sdk import Daemon

T = TypeVar("T")


class Stores:
    """Opens each store once. Thread-safe."""

    def __init__(
        self,
        options: NetworkOptions,
        paces: Paces | None = None,
        kept: KeptDocuments | None = None,
        listener: Listener = nobody,
        *,
        is_reading: bool = False,
    ) -> None:
        """Opens nothing yet.

        Args:
            options: The settings for registries.
            paces: The paces of the run.
            kept: Documents that earlier runs have read from source registries.
            listener: Receives the warnings of registries.
            is_reading: True if nothing is written to a registry: no right to push is asked for.
        """
        self._options = options
        self._paces = paces or Paces()
        self._kept = kept
        self._listener = listener
        self._is_reading = is_reading
        self._lock = threading.Lock()
        self._registries: dict[str, Registry] = {}
        self._repositories: dict[tuple[str, str], Repository] = {}
        self._opened: dict[Hashable, Any] = {}
        self._ready: dict[Location, Ready] = {}

    @property
    def daemon(self) -> Daemon:
        """The Docker daemon that the environment names."""
        from bundler.stores.docker_sdk import Daemon

        return self.once(Daemon, Daemon)

    def settle(self) -> None:
        """Waits until other stores may go on within the limit of the run."""
        self._paces.settle()

    def registry(self, name: str) -> Registry:
        """Returns a registry."""
        with self._lock:
            if name not in self._registries:
                self._registries[name] = Registry(name, self._options, self._paces, self._notice)
            return self._registries[name]

    def repository(self, registry: str, path: str) -> Repository:
        """Returns a repository of a registry."""
        host = self.registry(registry)
        with self._lock:
            return self._repositories.setdefault((registry, path), Repository(host, path, is_reading=self._is_reading))

    def read_repository(self, registry: str, path: str) -> ImageSource:
        """Returns a repository as a source. Does not read again the documents that earlier runs have kept."""
        repository = self.repository(registry, path)
        return KeptRepository(repository, self._kept) if self._kept else repository

    def read_config(self, registry: str, path: str, descriptor: Descriptor, read: Callable[[], bytes]) -> bytes:
        """Returns the config of an image from the cache, or reads it with ``read`` and stores it."""
        if self._kept is None:
            return read()
        return KeptRepository(self.repository(registry, path), self._kept).read_config(descriptor, read)

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """Makes something for a key, or returns the one that was made before. Transports keep their open files here.

        Args:
            key: A value of the transport's own class, so that no other transport has it.
            make: Opens it. May run more than once if several threads ask at the same time; all get the first result.

        Raises:
            BundlerError: It cannot be opened. The next call tries again.
        """
        with self._lock:
            if key in self._opened:
                found: T = self._opened[key]
                return found
        made = make()
        with self._lock:
            kept: T = self._opened.setdefault(key, made)
            return kept

    def keep_ready(self, locations: Iterable[Location], ready: Ready) -> None:
        """Records images that are prepared for copying."""
        with self._lock:
            self._ready.update(dict.fromkeys(locations, ready))

    def ready(self, location: Location) -> Ready:
        """Returns the source of a prepared image."""
        return self._ready[location]

    def is_repacked(self, location: Location) -> bool:
        """True if we made the manifest of an image, and so its digest."""
        ready = self._ready.get(location)
        return ready is not None and ready.is_repacked

    def _notice(self, text: str) -> None:
        self._listener(Noticed(text))
