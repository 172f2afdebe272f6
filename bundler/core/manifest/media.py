"""Media: the files that the writer planned for each medium. FORMAT.md, section 5.14.

The plan is only a remark: people may put files elsewhere. Readers use it to ask for a medium; they find chunks by their
names and bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bundler import texts
from bundler.core import roles
from bundler.core.frozen import frozen
from bundler.core.json_fields import list_of, size, text
from bundler.core.limits import MEDIA


@frozen
class Medium:
    """One USB stick or disc. Its number is its place in the list, from 1.

    Attributes:
        chunks: The numbers of the chunks that are planned for it.
        files: Other files that are planned for this medium only: parity and the tool.
        size_bytes: The capacity of the medium, if the plan has one.
    """

    chunks: tuple[int, ...]
    files: tuple[str, ...] = ()
    size_bytes: int | None = None


def medium_json(medium: Medium) -> dict[str, Any]:
    """An entry of ``media``."""
    return {
        **({} if medium.size_bytes is None else {"size": medium.size_bytes}),
        "chunks": medium.chunks,
        **({"files": medium.files} if medium.files else {}),
    }


def media_of(document: Mapping[str, Any], chunk_count: int) -> tuple[Medium, ...]:
    """The media that the field ``media`` lists.

    Raises:
        ValueError, TypeError, KeyError: The field is not valid, or contradicts the chunks.
    """
    entries = list_of(document.get("media", []))
    if len(entries) > MEDIA:
        raise ValueError(texts.text("more than {count:,} media", count=MEDIA))
    media = tuple(map(_medium, entries))
    if media:
        _check(media, chunk_count)
    return media


def _medium(entry: Mapping[str, Any]) -> Medium:
    return Medium(
        chunks=tuple(map(size, list_of(entry["chunks"]))),
        files=tuple(map(text, list_of(entry.get("files", [])))),
        size_bytes=size(entry["size"]) if "size" in entry else None,
    )


def _check(media: Sequence[Medium], chunk_count: int) -> None:
    numbers = [number for medium in media for number in medium.chunks]
    for number in numbers:
        if not 1 <= number <= chunk_count:
            raise ValueError(texts.text("a medium has chunk {number}, which does not exist", number=number))
    if len(numbers) != len(set(numbers)):
        raise ValueError("a chunk is planned for two media")
    if len(numbers) != chunk_count:
        raise ValueError("a chunk is planned for no medium")
    files = [file for medium in media for file in medium.files]
    for file in files:
        role = roles.role_of(file)
        if not roles.is_listable(file) or role.is_on_every_medium or role is roles.CHUNK:  # ``chunks`` has these
            raise ValueError(texts.text("{file:.100} is not a file of one medium", file=repr(file)))
    if len(files) != len(set(files)):
        raise ValueError("a file is planned for two media")
