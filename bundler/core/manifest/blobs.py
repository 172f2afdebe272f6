"""Blobs and the files of the layout: what they are, and where they lie. FORMAT.md, sections 5.4, 5.5 and 5.7."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bundler import texts
from bundler.core.digest import Digest
from bundler.core.json_fields import list_of, size, text
from bundler.core.limits import BASE_REPOSITORIES
from bundler.core.oci import Descriptor, is_media_type, one_text
from bundler.core.reference import is_repository

MANIFEST, CONFIG, LAYER = "manifest", "config", "layer"
_KINDS = frozenset({MANIFEST, CONFIG, LAYER})


@dataclass(frozen=True, slots=True)
class Piece:
    """Some consecutive bytes of a chunk: chunk number from 1, offset of the data and length, in bytes."""

    chunk: int
    offset_bytes: int
    length_bytes: int


@dataclass(frozen=True, slots=True)
class Stored:
    """Bytes of the bundle under a path of the OCI layout: in one piece or, if larger than a chunk, in parts.

    ``file`` is the path of a file of the layout; a blob's follows from its digest, and is not kept: there are many.
    """

    digest: Digest
    size_bytes: int
    pieces: tuple[Piece, ...]
    file: str = ""

    @property
    def path(self) -> str:
        """The path of the bytes in the layout."""
        return self.file or self.digest.path

    def member_name(self, number: int) -> str:
        """The name in its chunk of the piece with this number, counted from 0."""
        return self.path if len(self.pieces) == 1 else f"{self.path}.part-{number + 1:04d}"


@dataclass(frozen=True, slots=True)
class InBase:
    """The place of a blob that the bundle leaves out.

    Attributes:
        base: The number of the base in `BundleManifest.bases`, from 0.
        chunks: The numbers of the chunks of that bundle that the blob lies in. Empty unless the base is a bundle.
        repositories: Repositories of the target that had the blob: from one of them a registry mounts it. Empty where
            the base is a bundle, or does not name them.
    """

    base: int
    chunks: tuple[int, ...] = ()
    repositories: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Blob:
    """A blob of the bundle: what it is, what it serves as, and where it lies.

    It lies in pieces of the chunks, or the bundle leaves it out: then ``bases`` says where it is.
    """

    descriptor: Descriptor
    kind: str
    stored: Stored
    bases: tuple[InBase, ...] = ()

    @property
    def is_left_out(self) -> bool:
        """True if the bundle does not hold it."""
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
        ValueError, TypeError, KeyError, BundlerError: It describes none.
    """
    descriptor = read_descriptor(entry)
    kind = text(entry["kind"])
    if kind not in _KINDS:
        raise ValueError(texts.text("unknown kind of blob {kind}", kind=repr(kind[:40])))
    if "in" not in entry:
        return Blob(descriptor, kind, Stored(descriptor.digest, descriptor.size_bytes, _pieces(entry["pieces"])))
    bases = tuple(map(_in_base, list_of(entry["in"])))
    if not bases:
        raise ValueError(texts.text("{digest} is left out, but no base has it", digest=descriptor.digest))
    if entry.get("pieces"):
        raise ValueError(texts.text("{digest} is in a base, but has pieces here", digest=descriptor.digest))
    if kind == MANIFEST:
        raise ValueError(texts.text("{digest} is a manifest, but is left out", digest=descriptor.digest))
    return Blob(descriptor, kind, Stored(descriptor.digest, descriptor.size_bytes, ()), bases)


def read_file(entry: Mapping[str, Any]) -> Stored:
    """The file of the layout that an entry of ``files`` describes.

    Raises:
        ValueError, TypeError, KeyError, BundlerError: It describes none.
    """
    digest, pieces = Digest.parse(entry["digest"]), _pieces(entry["pieces"])
    return Stored(digest, size(entry["size"]), pieces, text(entry["path"]))


def read_descriptor(entry: Mapping[str, Any]) -> Descriptor:
    """The descriptor in an object with its three fields.

    Raises:
        ValueError, TypeError, KeyError, BundlerError: There is none.
    """
    return Descriptor(one_text(media_type(entry["mediaType"])), Digest.parse(entry["digest"]), size(entry["size"]))


def media_type(value: object) -> str:
    """A media type.

    Raises:
        ValueError, TypeError: It is none.
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
