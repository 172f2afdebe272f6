"""The picture of bytes: what is carried and what is not, a map of it, and a table of what images share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from bundler.core.shares import SharedSet, Shares
from bundler.texts import joined, text
from bundler.views.html import map as maps
from bundler.views.html.bars import LEFT, OWN, SHARED, bar, key
from bundler.views.html.elements import Element, Node, element
from bundler.views.html.groups import is_grouped
from bundler.views.html.parts import Column, Section, row, section, table
from bundler.views.html.sections.images import anchor_of
from bundler.views.words import count, size

if TYPE_CHECKING:
    from bundler.core.manifest import BundleManifest

_SINGLE = text(
    "Each area is as large as its bytes in the bundle. An image has one area, divided by its layers; layers that the "
    "same images share are one area, with the number of these images."
)
_GROUPED = text(
    "Each area is as large as its bytes in the bundle. Images are in groups, divided by the largest of them; layers "
    "that the same images share are one area, with the number of these images."
)
_MOST_SETS = 25
_MOST_NAMES = 6
_COLUMNS = (
    Column(text("shared by"), "whole"),
    Column(text("layers and other blobs"), "number"),
    Column(text("carried once"), "number"),
    Column(text("saved"), "number"),
)


def picture_section(manifest: BundleManifest, shares: Shares) -> Section:
    """The picture of a bundle."""
    return section(
        text("Bytes"),
        "bytes",
        _totals(shares),
        element(
            "figure",
            maps.bytes_map(manifest, shares),
            element("figcaption", _GROUPED if is_grouped(manifest) else _SINGLE),
        ),
        _shared_nodes(manifest, shares.shared),
    )


def _totals(shares: Shares) -> Node:
    """One bar of all bytes that the images need: what each colour means, and how much of it there is."""
    found = (
        (OWN, shares.own_bytes, text("{size} for one image alone", size=size(shares.own_bytes))),
        (SHARED, shares.shared_bytes, text("{size} shared by several images", size=size(shares.shared_bytes))),
        (
            LEFT,
            shares.left_out_bytes,
            text("{size} not carried: the receiver has it", size=size(shares.left_out_bytes)),
        ),
    )
    there = [each for each in found if each[1]]
    total = sum(size_bytes for _, size_bytes, _ in there)
    if not total:
        return None
    parts = [(class_, size_bytes / total) for class_, size_bytes, _ in there]
    return (
        bar(parts, joined([words for *_, words in there], ", "), class_="total"),
        key((class_, words) for class_, _, words in there),
    )


def _shared_nodes(manifest: BundleManifest, shared: Sequence[SharedSet]) -> Node:
    if not shared:
        return element("p", text("No layer is shared: each image carries all of its bytes."), class_="soft")
    more = len(shared) - _MOST_SETS
    return (
        element("h3", text("Shared layers")),
        table(_COLUMNS, _rows(manifest, shared[:_MOST_SETS])),
        element("p", text("and {count:,} more", count=more), class_="soft") if more > 0 else None,
    )


def _rows(manifest: BundleManifest, shared: Sequence[SharedSet]) -> Iterator[Element]:
    for each in shared:
        cells = (_names(manifest, each), f"{len(each.blobs):,}", size(each.size_bytes), size(each.saved_bytes))
        yield row(_COLUMNS, cells)


def _names(manifest: BundleManifest, each: SharedSet) -> Node:
    names = [
        element(
            "a", element("bdi", maps.short_name(str(manifest.images[place].reference))), href=f"#{anchor_of(place + 1)}"
        )
        for place in each.images[:_MOST_NAMES]
    ]
    more = len(each.images) - _MOST_NAMES
    return (
        element("strong", count(len(each.images), "image")),
        ": ",
        ((", " if number else "", name) for number, name in enumerate(names)),
        (" ", text("and {count:,} more", count=more)) if more > 0 else None,
    )
