"""The things that a bundle lacks or leaves out: missing images, parts of lists that are no images, bases."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from bundler.core.manifest import BUNDLE
from bundler.texts import text
from bundler.views.html.elements import element
from bundler.views.html.parts import BAD, WARN, Column, Note, Section, code, row, section, table
from bundler.views.since_report import by_base
from bundler.views.words import STATEMENTS, count, size

if TYPE_CHECKING:
    from bundler.core.image_list import NoImage
    from bundler.core.manifest import Base, BundleManifest, MissingImage
    from bundler.exporting.result import MovedTag

_MOST = 500


def missing_section(missing: Sequence[MissingImage]) -> Section | None:
    """The images that were asked for and are not in the bundle."""
    if not missing:
        return None
    columns = (Column(text("image"), "whole"), Column(text("source")), Column(text("why"), "whole"))
    rows = (row(columns, (element("bdi", str(each.reference)), each.source, each.reason)) for each in missing)
    return section(text("Missing images"), "missing", table(columns, rows))


def no_images_section(parts: Sequence[NoImage]) -> Section | None:
    """The parts of lists for which nothing is carried."""
    if not parts:
        return None
    columns = (Column(text("place in the list")), Column(text("part"), "whole"), Column(text("why"), "whole"))
    rows = (row(columns, (each.where, each.what, each.why)) for each in parts[:_MOST])
    more = len(parts) - _MOST
    return section(
        text("No images, not carried"),
        "no-images",
        table(columns, rows),
        element("p", text("and {count:,} more", count=more), class_="soft") if more > 0 else None,
    )


def bases_section(manifest: BundleManifest, given: Sequence[Base] = ()) -> Section | None:
    """The statements by which blobs are left out.

    Args:
        manifest: The bundle manifest.
        given: The statements of an export, those that list none of its blobs included.
    """
    bases = tuple(dict.fromkeys((*given, *manifest.bases)))
    if not bases:
        return None
    numbers, sizes = by_base(manifest)
    columns = (
        Column(text("statement")),
        Column(text("name and id"), "whole"),
        Column(text("worth")),
        Column(text("blobs"), "number"),
        Column(text("size"), "number"),
    )
    rows = (
        row(
            columns,
            (
                STATEMENTS[base.kind],
                (base.name, element("div", code(base.id), class_="hint")),
                text("assumed: a bundle does not prove that it arrived")
                if base.kind == BUNDLE
                else text("proof of {time}", time=base.created or "-"),
                f"{numbers[base.id]:,}",
                size(sizes[base.id]),
            ),
        )
        for base in bases
    )
    words = text(
        "The bundle leaves these blobs out, because these statements say that the receiver has them. An "
        "import proves first that each of them is there."
    )
    return section(text("Left out"), "left-out", element("p", words), table(columns, rows))


def moved_section(moved: Sequence[MovedTag]) -> Section | None:
    """The tags that have moved at their source since the export started."""
    if not moved:
        return None
    columns = (Column(text("tag"), "whole"), Column(text("carried")), Column(text("at the source now")))
    rows = (row(columns, (element("bdi", str(each.reference)), code(each.carried), code(each.now))) for each in moved)
    return section(text("Tags that moved"), "moved", table(columns, rows))


def carried_notes(manifest: BundleManifest) -> Iterator[Note]:
    """Remarks about what a bundle lacks, and about images that are not what their names say."""
    if manifest.missing:
        yield Note(
            BAD, text("The bundle lacks {images} that it was asked for", images=count(len(manifest.missing), "image"))
        )
    if manifest.bases:
        yield Note(
            WARN,
            text("The bundle is not complete alone: {size} left out", size=size(_left_out_bytes(manifest))),
            text("The receiver must have it already. See: Left out"),
        )
    latest = sum(image.reference.tag == "latest" for image in manifest.images)
    if latest:
        yield Note(WARN, text("{images} with the tag latest, which names no version", images=count(latest, "image")))
    repacked = sum(image.repacked is not None for image in manifest.images)
    if repacked:
        yield Note(
            WARN,
            text("{images} with a new digest", images=count(repacked, "image")),
            text("They came from a Docker daemon or docker save, which keep no digest of a registry."),
        )


def _left_out_bytes(manifest: BundleManifest) -> int:
    return sum(blob.descriptor.size_bytes for blob in manifest.left_out)
