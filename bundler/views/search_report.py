"""The lines and the document of ``search``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bundler.core.moments import shown as moment
from bundler.core.search import CARRIED
from bundler.texts import text
from bundler.views.import_report import OUTCOMES
from bundler.views.languages import said, translated
from bundler.views.receipt_list_report import left_out_lines, signature_words
from bundler.views.words import SHOWN, count, escaped, limited, more_lines, shell_word, table

if TYPE_CHECKING:
    from bundler.core.search import FoundImage
    from bundler.standing.search import SearchHit, SearchResult

_CARRIED = text("carried")
_DIGITS = len("sha256:") + 12


def lines(result: SearchResult, *, is_verbose: bool) -> list[str]:
    """The receipts and bundles, newest first, each with its images and the next command."""
    shown = result.found if is_verbose else result.found[:SHOWN]
    written: list[str] = []
    for found in shown:
        written += [*_found_lines(found, is_verbose=is_verbose), ""]
    if len(result.found) > len(shown):
        written += [*more_lines(len(result.found) - len(shown), flag="--verbose"), ""]
    if not result.found:
        written += [said("nothing found: {text}", text=escaped(result.text)), ""]
    written.append(_searched(result))
    if not result.found and result.is_default:
        command = f"bundler search {shell_word(result.text)} PATH..."
        written.append(f"  -> {said('search other receipts, bundles, media or S3: {command}', command=command)}")
    return [*written, *left_out_lines(result, is_verbose=is_verbose)]


def paths(result: SearchResult) -> list[str]:
    """The files and folders alone, for ``--quiet``."""
    return [escaped(path) for each in result.found for path in each.paths]


def document(result: SearchResult) -> dict[str, Any]:
    """The fields of the document."""
    return {
        "text": result.text,
        "stateFolder": result.is_default,
        "receipts": result.receipts,
        "bundles": result.bundles,
        "found": [
            {
                "kind": each.kind,
                "paths": [str(path) for path in each.paths],
                "time": moment(each.time) if each.time is not None else None,
                "bundle": {"id": each.bundle_id, "name": each.bundle_name},
                "verifiedBy": list(each.signers),
                "bundleSigners": list(each.bundle_signers),
                "media": list(each.media),
                "images": [_image_document(image) for image in each.images],
                "moreImages": each.more,
            }
            for each in result.found
        ],
        "unused": [str(path) for path, _ in result.unused],
        "more": result.more,
    }


def _image_document(image: FoundImage) -> dict[str, Any]:
    return {
        "reference": image.reference,
        "name": image.name or None,
        "digest": image.digest,
        "outcome": image.outcome,
        "by": image.by or None,
    }


def _found_lines(found: SearchHit, *, is_verbose: bool) -> list[str]:
    time = moment(found.time) if found.time is not None else "-"
    kind, command = (said("receipt"), "receipt show") if found.kind == "receipt" else (said("bundle"), "inspect")
    signed = signature_words(found.signers, found.claimed)
    name = escaped(found.bundle_name) or "-"
    head = said("{time}  {name}  {kind}, {signature}", time=time, name=name, kind=kind, signature=signed)
    rows = table([_row(image, is_verbose=is_verbose) for image in found.images])
    shown = limited(rows, is_verbose=is_verbose)
    below = more_lines(found.more, indent="  ")
    if found.media:
        media = ", ".join(map(str, found.media))
        below.append("  " + said("on medium {numbers}", numbers=media))
    places = " ".join(map(shell_word, found.paths))
    return [head, *shown, *below, f"  -> bundler {command} {places}"]


def _row(image: FoundImage, *, is_verbose: bool) -> tuple[str, ...]:
    known = _CARRIED if image.outcome == CARRIED else OUTCOMES.get(image.outcome)
    outcome = translated(known) if known else escaped(image.outcome)
    digest = image.digest if is_verbose else image.digest[:_DIGITS]
    by = said("by {part}", part=escaped(image.by if is_verbose else image.by[:_DIGITS])) if image.by else ""
    names = escaped(image.name or image.reference)
    origin = said("from {reference}", reference=escaped(image.reference)) if image.name and is_verbose else ""
    return outcome, names, digest, by, origin


def _searched(result: SearchResult) -> str:
    receipts = count(result.receipts, "receipt")
    if result.is_default:
        return said("searched: {receipts} of your imports", receipts=receipts)
    return said("searched: {receipts}, {bundles}", receipts=receipts, bundles=count(result.bundles, "bundle"))
