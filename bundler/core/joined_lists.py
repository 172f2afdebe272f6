"""Joins several image lists. An image that is listed twice is carried once; contradicting entries are refused.

One image has one tag at the target. So ``x:1`` and ``x:1@sha256:…`` are one image, whose tag must have that digest.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TypeVar

from bundler.core.bundle_name import check_bundle_name
from bundler.core.digest import Digest
from bundler.core.image_list import Entry, HeldImages, ImageList, ListEntry, ManyImages
from bundler.core.location import Location
from bundler.core.reference import Reference
from bundler.core.several import together
from bundler.errors import BundlerError, Misuse
from bundler.texts import text

Listed = TypeVar("Listed", Entry, "Entry | HeldImages | ManyImages")


def merge(lists: Iterable[ImageList], *, name: str | None) -> ImageList:
    """Joins lists in their order.

    Raises:
        Misuse: Two lists give different names and ``name`` is None, or as `each_once`.
    """
    lists = tuple(lists)
    names = sorted({each.name for each in lists if each.name})
    if name is None and len(names) > 1:
        raise Misuse(
            text("the lists give different bundle names: {names}", names=", ".join(names)),
            hint="choose one with --name",
        )
    chosen = name if name is not None else names[0] if names else None
    return ImageList(
        None if chosen is None else check_bundle_name(chosen),
        each_once(entry for each in lists for entry in each.entries),
    )


def each_once(entries: Iterable[Listed]) -> tuple[Listed, ...]:
    """The entries in their order, each image once.

    Raises:
        Misuse: One name has two sources, digests, or choices of platforms or attachments. `Several` if there is more
            than one error.
    """
    found: dict[Reference | str, Listed] = {}
    errors: list[BundlerError] = []
    for entry in entries:
        key = _key(entry)
        earlier = found.get(key)
        try:
            found[key] = entry if earlier is None else _joined(earlier, entry)
        except Misuse as error:
            errors.append(error)
    if errors:
        raise together(text("{count} images are listed twice with different options", count=len(errors)), errors)
    return tuple(found.values())


def _key(entry: ListEntry) -> Reference | str:
    """A key that is equal for two entries whose images would get the same name."""
    if isinstance(entry, ManyImages):
        return str(entry)
    return str(entry.source) if isinstance(entry, HeldImages) else _comparable(entry.reference)


def _joined(first: Listed, second: Listed) -> Listed:
    if not isinstance(first, Entry) or not isinstance(second, Entry):
        if replace(first, where="") != replace(second, where=""):
            raise _contradiction(first, second)
        return first
    if (_place(first.source), first.platforms, first.attachments) != (
        _place(second.source),
        second.platforms,
        second.attachments,
    ):
        raise _contradiction(first, second)
    wanted = {digest for entry in (first, second) if (digest := _wanted(entry)) is not None}
    if len(wanted) > 1:
        raise Misuse(
            text("two digests for one name, the first at {where}", where=first.where),
            subject=f"{second.where}: {_tagged(second.reference)}",
            expected=str(_wanted(first)),
            actual=str(_wanted(second)),
            hint="remove one of the two, or give it another name: {image: NAME:TAG, from: REFERENCE}",
        )
    kept, other = (second, first) if _is_plainer(second, first) else (first, second)
    if kept.reference.digest is not None or not wanted:
        return kept
    pinned_at = kept.pinned_at if _wanted(kept) else other.pinned_at or other.where
    return replace(kept, pin=wanted.pop(), pinned_at=pinned_at)


def _contradiction(first: ListEntry, second: ListEntry) -> Misuse:
    name = second.reference if isinstance(second, Entry) else _key(second)
    return Misuse(
        text("listed twice with different options, first at {where}", where=first.where),
        subject=f"{second.where}: {name}",
        hint="write it once, or give one of them another name: {image: NAME:TAG, from: LOCATION}",
    )


def _is_plainer(one: Entry, other: Entry) -> bool:
    """True if ``one`` has no digest and ``other`` has one, or if ``one`` has it in fewer places."""
    return _digests(one) < _digests(other)


def _digests(entry: Entry) -> tuple[bool, bool, bool]:
    return _wanted(entry) is not None, entry.reference.digest is not None, _source_digest(entry) is not None


def _wanted(entry: Entry) -> Digest | None:
    """The digest that an entry requires: in its pin, its name or its source."""
    return entry.pin or entry.reference.digest or _source_digest(entry)


def _source_digest(entry: Entry) -> Digest | None:
    return entry.source.reference.digest if entry.source.reference else None


def _comparable(reference: Reference) -> Reference:
    """A reference without its digest if it has a tag, and with its host in lower case: hosts have no case."""
    registry = reference.registry.lower()
    return _tagged(reference if registry == reference.registry else replace(reference, registry=registry))


def _tagged(reference: Reference) -> Reference:
    """A reference without its digest if it has a tag."""
    return replace(reference, digest=None) if reference.tag and reference.digest else reference


def _place(source: Location) -> Location | Reference:
    """A source without the digest that an entry requires there."""
    return _comparable(source.reference) if source.reference else source
