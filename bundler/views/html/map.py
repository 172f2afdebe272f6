"""The map of bytes: a treemap of what a bundle carries. Its cells are images, and the layers that images share.

It shows which images are large, and what one copy of a base image saves. Sizes are those of the carried blobs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bundler.core.frozen import frozen
from bundler.core.manifest import Blob, BundleManifest
from bundler.core.shares import SharedSet, Shares
from bundler.core.treemap import Rectangle, squarified
from bundler.texts import Text, counted, joined, some, text
from bundler.views.html.bars import OWN, SHARED, hatch, percent
from bundler.views.html.elements import Element, Node, element
from bundler.views.languages import translated
from bundler.views.words import cut, size

_MOST_CELLS = 36
"""The most cells of each colour; the last one is all others."""
_MOST_LAYERS = 12
_LAYERS_FROM = 0.02
"""The least part of the map for which a cell shows its layers."""
_WIDE_PIXELS, _NARROW_PIXELS, _HIGH_PIXELS = 1080, 350, 400
"""The sizes in which the map is shown: on a screen, on a telephone. Labels that do not fit there are left out."""
_CHARACTER_PIXELS, _LINE_PIXELS, _MARGIN_PIXELS = 6.8, 16, 7
_WHOLE = Rectangle(0, 0, 2.7, 1)
"""The shape on a screen; on paper nearly the same."""


@frozen
class Cell:
    """A rectangle of the map.

    Attributes:
        class_: `OWN` or `SHARED`.
        size_bytes: Its area.
        name: Its label.
        title: It in words.
        more: A further line of its label.
        blobs: Its parts, the largest first.
    """

    class_: str
    size_bytes: int
    name: str
    title: Text
    blobs: tuple[Blob, ...] = ()
    more: str = ""


def bytes_map(manifest: BundleManifest, shares: Shares) -> Element | None:
    """The map of a bundle; None if it carries nothing."""
    own, shared = _own_cells(manifest, shares), _shared_cells(manifest, shares.shared)
    groups = [cells for cells in (own, shared) if cells]
    if not groups:
        return None
    description = joined([each.title for each in sorted([*own, *shared], key=lambda each: -each.size_bytes)[:10]])
    return element(
        "svg",
        element("title", text("The bytes that the bundle carries, by image and shared layers"), id="map-title"),
        element("desc", description, id="map-description"),
        (_drawn(cells, region) for cells, region in zip(groups, _regions(groups), strict=True)),
        class_="map",
        role="img",
        aria_labelledby="map-title map-description",
    )


def _own_cells(manifest: BundleManifest, shares: Shares) -> list[Cell]:
    places = sorted(shares.own, key=lambda place: -shares.images[place].own_bytes)
    places = [place for place in places if shares.images[place].own_bytes]
    cells = []
    for place in places[:_MOST_CELLS]:
        reference, size_bytes = manifest.images[place].reference, shares.images[place].own_bytes
        title = text("{image}: {size} only here", image=reference, size=size(size_bytes))
        cells.append(Cell(OWN, size_bytes, short_name(str(reference)), title, shares.own[place]))
    rest = sum(shares.images[place].own_bytes for place in places[_MOST_CELLS:])
    if rest:
        many = len(places) - _MOST_CELLS
        words = counted(many, "{count:,} more image", "{count:,} more images")
        cells.append(Cell(OWN, rest, words, text("{images}: {size} only here", images=words, size=size(rest))))
    return cells


def _shared_cells(manifest: BundleManifest, shared: Sequence[SharedSet]) -> list[Cell]:
    found = [each for each in shared if each.size_bytes]
    cells = []
    for each in found[:_MOST_CELLS]:
        names = some([str(manifest.images[place].reference) for place in each.images], most=4)
        title = text(
            "{size} shared by {count:,} images: {names}",
            size=size(each.size_bytes),
            count=len(each.images),
            names=names,
        )
        users = ", ".join(short_name(str(manifest.images[place].reference)) for place in each.images[:4])
        label = text("shared by {count:,}", count=len(each.images))
        cells.append(Cell(SHARED, each.size_bytes, label, title, each.blobs, users))
    rest = sum(each.size_bytes for each in found[_MOST_CELLS:])
    if rest:
        words = text("more shared layers")
        cells.append(Cell(SHARED, rest, words, text("{layers}: {size}", layers=words, size=size(rest))))
    return cells


def short_name(reference: str) -> str:
    """The end of a reference, which tells images apart.

    >>> short_name("quay.io/prometheus/prometheus:v3.0.1@sha256:0123")
    'prometheus:v3.0.1'
    """
    return reference.partition("@")[0].rpartition("/")[2]


def _regions(groups: Sequence[Sequence[Cell]]) -> list[Rectangle]:
    """The part of the map for each colour, side by side."""
    totals = [sum(each.size_bytes for each in cells) for cells in groups]
    regions, at = [], 0.0
    for total in totals:
        width = _WHOLE.width * total / sum(totals)
        regions.append(Rectangle(at, 0, width, 1))
        at += width
    return regions


def _drawn(cells: Sequence[Cell], region: Rectangle) -> Iterable[Node]:
    cells = sorted(cells, key=lambda each: -each.size_bytes)
    for cell, at in zip(cells, squarified([each.size_bytes for each in cells], region), strict=True):
        yield _cell(cell, at)


def _cell(cell: Cell, at: Rectangle) -> Element:
    part = at.width / _WHOLE.width
    return element(
        "svg",
        element("title", cell.title),
        element("rect", width="100%", height="100%", class_=f"{cell.class_} edge"),
        hatch("0", "100%") if cell.class_ == SHARED else None,
        _layers(cell, at) if part * at.height >= _LAYERS_FROM else None,
        _labels(cell, part, at.height),
        x=percent(at.x / _WHOLE.width),
        y=percent(at.y),
        width=percent(part),
        height=percent(at.height),
    )


def _layers(cell: Cell, at: Rectangle) -> Iterable[Node]:
    blobs = [blob.descriptor for blob in cell.blobs if blob.descriptor.size_bytes][:_MOST_LAYERS]
    if len(blobs) < 2:
        return
    rest = sum(blob.descriptor.size_bytes for blob in cell.blobs[_MOST_LAYERS:])
    sizes = [each.size_bytes for each in blobs]
    sizes += [min(rest, sizes[-1])] if rest else []
    for blob, own in zip(blobs, squarified(sizes, Rectangle(0, 0, at.width, at.height)), strict=False):
        title = text("{digest}: {size}", digest=blob.digest.short, size=size(blob.size_bytes))
        yield element(
            "rect",
            element("title", title),
            x=percent(own.x / at.width),
            y=percent(own.y / at.height),
            width=percent(own.width / at.width),
            height=percent(own.height / at.height),
            class_="line",
        )


def _labels(cell: Cell, width: float, height: float) -> Iterable[Node]:
    """The name and the size of a cell, as far as it has room for them."""
    lines = int((height * _HIGH_PIXELS - _MARGIN_PIXELS) / _LINE_PIXELS)
    for number, words in enumerate([cell.name, size(cell.size_bytes), *filter(None, [cell.more])][: max(0, lines)]):
        room = int((width * _WIDE_PIXELS - 2 * _MARGIN_PIXELS) / _CHARACTER_PIXELS)
        if room < min(len(words), 6):
            return
        is_narrow = width * _NARROW_PIXELS < _MARGIN_PIXELS + _CHARACTER_PIXELS * min(len(words), 8)
        classes = f"on-fill{' small' if number else ''}{' wide' if is_narrow else ''}"
        yield element(
            "text",
            cut(translated(words) if isinstance(words, Text) else words, room),
            x=_MARGIN_PIXELS,
            y=_LINE_PIXELS * (number + 1),
            class_=classes,
        )
