"""Staging of images: blobs whose digests and sizes are known only after they were read once.

An uncompressed layer of a source is compressed once, into scratch; its digest is then ours. A compressed layer is
carried unchanged. The assembler of the image checks both against its ``diff_ids``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Protocol

from bundler.core import oci, strict_json
from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.oci import Descriptor
from bundler.core.protocols import Pieces
from bundler.errors import Damaged
from bundler.stores import compression
from bundler.system.buffers import pieces_in
from bundler.system.files import opened, pieces_of
from bundler.system.scratch import Scratch, ScratchFile
from bundler.texts import text

_RELEASE_BYTES = 16 << 20
"""The number of bytes that are read before their space is freed."""

_LAYER = "application/vnd.oci.image.layer.v1.tar"
_MEDIA_TYPES = {
    compression.GZIP: f"{_LAYER}+gzip",
    compression.ZSTD: f"{_LAYER}+zstd",
    compression.NONE: _LAYER,
}


class StagingLocation(Protocol):
    """The place of a blob's bytes."""

    @property
    def size_bytes(self) -> int:
        """The number of bytes."""

    def pieces(self, offset_bytes: int, *, what: str) -> Pieces:
        """Yields the bytes from an offset on."""

    def close(self) -> None:
        """Frees its space."""


@frozen
class InFile:
    """Bytes of a user's file that are already in their final form."""

    path: Path
    begin_bytes: int
    size_bytes: int

    def pieces(self, offset_bytes: int, *, what: str) -> Pieces:
        """Yields the bytes from an offset on."""
        with opened(self.path) as descriptor:
            yield from pieces_of(
                descriptor, self.begin_bytes + offset_bytes, self.begin_bytes + self.size_bytes, what=what
            )

    def close(self) -> None:
        """Does nothing: the file is not ours."""


@frozen
class InScratch:
    """Bytes in a file of our own. They can be read once: reading them frees their space."""

    file: ScratchFile

    @property
    def size_bytes(self) -> int:
        """The number of bytes."""
        return self.file.size_bytes

    def pieces(self, offset_bytes: int, *, what: str) -> Pieces:
        """Yields the bytes from an offset on."""
        position = released = offset_bytes
        for piece in pieces_of(self.file.descriptor, offset_bytes, self.size_bytes, what=f"{what}, {self.file.where}"):
            position += len(piece)
            if position == self.size_bytes:
                self.file.close()  # the piece itself is in memory
            elif position - released >= _RELEASE_BYTES:
                self.file.release(position)
                released = position
            yield piece

    def close(self) -> None:
        """Frees the space."""
        self.file.close()


@frozen
class StagedLayer:
    """A staged layer.

    Attributes:
        descriptor: The descriptor of its final form.
        diff_id: The digest of its uncompressed tar.
        location: The place of its bytes.
    """

    descriptor: Descriptor
    diff_id: Digest
    location: StagingLocation


class StagingCache:
    """The blobs that a run has staged so far, so that sources with common blobs stage them once. Thread-safe."""

    def __init__(self) -> None:
        self._locations: dict[str, StagingLocation] = {}
        self._layers: dict[tuple[str, int], StagedLayer] = {}

    def shared(self, path: str, location: StagingLocation) -> StagingLocation:
        """Returns the first location of a blob. Closes the given one if it is not the first."""
        first = self._locations.setdefault(path, location)
        if first is not location:
            location.close()
        return first

    def remember(self, name: str, size_bytes: int, layer: StagedLayer) -> None:
        """Records the layer of a member of a daemon's archive. Daemons name layers by their content."""
        self._layers[(name, size_bytes)] = layer

    def recall(self, name: str, size_bytes: int, pieces: Pieces) -> StagedLayer | None:
        """Returns the recorded layer of a member's name and size, after comparing the bytes.

        Raises:
            Damaged: The bytes differ; the pieces are used up. The layer is not recalled again.
        """
        known = self._layers.get((name, size_bytes))
        if known is None:
            return None
        diff = hashlib.sha256()
        for piece in pieces:
            diff.update(piece)
        if diff.hexdigest() != known.diff_id.encoded:
            self._layers.pop((name, size_bytes), None)
            raise Damaged("another layer of the same name came before", subject=name, retryable=True)
        return known


class StagedFiles:
    """The files of a layout, in memory and in several locations, as `LayoutFiles`. Thread-safe once it is complete."""

    def __init__(self, called: str, staging_cache: StagingCache) -> None:
        self.called = called
        self._cache = staging_cache
        self._documents: dict[str, bytes] = {}
        self._blobs: dict[str, StagingLocation] = {}

    def add_document(self, path: str, content: bytes) -> None:
        """Adds a small file."""
        self._documents[path] = content

    def add_blob(self, path: str, location: StagingLocation) -> None:
        """Adds a blob. The path identifies its bytes, so that a second blob of the same path is dropped."""
        self._blobs[path] = self._cache.shared(path, location)

    def size(self, path: str) -> int | None:
        """Returns the size of a file in bytes; None if it does not exist."""
        document, location = self._documents.get(path), self._blobs.get(path)
        return len(document) if document is not None else location.size_bytes if location else None

    def open_at(self, path: str, offset_bytes: int) -> Pieces:
        """Yields the bytes of a file from an offset on."""
        document = self._documents.get(path)
        if document is None:
            yield from self._blobs[path].pieces(offset_bytes, what=f"{self.called}: {path}")
        else:
            yield from pieces_in(document, offset_bytes)

    def read(self, path: str, limit_bytes: int) -> bytes | None:
        """Returns a whole file, up to a limit; None if it does not exist."""
        size = self.size(path)
        if size is None:
            return None
        if size > limit_bytes:
            raise Damaged(
                "too large",
                subject=f"{self.called}: {path}",
                expected=text("at most {limit_bytes} bytes", limit_bytes=limit_bytes),
                actual=text("{size} bytes", size=size),
            )
        return b"".join(bytes(piece) for piece in self.open_at(path, 0))


def stage_layer(
    pieces: Pieces, scratch: Scratch, *, layer_compression: str, what: str, location: InFile | None = None
) -> StagedLayer:
    """Reads a layer once, and ensures that its final form can be read afterwards.

    Args:
        pieces: The layer from its source: an uncompressed tar, or compressed.
        scratch: The folder for the layer; unused if the source has its final form in a file.
        layer_compression: The compression of an uncompressed layer: gzip, zstd or none.
        what: The name of the layer in errors.
        location: The source's location of these bytes, if they can be read again.

    Raises:
        Damaged: A compressed layer is truncated or damaged.
        LocalStorage: Scratch is full.
    """
    beginning, whole = compression.peeked(pieces)
    found = compression.kind_of(beginning)
    if found == compression.SEVEN_ZIP:
        raise Damaged("a layer that is a 7z archive", subject=what)
    is_carried_as_it_is = found in (compression.GZIP, compression.ZSTD)
    kind = found if is_carried_as_it_is else layer_compression
    carried, diff = hashlib.sha256(), hashlib.sha256()
    needs_no_scratch = location is not None and (is_carried_as_it_is or found == kind == compression.NONE)
    file = None if needs_no_scratch else scratch.file()

    def put(data: bytes | memoryview) -> None:
        carried.update(data)
        if file is not None:
            file.write(data)

    def arriving() -> Pieces:
        for piece in whole:
            if is_carried_as_it_is:
                put(piece)
            yield piece

    try:
        compressor = compression.compressor(kind)
        with closing(compression.decompressed(arriving(), found, what=what)) as uncompressed:
            for piece in uncompressed:
                diff.update(piece)
                if not is_carried_as_it_is:
                    put(compressor.compress(piece))
        if not is_carried_as_it_is:
            put(compressor.flush())
    except BaseException:
        if file is not None:
            file.close()
        raise
    kept: StagingLocation | None = InScratch(file) if file is not None else location
    assert kept is not None
    descriptor = Descriptor(_MEDIA_TYPES[kind], Digest("sha256", carried.hexdigest()), kept.size_bytes)
    return StagedLayer(descriptor, Digest("sha256", diff.hexdigest()), kept)


@contextmanager
def staged(scratch: Scratch) -> Generator[InScratch, None, None]:
    """Makes a file in scratch, and removes it if the context fails.

    Raises:
        LocalStorage: Scratch is full.
    """
    location = InScratch(scratch.file())
    try:
        yield location
    except BaseException:
        location.close()
        raise


def into_scratch(pieces: Pieces, scratch: Scratch) -> InScratch:
    """Writes bytes into scratch, unchanged.

    Raises:
        LocalStorage: Scratch is full.
    """
    with staged(scratch) as location:
        for piece in pieces:
            location.file.write(piece)
    return location


def manifest_of(config: Descriptor, layers: Sequence[Descriptor]) -> bytes:
    """Returns the bytes of an OCI image manifest: compact JSON, fields in image-spec's order, no optional ones."""
    return strict_json.canonical(
        {
            "schemaVersion": 2,
            "mediaType": oci.OCI_MANIFEST,
            "config": config.to_json(),
            "layers": [layer.to_json() for layer in layers],
        }
    )
