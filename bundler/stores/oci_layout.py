"""An OCI image layout (image-spec ``image-layout.md``) as a source and, when it is a folder, as a sink.

The same reading serves a folder and a tar of one; what differs is only where a path's bytes are, `LayoutFiles`.
Paths are made of parsed digests and of fixed names, never of text from the layout.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from bundler.core import oci, strict_json
from bundler.core.digest import ALGORITHMS, Digest
from bundler.core.limits import LAYOUT_JSON_BYTES, MANIFEST_BYTES, MARKER_BYTES
from bundler.core.oci import Descriptor
from bundler.core.protocols import Pieces
from bundler.errors import Damaged, LocalStorage, NotFound, Refused
from bundler.stores.held_images import Choice, HeldImage
from bundler.stores.layout_index import LayoutIndex, index_document, named_entry
from bundler.stores.layout_names import held_images
from bundler.system.durable_files import closing_file, sync_folder, write_all
from bundler.system.files import forget, opened_within, pieces_of, read_whole, size_of, size_within
from bundler.system.lock import Holder, Lock
from bundler.texts import text

INDEX = "index.json"
MARKER = "oci-layout"
_VERSION = "1.0.0"
"""The only version of layouts that image-spec has."""
_LOCK = ".bundler-lock"
_COPY_AGAIN = "copy the whole image into the layout again"
_TEMPORARY = re.compile(r"\.(?:[0-9a-f]{64,128}|index\.json|oci-layout)\.[0-9]+\.[0-9]+")
"""The names of files that are being written."""


class LayoutFiles(Protocol):
    """The files of a layout, by their paths within it."""

    @property
    def called(self) -> str:
        """What people call the whole."""

    def size(self, path: str) -> int | None:
        """The size of a file in bytes; None if there is none."""

    def open_at(self, path: str, offset_bytes: int) -> Pieces:
        """The bytes of a file from an offset on."""

    def read(self, path: str, limit_bytes: int) -> bytes:
        """A file as a whole, if it is not larger than a limit."""


class LayoutSource:
    """An `ImageSource` over the files of a layout. Thread-safe."""

    is_remote = False

    def __init__(self, files: LayoutFiles, images: Sequence[HeldImage[Descriptor]] | None = None) -> None:
        """Reads the layout's index when it is asked for an image.

        Args:
            files: Of the layout.
            images: What is in it, for a layout without index.json.
        """
        self._files = files
        self._images = images
        self._choice: Choice[Descriptor] | None = None
        self._lock = threading.Lock()

    @property
    def images(self) -> Sequence[HeldImage[Descriptor]]:
        """All images, read once: those that were named are those that are copied.

        Raises:
            Refused, Damaged: As `read_index`.
        """
        with self._lock:
            return self._read_images()

    def resolve(self, name: str | None) -> Descriptor:
        """The descriptor that a name stands for; None for the only one. A digest may be that of any manifest."""
        with self._lock:
            if self._choice is None:
                self._choice = Choice(self._read_images(), called=self._files.called)
        try:
            return self._choice(name)
        except Refused:
            found = self._by_digest(name)
            if found is None:
                raise
            return found

    def _by_digest(self, name: str | None) -> Descriptor | None:
        """A manifest that an index of the layout lists, or nothing does."""
        try:
            digest = Digest.parse((name or "").removeprefix("@"))
        except Damaged:
            return None
        if self._files.size(digest.path) is None:
            return None
        content = self._files.read(digest.path, MANIFEST_BYTES)
        return Descriptor(oci.media_type_of(content, what=f"{self._files.called}: {digest}"), digest, len(content))

    def _read_images(self) -> Sequence[HeldImage[Descriptor]]:
        """To be called under the lock."""
        if self._images is None:
            self._images = read_index(self._files)
        return self._images

    def read_manifest(self, descriptor: Descriptor) -> bytes:
        """A manifest, verified by its digest; the size that an index gives its child may be wrong."""
        subject = f"{self._files.called}: {descriptor.digest}"
        if self._files.size(descriptor.digest.path) is None:
            raise NotFound("the manifest is not in the layout", subject=subject, code="not-found", hint=_COPY_AGAIN)
        content = self._files.read(descriptor.digest.path, MANIFEST_BYTES)
        found = Digest.of(content, algorithm=descriptor.digest.algorithm)
        if found != descriptor.digest:
            raise Damaged(
                "the manifest does not match its digest",
                subject=subject,
                expected=str(descriptor.digest),
                actual=str(found),
            )
        return content

    def open_blob(self, descriptor: Descriptor, *, offset_bytes: int) -> Pieces:
        """The bytes of a blob."""
        size = self._files.size(descriptor.digest.path)
        subject = f"{self._files.called}: {descriptor.digest}"
        if size is None:
            raise NotFound("the blob is not in the layout", subject=subject, code="not-found", hint=_COPY_AGAIN)
        if size != descriptor.size_bytes:
            raise Damaged(
                "the blob has another size than its descriptor says",
                subject=subject,
                expected=text("{size} bytes", size=descriptor.size_bytes),
                actual=text("{size} bytes", size=size),
            )
        return self._files.open_at(descriptor.digest.path, offset_bytes)


def check_marker(files: LayoutFiles) -> None:
    """Makes sure that the file ``oci-layout`` says what image-spec wants it to say.

    Raises:
        Damaged: It is absent, or of a version that this reader does not know.
    """
    if files.size(MARKER) is None:
        raise Damaged(text("not an OCI image layout: there is no file {marker}", marker=MARKER), subject=files.called)
    what = f"{files.called}: {MARKER}"
    document = strict_json.loads(files.read(MARKER, MARKER_BYTES), what=what)
    strict_json.check_fields(document, ("imageLayoutVersion",), what=what)
    version = document.get("imageLayoutVersion") if isinstance(document, dict) else None
    if version != _VERSION:
        raise Damaged(
            "an OCI image layout of an unknown version", subject=what, expected=_VERSION, actual=f"{version!r:.40}"
        )


def index_entries(files: LayoutFiles) -> list[dict[str, Any]]:
    """The entries of index.json as they stand there.

    Raises:
        Refused: This is no layout.
        Damaged: index.json, or what says that this is a layout, is not what it should be.
    """
    if files.size(INDEX) is None:
        raise Refused("not an OCI image layout: there is no index.json", subject=files.called)
    check_marker(files)
    what = f"{files.called}: {INDEX}"
    document = strict_json.loads(files.read(INDEX, LAYOUT_JSON_BYTES), what=what)
    strict_json.check_fields(document, ("schemaVersion", "manifests"), what=what)
    entries = document.get("manifests") if isinstance(document, dict) else None
    if isinstance(document, dict) and entries is None:
        return []  # umoci, as other programs in Go, writes null for an empty list
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise Damaged("not an OCI index", subject=what)
    return entries


def read_index(files: LayoutFiles) -> list[HeldImage[Descriptor]]:
    """The images of index.json.

    Raises:
        Refused, Damaged: As `index_entries`, or an entry is no descriptor.
    """
    return held_images(index_entries(files), what=f"{files.called}: {INDEX}")


class FolderFiles:
    """The files of a layout that is a folder. The folder itself may be named by a link; none below it is followed."""

    def __init__(self, root: Path, *, is_from_device: bool = False) -> None:
        """Reads nothing yet.

        Args:
            root: The folder.
            is_from_device: What was just written is read from the device again, not from the memory of the system.
        """
        self._root = root
        self._is_from_device = is_from_device

    @property
    def called(self) -> str:
        """The transport and the folder."""
        return f"oci:{self._root}"

    def size(self, path: str) -> int | None:
        """The size of a file in bytes; None if there is none."""
        return size_within(self._root, path)

    def open_at(self, path: str, offset_bytes: int) -> Pieces:
        """The bytes of a file from an offset on."""
        what = str(self._root / path)
        with opened_within(self._root, path) as descriptor:
            if self._is_from_device:
                forget(descriptor)
            yield from pieces_of(descriptor, offset_bytes, size_of(descriptor, what=what), what=what)

    def read(self, path: str, limit_bytes: int) -> bytes:
        """A file as a whole, if it is not larger than a limit."""
        what = str(self._root / path)
        with opened_within(self._root, path) as descriptor:
            if self._is_from_device:
                forget(descriptor)
            size = size_of(descriptor, what=what)
            return read_whole(descriptor, 0, size, limit_bytes=limit_bytes, what=what)


class LayoutFolderSink:
    """A folder that becomes, or is, an OCI image layout: an `ImageSink`. Thread-safe.

    What the folder holds already stays; each file appears under its name by a rename, complete. From `prepare` to
    `release` nobody else writes there: two who write index.json would lose each other's names.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._files = FolderFiles(root)
        self._writer = Lock(root / _LOCK)
        self._lock = threading.Lock()
        self._known: LayoutIndex | None = None
        self._has_new_blobs = True
        """Whether there may be names of blobs that are not on the device."""

    def check(self, names: Iterable[str] = ()) -> None:
        """Makes sure, without changing anything, that the folder is a layout or can become one.

        Args:
            names: What it is to hold; a folder takes all of them.

        Raises:
            Refused: The folder holds something else.
            Damaged: It is a layout of another version, or parts of it are links to elsewhere.
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
        """Makes the folder a layout if it is none yet.

        Returns:
            Who wrote there before and ended without `release`, if somebody did.

        Raises:
            Refused, Damaged: As `check`.
            Unavailable: Somebody else is writing there.
            LocalStorage: It cannot be written.
        """
        self.check()
        try:
            self._root.mkdir(parents=True, exist_ok=True)
            left = self._writer.take(self._files.called)
            self._known = None  # it may have changed before it was ours
            self._remove_litter()
            if not (self._root / MARKER).exists():
                self._put_file(MARKER, marker_json())
            if not (self._root / INDEX).exists():
                self._put_file(INDEX, index_document([]))
            sync_folder(self._root)  # a folder of blobs that does not say what it is would be taken for something else
        except OSError as error:
            raise LocalStorage.unwritable(error, str(self._root)) from error
        return left

    def release(self) -> None:
        """Lets others write there again."""
        self._writer.release()

    def source(self) -> LayoutSource:
        """Reads what the folder holds from the device."""
        return LayoutSource(FolderFiles(self._root, is_from_device=True))

    def find(self, name: str) -> Descriptor | None:
        """What a name stands for in index.json."""
        with self._lock:
            entry = self._index().find(name)
        return oci.parse_descriptor(entry, what=f"{self._files.called}: {INDEX}").bare if entry else None

    def has_blob(self, descriptor: Descriptor) -> bool:
        """Whether the blob's bytes are there; other bytes under its name will be replaced."""
        if self._files.size(descriptor.digest.path) != descriptor.size_bytes:
            return False
        hasher = descriptor.digest.hasher()
        for piece in self._files.open_at(descriptor.digest.path, 0):
            hasher.update(piece)
        return hasher.hexdigest() == descriptor.digest.encoded

    def put_blob(self, descriptor: Descriptor, pieces: Pieces) -> None:
        """Writes a blob."""
        self._write(descriptor.digest.path, pieces)

    def put_manifest(self, descriptor: Descriptor, content: bytes) -> None:
        """Writes a manifest; it is a blob here."""
        self._put_file(descriptor.digest.path, content)

    def tag(self, descriptor: Descriptor, content: bytes, name: str) -> None:
        """Lets a name stand for a manifest; until `finish`, what ends this run may take the name away again.

        What it stands for is on the device before, and so are the bytes of index.json: a later run believes them. Where
        there are many names, some at a time are written.
        """
        del content
        with self._lock:
            self._index().put(name, descriptor)
            if self._index().is_due:
                self._write_index()

    def discard(self) -> None:
        """Nothing: the next import uses the blobs that arrived."""

    def finish(self) -> None:
        """Brings the names of all files to the device, index.json last.

        Raises:
            LocalStorage: The device does not take them.
        """
        with self._lock:
            if self._known is not None and self._known.unsaved:
                self._write_index()
        self._sync_blobs()
        sync_folder(self._root)

    def _write_index(self) -> None:
        """Writes index.json, and before that the names of all that stands in it. To be called under the lock."""
        self._sync_blobs()
        self._put_file(INDEX, self._index().to_json())
        self._index().unsaved = 0

    def _sync_blobs(self) -> None:
        """Brings the names of blobs to the device, if some are not there yet."""
        if self._has_new_blobs:
            self._has_new_blobs = False
            for folder in (*sorted(self._root.glob("blobs/sha*")), self._root / "blobs", self._root):
                sync_folder(folder)

    def _remove_litter(self) -> None:
        """Removes what was being written when somebody ended who wrote here before. To be called under the lock."""
        for folder in (self._root, *self._root.glob("blobs/sha*")):
            for path in folder.glob(".*.*.*"):
                if _TEMPORARY.fullmatch(path.name):
                    path.unlink(missing_ok=True)

    def _index(self) -> LayoutIndex:
        """What index.json says, read once. To be called under the lock."""
        if self._known is None:
            self._known = LayoutIndex([] if self._files.size(INDEX) is None else index_entries(self._files))
        return self._known

    def _put_file(self, path: str, content: bytes) -> None:
        def whole() -> Pieces:
            yield content

        self._write(path, whole())

    def _write(self, path: str, pieces: Pieces) -> None:
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
                for piece in pieces:
                    write_all(descriptor, piece, what=str(target))
                os.fsync(descriptor)
            os.rename(temporary, target)
        except OSError as error:
            raise LocalStorage.unwritable(error, str(target)) from error
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


def _is_own(name: str) -> bool:
    """Whether a file is one that is left when making a layout was cut off."""
    return name == _LOCK or _TEMPORARY.fullmatch(name) is not None


def index_json(named: Sequence[tuple[str, Descriptor]], *, unnamed: Descriptor | None = None) -> bytes:
    """The bytes of an index.json that gives names to manifests, or lists one without a name."""
    entries = [named_entry(name, descriptor) for name, descriptor in named]
    return index_document([*entries, unnamed.to_json()] if unnamed else entries)


def marker_json() -> bytes:
    """The bytes of the file ``oci-layout``."""
    return strict_json.canonical({"imageLayoutVersion": _VERSION})
