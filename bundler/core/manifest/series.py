"""Series and bases: the bundle that this one follows, and the statements about blobs that the receiver has already.

FORMAT.md, sections 5.12 and 5.13. A reader proves that each blob that was left out exists, before it moves anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bundler import texts
from bundler.core.archive_kind import TAR, ArchiveKind
from bundler.core.bundle_name import BUNDLE_NAME, check_bundle_name
from bundler.core.frozen import frozen
from bundler.core.json_fields import size, text
from bundler.core.limits import BASE_NAME_CHARACTERS
from bundler.core.manifest.chunks import archive_json, archive_of, chunk_file
from bundler.core.patterns import lazy_pattern

BUNDLE, RECEIPT, INVENTORY = "bundle", "receipt", "inventory"
_BASE_KINDS = (BUNDLE, RECEIPT, INVENTORY)
_ID = lazy_pattern(r"[0-9a-f]{64}")


@frozen
class Series:
    """The place of a bundle in a series of bundles that follow each other.

    Attributes:
        channel: The name of the series.
        sequence: The number of the bundle in it, from 1.
        previous: The id of the previous bundle; None for the first bundle, or if the writer does not know it.
    """

    channel: str
    sequence: int
    previous: str | None = None


@frozen
class Base:
    """A statement that the receiver has some blobs.

    Attributes:
        id: The id of the bundle, or the SHA-256 of the document, in hex.
        kind: ``bundle``, ``receipt`` or ``inventory``.
        name: The name of the bundle, or the subject of the document for people.
        created: The time when it was made, for people.
        archive: The kind of archive that the chunks of the bundle are.
    """

    id: str
    kind: str
    name: str
    created: str = ""
    archive: ArchiveKind = TAR

    def chunk_file(self, number: int) -> str:
        """The file name of a chunk of the base, if it is a bundle."""
        return chunk_file(number, self.archive)


def series_json(series: Series) -> dict[str, Any]:
    """The field ``series``."""
    return {
        "channel": series.channel,
        "sequence": series.sequence,
        **({"previous": series.previous} if series.previous else {}),
    }


def base_json(base: Base) -> dict[str, Any]:
    """An entry of ``bases``."""
    return {
        "id": base.id,
        "kind": base.kind,
        "name": base.name,
        **({"created": base.created} if base.created else {}),
        **archive_json(base.archive),
    }


def read_series(entry: Mapping[str, Any]) -> Series:
    """The series that the field describes.

    Raises:
        ValueError, TypeError, KeyError: The field is not valid.
    """
    channel, sequence = text(entry["channel"]), size(entry["sequence"])
    if not BUNDLE_NAME.fullmatch(channel):
        raise ValueError(texts.text("not the name of a channel: {channel:.60}", channel=repr(channel)))
    if not sequence:
        raise ValueError("the first bundle of a series has the number 1")
    previous = read_id(entry["previous"]) if "previous" in entry else None
    if previous and sequence == 1:
        raise ValueError("the first bundle of a series follows another one")
    return Series(channel, sequence, previous)


def read_base(entry: Mapping[str, Any]) -> Base:
    """The base that an entry describes.

    Raises:
        ValueError, TypeError, KeyError, BundlerError: The entry is not valid.
    """
    kind, name = text(entry["kind"]), text(entry["name"])
    if kind not in _BASE_KINDS:
        raise ValueError(texts.text("unknown kind of base {kind}", kind=repr(kind[:40])))
    if kind == BUNDLE:
        check_bundle_name(name)
    elif not 0 < len(name) <= BASE_NAME_CHARACTERS:
        raise ValueError(texts.text("the name of a base has {count} characters", count=len(name)))
    if kind != BUNDLE and "archive" in entry:
        raise ValueError("a base that is not a bundle has an archive")
    return Base(read_id(entry["id"]), kind, name, text(entry.get("created", "")), archive_of(entry))


def read_id(value: object) -> str:
    """The value, if it is the id of a bundle or of another document.

    Raises:
        ValueError, TypeError: It is not.
    """
    found = text(value)
    if not _ID.fullmatch(found):
        raise ValueError(texts.text("not an id: {id:.80}", id=repr(found)))
    return found
