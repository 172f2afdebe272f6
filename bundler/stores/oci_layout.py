"""An OCI image layout (image-spec ``image-layout.md``) as a source and, if it is a folder, as a destination.

One reader serves a folder and a tar of it. Only the access to files differs: `LayoutFiles`. Paths are made of parsed
digests and fixed names, never of text from the layout.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from bundler.core import oci, strict_json
from bundler.core.attachments import FoundAttachment
from bundler.core.digest import ALGORITHMS, Digest
from bundler.core.limits import LAYOUT_JSON_BYTES, MANIFEST_BYTES, MARKER_BYTES, PIECE_BYTES
from bundler.core.oci import Descriptor
from bundler.core.patterns import lazy_pattern
from bundler.core.protocols import Pieces
from bundler.errors import Damaged, LocalStorage, NotFound, Refused
from bundler.stores.held_images import Choice, HeldImage
from bundler.stores.layout_attachments import LayoutAttachments, find_attachments
from bundler.stores.layout_index import LayoutIndex, index_document, named_entry
from bundler.stores.layout_names import held_images
from bundler.system.direct_file import DirectFile
from bundler.system.durable_files import closing_file, sync_folder, write_all
from bundler.system.files import forget, pieces_of, read_whole
from bundler.system.files_within import FilesWithin
from bundler.system.lock import Holder, Lock
from bundler.texts import text

INDEX = "index.json"
MARKER = "oci-layout"
_VERSION = "1.0.0"
"""The only version of layouts in image-spec."""
_LOCK = ".bundler-lock"
_COPY_AGAIN = "copy the whole image into the layout again"
_TEMPORARY = lazy_pattern(r"\.(?:[0-9a-f]{64,128}|index\.json|oci-layout)\.[0-9]+\.[0-9]+")
"""The temporary names of files that are being written."""


class LayoutFiles(Protocol):
    """The files of a layout, by their paths within it."""

    @property
    def called(self) -> str:
        """The name of the layout in errors."""

    def size(self, path: str) -> int | None:
        """Returns the size of a file in bytes; None if it does not exist."""

    def open_at(self, path: str, offset_bytes: int) -> Pieces:
        """Yields the bytes of a file from an offset on."""

    def read(self, path: str, limit_bytes: int) -> bytes | None:
        """Returns a whole file, up to a limit; None if it does not exist."""


class LayoutSource:
    """An `ImageSource` over the files of a layout. Thread-safe."""

    is_remote = False

    def __init__(self, files: LayoutFiles, images: Sequence[HeldImage[Descriptor]] | None = None) -> None:
        """Reads the index of the layout only when an image is requested.

        Args:
            files: The files of the layout.
            images: Its images, for a layout without index.json.
        """
        self._files = files
        self._listed = images
        self._found: LayoutAttachments | None = None
        self._choice: Choice[Descriptor] | None = None
        self._lock = threading.Lock()

    @property
    def images(self) -> Sequence[HeldImage[Descriptor]]:
        """All images. They are read once, so that the images that were listed are the images that are copied.

        Raises:
            Refused, Damaged: As `read_index`.
        """
        return self._contents.images

    def attachments_of(self, subject: Digest) -> tuple[FoundAttachment, ...]:
        """Returns all that the layout lists as attached to a manifest."""
        return self._contents.by_subject.get(subject, ())

    def has(self, digest: Digest, size_bytes: int) -> bool:
        """True if the layout has a file for a blob, with its size. The file is not read."""
        return self._files.size(digest.path) == size_bytes

    def resolve(self, name: str | None) -> Descriptor:
        """Returns the descriptor of a name; None for the only image. A digest may be that of any manifest."""
        images = self.images
        with self._lock:
            if self._choice is None:
                self._choice = Choice(images, called=self._files.called)
        try:
            return self._choice(name)
        except Refused:
            found = self._by_digest(name)
            if found is None:
                raise
            return found

    def _by_digest(self, name: str | None) -> Descriptor | None:
        """Returns a manifest by its digest, even if no index of the layout lists it."""
        try:
            digest = Digest.parse((name or "").removeprefix("@"))
        except Damaged:
            return None
        content = self._files.read(digest.path, MANIFEST_BYTES)
        if content is None:
            return None
        return Descriptor(oci.media_type_of(content, what=f"{self._files.called}: {digest}"), digest, len(content))

    @property
    def _contents(self) -> LayoutAttachments:
        with self._lock:
            if self._found is None:
                images = read_index(self._files) if self._listed is None else self._listed
                self._found = find_attachments(self._files, images)
            return self._found

    def read_manifest(self, descriptor: Descriptor) -> bytes:
        """Returns a manifest, verified by its digest. Ignores the descriptor's size: an index may have a wrong one."""
        digest = descriptor.digest
        content = self._files.read(digest.path, MANIFEST_BYTES)
        if content is None:
            raise NotFound(
                "the manifest is not in the layout", subject=self._name_of(digest), code="not-found", hint=_COPY_AGAIN
            )
        found = Digest.of(content, algorithm=digest.algorithm)
        if found != digest:
            raise Damaged(
                "the manifest does not match its digest",
                subject=self._name_of(digest),
                expected=str(digest),
                actual=str(found),
            )
        return content

    def open_blob(self, descriptor: Descriptor, *, offset_bytes: int) -> Pieces:
        """Returns the bytes of a blob."""
        size = self._files.size(descriptor.digest.path)
        if size is None:
            raise self._lacks(descriptor.digest)
        self._check_size(size, descriptor)
        return self._files.open_at(descriptor.digest.path, offset_bytes)

    def read_whole(self, descriptor: Descriptor) -> bytes:
        """Returns a blob that fits into memory, unverified."""
        content = self._files.read(descriptor.digest.path, max(descriptor.size_bytes, MANIFEST_BYTES))
        if content is None:
            raise self._lacks(descriptor.digest)
        self._check_size(len(content), descriptor)
        return content

    def _lacks(self, digest: Digest) -> NotFound:
        return NotFound(
            "the blob is not in the layout", subject=self._name_of(digest), code="not-found", hint=_COPY_AGAIN
        )

    def _check_size(self, size_bytes: int, descriptor: Descriptor) -> None:
        if size_bytes != descriptor.size_bytes:
            raise Damaged(
                "the blob has another size than its descriptor says",
                subject=self._name_of(descriptor.digest),
                expected=text("{size} bytes", size=descriptor.size_bytes),
                actual=text("{size} bytes", size=size_bytes),
            )

    def _name_of(self, digest: Digest) -> str:
        """The name of a blob in errors."""
        return f"{self._files.called}: {digest}"


def check_marker(files: LayoutFiles) -> None:
    """Checks the content of the file ``oci-layout``.

    Raises:
        Damaged: It is missing, or of an unknown version.
    """
    content = files.read(MARKER, MARKER_BYTES)
    if content is None:
        raise Damaged(text("not an OCI image layout: there is no file {marker}", marker=MARKER), subject=files.called)
    what = f"{files.called}: {MARKER}"
    document = strict_json.loads(content, what=what)
    strict_json.check_fields(document, ("imageLayoutVersion",), what=what)
    version = document.get("imageLayoutVersion") if isinstance(document, dict) else None
    if version != _VERSION:
        raise Damaged(
            "an OCI image layout of an unknown version", subject=what, expected=_VERSION, actual=f"{version!r:.40}"
        )


def index_entries(files: LayoutFiles) -> list[dict[str, Any]]:
    """Returns the entries of index.json, unchanged.

    Raises:
        Refused: This is not a layout.
        Damaged: index.json or ``oci-layout`` has a wrong format.
    """
    content = files.read(INDEX, LAYOUT_JSON_BYTES)
    if content is None:
        raise Refused("not an OCI image layout: there is no index.json", subject=files.called)
    check_marker(files)
    what = f"{files.called}: {INDEX}"
    document = strict_json.loads(content, what=what)
    strict_json.check_fields(document, ("schemaVersion", "manifests"), what=what)
    entries = document.get("manifests") if isinstance(document, dict) else None
    if isinstance(document, dict) and entries is None:
        return []  # programs in Go, such as umoci, write null for an empty list
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise Damaged("not an OCI index", subject=what)
    return entries


def read_index(files: LayoutFiles) -> list[HeldImage[Descriptor]]:
    """Returns the images of index.json.

    Raises:
        Refused, Damaged: As `index_entries`, or an entry is not a descriptor.
    """
    return held_images(index_entries(files), what=f"{files.called}: {INDEX}")


class FolderFiles:
    """The files of a layout in a folder. The folder itself may be a link; links below it are not followed."""

    def __init__(self, root: Path, *, is_from_device: bool = False, keeps_folders: bool = False) -> None:
        """Reads nothing yet.

        Args:
            root: The folder.
            is_from_device: Read files that were just written from the device again, not from the page cache.
            keeps_folders: Keep the folders of the files open, see `FilesWithin`.
        """
        self._root = root
        self._files = FilesWithin(root, keeps_folders=keeps_folders)
        self._prefix = str(root / "_")[:-1]
        self._is_from_device = is_from_device

    @property
    def called(self) -> str:
        """The transport and the folder."""
        return f"oci:{self._root}"

    def size(self, path: str) -> int | None:
        """Returns the size of a file in bytes; None if it does not exist."""
        return self._files.size(path)

    def open_at(self, path: str, offset_bytes: int) -> Pieces:
        """Yields the bytes of a file from an offset on."""
        what = self._prefix + path
        with self._files.opened(path) as file:
            if self._is_from_device:
                forget(file.descriptor)
            yield from pieces_of(file.descriptor, offset_bytes, file.size_bytes, what=what)

    def read(self, path: str, limit_bytes: int) -> bytes | None:
        """Returns a whole file, up to a limit; None if it does not exist."""
        what = self._prefix + path
        try:
            with self._files.opened(path) as file:
                if self._is_from_device:
                    forget(file.descriptor)
                return read_whole(file.descriptor, 0, file.size_bytes, limit_bytes=limit_bytes, what=what)
        except Refused:
            return None


class LayoutFolderSink:
    """A folder that becomes, or is, an OCI image layout: an `ImageSink`. Thread-safe.

    Existing images stay. Each file gets its name by a rename, when it is complete. From `prepare` to `release`, no
    other process writes there: two writers of index.json would lose each other's names.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._files = FolderFiles(root)
        self._writer = Lock(root / _LOCK)
        self._lock = threading.Lock()
        self._known: LayoutIndex | None = None
        self._has_new_blobs = True
        """True if there may be names of blobs that are not on the device."""

    def check(self, names: Iterable[str] = ()) -> None:
        """Checks, without changing anything, that the folder is a layout or can become one.

        Args:
            names: The names that it will hold; a folder takes all names.

        Raises:
            Refused: The folder has other content.
            Damaged: It is a layout of another version, or parts of it are links.
            LocalStorage: It cannot be read.
        """
        del names
        try:
            names_there = os.listdir(self._root) if self._root.exists() else []
        except OSError as error:
            raise LocalStorage.unwritable(error, str(self._root)) from error
        if all(map(_is_own, names_there)):
            return
        if not {MARKER, INDEX} & set(names_there):
            raise Refused("the folder is neither empty nor an OCI image layout", subject=str(self._root))
        check_marker(self._files)
        for path in (INDEX, *(f"blobs/{algorithm}/none" for algorithm in ALGORITHMS)):
            self._files.size(path)

    def prepare(self) -> Holder | None:
        """Makes the folder a layout if it is not one.

        Returns:
            The earlier writer, if it ended without `release`.

        Raises:
            Refused, Damaged: As `check`.
            Unavailable: Another process is writing there.
            LocalStorage: It cannot be written.
        """
        self.check()
        try:
            self._root.mkdir(parents=True, exist_ok=True)
            left = self._writer.take(self._files.called)
            self._known = None  # it may have changed before we held the lock
            self._remove_litter()
            if not (self._root / MARKER).exists():
                self._put_file(MARKER, marker_json())
            if not (self._root / INDEX).exists():
                self._put_file(INDEX, index_document([]))
            sync_folder(self._root)  # without these names, a folder of blobs would not be recognised as a layout
        except OSError as error:
            raise LocalStorage.unwritable(error, str(self._root)) from error
        return left

    def release(self) -> None:
        """Lets other processes write there."""
        self._writer.release()

    def source(self) -> LayoutSource:
        """Returns a source that reads the folder from the device."""
        return LayoutSource(FolderFiles(self._root, is_from_device=True))

    def find(self, name: str) -> Descriptor | None:
        """Returns the manifest of a name in index.json."""
        with self._lock:
            entry = self._index().find(name)
        return oci.parse_descriptor(entry, what=f"{self._files.called}: {INDEX}").bare if entry else None

    def has_blob(self, descriptor: Descriptor) -> bool:
        """True if the blob's bytes are there. Other bytes under its name will be replaced."""
        if self._files.size(descriptor.digest.path) != descriptor.size_bytes:
            return False
        hasher = descriptor.digest.hasher()
        for piece in self._files.open_at(descriptor.digest.path, 0):
            hasher.update(piece)
        return hasher.hexdigest() == descriptor.digest.encoded

    def put_blob(self, descriptor: Descriptor, pieces: Pieces) -> None:
        """Writes a blob; a large one as `DirectFile` does."""
        self._write(descriptor.digest.path, pieces, descriptor.size_bytes)

    def put_manifest(self, descriptor: Descriptor, content: bytes) -> None:
        """Writes a manifest, as a blob."""
        self._put_file(descriptor.digest.path, content)

    def tag(self, descriptor: Descriptor, content: bytes, name: str) -> None:
        """Gives a manifest a name. Until `finish`, the end of the run may lose the name again.

        The manifest and the bytes of index.json are synced before, because a later run trusts them. If there are many
        names, several are written at once.
        """
        del content
        with self._lock:
            self._index().put(name, descriptor)
            if self._index().is_due:
                self._write_index()

    def lists(self, digest: Digest) -> bool:
        """True if index.json lists a manifest, and its file is there."""
        with self._lock:
            is_listed = self._index().lists(digest)
        return is_listed and self._files.size(digest.path) is not None

    def add_entry(self, entry: Mapping[str, Any]) -> None:
        """Adds a manifest without a name to index.json. Like a name, it may be lost until `finish`."""
        with self._lock:
            self._index().add(entry)
            if self._index().is_due:
                self._write_index()

    def discard(self) -> None:
        """Does nothing: the next import uses the blobs that arrived."""

    def finish(self) -> None:
        """Syncs the names of all files to the device, index.json last.

        Raises:
            LocalStorage: The device refuses them.
        """
        with self._lock:
            if self._known is not None and self._known.unsaved:
                self._write_index()
        self._sync_blobs()
        sync_folder(self._root)

    def _write_index(self) -> None:
        """Writes index.json, after syncing the names of all files in it. Call it with the lock held."""
        self._sync_blobs()
        self._put_file(INDEX, self._index().to_json())
        self._index().unsaved = 0

    def _sync_blobs(self) -> None:
        """Syncs the names of blobs to the device, if some are new."""
        if self._has_new_blobs:
            self._has_new_blobs = False
            for folder in (*sorted(self._root.glob("blobs/sha*")), self._root / "blobs", self._root):
                sync_folder(folder)

    def _remove_litter(self) -> None:
        """Removes the temporary files of a run that was killed. Call it with the lock held."""
        for folder in (self._root, *self._root.glob("blobs/sha*")):
            for path in folder.glob(".*.*.*"):
                if _TEMPORARY.fullmatch(path.name):
                    path.unlink(missing_ok=True)

    def _index(self) -> LayoutIndex:
        """Returns the entries of index.json, which is read once. Call it with the lock held."""
        if self._known is None:
            self._known = LayoutIndex([] if self._files.size(INDEX) is None else index_entries(self._files))
        return self._known

    def _put_file(self, path: str, content: bytes) -> None:
        def whole() -> Pieces:
            yield content

        self._write(path, whole())

    def _write(self, path: str, pieces: Pieces, size_bytes: int = 0) -> None:
        self._has_new_blobs = self._has_new_blobs or path != INDEX
        target = self._root / path
        temporary = target.with_name(f".{target.name}.{os.getpid()}.{threading.get_ident()}")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise LocalStorage.unwritable(error, str(target)) from error
        try:
            with closing_file(descriptor, what=str(target)):
                if size_bytes > PIECE_BYTES:
                    _write_directly(descriptor, pieces, size_bytes, what=str(target))
                else:
                    for piece in pieces:
                        write_all(descriptor, piece, what=str(target))
                os.fsync(descriptor)
            os.rename(temporary, target)
        except OSError as error:
            raise LocalStorage.unwritable(error, str(target)) from error
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


def _write_directly(descriptor: int, pieces: Pieces, size_bytes: int, *, what: str) -> None:
    """Writes pieces from the start of a file on."""
    file, end = DirectFile(what=what), 0
    try:
        for piece in pieces:
            begin, end = end, end + len(piece)
            file.write(descriptor, [piece], begin, is_last=end >= size_bytes)
    finally:
        file.end()


def _is_own(name: str) -> bool:
    """True if a file may be left by a run that was killed while it made the layout."""
    return name == _LOCK or _TEMPORARY.fullmatch(name) is not None


def index_json(named: Sequence[tuple[str, Descriptor]], *, unnamed: Iterable[Mapping[str, Any]] = ()) -> bytes:
    """Returns the bytes of an index.json that gives names to manifests, then lists entries without a name."""
    return index_document([*(named_entry(name, descriptor) for name, descriptor in named), *unnamed])


def marker_json() -> bytes:
    """Returns the bytes of the file ``oci-layout``."""
    return strict_json.canonical({"imageLayoutVersion": _VERSION})
