"""The report of an export that is planned: what the bundle would hold, and what it would go without."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bundler.core.shares import shares_of
from bundler.texts import text
from bundler.views.html.bundle_report import manifest_facts, manifest_figures
from bundler.views.html.elements import Node
from bundler.views.html.parts import BAD, PLAIN, WARN, Note, code, lines, mark
from bundler.views.html.report_page import Report, present
from bundler.views.html.sections import (
    files,
    image_details,
    images,
    media,
    not_carried,
    parity,
    picture,
    sign_off,
    signatures,
    verdicts,
)
from bundler.views.words import count, size

if TYPE_CHECKING:
    from bundler.exporting.result import ExportResult


def export_report(result: ExportResult) -> Report:
    """The report of an export that has made nothing yet."""
    manifest = result.manifest
    judged = verdicts.own_verdicts(result.verdicts)
    shares = shares_of(manifest)
    sizes = {name: size_bytes for group in result.parity for name, size_bytes in group.file_sizes.items()}
    return Report(
        kind=text("Export plan"),
        name=manifest.name,
        id="",
        verdict=mark(text("plan: nothing was made"), ""),
        notes=(*_notes(result), *verdicts.verdict_notes(judged), *not_carried.carried_notes(manifest)),
        figures=manifest_figures(manifest),
        facts=_facts(result),
        sections=present(
            [
                not_carried.missing_section(manifest.missing),
                verdicts.verdicts_section(judged),
                not_carried.moved_section(result.moved),
                picture.picture_section(manifest, shares),
                images.images_section(manifest, shares, detailed=image_details.is_detailed(manifest)),
                not_carried.bases_section(manifest, result.since),
                not_carried.no_images_section(result.no_images),
                files.planned_files(manifest),
                media.media_section(manifest, sizes, result.media),
                parity.planned_parity(result.parity, manifest.media),
                image_details.details_section(manifest),
                sign_off.sign_off_section([sign_off.REQUESTER, sign_off.OFFICER]),
            ]
        ),
    )


def _facts(result: ExportResult) -> tuple[tuple[str, Node], ...]:
    scratch = text("{size} in {folder}", size=size(result.scratch_bytes), folder=result.scratch)
    return (
        (text("will be signed by"), code(result.key_id) if result.key_id else None),
        *manifest_facts(result.manifest),
        (text("encryption"), text("AES-256; only the passphrase opens it") if result.is_encrypted else None),
        (text("folder"), tuple(lines(map(code, result.folders)))),
        (text("scratch space"), scratch if result.scratch_bytes else None),
    )


def _notes(result: ExportResult) -> Iterator[Note]:
    if not result.key_id:
        yield Note(BAD, signatures.UNSIGNED, text("The bundle will have no signature (--unsigned)."))
    if result.moved:
        yield Note(WARN, text("{tags} moved at the source", tags=count(len(result.moved), "tag")))
    if result.no_images:
        words = text("{count:,} parts of the lists are no images and are not carried", count=len(result.no_images))
        yield Note(WARN, words)
    left = sum(each.count for each in result.not_carried)
    if left:
        yield Note(PLAIN, text("{count:,} attachments are not carried", count=left))
