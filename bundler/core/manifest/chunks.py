"""Chunks: their names and sizes, and the check that members fill every byte. FORMAT.md, sections 5.6 and 5.7."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bundler import texts
from bundler.core import roles
from bundler.core.archive_kind import ARCHIVE_KINDS, TAR, ArchiveKind
from bundler.core.frozen import frozen
from bundler.core.json_fields import list_of, size, text
from bundler.core.manifest.blobs import Stored


@frozen
class Chunk:
    """One chunk of the bundle: its file name and size."""

    file: str
    size_bytes: int


def chunk_file(number: int, archive: ArchiveKind) -> str:
    """The file name of a chunk, numbered from 1."""
    return roles.chunk_file(number, archive.name)


def archive_json(archive: ArchiveKind) -> dict[str, str]:
    """The field ``archive``, which is absent for tars."""
    return {} if archive is TAR else {"archive": archive.name}


def chunk_json(chunk: Chunk) -> dict[str, Any]:
    """An entry of ``chunks``."""
    return {"file": chunk.file, "size": chunk.size_bytes}


def archive_of(document: Mapping[str, Any]) -> ArchiveKind:
    """The kind of archive that the chunks are.

    Raises:
        ValueError: This version does not know the kind.
    """
    name = text(document.get("archive", TAR.name))
    if name not in ARCHIVE_KINDS:
        raise ValueError(texts.text("unknown kind of archive {name}", name=repr(name[:40])))
    return ARCHIVE_KINDS[name]


def chunks_of(document: Mapping[str, Any], archive: ArchiveKind) -> tuple[Chunk, ...]:
    """The chunks that the field ``chunks`` lists. Their names must follow from their numbers.

    Raises:
        ValueError, TypeError, KeyError: The field is not valid.
    """
    chunks = tuple(Chunk(text(chunk["file"]), size(chunk["size"])) for chunk in list_of(document["chunks"]))
    for number, chunk in enumerate(chunks, start=1):
        if chunk.file != chunk_file(number, archive):
            raise ValueError(texts.text("chunk {number} is called {file}", number=number, file=repr(chunk.file[:60])))
    return chunks


def check_pieces(chunks: Sequence[Chunk], everything: Iterable[Stored], kind: ArchiveKind) -> None:
    """Checks that every byte of every chunk is framing or data: members follow each other without gap or overlap.

    Raises:
        ValueError: There is a gap, an overlap or a wrong size.
    """
    members: list[list[tuple[int, int, str]]] = [[] for _ in chunks]
    for stored in everything:
        _check_parts(stored, len(chunks), kind)
        for number, piece in enumerate(stored.pieces):
            member = (piece.offset_bytes, piece.length_bytes, stored.member_name(number))
            members[piece.chunk - 1].append(member)
    for chunk, inside in zip(chunks, members, strict=True):
        end = kind.start_bytes
        for offset, length, name in sorted(inside):
            begin = offset - kind.header_bytes(name, length)
            if begin != end:
                raise ValueError(
                    texts.text(
                        "{name} does not start at the end of the previous member of {file}", name=name, file=chunk.file
                    )
                )
            end = offset + length + kind.padding_bytes(length)
        if not inside or not kind.is_end(chunk.size_bytes - end, (name for _, _, name in inside)):
            raise ValueError(texts.text("the members of {file} do not make up its size", file=chunk.file))


def _check_parts(stored: Stored, chunk_count: int, kind: ArchiveKind) -> None:
    if sum(piece.length_bytes for piece in stored.pieces) != stored.size_bytes or not stored.pieces:
        raise ValueError(texts.text("the pieces of {path} do not add up to its size", path=stored.path))
    first = stored.pieces[0].chunk
    for number, piece in enumerate(stored.pieces):
        if piece.chunk != first + number or not 1 <= piece.chunk <= chunk_count:
            raise ValueError(texts.text("the pieces of {path} are not in consecutive chunks", path=stored.path))
        if not number:
            continue
        header = kind.header_bytes(stored.member_name(number), piece.length_bytes)
        if piece.offset_bytes != kind.start_bytes + header:
            raise ValueError(texts.text("a part of {path} is not at the start of its chunk", path=stored.path))
