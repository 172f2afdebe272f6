"""The documents of imports, of their receipts, and of what follows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bundler.core.preheat import preheated_document
from bundler.views.documents.bundle import (
    finding_document,
    found_on_media,
    missing_images,
    need_of,
    policy_verdict,
    series_of,
)
from bundler.views.documents.document import Document, error_document, head
from bundler.views.scan_report import gate_document

if TYPE_CHECKING:
    from bundler.bundle.reader import Bundle
    from bundler.commands.mirrors import MirrorsResult
    from bundler.commands.receipts import ReceiptFile
    from bundler.commands.undo import UndoResult
    from bundler.importing.attached import AttachmentResult
    from bundler.importing.results import ImageResult, ImportResult, ReadBack, RegistryPlan, TargetResult
    from bundler.standing.listed import ReceiptList
    from bundler.standing.search import SearchResult


def import_document(result: ImportResult) -> Document:
    """The document that ``import --json`` prints."""
    bundle = result.bundle
    return {
        **head("import", result.exit_code),
        "dryRun": result.is_dry_run,
        "shard": str(result.shard) if result.shard else None,
        "bundleId": bundle.id,
        "name": bundle.manifest.name,
        "signers": list(bundle.sealed.signers),
        "badSigners": list(bundle.sealed.bad_signers),
        "otherBundles": [
            {"bundleId": each.id, "name": each.name, "signers": list(each.sealed.signers)} for each in bundle.others
        ],
        "missing": missing_images(bundle.manifest),
        "scratch": _scratch(bundle),
        "receipt": str(result.receipt) if result.receipt else None,
        "failedList": str(result.failed_list) if result.failed_list else None,
        "error": error_document(result.error) if result.error else None,
        "series": _imported_series(result),
        "findings": [finding_document(finding) for finding in result.findings],
        "repairable": sorted(result.repairable),
        "need": need_of(result.need),
        "verdicts": [policy_verdict(verdict) for verdict in result.verdicts],
        "scans": gate_document(result.scans),
        **found_on_media(bundle, result.litter),
        "preheats": list(map(preheated_document, result.preheats)),
        "targets": [_target(target) for target in result.targets],
    }


def _imported_series(result: ImportResult) -> Document | None:
    series = series_of(result.bundle.manifest.series)
    if series is None:
        return None
    return {**series, "overridden": list(result.overridden), "remarks": list(map(str, result.series_remarks))}


def _scratch(bundle: Bundle) -> Document | None:
    """The scratch that the import needs at most; None unless chunks are encrypted."""
    if bundle.decrypted is None:
        return None
    return {"folder": str(bundle.decrypted.scratch.folder), "bytes": bundle.scratch_bytes}


def _target(target: TargetResult) -> Document:
    return {
        "target": target.target,
        "bytesSent": target.bytes_sent,
        "reRead": _re_read(target.re_read) if target.re_read else None,
        "plan": _plan(target.plan) if target.plan else None,
        "images": [_image_result(each) for each in target.images],
    }


def _re_read(back: ReadBack) -> Document:
    return {"blobs": back.blobs, "bytes": back.size_bytes, "damaged": back.damaged}


def _plan(plan: RegistryPlan) -> Document:
    return {
        "kind": plan.kind.name,
        "newRepositories": list(plan.new_repositories),
        "missingProjects": list(plan.missing_projects),
        "willCreateProjects": plan.will_create_projects,
        "adminCommands": list(plan.admin_commands),
        "pushRefused": list(plan.refused),
        "quotas": [
            {"project": quota.project, "free": quota.free_bytes, "wanted": quota.wanted_bytes} for quota in plan.quotas
        ],
    }


def _image_result(each: ImageResult) -> Document:
    return {
        "reference": str(each.image.reference),
        "target": str(each.name),
        "digest": str(each.image.root.digest),
        "outcome": each.outcome.value if each.outcome else None,
        "replaced": str(each.replaced) if each.replaced else None,
        "takenName": str(each.taken_name) if each.taken_name else None,
        "madeFrom": str(each.image.made_from) if each.image.made_from else None,
        "readBack": str(each.read_back) if each.read_back else None,
        "digestThere": str(each.there) if each.there else None,
        "attached": list(map(_attached_result, each.attached)),
        "error": error_document(each.error) if each.error else None,
    }


def _attached_result(each: AttachmentResult) -> Document:
    return {
        "subject": str(each.attachment.subject),
        "digest": str(each.digest),
        "kind": each.attachment.kind,
        "artifactType": each.attachment.artifact_type or None,
        "tag": each.attachment.tag or None,
        "outcome": each.outcome.value if each.outcome else None,
        "replaced": str(each.replaced) if each.replaced else None,
    }


def receipt_document(command: str, file: ReceiptFile) -> Document:
    """The document that ``receipt show|verify|merge --json`` prints."""
    receipt = file.receipt
    return {
        **head(command, 0),
        "path": str(file.path),
        "id": file.id,
        "verifiedBy": [key.id for key in file.signers],
        "signature": "good" if file.signers else "none" if file.is_unsigned else "not checked",
        "bundle": {"id": receipt.bundle_id, "name": receipt.bundle_name},
        "outcomeExitCode": receipt.exit_code,
        "finished": not receipt.is_unfinished,
        "images": sum(len(target.images) for target in receipt.targets),
        "done": sum(image.is_done for target in receipt.targets for image in target.images),
    }


def receipt_list_document(result: ReceiptList) -> Document:
    """The document that ``receipt list --json`` prints."""
    from bundler.views.receipt_list_report import document as receipt_list_body

    return {**head("receipt-list", result.exit_code), **receipt_list_body(result)}


def search_document(result: SearchResult) -> Document:
    """The document that ``search --json`` prints."""
    from bundler.views import search_report

    return {**head("search", result.exit_code), **search_report.document(result)}


def undo_document(result: UndoResult) -> Document:
    """The document that ``undo --json`` prints."""
    return {
        **head("undo", result.exit_code),
        "dryRun": result.is_dry_run,
        "receipt": str(result.file.path),
        "tags": [
            {
                "name": str(tag.name),
                "pushed": str(tag.pushed),
                "before": str(tag.before) if tag.before else None,
                "now": str(tag.now) if tag.now else None,
                "outcome": tag.outcome.value if tag.outcome else None,
                "error": error_document(tag.error) if tag.error else None,
            }
            for tag in result.tags
        ],
        "lists": [
            {
                "repository": str(each.entries.repository.name),
                "subject": str(each.entries.subject),
                "removed": list(map(str, each.entries.digests)),
                "outcome": each.outcome.value,
                "error": error_document(each.error) if each.error else None,
            }
            for each in result.lists
        ],
    }


def mirrors_document(result: MirrorsResult) -> Document:
    """The document that ``mirrors --json`` prints."""
    from bundler.views.mirrors_report import document as mirrors_body

    return {**head("mirrors", result.exit_code), **mirrors_body(result)}
