"""The source of each blob of a bundle: memory if it was read or made already, else the store that has it."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.image_list import Entry
from bundler.core.limits import DOCUMENTS_BYTES
from bundler.core.manifest import Stored
from bundler.core.oci import Descriptor
from bundler.core.plan import ResolvedImage
from bundler.core.protocols import BlobSink, BlobSource, ImageSource, Pieces
from bundler.stores.opened import Stores
from bundler.system.buffers import pieces_in
from bundler.transfer import BlobCopy, Destination
from bundler.transports.transport import source_of

_BYTES = "application/octet-stream"
"""A bundle does not look at media types."""


class Documents:
    """Manifests, configs and files of the layout, in memory since they were read or made. A source of blobs.

    Blobs that were made here are kept. Of those that a remote source can give again, a limited number of bytes is kept,
    compressed: JSON shrinks to a third. Those of a source on this machine are read again. Thread-safe.
    """

    is_remote = False

    def __init__(self, limit_bytes: int = DOCUMENTS_BYTES) -> None:
        self._contents: dict[Digest, bytes] = {}
        self._room_bytes = limit_bytes
        self._lock = threading.Lock()

    def __contains__(self, digest: Digest) -> bool:
        return digest in self._contents

    @classmethod
    def made(cls, contents: Mapping[Digest, bytes]) -> Documents:
        """Returns documents that were made here."""
        documents = cls()
        documents.keep_made(contents)
        return documents

    def keep_made(self, contents: Mapping[Digest, bytes]) -> None:
        """Keeps documents that no source has."""
        packed = _packed(contents)
        with self._lock:
            self._contents.update(packed)

    def keep_read(self, contents: Mapping[Digest, bytes]) -> None:
        """Keeps documents that a source has, as far as there is room."""
        packed = _packed(contents)
        with self._lock:
            for digest, content in packed.items():
                if digest not in self._contents and len(content) <= self._room_bytes:
                    self._contents[digest] = content
                    self._room_bytes -= len(content)

    def open_blob(self, descriptor: Descriptor, *, offset_bytes: int) -> Pieces:
        """The bytes of a document."""
        yield from pieces_in(zlib.decompress(self._contents[descriptor.digest]), offset_bytes)


def _packed(contents: Mapping[Digest, bytes]) -> dict[Digest, bytes]:
    return {digest: zlib.compress(content, 1) for digest, content in contents.items()}


@frozen
class FoundImage:
    """An image that was found.

    Attributes:
        entry: Its entry in the list.
        image: The image.
        moved_to: The digest that its name has now, if the bundle gets the one that it had when the export started.
        left: The attachments that the bundle leaves out: reason, kind and number.
    """

    entry: Entry
    image: ResolvedImage
    moved_to: Digest | None = None
    left: tuple[tuple[str, str, int], ...] = ()


@frozen
class _Origin:
    """The facts that all blobs of one image share."""

    source: ImageSource
    called: str
    peer: str


class BlobIndex:
    """Knows the source of each blob and file that a bundle stores."""

    def __init__(self, documents: Sequence[Documents], images: Iterable[FoundImage], stores: Stores) -> None:
        """Indexes all blobs of images.

        Args:
            documents: The blobs in memory.
            images: The images.
            stores: The stores that they are in.
        """
        self._documents = documents
        self._origins: dict[Digest, _Origin] = {}
        self._manifest_types: dict[Digest, str] = {}
        self._urls: dict[Digest, tuple[str, ...]] = {}
        for found in images:
            place = source_of(found.entry.source)
            origin = _Origin(place.open(stores), str(found.image.reference), place.peer)
            for manifest in found.image.carried:
                self._note_manifest(manifest.descriptor, origin)
                for descriptor in manifest.blobs:
                    self._note_blob(descriptor, origin)

    def copy(self, stored: Stored, sink: BlobSink) -> BlobCopy:
        """The copy of something that is stored in the bundle, to a sink."""
        descriptor = Descriptor(_BYTES, stored.digest, stored.size_bytes)
        documents = self._in_memory(stored.digest)
        if documents is not None:
            return BlobCopy(descriptor, documents, (Destination((sink,)),), stored.path)
        origin = self._origins[stored.digest]
        label = f"{origin.called} {stored.digest.short}"
        source: BlobSource = origin.source
        if stored.digest in self._manifest_types:
            source = Manifests(origin.source)
            descriptor = replace(descriptor, media_type=self._manifest_types[stored.digest])
        elif stored.digest in self._urls:
            descriptor = replace(descriptor, urls=self._urls[stored.digest])
        return BlobCopy(descriptor, source, (Destination((sink,), origin.peer),), label, origin.called)

    def _in_memory(self, digest: Digest) -> Documents | None:
        return next((documents for documents in self._documents if digest in documents), None)

    def _note_manifest(self, descriptor: Descriptor, origin: _Origin) -> None:
        """Notes a manifest. It may be a blob of another image; only the first of the two can give it as a manifest."""
        digest = descriptor.digest
        if self._in_memory(digest) is None and digest not in self._manifest_types:
            self._origins[digest] = origin
            self._manifest_types[digest] = descriptor.media_type

    def _note_blob(self, descriptor: Descriptor, origin: _Origin) -> None:
        digest = descriptor.digest
        if self._in_memory(digest) is None and digest not in self._origins:
            self._origins[digest] = origin
            if descriptor.urls:
                self._urls[digest] = descriptor.urls


class Manifests:
    """The manifests of a source as blobs: a registry has different endpoints for the two."""

    def __init__(self, source: ImageSource) -> None:
        self._source = source
        self.is_remote = source.is_remote

    def open_blob(self, descriptor: Descriptor, *, offset_bytes: int) -> Pieces:
        """The bytes of a manifest."""
        yield from pieces_in(self._source.read_manifest(descriptor), offset_bytes)
