"""A folder of image files, one for each image, as k3s and RKE2 load them from ``agent/images``.

Each file is a tar of an OCI image layout, compressed with zstd; its index.json, the first member, names the image. k3s
imports it with all platforms that the index has (k3s-io/k3s, pkg/agent/containerd/containerd.go: ``client.Import`` with
``WithAllPlatforms(true)``) and wants a tag in each name.

A file grows under a temporary name and gets its own by a rename, when it is complete and on the device. So a file of
this folder is always whole, and a run that was killed leaves nothing that k3s would load.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from bundler.core import strict_json
from bundler.core.digest import Digest
from bundler.core.limits import LAYOUT_JSON_BYTES
from bundler.core.oci import Descriptor
from bundler.core.reference import Reference
from bundler.errors import BundlerError, LocalStorage, Misuse
from bundler.stores import compression
from bundler.stores.image_file import PieceStream
from bundler.stores.layout_index import index_document, named_entry
from bundler.stores.layout_names import held_images
from bundler.stores.oci_layout import INDEX
from bundler.stores.tar_reader import TarReader
from bundler.system.durable_files import closing_file, remove, sync_folder, write_all
from bundler.system.files import opened, pieces_of
from bundler.system.lock import Holder, Lock
from bundler.system.ownership import refuse_foreign_name

SUFFIX = ".tar.zst"
_PARTIAL = ".partial"
_LOCK = ".bundler-lock"
_NAME_CHARACTERS = 200
"""File systems have names of 255 bytes; the prefix, the suffix and a digest must fit."""


def file_name(name: Reference) -> str:
    """The name of the file of an image: no two images have the same.

    ``+`` and ``=`` are in no reference, so they can replace ``/`` and ``:``, which no file name has.
    """
    given = str(Reference(name.registry, name.repository, name.tag))
    safe = given.replace("/", "+").replace(":", "=")
    if len(safe) > _NAME_CHARACTERS:
        safe = f"{safe[:_NAME_CHARACTERS]}~{hashlib.sha256(given.encode()).hexdigest()[:16]}"
    return safe + SUFFIX


def index_of(name: Reference, root: Descriptor) -> bytes:
    """The index.json of the file of an image. An image that is known by its digest has that name too.

    Pods that ask for ``REPOSITORY@DIGEST`` find an image by this name only.
    """
    names = [str(Reference(name.registry, name.repository, name.tag))]
    if name.digest == root.digest:
        names.append(f"{name.name}@{name.digest}")
    return index_document(named_entry(each, root) for each in names)


class AgentImages:
    """The folder. From `prepare` to `release`, no other process of ours writes there."""

    def __init__(self, folder: Path) -> None:
        """Touches nothing yet."""
        self._folder = folder
        self._writer = Lock(folder / _LOCK)
        self._is_ours = False

    def check(self) -> None:
        """Checks that the folder is one, or can be made.

        Raises:
            Misuse: It is a file.
        """
        if os.path.lexists(self._folder) and not self._folder.is_dir():
            raise Misuse("not a folder", subject=str(self._folder), hint="write agent-images:DIR")

    def find(self, name: Reference) -> Digest | None:
        """Returns the digest of the image in the file of a name; None if there is no file.

        Raises:
            Misuse: The file is none of ours.
        """
        path = self._folder / file_name(name)
        if not os.path.lexists(path):
            return None
        try:
            return _digest_in(path)
        except BundlerError as error:
            raise Misuse(
                "a file of this name is there, and it is no image file of bundler",
                subject=str(path),
                hint="move it away, or choose another folder",
            ) from error

    def prepare(self) -> Holder | None:
        """Makes the folder, locks it, and removes what a run that was killed has left.

        Returns:
            The earlier writer, if it ended without `release`.

        Raises:
            Unavailable: Another process is writing there.
            Misuse: A temporary file is not ours.
            LocalStorage: It cannot be written.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LocalStorage.unwritable(error, str(self._folder)) from error
        left = self._writer.take(f"agent-images:{self._folder}")
        self._is_ours = True
        self.remove_partial()
        return left

    @contextmanager
    def writing(self, name: Reference) -> Generator[Callable[[bytes | memoryview], None], None, None]:
        """Writes the file of an image, compressed; it has a temporary name until `place`. An error removes it.

        Raises:
            LocalStorage: It cannot be written.
        """
        path = self._partial(name)
        compressor = compression.compressor(compression.ZSTD)
        refuse_foreign_name(path)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise LocalStorage.unwritable(error, str(path)) from error
        try:
            with closing_file(descriptor, what=str(path)):
                yield lambda data: write_all(descriptor, compressor.compress(data), what=str(path))
                write_all(descriptor, compressor.flush(), what=str(path))
                os.fsync(descriptor)
        except BaseException as error:
            with suppress(OSError):
                path.unlink()
            if isinstance(error, OSError):
                raise LocalStorage.unwritable(error, str(path)) from error
            raise

    def place(self, name: Reference) -> None:
        """Gives the written file of an image its name, in place of an older one.

        Raises:
            LocalStorage: It cannot be renamed.
        """
        path = self._folder / file_name(name)
        try:
            os.rename(self._partial(name), path)
        except OSError as error:
            raise LocalStorage.unwritable(error, str(path)) from error
        sync_folder(self._folder)

    def remove_partial(self) -> None:
        """Removes the files that have no name yet.

        Raises:
            Misuse: One of them is not ours.
            LocalStorage: One cannot be removed.
        """
        if self._is_ours:
            for path in sorted(self._folder.glob(f".*{SUFFIX}{_PARTIAL}")):
                remove(path)

    def release(self) -> None:
        """Removes files without a name, and lets other processes write there."""
        with suppress(BundlerError):
            self.remove_partial()
        self._is_ours = False
        self._writer.release()

    @property
    def folder(self) -> Path:
        """The folder."""
        return self._folder

    def _partial(self, name: Reference) -> Path:
        return self._folder / f".{file_name(name)}{_PARTIAL}"


def _digest_in(path: Path) -> Digest:
    """The digest that the index.json at the beginning of a file names. The rest is not read."""
    what = str(path)
    with opened(path) as descriptor:
        packed = pieces_of(descriptor, 0, os.fstat(descriptor).st_size, what=what)
        reader = TarReader(PieceStream(compression.decompressed(packed, compression.ZSTD, what=what)), what=what)
        member = next(iter(reader))
        if member.name != INDEX or member.size_bytes > LAYOUT_JSON_BYTES:
            raise Misuse("not an image file of bundler", subject=what)
        document = strict_json.loads(b"".join(map(bytes, reader.pieces())), what=what)
    entries = document.get("manifests") if isinstance(document, dict) else None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise Misuse("not an image file of bundler", subject=what)
    digests = {held.image.digest for held in held_images(entries, what=what)}
    if len(digests) != 1:
        raise Misuse("not an image file of bundler", subject=what)
    return digests.pop()
