"""Images made ready to be carried: blobs whose digests and sizes were not known before they had been read once.

A layer that is uncompressed at its source is compressed here, once, into scratch; its digest is then ours. A layer that
is compressed already is carried as it is. Both are checked against the image's ``diff_ids`` by whoever assembles it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bundler.core import oci, strict_json
from bundler.core.digest import Digest
from bundler.core.oci import Descriptor
from bundler.core.protocols import Pieces
from bundler.errors import Damaged
from bundler.stores import compression
from bundler.system.buffers import pieces_in
from bundler.system.files import opened, pieces_of
from bundler.system.scratch import Scratch, ScratchFile
from bundler.texts import text

_RELEASE_BYTES = 16 << 20
"""How much is read before its room is given back."""

_LAYER = "application/vnd.oci.image.layer.v1.tar"
_MEDIA_TYPES = {
    compression.GZIP: f"{_LAYER}+gzip",
    compression.ZSTD: f"{_LAYER}+zstd",
    compression.NONE: _LAYER,
}


class StagingLocation(Protocol):
    """Where the bytes of a blob are."""

    @property
    def size_bytes(self) -> int:
        """How many there are."""

    def pieces(self, offset_bytes: int, *, what: str) -> Pieces:
        """The bytes from an offset on."""

    def close(self) -> None:
        """Gives back what it takes."""


@dataclass(frozen=True, slots=True)
class InFile:
    """Bytes that lie in a file of somebody's as they are to be carried."""

    path: Path
    begin_bytes: int
    size_bytes: int

    def pieces(self, offset_bytes: int, *, what: str) -> Pieces:
        """The bytes from an offset on."""
        with opened(self.path) as descriptor:
            yield from pieces_of(
                descriptor, self.begin_bytes + offset_bytes, self.begin_bytes + self.size_bytes, what=what
            )

    def close(self) -> None:
        """Nothing: the file is not ours."""


@dataclass(frozen=True, slots=True)
class InScratch:
    """Bytes in a file of our own, which are given once: read to their end, they make room for others."""

    file: ScratchFile

    @property
    def size_bytes(self) -> int:
        """How many there are."""
        return self.file.size_bytes

    def pieces(self, offset_bytes: int, *, what: str) -> Pieces:
        """The bytes from an offset on."""
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
        """Gives the room back."""
        self.file.close()


@dataclass(frozen=True, slots=True)
class StagedLayer:
    """A layer that is ready.

    Attributes:
        descriptor: As it will be carried.
        diff_id: The digest of its uncompressed tar.
        home: Where its bytes are.
    """

    descriptor: Descriptor
    diff_id: Digest
    home: StagingLocation


class StagingCache:
    """What was staged in a run so far, so that sources which share blobs stage them once. Thread-safe."""

    def __init__(self) -> None:
        self._homes: dict[str, StagingLocation] = {}
        self._layers: dict[tuple[str, int], StagedLayer] = {}

    def shared(self, path: str, home: StagingLocation) -> StagingLocation:
        """Where a blob is: here, or where it was put before; then what is here is dropped."""
        first = self._homes.setdefault(path, home)
        if first is not home:
            home.close()
        return first

    def remember(self, name: str, size_bytes: int, layer: StagedLayer) -> None:
        """Notes what became of a member of a daemon's archive. Daemons name layers after what is in them."""
        self._layers[(name, size_bytes)] = layer

    def recall(self, name: str, size_bytes: int, pieces: Pieces) -> StagedLayer | None:
        """The layer that a member of this name and size became before, if its bytes are the same.

        Raises:
            Damaged: They are not; the pieces are used up. It is not recalled again.
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
    """The files of a layout that exists in memory and elsewhere, as `LayoutFiles`. Thread-safe once it is complete."""

    def __init__(self, called: str, staging_cache: StagingCache) -> None:
        self.called = called
        self._shelf = staging_cache
        self._documents: dict[str, bytes] = {}
        self._blobs: dict[str, StagingLocation] = {}

    def add_document(self, path: str, content: bytes) -> None:
        """Adds a small file."""
        self._documents[path] = content

    def add_blob(self, path: str, home: StagingLocation) -> None:
        """Adds a blob. The path names its bytes, so that of two the second one is dropped."""
        self._blobs[path] = self._shelf.shared(path, home)

    def size(self, path: str) -> int | None:
        """The size of a file in bytes; None if there is none."""
        document, home = self._documents.get(path), self._blobs.get(path)
        return len(document) if document is not None else home.size_bytes if home else None

    def open_at(self, path: str, offset_bytes: int) -> Pieces:
        """The bytes of a file from an offset on."""
        document = self._documents.get(path)
        if document is None:
            yield from self._blobs[path].pieces(offset_bytes, what=f"{self.called}: {path}")
        else:
            yield from pieces_in(document, offset_bytes)

    def read(self, path: str, limit_bytes: int) -> bytes:
        """A file as a whole, if it is not larger than a limit."""
        size = self.size(path) or 0
        if size > limit_bytes:
            raise Damaged(
                "too large",
                subject=f"{self.called}: {path}",
                expected=text("at most {limit_bytes} bytes", limit_bytes=limit_bytes),
                actual=text("{size} bytes", size=size),
            )
        return b"".join(bytes(piece) for piece in self.open_at(path, 0))


def stage_layer(
    pieces: Pieces, scratch: Scratch, *, layer_compression: str, what: str, home: InFile | None = None
) -> StagedLayer:
    """Reads a layer once and makes sure that it can be read again as it will be carried.

    Args:
        pieces: The layer as its source has it: an uncompressed tar, or compressed.
        scratch: Where it is put down unless it will be carried as it is and can be read where it is.
        layer_compression: What an uncompressed layer is compressed with: gzip, zstd or none.
        what: For messages.
        home: Where the source has it, if it can be read there again.

    Raises:
        Damaged: A compressed layer is cut or damaged.
        LocalStorage: There is no room in scratch.
    """
    beginning, whole = compression.begun(pieces)
    found = compression.kind_of(beginning)
    if found == compression.SEVEN_ZIP:
        raise Damaged("a layer that is a 7z archive", subject=what)
    is_carried_as_it_is = found in (compression.GZIP, compression.ZSTD)
    kind = found if is_carried_as_it_is else layer_compression
    carried, diff = hashlib.sha256(), hashlib.sha256()
    needs_no_scratch = home is not None and (is_carried_as_it_is or found == kind == compression.NONE)
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
    kept: StagingLocation | None = InScratch(file) if file is not None else home
    assert kept is not None
    descriptor = Descriptor(_MEDIA_TYPES[kind], Digest("sha256", carried.hexdigest()), kept.size_bytes)
    return StagedLayer(descriptor, Digest("sha256", diff.hexdigest()), kept)


@contextmanager
def staged(scratch: Scratch) -> Generator[InScratch, None, None]:
    """A file in scratch that is being filled; if that fails, it is dropped.

    Raises:
        LocalStorage: There is no room in scratch.
    """
    home = InScratch(scratch.file())
    try:
        yield home
    except BaseException:
        home.close()
        raise


def put_down(pieces: Pieces, scratch: Scratch) -> InScratch:
    """Puts bytes down as they are.

    Raises:
        LocalStorage: There is no room in scratch.
    """
    with staged(scratch) as home:
        for piece in pieces:
            home.file.write(piece)
    return home


def manifest_of(config: Descriptor, layers: Sequence[Descriptor]) -> bytes:
    """The bytes of an OCI image manifest: compact JSON, fields in image-spec's order, nothing optional."""
    return strict_json.canonical(
        {
            "schemaVersion": 2,
            "mediaType": oci.OCI_MANIFEST,
            "config": config.to_json(),
            "layers": [layer.to_json() for layer in layers],
        }
    )
