"""A tar of an OCI image layout as a source and as a destination. Unpacks nothing, and joins no name to a path."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from bundler.core import tar
from bundler.core.digest import Digest
from bundler.core.oci import Descriptor
from bundler.core.protocols import Pieces
from bundler.errors import BundlerError, LocalStorage, Misuse
from bundler.stores.oci_layout import LayoutSource, index_json, marker_json, read_index
from bundler.stores.tar_reader import TarReader, resolve_links
from bundler.system.durable_files import closing_file, sync_folder, write_all
from bundler.system.files import FileStream, forget, opened, pieces_of, read_whole
from bundler.system.lock import Holder, Lock
from bundler.system.ownership import refuse_foreign_name


class ArchiveFiles:
    """The files in a tar, as `LayoutFiles`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with opened(path) as descriptor:
            self._members = scan(descriptor, what=self.called)

    @property
    def called(self) -> str:
        """The transport and the file."""
        return f"oci-archive:{self._path}"

    def size(self, path: str) -> int | None:
        """Returns the size of a member in bytes; None if it does not exist."""
        place = self._members.get(path)
        return place[1] - place[0] if place else None

    def open_at(self, path: str, offset_bytes: int) -> Pieces:
        """Yields the bytes of a member from an offset on."""
        begin, end = self._members[path]
        with opened(self._path) as descriptor:
            yield from pieces_of(descriptor, begin + offset_bytes, end, what=f"{self.called}: {path}")

    def read(self, path: str, limit_bytes: int) -> bytes | None:
        """Returns a whole member, up to a limit; None if it does not exist."""
        if path not in self._members:
            return None
        begin, end = self._members[path]
        with opened(self._path) as descriptor:
            return read_whole(descriptor, begin, end, limit_bytes=limit_bytes, what=f"{self.called}: {path}")


def scan(descriptor: int, *, what: str) -> dict[str, tuple[int, int]]:
    """Returns the start and the end of each file's data in a tar. A link has those of its target.

    Raises:
        Damaged: The archive is truncated or inconsistent.
    """
    places: dict[str, tuple[int, int]] = {}
    links: dict[str, str] = {}
    for member in TarReader(FileStream(descriptor, what=what), what=what):
        if member.link:
            links[member.name] = member.link
        else:
            places[member.name] = (member.offset_bytes, member.offset_bytes + member.size_bytes)
    resolve_links(links, places, what=what)
    return places | {name: places[target] for name, target in links.items()}


class ArchiveSink:
    """A tar file that becomes an OCI image layout: an `ImageSink`. Thread-safe, for one blob at a time.

    The file grows under a temporary name and gets its own name in `finish`. A failed blob is cut off again. From
    `prepare` to `release`, no other process writes it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._partial = path.with_name(path.name + ".partial")
        self._writer = Lock(path.with_name(path.name + ".lock"))
        self._descriptor = -1
        self._broken: LocalStorage | None = None
        """The first write that failed and was not cut off. Later writes raise it: else the file would look complete."""
        self._lock = threading.Lock()
        self._held: dict[str, tuple[int, int]] = {}
        """The start and the end of each member's data, by its path."""
        self._named: dict[str, Descriptor] = {}
        self._unnamed: dict[object, Mapping[str, Any]] = {}
        """The entries of attachments, by their digests."""

    def check(self, names: Iterable[str] = ()) -> None:
        """Checks that the file can be made, or that it is complete already.

        Args:
            names: The names that it will hold. A run that was killed at its end may have finished it.

        Raises:
            Misuse: A file of this name exists, and lacks one of the names.
        """
        if not os.path.lexists(self._path):
            return
        wanted = set(names)
        if wanted:
            with suppress(BundlerError):  # a foreign file
                held = read_index(ArchiveFiles(self._path))
                self._named = {name: each.image for each in reversed(held) for name in each.names}
                self._unnamed = {str(each.image.digest): each.image.to_json() for each in held if not each.names}
        if not wanted or not wanted <= self._named.keys():
            raise Misuse("the file already exists", subject=str(self._path), hint="remove it, or choose another name")

    def prepare(self) -> Holder | None:
        """Creates the file.

        Returns:
            The earlier writer, if it ended without `release`.

        Raises:
            Misuse: As `check`, or there is a partial file that is not ours.
            Unavailable: Another process is writing it.
            LocalStorage: It cannot be written.
        """
        left = self._writer.take(f"oci-archive:{self._path}")
        self.check()  # the earlier holder of the lock may have finished it
        refuse_foreign_name(self._partial)
        try:
            self._partial.unlink(missing_ok=True)  # left by a run that was killed
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            self._descriptor = os.open(self._partial, flags, 0o644)
        except OSError as error:
            raise LocalStorage.unwritable(error, str(self._path)) from error
        self._append("oci-layout", len(marker_json()), lambda: _whole(marker_json()))
        return left

    def release(self) -> None:
        """Lets other processes write it."""
        self._writer.release()

    def source(self) -> LayoutSource:
        """Returns a source that reads the written part from the device.

        Raises:
            LocalStorage: The device refused the bytes.
        """
        if self._descriptor < 0:
            return LayoutSource(ArchiveFiles(self._path))
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            raise LocalStorage.unwritable(error, str(self._path)) from error
        return LayoutSource(_Written(self._partial, self._held))

    def finish(self) -> None:
        """Writes index.json and the end mark, and gives the file its name.

        Raises:
            LocalStorage: The file cannot be written.
        """
        index = index_json(list(self._named.items()), unnamed=self._unnamed.values())
        self._append("index.json", len(index), lambda: _whole(index))
        descriptor, self._descriptor = self._descriptor, -1
        try:
            with closing_file(descriptor, what=str(self._path)):
                write_all(descriptor, tar.END, what=str(self._path))
                os.fsync(descriptor)
            os.rename(self._partial, self._path)
            sync_folder(self._path.parent)
        except OSError as error:
            raise LocalStorage.unwritable(error, str(self._path)) from error

    def discard(self) -> None:
        """Removes the partial file. If that fails, the next run removes it."""
        if self._descriptor >= 0:
            with suppress(OSError):
                os.close(self._descriptor)
            with suppress(OSError):
                self._partial.unlink(missing_ok=True)
            self._descriptor = -1

    def find(self, name: str) -> Descriptor | None:
        """Returns the manifest of a name so far."""
        return self._named.get(name)

    def has_blob(self, descriptor: Descriptor) -> bool:
        """True if the file has the blob."""
        return descriptor.digest.path in self._held

    def put_blob(self, descriptor: Descriptor, pieces: Pieces) -> None:
        """Appends a blob."""
        end = self._append(descriptor.digest.path, descriptor.size_bytes, lambda: pieces)
        self._held[descriptor.digest.path] = (end - descriptor.size_bytes, end)

    def put_manifest(self, descriptor: Descriptor, content: bytes) -> None:
        """Appends a manifest, as a blob."""
        if not self.has_blob(descriptor):
            self.put_blob(descriptor, _whole(content))

    def tag(self, descriptor: Descriptor, content: bytes, name: str) -> None:
        """Gives a manifest a name."""
        del content
        with self._lock:
            self._named.pop(name, None)  # so that the new one is last
            self._named[name] = descriptor

    def lists(self, digest: Digest) -> bool:
        """True if the file lists a manifest without a name."""
        return str(digest) in self._unnamed

    def add_entry(self, entry: Mapping[str, Any]) -> None:
        """Adds a manifest without a name to the index."""
        with self._lock:
            self._unnamed.setdefault(entry["digest"], entry)

    def _append(self, name: str, size_bytes: int, content: Callable[[], Pieces]) -> int:
        """Appends a member, and returns the end of its data."""
        with self._lock:
            if self._broken is not None:
                raise self._broken
            begin = os.lseek(self._descriptor, 0, os.SEEK_CUR)
            try:
                self._write(tar.header(name, size_bytes))
                for piece in content():
                    self._write(piece)
                end = os.lseek(self._descriptor, 0, os.SEEK_CUR)
                self._write(bytes(tar.padding_bytes(size_bytes)))
            except BaseException:
                self._cut_back(begin)
                raise
        return end

    def _write(self, data: bytes | memoryview) -> None:
        try:
            write_all(self._descriptor, data, what=str(self._path))
        except LocalStorage as error:
            self._broken = error
            raise

    def _cut_back(self, length_bytes: int) -> None:
        """Cuts off a partial member. If that fails, the caller still raises the first error."""
        try:
            os.ftruncate(self._descriptor, length_bytes)
            os.lseek(self._descriptor, length_bytes, os.SEEK_SET)
        except OSError as error:
            self._broken = LocalStorage.unwritable(error, str(self._path))


class _Written:
    """The members of a file that is still being written, as `LayoutFiles`."""

    def __init__(self, path: Path, places: Mapping[str, tuple[int, int]]) -> None:
        self._path = path
        self._places = places

    @property
    def called(self) -> str:
        return f"oci-archive:{self._path}"

    def size(self, path: str) -> int | None:
        place = self._places.get(path)
        return place[1] - place[0] if place else None

    def open_at(self, path: str, offset_bytes: int) -> Pieces:
        begin, end = self._places[path]
        with opened(self._path) as descriptor:
            forget(descriptor)
            yield from pieces_of(descriptor, begin + offset_bytes, end, what=f"{self.called}: {path}")

    def read(self, path: str, limit_bytes: int) -> bytes | None:
        if path not in self._places:
            return None
        begin, end = self._places[path]
        with opened(self._path) as descriptor:
            forget(descriptor)
            return read_whole(descriptor, begin, end, limit_bytes=limit_bytes, what=f"{self.called}: {path}")


def _whole(content: bytes) -> Pieces:
    yield content
