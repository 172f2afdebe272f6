"""The documents of commands that make bundles and fill media."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bundler.core.media import may_be_lost
from bundler.views.documents.bundle import content, policy_verdict
from bundler.views.documents.document import Document, head
from bundler.views.parity_report import planned_parity_document

if TYPE_CHECKING:
    from bundler.copying.request import CopyResult
    from bundler.core.image_list import NoImage
    from bundler.exporting.images import ImagesResult
    from bundler.exporting.result import ExportResult
    from bundler.fulfilling.request import FulfilResult


def images_document(result: ImagesResult) -> Document:
    """The document that ``images --json`` prints."""
    return {
        **head("images", 0),
        "lists": [{"source": each.source, "kinds": list(each.kinds), "images": each.images} for each in result.lists],
        "images": [
            {
                "name": each.name,
                "source": each.source or None,
                "pin": each.pin or None,
                "platforms": list(each.platforms),
                "places": [
                    {"where": place.where, "path": place.path or None, "note": place.note or None}
                    for place in each.places
                ],
                "count": each.count,
            }
            for each in result.images
        ],
        "patterns": [{"where": where, "pattern": pattern} for where, pattern in result.patterns],
        "notCarried": _no_images(result.no_images),
    }


def _no_images(parts: Sequence[NoImage]) -> list[Document]:
    return [{"where": each.where, "what": each.what, "why": each.why} for each in parts]


def export_document(result: ExportResult, passphrase: str | None) -> Document:
    """The document that ``export --json`` prints."""
    from bundler.views.since_report import since_document

    return {
        **head("export", result.exit_code),
        "dryRun": result.bundle_id is None,
        "path": str(result.path),
        "folders": [str(path) for path in result.folders],
        "bundleId": result.bundle_id,
        "keyId": result.key_id,
        "scratch": {"folder": str(result.scratch), "bytes": result.scratch_bytes},
        **({"passphrase": passphrase} if passphrase else {}),
        "encrypted": result.is_encrypted,
        "readBack": result.is_read_back,
        "completeAlready": result.is_old,
        "tool": {"files": len(result.tool.files), "bytes": result.tool.size_bytes},
        "failedList": str(result.failed_list) if result.failed_list else None,
        "moved": [
            {"reference": str(moved.reference), "carried": str(moved.carried), "now": str(moved.now)}
            for moved in result.moved
        ],
        "notCarried": [
            {"reference": str(each.reference), "reason": each.reason, "kind": each.kind or None, "count": each.count}
            for each in result.not_carried
        ],
        "noImages": _no_images(result.no_images),
        "since": since_document(result),
        "parity": [planned_parity_document(group) for group in result.parity],
        "mayBeLost": list(may_be_lost(result.manifest.media, result.parity)) if result.parity else [],
        "verdicts": [policy_verdict(verdict) for verdict in result.verdicts],
        **content(result.manifest),
    }


def fulfil_document(result: FulfilResult) -> Document:
    """The document that ``fulfil --json`` prints."""
    return {
        **head("fulfil", result.exit_code),
        "dryRun": result.is_dry_run,
        "path": str(result.path) if result.path else None,
        "bundleId": result.bundle_id,
        "name": result.name,
        "needSigners": list(result.need_signers),
        "completeAlready": result.is_old,
        "chunks": [
            {
                "number": each.number,
                "file": each.chunk.file,
                "size": each.chunk.size_bytes,
                "sha256": each.sha256,
                "from": each.way,
                "places": list(each.places),
                "fetches": each.fetched_bytes,
            }
            for each in result.chunks
        ],
        "files": list(result.files),
        "supplement": export_document(result.supplement, None) if result.supplement else None,
    }


def copy_document(command: str, result: CopyResult) -> Document:
    """The document that ``copy --json`` and ``spread --json`` print."""
    return {
        **head(command, result.exit_code),
        "dryRun": result.is_dry_run,
        "bundleId": result.bundle_id,
        "name": result.manifest.name,
        "signers": list(result.signers),
        "completeAlready": result.is_old,
        "readBack": result.is_read_back,
        "folders": [
            {
                "path": str(folder.path),
                "files": list(folder.files),
                "size": folder.size_bytes,
                "written": folder.written_bytes,
                "completeAlready": folder.is_old,
            }
            for folder in result.folders
        ],
        "missing": list(result.missing),
        "wholeMedia": result.is_part,
    }
