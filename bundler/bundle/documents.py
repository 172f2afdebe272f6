"""Remembers manifests and other small documents of a bundle while media are changed: they are needed to the end.

They were verified when they were read. They are in memory up to a limit, and above it in a scratch file without a name.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from bundler.bundle.decrypted import reading
from bundler.core.digest import Digest
from bundler.core.limits import REMEMBERED_BYTES
from bundler.system.files import read_into
from bundler.system.scratch import Scratch, ScratchFile


class Documents:
    """The documents of one bundle that were read. Thread-safe."""

    def __init__(self, scratch: Callable[[], Scratch]) -> None:
        """Remembers nothing yet.

        Args:
            scratch: Makes the scratch space, if it is needed.
        """
        self._scratch = scratch
        self._file: ScratchFile | None = None
        self._places: dict[Digest, tuple[int, int]] = {}
        self._contents: dict[Digest, bytes] = {}
        self._size_bytes = 0
        self._lock = threading.Lock()

    def __contains__(self, digest: Digest) -> bool:
        return digest in self._contents or digest in self._places

    def find(self, digest: Digest) -> bytes | None:
        """The document with a digest; None if it was not read yet.

        Raises:
            LocalStorage: It cannot be read from scratch.
        """
        with self._lock:
            content = self._contents.get(digest)
            place = self._places.get(digest)
            if content is not None or place is None or self._file is None:
                return content
            found = bytearray(place[1])
            with reading(self._file) as descriptor:
                read_into(descriptor, [found], place[0], what=self._file.where)
        return bytes(found)

    def add(self, digest: Digest, content: bytes) -> bytes:
        """Remembers a verified document, and returns it.

        Raises:
            LocalStorage: There is no room for it.
        """
        with self._lock:
            if digest in self:
                return content
            if self._size_bytes + len(content) <= REMEMBERED_BYTES:
                self._size_bytes += len(content)
                self._contents[digest] = content
                return content
            self._file = self._file or self._scratch().file()
            place = self._file.size_bytes, len(content)
            self._file.write(content)
            self._places[digest] = place
        return content

    def close(self) -> None:
        """Frees the scratch space. Idempotent."""
        if self._file is not None:
            self._file.close()
