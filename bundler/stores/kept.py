"""Manifests and configs of registries, kept for the next run in the user's cache folder.

With it, several runs read a list that is larger than a registry's rate limit: the next run checks the documents of an
earlier run by HEAD only, which Docker Hub does not count. The cache is not trusted: each tag is looked up again, and
bytes are compared with their digest when they are read. After a failure of the cache, the registry is asked.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bundler.core import oci
from bundler.core.attachments import FoundAttachment
from bundler.core.digest import Digest
from bundler.core.limits import IMAGE_CONFIG_BYTES, KEPT_BYTES, KEPT_FILES, KEPT_SECONDS, MANIFEST_BYTES
from bundler.core.oci import Descriptor
from bundler.core.protocols import Pieces
from bundler.stores.repository import Repository

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class KeptDocuments:
    """A folder of documents, with one folder for each repository. Safe for several threads and processes.

    A document of one repository is never returned for another: a user may be allowed to read only one of them.
    """

    def __init__(self, folder: Path) -> None:
        """Makes nothing yet; ``folder`` is the user's cache folder."""
        self._folder = folder / "documents"
        self._is_changed = False

    def knows(self, repository: str) -> bool:
        """True if the cache may have documents of a repository."""
        return self._of(repository).is_dir()

    def read(self, repository: str, digest: Digest, limit_bytes: int) -> bytes | None:
        """Returns a document after comparing it with its digest; None if the cache does not have it."""
        try:
            descriptor = os.open(self._of(repository) / _name(digest), _READ)
        except OSError:
            return None
        content = b""
        with contextlib.suppress(OSError):
            status = os.fstat(descriptor)
            if stat.S_ISREG(status.st_mode) and status.st_size <= limit_bytes:
                content = os.read(descriptor, limit_bytes)
        with contextlib.suppress(OSError):
            os.close(descriptor)
        return content if Digest.of(content, algorithm=digest.algorithm) == digest else None

    def keep(self, repository: str, digest: Digest, content: bytes) -> None:
        """Stores a document. Ignores failures."""
        path = self._of(repository) / _name(digest)
        temporary = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}")
        self._is_changed = True
        try:
            for folder in (self._folder.parent, self._folder, path.parent):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with open(os.open(temporary, _WRITE, 0o600), "wb") as file:
                file.write(content)
            os.replace(temporary, path)
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(temporary)

    def through(self, repository: str, descriptor: Descriptor, read: Callable[[], bytes]) -> bytes:
        """Returns a document from the cache, or reads it and stores it."""
        content = self.read(repository, descriptor.digest, descriptor.size_bytes)
        if content is None or len(content) != descriptor.size_bytes:
            content = read()
            self.keep(repository, descriptor.digest, content)
        return content

    def prune(self) -> None:
        """Removes old documents, and the oldest ones above the limits; only if this run has added some."""
        if not self._is_changed:
            return
        left_bytes, left_files, oldest = KEPT_BYTES, KEPT_FILES, time.time() - KEPT_SECONDS
        for path, status in sorted(self._files(), key=lambda file: file[1].st_mtime, reverse=True):
            left_bytes, left_files = left_bytes - status.st_size, left_files - 1
            if left_bytes < 0 or left_files < 0 or status.st_mtime < oldest:
                with contextlib.suppress(OSError):
                    os.unlink(path)
        for folder in self._folders():
            with contextlib.suppress(OSError):
                os.rmdir(folder)  # only empty folders go

    def _of(self, repository: str) -> Path:
        return self._folder / hashlib.sha256(repository.encode()).hexdigest()[:32]

    def _folders(self) -> Iterator[str]:
        with contextlib.suppress(OSError), os.scandir(self._folder) as found:
            yield from [entry.path for entry in found if entry.is_dir(follow_symlinks=False)]

    def _files(self) -> Iterator[tuple[str, os.stat_result]]:
        for folder in self._folders():
            with contextlib.suppress(OSError), os.scandir(folder) as found:
                for entry in found:
                    yield entry.path, entry.stat(follow_symlinks=False)


class KeptRepository:
    """A repository that reads only missing manifests from the registry: an `ImageSource`."""

    is_remote = True

    def __init__(self, repository: Repository, kept: KeptDocuments) -> None:
        self._repository = repository
        self._kept = kept

    def resolve(self, name: str | None) -> Descriptor:
        """Returns the descriptor of a tag or digest: by HEAD if the cache has documents of the repository."""
        place = self._repository.name
        found = self._repository.look_up(name or "latest") if self._kept.knows(place) else None
        content = self._kept.read(place, found.digest, MANIFEST_BYTES) if found else None
        if found is None or content is None:
            return self._repository.resolve(name)
        media_type = found.media_type or oci.media_type_of(content, what=place)
        return Descriptor(media_type, found.digest, len(content))

    def read_manifest(self, descriptor: Descriptor) -> bytes:
        """Returns a manifest, verified."""
        return self._kept.through(self._repository.name, descriptor, lambda: self._repository.read_manifest(descriptor))

    def attachments_of(self, subject: Digest) -> tuple[FoundAttachment, ...]:
        """Returns all that the registry lists as attached to a manifest. Lists are not kept: they change."""
        return self._repository.attachments_by(subject, self)

    def read_config(self, descriptor: Descriptor, read: Callable[[], bytes]) -> bytes:
        """Returns a config from the cache, or reads it and stores it."""
        if descriptor.size_bytes > IMAGE_CONFIG_BYTES:
            return read()
        return self._kept.through(self._repository.name, descriptor, read)

    def open_blob(self, descriptor: Descriptor, *, offset_bytes: int) -> Pieces:
        """Yields the bytes of a blob."""
        yield from self._repository.open_blob(descriptor, offset_bytes=offset_bytes)


def _name(digest: Digest) -> str:
    return f"{digest.algorithm}-{digest.encoded}"
