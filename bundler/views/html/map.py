"""The map of bytes: a treemap of what a bundle carries. Its cells are images, and the layers that images share.

It shows which images are large, and what one copy of a base image saves. Sizes are those of the carried blobs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from bundler.core.frozen import frozen
from bundler.core.manifest import Blob, BundleManifest
from bundler.core.shares import SharedSet, Shares
from bundler.core.treemap import Rectangle, squarified
from bundler.texts import Text, joined, some, text
from bundler.views.html.bars import OWN, SHARED, hatch, percent
from bundler.views.html.elements import Element, Node, element
from bundler.views.html.groups import groups_of, is_grouped
from bundler.views.languages import translated
from bundler.views.words import count, cut, size

_MOST_CELLS = 100
"""The most cells of each colour; the last one is all others."""
_MOST_PARTS = 12
_PARTS_FROM = 0.02
"""The least part of the map for which a cell shows its parts."""
_WIDE_PIXELS, _NARROW_PIXELS, _HIGH_PIXELS = 1080, 350, 400
"""The sizes in which the map is shown: on a screen, on a telephone. Labels that do not fit there are left out."""
_CHARACTER_PIXELS, _LINE_PIXELS, _MARGIN_PIXELS = 6.6, 16, 6
_LEAST_CHARACTERS = 6
"""A label of fewer characters says nothing."""
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
        parts: The titles and sizes of its parts, the largest first.
    """

    class_: str
    size_bytes: int
    name: str
    title: Text
    parts: tuple[tuple[str, int], ...] = ()
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
    """A cell for each image with bytes of its own; for each group of images if there are many."""
    made = _group_cells(manifest, shares) if is_grouped(manifest) else _image_cells(manifest, shares)
    found = sorted((cell for cell in made if cell.size_bytes), key=lambda cell: -cell.size_bytes)
    rest = sum(cell.size_bytes for cell in found[_MOST_CELLS:])
    if not rest:
        return found
    words = text("others")
    return [*found[:_MOST_CELLS], Cell(OWN, rest, words, _titled(words, rest))]


def _image_cells(manifest: BundleManifest, shares: Shares) -> Iterator[Cell]:
    for place, blobs in shares.own.items():
        name, size_bytes = str(manifest.images[place].reference), shares.images[place].own_bytes
        yield Cell(OWN, size_bytes, short_name(name), _titled(name, size_bytes), _parts(blobs))


def _group_cells(manifest: BundleManifest, shares: Shares) -> Iterator[Cell]:
    for name, places in groups_of(manifest).items():
        own = sorted(((shares.images[place].own_bytes, place) for place in places), reverse=True)
        parts = [(str(manifest.images[place].reference), size_bytes) for size_bytes, place in own]
        total = sum(size_bytes for size_bytes, _ in own)
        label, images = name.rpartition("/")[2], count(len(places), "image")
        yield Cell(OWN, total, label, _titled(name, total), tuple(parts[: _MOST_PARTS + 1]), images)


def _titled(name: str, size_bytes: int) -> Text:
    return text("{image}: {size} only here", image=name, size=size(size_bytes))


def _parts(blobs: Iterable[Blob]) -> tuple[tuple[str, int], ...]:
    return tuple((blob.descriptor.digest.short, blob.descriptor.size_bytes) for blob in blobs)


def _shared_cells(manifest: BundleManifest, shared: Sequence[SharedSet]) -> list[Cell]:
    found = [each for each in shared if each.size_bytes]
    cells = []
    for each in found[:_MOST_CELLS]:
        names = [str(manifest.images[place].reference) for place in each.images[:5]]
        title = text(
            "{size} shared by {count:,} images: {names}",
            size=size(each.size_bytes),
            count=len(each.images),
            names=some(names, most=4),
        )
        label = text("shared by {count:,}", count=len(each.images))
        users = ", ".join(map(short_name, names[:4]))
        cells.append(Cell(SHARED, each.size_bytes, label, title, _parts(each.blobs), users))
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
        _drawn_parts(cell, at) if part * at.height >= _PARTS_FROM else None,
        _labels(cell, part, at.height),
        x=percent(at.x / _WHOLE.width),
        y=percent(at.y),
        width=percent(part),
        height=percent(at.height),
    )


def _drawn_parts(cell: Cell, at: Rectangle) -> Iterable[Node]:
    """The borders of the largest parts of a cell. The other parts together are an area without borders."""
    parts = [(title, size_bytes) for title, size_bytes in cell.parts if size_bytes][:_MOST_PARTS]
    if len(parts) < 2:
        return
    sizes = [size_bytes for _, size_bytes in parts]
    rest = cell.size_bytes - sum(sizes)
    if rest > 0:  # the largest first: the other parts have a place among them
        sizes.append(rest)
        parts.append(("", rest))
    order = sorted(range(len(sizes)), key=lambda number: -sizes[number])
    places = squarified([sizes[number] for number in order], Rectangle(0, 0, at.width, at.height))
    for number, own in zip(order, places, strict=True):
        title, size_bytes = parts[number]
        if title:
            yield element(
                "rect",
                element("title", text("{digest}: {size}", digest=title, size=size(size_bytes))),
                x=percent(own.x / at.width),
                y=percent(own.y / at.height),
                width=percent(own.width / at.width),
                height=percent(own.height / at.height),
                class_="line",
            )


def _labels(cell: Cell, width: float, height: float) -> Iterable[Node]:
    """The name, the size and a further line of a cell, as far as it has room for them."""
    lines = max(0, int((height * _HIGH_PIXELS - _MARGIN_PIXELS) / _LINE_PIXELS))
    room = int((width * _WIDE_PIXELS - 2 * _MARGIN_PIXELS) / _CHARACTER_PIXELS)
    narrow_room = int((width * _NARROW_PIXELS - _MARGIN_PIXELS) / _CHARACTER_PIXELS)
    labels = [cell.name, text("{size}", size=size(cell.size_bytes)), *filter(None, [cell.more])]
    if room < min(_LEAST_CHARACTERS, len(cell.name)):
        return
    for number, label in enumerate(labels[:lines]):
        words = translated(label) if isinstance(label, Text) else label
        if number == 1 and len(words) > room:  # half a number says something else
            return
        least = len(words) if number == 1 else min(len(words), _LEAST_CHARACTERS)
        classes = f"on-fill{' small' if number else ''}{' wide' if narrow_room < least else ''}"
        yield element("text", cut(words, room), x=_MARGIN_PIXELS, y=_LINE_PIXELS * (number + 1), class_=classes)
