"""The lines about need-lists: the one that ``verify`` or ``import`` wrote, and the parts that ``fulfil`` made."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from bundler.core.limits import NEED_LINE_CHARACTERS
from bundler.texts import some, text
from bundler.views.languages import said, translated
from bundler.views.words import count, escaped, fact, fact_below, limited, shell_word, size, table

if TYPE_CHECKING:
    from bundler.fulfilling.request import FulfilResult
    from bundler.importing.need_file import NeedResult

_WAYS = {
    "copy": text("copied"),
    "sources": text("from sources"),
    "there": text("there already"),
}


def need_lines(result: NeedResult | None, repairable: Collection[str] = ()) -> list[str]:
    """The lines about a need-list, and the next command; none if no need-list was asked for.

    Args:
        result: The need-list.
        repairable: The chunks that parity can repair. They are not in it.
    """
    if result is None:
        return []
    if result.path is None or result.need is None:
        if repairable:
            return ["", fact(said("need-list"), said("not written: parity can repair what is missing or damaged"))]
        return ["", fact(said("need-list"), said("not written: nothing is missing or damaged"))]
    signed = (
        said("signed by {signers}", signers=result.key_id)
        if result.key_id
        else said("not signed: it is a request, no proof")
    )
    lines = ["", fact(said("need-list"), escaped(result.path)), fact_below(signed)]
    if repairable:
        lines.append(fact_below(said("chunks that parity can repair are not in it")))
    line = result.need.wanted.line
    if len(line) <= NEED_LINE_CHARACTERS:
        paper = f"bundler slip {shell_word(result.path)} -o need.pdf"
        lines += [fact_below(line), fact_below(said("on paper, with a QR code: {command}", command=paper))]
    command = f"bundler fulfil {shell_word(result.path)} -o DIR --from BUNDLE"
    return [*lines, f"  -> {said('on the side of the builder: {command}', command=command)}"]


def fulfil_lines(result: FulfilResult) -> list[str]:
    """The lines that ``fulfil`` prints."""
    lines = [
        fact(said("bundle"), f"{result.name}  {result.bundle_id}"),
        fact(
            said("need-list"),
            said("signed by {signers}", signers=", ".join(result.need_signers))
            if result.need_signers
            else said("not signed: it is a request, no proof"),
        ),
    ]
    rows = [
        (
            each.chunk.file,
            size(each.chunk.size_bytes),
            translated(_WAYS[each.way]),
            escaped(some(each.places, most=2)),
            said("fetches {size}", size=size(each.fetched_bytes)) if each.fetched_bytes else "",
        )
        for each in result.chunks
    ]
    if result.path is not None:
        summary = said("{chunks}, {size}", chunks=count(len(result.chunks), "chunk"), size=size(result.size_bytes))
        lines.append(fact(said("would make") if result.is_dry_run else said("made"), summary))
        lines += limited(table(rows, right=[1]), is_verbose=False)
    lines += _supplement_lines(result)
    if result.is_dry_run:
        return lines
    if result.is_old:
        lines.append(fact(said("folder"), said("complete already: nothing was written")))
    command = f"bundler import BUNDLE {' '.join(map(shell_word, folders(result)))}"
    return [
        *lines,
        *(fact(said("folder"), escaped(folder)) for folder in folders(result)),
        f"  -> {said('carry it to the other side, then: {command}', command=command)}",
    ]


def folders(result: FulfilResult) -> list[str]:
    """The folders to carry."""
    made = [result.path, result.supplement.path if result.supplement else None]
    return [str(path) for path in made if path is not None]


def _supplement_lines(result: FulfilResult) -> list[str]:
    if result.supplement is None:
        return []
    manifest = result.supplement.manifest
    summary = said(
        "{name}: {images}, {size}",
        name=manifest.name,
        images=count(len(manifest.images), "image"),
        size=size(manifest.size_bytes),
    )
    return [fact(said("supplement"), summary)]
