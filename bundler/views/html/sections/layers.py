"""The layers of images: the commands that made them, and the files that later layers replace or delete."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bundler.core.layers import Amount, ImageLayers, Layer
from bundler.texts import text
from bundler.views.html.bars import FREE, SHARED, bar
from bundler.views.html.elements import Element, Node, element
from bundler.views.html.parts import WARN, Column, Section, code, row, section, table
from bundler.views.languages import worded
from bundler.views.layers_report import wasted_words
from bundler.views.words import count, cut, size

_MOST_COMMAND_CHARACTERS = 300
_MOST_FILES = 8
_SUMMARY = (
    Column(text("image"), "whole"),
    Column(text("platform"), "platforms"),
    Column(text("layers"), "number"),
    Column(text("unpacked"), "number"),
    Column(text("wasted"), "number"),
    Column(text("part of it"), "bars"),
)
_LAYERS = (
    Column(text("command, by the maker of the image"), "whole"),
    Column(text("size"), "number"),
    Column(text("unpacked"), "number"),
    Column(text("files"), "number"),
    Column(text("wasted"), "number"),
    Column(text("shared with")),
)
_FILES = (Column(text("path"), "whole"), Column(text("size"), "number"), Column(text("layer")))


def layers_section(images: Sequence[ImageLayers]) -> Section | None:
    """The layers of images, those that waste most first; None if no layers were read."""
    if not images:
        return None
    ordered = sorted(images, key=lambda each: -each.hidden.size_bytes)
    anchors = [f"layers-{number}" for number in range(1, len(ordered) + 1)]
    words = text(
        "A file that a later layer replaces or deletes is carried for nothing. Sizes of files are those of the "
        "unpacked layers."
    )
    return section(
        text("Layers and wasted bytes"),
        "layers",
        element("p", words),
        table(_SUMMARY, map(_summary, ordered, anchors)),
        (_image(each, anchor) for each, anchor in zip(ordered, anchors, strict=True)),
    )


def _summary(each: ImageLayers, anchor: str) -> Element:
    part = min(1.0, each.hidden.size_bytes / each.unpacked_bytes) if each.unpacked_bytes else 0.0
    title = text("{percent} % of {size}", percent=round(100 * part), size=size(each.unpacked_bytes))
    cells = (
        element("a", element("bdi", str(each.reference)), href=f"#{anchor}"),
        str(each.platform),
        f"{len(each.layers):,}",
        size(each.unpacked_bytes),
        size(each.hidden.size_bytes) if each.hidden.files else "-",
        bar([(SHARED, part), (FREE, 1 - part)], title),
    )
    return row(_SUMMARY, cells)


def _image(each: ImageLayers, anchor: str) -> Iterator[Node]:
    yield element("h3", element("bdi", str(each.reference)), " ", str(each.platform), id=anchor)
    yield element("p", text("wasted"), ": ", wasted_words(each))
    commands = {step.layer: step.command for step in each.steps if step.layer is not None}
    yield table(_LAYERS, (_layer(layer, commands.get(number, "")) for number, layer in enumerate(each.layers)))
    if each.largest:
        yield table(_FILES, _files(each), caption=text("the largest files that later layers replace or delete"))


def _layer(layer: Layer, command: str) -> Element:
    contents = layer.contents
    problem = element("div", worded(layer.problem), class_=WARN) if layer.problem else None
    made = (
        element("code", cut(" ".join(command.split()), _MOST_COMMAND_CHARACTERS)) if command else None,
        element("div", code(layer.descriptor.digest), class_="hint"),
        problem,
    )
    cells: tuple[Node, ...] = ("?", "?", "?")
    if contents is not None:
        more = "" if contents.is_whole else "> "
        unpacked, files = f"{more}{size(contents.unpacked_bytes)}", f"{more}{contents.files:,}"
        cells = (unpacked, files, _wasted(contents.hidden))
    shared = count(len(layer.shared_with), "image") if layer.shared_with else "-"
    return row(_LAYERS, (made, size(layer.descriptor.size_bytes), *cells, shared))


def _wasted(hidden: Amount) -> str:
    return size(hidden.size_bytes) if hidden.files else "-"


def _files(each: ImageLayers) -> Iterator[Element]:
    for file in each.largest[:_MOST_FILES]:
        about = {"layer": file.layer + 1, "by": file.by + 1}
        words = (
            text("in layer {layer}, deleted in {by}", **about)
            if file.is_deleted
            else text("in layer {layer}, replaced in {by}", **about)
        )
        yield row(_FILES, (code(file.path), size(file.size_bytes), words))
