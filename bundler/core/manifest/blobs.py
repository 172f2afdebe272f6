"""Blobs and the files of the layout, with their places in the chunks. FORMAT.md, sections 5.4, 5.5 and 5.7."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bundler import texts
from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.json_fields import list_of, size, text
from bundler.core.limits import BASE_REPOSITORIES
from bundler.core.oci import Descriptor, is_media_type, one_text
from bundler.core.reference import is_repository

MANIFEST, CONFIG, LAYER = "manifest", "config", "layer"
_KINDS = frozenset({MANIFEST, CONFIG, LAYER})


@frozen
class Piece:
    """A range of bytes of a chunk: the number of the chunk from 1, and offset and length of the data in bytes."""

    chunk: int
    offset_bytes: int
    length_bytes: int


@frozen
class Stored:
    """A blob or file of the bundle: in one piece or, if it is larger than a chunk, in parts.

    ``file`` is the path of a file of the OCI layout. It is empty for blobs: their path follows from their digest, and
    there are too many blobs to keep a path for each.
    """

    digest: Digest
    size_bytes: int
    pieces: tuple[Piece, ...]
    file: str = ""

    @property
    def path(self) -> str:
        """The path in the OCI layout."""
        return self.file or self.digest.path

    def member_name(self, number: int) -> str:
        """The member name of a piece in its chunk. Pieces are counted from 0."""
        return self.path if len(self.pieces) == 1 else f"{self.path}.part-{number + 1:04d}"


@frozen
class InBase:
    """The place of a blob that the bundle leaves out.

    Attributes:
        base: The number of the base in `BundleManifest.bases`, from 0.
        chunks: The numbers of the chunks of the base that the blob is in. Empty unless the base is a bundle.
        repositories: Repositories of the target that had the blob, so that the registry can mount it from one of them.
            Empty if the base is a bundle, or does not name any.
    """

    base: int
    chunks: tuple[int, ...] = ()
    repositories: tuple[str, ...] = ()


@frozen
class Blob:
    """A blob of the bundle: its descriptor, its kind and its place.

    The blob is in pieces of the chunks, or the bundle leaves it out and ``bases`` has its places.
    """

    descriptor: Descriptor
    kind: str
    stored: Stored
    bases: tuple[InBase, ...] = ()

    @property
    def is_left_out(self) -> bool:
        """True if the bundle does not contain the blob."""
        return bool(self.bases)


def blob_json(blob: Blob) -> dict[str, Any]:
    """An entry of ``blobs``."""
    entry: dict[str, Any] = {**blob.descriptor.to_json(), "kind": blob.kind}
    if blob.bases:
        entry["in"] = list(map(_in_base_json, blob.bases))
    else:
        entry["pieces"] = _pieces_json(blob.stored.pieces)
    return entry


def file_json(stored: Stored) -> dict[str, Any]:
    """An entry of ``files``."""
    return {
        "path": stored.path,
        "digest": str(stored.digest),
        "size": stored.size_bytes,
        "pieces": _pieces_json(stored.pieces),
    }


def read_blob(entry: Mapping[str, Any]) -> Blob:
    """The blob that an entry of ``blobs`` describes.

    Raises:
        ValueError, TypeError, KeyError, BundlerError: The entry is not valid.
    """
    descriptor = read_descriptor(entry)
    kind = text(entry["kind"])
    if kind not in _KINDS:
        raise ValueError(texts.text("unknown kind of blob {kind}", kind=repr(kind[:40])))
    if "in" not in entry:
        return Blob(descriptor, kind, _stored(descriptor, entry["pieces"]))
    bases = tuple(map(_in_base, list_of(entry["in"])))
    if not bases:
        raise ValueError(texts.text("{digest} is left out, but no base has it", digest=descriptor.digest))
    if entry.get("pieces"):
        raise ValueError(texts.text("{digest} is in a base, but has pieces here", digest=descriptor.digest))
    if kind == MANIFEST:
        raise ValueError(texts.text("{digest} is a manifest, but is left out", digest=descriptor.digest))
    return Blob(descriptor, kind, Stored(descriptor.digest, descriptor.size_bytes, ()), bases)


def _stored(descriptor: Descriptor, entries: Sequence[Sequence[Any]]) -> Stored:
    """The place of a blob. A single piece shares the number of its length with the size."""
    size_bytes = descriptor.size_bytes
    if len(entries) == 1:
        ((chunk, offset, length),) = entries
        if size(length) == size_bytes:
            return Stored(descriptor.digest, size_bytes, (Piece(size(chunk), size(offset), size_bytes),))
    return Stored(descriptor.digest, size_bytes, _pieces(entries))


def read_file(entry: Mapping[str, Any]) -> Stored:
    """The file of the layout that an entry of ``files`` describes.

    Raises:
        ValueError, TypeError, KeyError, BundlerError: The entry is not valid.
    """
    digest, pieces = Digest.parse(entry["digest"]), _pieces(entry["pieces"])
    return Stored(digest, size(entry["size"]), pieces, text(entry["path"]))


def read_descriptor(entry: Mapping[str, Any]) -> Descriptor:
    """The descriptor in an object that has its three fields.

    Raises:
        ValueError, TypeError, KeyError, BundlerError: A field is missing or not valid.
    """
    return Descriptor(one_text(media_type(entry["mediaType"])), Digest.parse(entry["digest"]), size(entry["size"]))


def media_type(value: object) -> str:
    """The value, if it is a media type.

    Raises:
        ValueError, TypeError: The value is not a media type.
    """
    found = text(value)
    if not is_media_type(found):
        raise ValueError(texts.text("not a media type: {media_type:.60}", media_type=repr(found)))
    return found


def _pieces_json(pieces: Sequence[Piece]) -> list[list[int]]:
    return [[piece.chunk, piece.offset_bytes, piece.length_bytes] for piece in pieces]


def _pieces(entries: Sequence[Sequence[Any]]) -> tuple[Piece, ...]:
    return tuple(Piece(size(chunk), size(offset), size(length)) for chunk, offset, length in entries)


def _in_base_json(place: InBase) -> dict[str, Any]:
    return {
        "base": place.base,
        **({"chunks": place.chunks} if place.chunks else {}),
        **({"repositories": place.repositories} if place.repositories else {}),
    }


def _in_base(entry: Mapping[str, Any]) -> InBase:
    chunks = tuple(map(size, list_of(entry.get("chunks", []))))
    if chunks and (chunks[0] < 1 or chunks != tuple(range(chunks[0], chunks[0] + len(chunks)))):
        raise ValueError("the chunks of a base are not consecutive")
    repositories = tuple(map(text, list_of(entry.get("repositories", []))))
    if len(repositories) > BASE_REPOSITORIES:
        raise ValueError(texts.text("more than {count} repositories for one blob", count=BASE_REPOSITORIES))
    for repository in repositories:
        if not is_repository(repository):
            raise ValueError(texts.text("not a repository: {repository:.60}", repository=repr(repository)))
    return InBase(size(entry["base"]), chunks, repositories)
