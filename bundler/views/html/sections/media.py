"""The media plan: which files each medium has, and how full it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from bundler.texts import text
from bundler.views.html.bars import FREE, OWN, bar
from bundler.views.html.elements import Element, Node, element
from bundler.views.html.parts import Column, Section, row, section, table
from bundler.views.media_report import in_runs
from bundler.views.words import count, size

if TYPE_CHECKING:
    from bundler.bundle.locked import LockedBundle
    from bundler.bundle.reader import Bundle
    from bundler.core.manifest import BundleManifest, Medium
    from bundler.core.outer_manifest import OuterManifest

_COLUMNS = (
    Column(text("medium")),
    Column(text("files"), "whole"),
    Column(text("size"), "number"),
    Column(text("capacity"), "number"),
    Column(text("fill"), "bars"),
)


def media_section(
    manifest: BundleManifest | OuterManifest,
    sizes: Mapping[str, int] | None = None,
    folders: Sequence[object] = (),
) -> Section | None:
    """The media that a bundle was planned for; None for none.

    Args:
        manifest: The bundle manifest.
        sizes: The sizes of files that are no chunks, as far as they are known.
        folders: The folder of each medium, if they are known.
    """
    media = manifest.media
    if not media:
        return None
    totals = [_total(manifest, medium, sizes or {}) for medium in media]
    largest = max([*totals, *(medium.size_bytes or 0 for medium in media)]) or 1

    def rows() -> Iterator[Element]:
        for number, (medium, total) in enumerate(zip(media, totals, strict=True), start=1):
            files = [*(manifest.chunks[chunk - 1].file for chunk in medium.chunks), *medium.files]
            cells = (
                text("{number} of {count}", number=number, count=len(media)),
                (in_runs(files) if files else text("no chunk"), _folder(folders, number)),
                text("{size} and more", size=size(total)) if _has_unknown(medium, sizes) else size(total),
                size(medium.size_bytes) if medium.size_bytes else None,
                _fill(total, medium.size_bytes, largest),
            )
            yield row(_COLUMNS, cells)

    words = text("planned for {media}; each can be checked alone", media=count(len(media), "medium"))
    return section(text("Media"), "media", element("p", words), table(_COLUMNS, rows()))


def _has_unknown(medium: Medium, sizes: Mapping[str, int] | None) -> bool:
    return any(name not in (sizes or {}) for name in medium.files)


def sizes_here(bundle: Bundle | LockedBundle) -> dict[str, int]:
    """The sizes of the files of a bundle that are here, by their names."""
    return {entry.name: entry.size_bytes for listing in bundle.sealed.listings for _, entry in listing.everything()}


def _total(manifest: BundleManifest | OuterManifest, medium: Medium, sizes: Mapping[str, int]) -> int:
    chunks = sum(manifest.chunks[chunk - 1].size_bytes for chunk in medium.chunks)
    return chunks + sum(sizes.get(name, 0) for name in medium.files)


def _fill(total_bytes: int, capacity_bytes: int | None, largest_bytes: int) -> Node:
    free = max(0, (capacity_bytes or 0) - total_bytes)
    title = (
        text("{percent} % of {size}", percent=100 * total_bytes // capacity_bytes, size=size(capacity_bytes))
        if capacity_bytes
        else None
    )
    parts = [(OWN, total_bytes / largest_bytes), (FREE, free / largest_bytes)]
    return (bar(parts, title), element("span", title, class_="hint") if title else None)


def _folder(folders: Sequence[object], number: int) -> Node:
    return element("div", str(folders[number - 1]), class_="hint") if folders else None
