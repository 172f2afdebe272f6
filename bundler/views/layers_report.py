"""The layers of an image for people and for programs: sizes, commands, sharing, and files that later layers hide."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bundler.core.layers import Amount, HiddenFile, HistoryStep, ImageLayers, Layer
from bundler.texts import some
from bundler.views.documents import error_document
from bundler.views.languages import said, translated, worded
from bundler.views.words import UNVERIFIED, count, cut, escaped, fact, fact_below, size, table

if TYPE_CHECKING:
    from bundler.commands.layers import LayersResult

_COMMAND_COLUMNS = 200


def layers_lines(result: LayersResult, *, is_quiet: bool) -> list[str]:
    """The lines that ``inspect --layers`` prints.

    Args:
        result: The layers.
        is_quiet: True for their digests alone.
    """
    if is_quiet:
        return [str(layer.descriptor.digest) for found in result.variants for layer in found.layers]
    lines = [] if result.inspected.is_verified else [translated(UNVERIFIED), ""]
    for number, found in enumerate(result.variants):
        lines += [*([""] if number else []), *_image_lines(found)]
    return lines


def _image_lines(found: ImageLayers) -> list[str]:
    return [
        fact(said("image"), str(found.reference)),
        fact(said("platform"), escaped(found.platform)),
        fact(said("manifest"), str(found.manifest)),
        *_sum_lines(found),
        "",
        *_layer_lines(found.layers),
        *_problem_lines(found.layers),
        *_step_lines(found.steps),
        *_hidden_lines(found.largest),
    ]


def _sum_lines(found: ImageLayers) -> list[str]:
    sizes = {"size": size(found.size_bytes), "unpacked": size(found.unpacked_bytes)}
    layers = said("{layers}, {size}; unpacked {unpacked}", layers=count(len(found.layers), "layer"), **sizes)
    shared = said("{size} in layers that other images of the bundle have too", size=size(found.shared_bytes))
    lines = [fact(said("layers"), layers), fact(said("shared"), shared), fact(said("wasted"), wasted_words(found))]
    if not found.is_exact:
        lines.append(fact_below(said("at least: not all files of all layers could be compared")))
    return lines


def wasted_words(found: ImageLayers) -> str:
    """The files that an image carries for nothing."""
    if not found.hidden.files:
        if found.is_exact:
            return said("nothing: no layer replaces or deletes a file of another one")
        return said("nothing was found")
    return said(
        "{size} in {files} that later layers replace ({replaced}) or delete ({deleted})",
        size=size(found.hidden.size_bytes),
        files=count(found.hidden.files, "file"),
        replaced=size(found.replaced.size_bytes),
        deleted=size(found.deleted.size_bytes),
    )


def _layer_lines(layers: Sequence[Layer]) -> list[str]:
    titles = ["#", said("LAYER"), said("SIZE"), said("UNPACKED"), said("FILES"), said("WASTED"), said("SHARED WITH")]
    rows = [[*titles, said("MEDIA TYPE")]]
    for number, layer in enumerate(layers, start=1):
        shared = translated(count(len(layer.shared_with), "image")) if layer.shared_with else "-"
        row = [str(number), str(layer.descriptor.digest)[:19], size(layer.descriptor.size_bytes)]
        rows.append([*row, *_content_cells(layer), shared, escaped(layer.descriptor.media_type)])
    lines = table(rows, right=[0, 2, 3, 4, 5])
    for number, layer in enumerate(layers, start=1):
        if layer.shared_with:
            shared = some(layer.shared_with, most=3)
            lines.append(f"  {said('layer {number} is shared with {images}', number=number, images=shared)}")
    return lines


def _content_cells(layer: Layer) -> tuple[str, str, str]:
    contents = layer.contents
    if contents is None:
        return "?", "?", "?"
    more = "" if contents.is_whole else "> "
    wasted = size(contents.hidden.size_bytes) if contents.hidden.files else "-"
    return f"{more}{size(contents.unpacked_bytes)}", f"{more}{contents.files:,}", wasted


def _problem_lines(layers: Sequence[Layer]) -> list[str]:
    lines = []
    for number, layer in enumerate(layers, start=1):
        if layer.problem:
            reason = escaped(worded(layer.problem))
            lines.append(f"  {said('layer {number} was not read: {reason}', number=number, reason=reason)}")
    return lines


def _step_lines(steps: Sequence[HistoryStep]) -> list[str]:
    if not steps:
        return []
    rows = []
    for step in steps:
        number = "-" if step.is_empty else "?" if step.layer is None else str(step.layer + 1)
        rows.append([number, cut(escaped(" ".join(step.command.split())), _COMMAND_COLUMNS)])
    lines = ["", said("commands, as the maker of the image states them (-: changes no file)"), *table(rows, right=[0])]
    if any(step.layer is None and not step.is_empty for step in steps):
        lines.append(f"  {said('note: {notice}', notice=said('the commands do not fit the number of layers'))}")
    return lines


def _hidden_lines(files: Sequence[HiddenFile]) -> list[str]:
    if not files:
        return []
    rows = []
    for file in files:
        about = {"layer": file.layer + 1, "by": file.by + 1}
        words = said("in layer {layer}, deleted in {by}", **about)
        if not file.is_deleted:
            words = said("in layer {layer}, replaced in {by}", **about)
        rows.append([size(file.size_bytes), words, escaped(file.path)])
    return ["", said("the largest files that later layers replace or delete"), *table(rows, right=[0])]


def layers_document(result: LayersResult) -> dict[str, Any]:
    """The document that ``inspect --layers --json`` prints."""
    return {
        "document": "bundler.inspect-layers/1",
        "exitCode": result.exit_code,
        "image": str(result.image.reference),
        "platforms": list(map(image_document, result.variants)),
    }


def image_document(found: ImageLayers) -> dict[str, Any]:
    """The layers of one platform of an image."""
    return {
        "platform": str(found.platform),
        "digest": str(found.manifest),
        "size": found.size_bytes,
        "unpacked": found.unpacked_bytes,
        "shared": found.shared_bytes,
        "exact": found.is_exact,
        "replaced": _amount(found.replaced),
        "deleted": _amount(found.deleted),
        "layers": list(map(_layer_document, found.layers)),
        "history": [
            {
                "command": step.command,
                "created": step.created or None,
                "comment": step.comment or None,
                "empty": step.is_empty,
                "layer": step.layer,
            }
            for step in found.steps
        ],
        "largest": [
            {
                "path": file.path,
                "size": file.size_bytes,
                "layer": file.layer,
                "by": file.by,
                "deleted": file.is_deleted,
            }
            for file in found.largest
        ],
    }


def _layer_document(layer: Layer) -> dict[str, Any]:
    contents = layer.contents
    return {
        **layer.descriptor.to_json(),
        "sharedWith": list(layer.shared_with),
        "compression": layer.compression or None,
        "unpacked": contents.unpacked_bytes if contents else None,
        "files": contents.files if contents else None,
        "folders": contents.folders if contents else None,
        "deletions": contents.deletions if contents else None,
        "whole": contents.is_whole if contents else None,
        "replaced": _amount(contents.replaced) if contents else None,
        "deleted": _amount(contents.deleted) if contents else None,
        "problem": error_document(layer.problem) if layer.problem else None,
    }


def _amount(amount: Amount) -> dict[str, int]:
    return {"files": amount.files, "bytes": amount.size_bytes}
