"""The table of images: names, digests, platforms, sizes, and what is attached; in groups if there are many."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from bundler.core.shares import ImageShare, Shares
from bundler.texts import joined, text
from bundler.views.attachment_report import kind_words
from bundler.views.html.bars import share_bar
from bundler.views.html.elements import Element, Node, element
from bundler.views.html.groups import groups_of, is_grouped
from bundler.views.html.parts import Column, Section, code, row, section, table
from bundler.views.words import count, size

if TYPE_CHECKING:
    from bundler.core.manifest import BundleManifest, Image

_COLUMNS = (
    Column(text("image and digest"), "whole"),
    Column(text("platforms"), "platforms"),
    Column(text("size"), "number"),
    Column(text("only in this image"), "number"),
    Column(text("bytes"), "bars"),
)
_ATTACHED = Column(text("attached"))


def images_section(manifest: BundleManifest, shares: Shares, *, detailed: bool) -> Section:
    """The images of a bundle.

    Args:
        manifest: The bundle manifest.
        shares: Whose bytes it carries.
        detailed: True if there is a section with the details of each image, to which names lead.
    """
    columns = (*_COLUMNS, _ATTACHED) if any(image.attachments for image in manifest.images) else _COLUMNS
    largest = max((each.size_bytes for each in shares.images), default=0)

    def rows(places: Sequence[int]) -> Iterator[Element]:
        for place in places:
            cells = _cells(manifest.images[place], shares.images[place], largest, place + 1, detailed=detailed)
            yield row(columns, cells[: len(columns)], anchor=anchor_of(place + 1))

    def grouped() -> Iterator[Element]:
        for name, anchor in names.items():
            yield _head(name, anchor, groups[name], len(columns))
            yield from rows(groups[name])

    title = text("Images")
    if not is_grouped(manifest):
        return section(title, "images", table(columns, rows(range(len(manifest.images)))))
    groups = groups_of(manifest)
    names = {name: f"group-{number}" for number, name in enumerate(groups, start=1)}
    return section(
        title,
        "images",
        _index(groups, names, shares),
        table(columns, grouped()),
    )


def anchor_of(number: int) -> str:
    """The place of an image in the table; images are counted from 1."""
    return f"image-{number}"


def platform_words(image: Image) -> str:
    """The platforms of an image, or the kind of artifact that it is."""
    if not image.variants:
        return text("artifact ({kind})", kind=image.root.media_type)
    return ", ".join(sorted({str(variant.config.platform) for variant in image.variants}))


def _cells(image: Image, share: ImageShare, largest: int, number: int, *, detailed: bool) -> tuple[Node, ...]:
    name = element("bdi", str(image.reference))
    attached = kind_words(each.kind for each in image.attachments) if image.attachments else None
    return (
        (
            element("a", name, href=f"#details-{number}") if detailed else name,
            element("div", code(image.root.digest), class_="hint"),
        ),
        platform_words(image),
        size(share.size_bytes),
        size(share.own_bytes),
        share_bar(share, largest),
        attached,
    )


def _index(groups: Mapping[str, Sequence[int]], names: Mapping[str, str], shares: Shares) -> Element:
    items = (
        element("li", element("a", name, href=f"#{names[name]}"), " ", _amount(places, shares))
        for name, places in groups.items()
    )
    return element("nav", element("ol", items), aria_label=text("groups of images"))


def _amount(places: Sequence[int], shares: Shares) -> Node:
    total = sum(shares.images[place].own_bytes for place in places)
    words = joined([count(len(places), "image"), text("{size} only here", size=size(total))], ", ")
    return element("span", words, class_="soft")


def _head(name: str, anchor: str, places: Sequence[int], width: int) -> Element:
    return element(
        "tr",
        element("th", element("bdi", name), " ", count(len(places), "image"), colspan=width, scope="rowgroup"),
        id=anchor,
        class_="group",
    )
