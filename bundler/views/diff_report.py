"""The lines that ``diff`` prints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bundler.texts import Text, joined, some, text
from bundler.views.languages import said, translated
from bundler.views.receipt_report import KINDS as PLACES
from bundler.views.words import STATEMENTS, count, escaped, fact, limited, size, table

if TYPE_CHECKING:
    from bundler.core.comparison import Change, Comparison
    from bundler.inventories.diff import ComparedSide, DiffResult

KINDS = {
    **PLACES,
    "list": text("image list"),
    **STATEMENTS,
}
_SHOWN_IMAGES = 3


def lines(result: DiffResult, *, is_verbose: bool) -> list[str]:
    """The two sides, the changed names, and the blobs that a transfer would carry."""
    found = result.comparison
    shown = [*_side_lines("A", result.old), *_side_lines("B", result.new)]
    parts = (
        (said("new ({count:,})", count=len(found.new)), found.new),
        (said("moved ({count:,})", count=len(found.moved)), found.moved),
        (said("gone ({count:,})", count=len(found.gone)), found.gone),
    )
    for title, changes in parts:
        if changes:
            rows = [(escaped(each.name), *_words(each)) for each in changes]
            shown += ["", title, *limited(table(rows), is_verbose=is_verbose)]
    same = said("no difference: {images} unchanged", images=count(len(found.unchanged), "image"))
    others = said("unchanged: {images}", images=count(len(found.unchanged), "image"))
    shown += ["", same if found.is_same else others]
    if found.carried:
        shown += ["", *_carried(found, is_verbose=is_verbose)]
    return shown


def _side_lines(label: str, side: ComparedSide) -> list[str]:
    notes: list[str] = [KINDS[side.kind], count(side.images, "image")]
    if side.signers:
        notes.append(text("signed by {signers}", signers=", ".join(side.signers)))
    elif side.id:
        notes.append(text("signature NOT CHECKED"))
    if side.not_listed:
        notes.append(text("{count:,} repositories and tags could not be read", count=side.not_listed))
    return [fact(label, f"{escaped(side.given)}  ({translated(joined(notes, ', '))})")]


def _words(change: Change) -> tuple[str, ...]:
    if change.new is None:
        return (change.old.short if change.old else "",)
    carried = size(change.carried_bytes)
    if change.old is None:
        return change.new.short, carried
    return f"{change.old.short} -> {change.new.short}", carried


def _carried(found: Comparison, *, is_verbose: bool) -> list[str]:
    total: Text = text(
        "a transfer carries {size} in {blobs}; A has {present} of what B needs",
        size=size(found.carried_bytes),
        blobs=count(len(found.carried), "blob"),
        present=size(found.present_bytes),
    )
    rows: Sequence[tuple[str, ...]] = [
        (
            each.digest.short,
            size(each.size_bytes) if each.size_bytes is not None else said("size unknown"),
            escaped(translated(some(each.images, most=_SHOWN_IMAGES))),
        )
        for each in found.carried
    ]
    shown = [translated(total), *limited(table(rows, right=(1,)), is_verbose=is_verbose)]
    if found.unknown_sizes:
        shown.append(said("the sizes of {blobs} are unknown", blobs=count(found.unknown_sizes, "blob")))
    return shown
