"""Looks for configs and layers in a registry, or reads and hashes them.

A registry stores a blob once for all repositories, so a deep comparison reads it in the first one that has it, and
looks for it in the others.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from functools import partial

from bundler.core.digest import Digest
from bundler.core.drift import Part
from bundler.core.events import Moved
from bundler.core.frozen import frozen
from bundler.core.oci import Descriptor
from bundler.errors import Damaged, NotFound
from bundler.standing.faults import Faults, Key
from bundler.stores.opened import Stores
from bundler.texts import text
from bundler.transfer import ask_all, work_through
from bundler.verified_blob import read_blob


@frozen
class _Ask:
    key: Key
    part: Part


class Blobs:
    """The configs and layers of a comparison. Local to it; its methods are called from many threads."""

    def __init__(self, faults: Faults, stores: Stores, places: Mapping[Digest, Sequence[str]]) -> None:
        """Asks nothing yet; ``places`` are the repositories that need each blob."""
        self._faults = faults
        self._stores = stores
        self._places = places
        self._lock = threading.Lock()
        self.read_bytes = 0

    def look(self, parts: Sequence[Part]) -> None:
        """Asks each repository for the length of each blob that it should have.

        Raises:
            Interrupted: The user stopped it.
        """
        asks = [_Ask((path, part.digest), part) for part in parts for path in self._places[part.digest]]

        def ask(each: _Ask) -> None:
            self._look_at(each)
            self._faults.run.listener(Moved(1))

        with self._faults.phase("looking for layers", "looking", len(asks)):
            ask_all(asks, ask, self._faults.run)

    def read(self, parts: Sequence[Part], *, called: str) -> None:
        """Reads and hashes each blob.

        Raises:
            Interrupted: The user stopped it.
        """
        ordered = sorted(parts, key=_size_of, reverse=True)
        title = text("reading {target}", target=called)
        with self._faults.phase(title, "reading", sum(map(_size_of, parts)), in_bytes=True):
            work_through(ordered, self._read, self._faults.run, size_of=_size_of)

    def _look_at(self, each: _Ask) -> int | None:
        """The length of a blob, 0 if the registry does not state it; None for a fault."""
        path, digest = each.key
        called, expected = self._faults.called(each.key), each.part.size_bytes
        repository = self._stores.repository(self._faults.host, path)

        def look() -> int:
            found = self._faults.ask(partial(repository.blob_length, digest), called)
            if found is None:
                raise NotFound("the registry does not have it any more", subject=called)
            if found and expected is not None and found != expected:
                raise Damaged("another length", expected=_bytes(expected), actual=_bytes(found))
            return found

        return self._faults.tried(each.key, look)

    def _read(self, part: Part) -> None:
        is_read = False
        for path in self._places[part.digest]:
            key = (path, part.digest)
            length = self._look_at(_Ask(key, part))
            size_bytes = length if part.size_bytes is None else part.size_bytes
            if length is not None and size_bytes and not is_read:
                is_read = True
                self._faults.tried(key, partial(self._read_whole, key, size_bytes))

    def _read_whole(self, key: Key, size_bytes: int) -> None:
        path, digest = key
        repository = self._stores.repository(self._faults.host, path)
        label = f"{digest.short} of {self._faults.host}/{path}"
        read_blob(Descriptor("", digest, size_bytes), repository, self._faults.run, label=label, peer=self._faults.host)
        with self._lock:
            self.read_bytes += size_bytes


def _size_of(part: Part) -> int:
    return part.size_bytes or 0


def _bytes(amount: int) -> str:
    return text("{size} bytes", size=amount)
