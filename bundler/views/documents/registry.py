"""The documents about the content of a registry: inventories, differences, standing, removal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bundler.views.documents.bundle import need_of
from bundler.views.documents.document import Document, error_document, head

if TYPE_CHECKING:
    from bundler.inventories.diff import ComparedSide, DiffResult
    from bundler.inventories.request import InventoryResult
    from bundler.pruning.harbor_rules import HarborRulesResult, PlannedHarborRules
    from bundler.pruning.request import PlannedPrune, PruneResult
    from bundler.pruning.undo import UndoPruneResult
    from bundler.standing.check_request import CheckResult
    from bundler.standing.request import StatusResult


def inventory_document(result: InventoryResult) -> Document:
    """The document that ``inventory --json`` prints."""
    found = result.inventory
    return {
        **head("inventory", result.exit_code),
        "path": str(result.path),
        "id": result.id,
        "keyId": result.key_id,
        "completeAlready": result.is_old,
        "place": found.place,
        "kind": found.kind,
        "created": found.created,
        "repositories": len(found.repositories),
        "tags": sum(len(each.tags) for each in found.repositories),
        "manifests": len(found.manifests),
        "blobs": len(found.blobs),
        "bytes": sum(blob.size_bytes for blob in found.blobs),
        "images": len(found.images),
        "notListed": [{"name": each.name, "code": each.code, "reason": each.reason} for each in found.not_listed],
    }


def diff_document(result: DiffResult) -> Document:
    """The document that ``diff --json`` prints."""
    found = result.comparison
    return {
        **head("diff", result.exit_code),
        "a": _side_document(result.old),
        "b": _side_document(result.new),
        "new": [{"name": each.name, "digest": str(each.new), "bytes": each.carried_bytes} for each in found.new],
        "moved": [
            {"name": each.name, "from": str(each.old), "to": str(each.new), "bytes": each.carried_bytes}
            for each in found.moved
        ],
        "gone": [{"name": each.name, "digest": str(each.old)} for each in found.gone],
        "unchanged": [
            {"name": each.name, "digest": str(each.new), "bytes": each.carried_bytes} for each in found.unchanged
        ],
        "carriedBytes": found.carried_bytes,
        "presentBytes": found.present_bytes,
        "unknownSizes": found.unknown_sizes,
        "carried": [
            {"digest": str(each.digest), "size": each.size_bytes, "images": list(each.images)} for each in found.carried
        ],
    }


def _side_document(side: ComparedSide) -> Document:
    return {
        "given": side.given,
        "kind": side.kind,
        "id": side.id or None,
        "signers": list(side.signers),
        "images": side.images,
        "notListed": side.not_listed,
    }


def check_document(result: CheckResult) -> Document:
    """The document that ``check --json`` prints."""
    from bundler.views.check_report import document as check_body

    return {**head("check", result.exit_code), **check_body(result), "need": need_of(result.need)}


def status_document(result: StatusResult) -> Document:
    """The document that ``status --json`` prints."""
    from bundler.views.standing_report import document as standing_body

    return {**head("status", result.exit_code), **standing_body(result)}


def prune_document(planned: PlannedPrune, result: PruneResult | None = None) -> Document:
    """The document that ``prune --json`` prints; without a result that of a dry run."""
    exit_code = planned.exit_code if result is None else result.exit_code
    from bundler.views.prune_document import prune_body

    return {**head("prune", exit_code), "dryRun": result is None, **prune_body(planned, result)}


def harbor_rules_document(planned: PlannedHarborRules, result: HarborRulesResult | None = None) -> Document:
    """The document that ``prune --harbor-rules --json`` prints; without a result that of a dry run."""
    from bundler.views import harbor_rules

    return {**head("harbor-rules", 0), **harbor_rules.document_body(planned, result)}


def undo_prune_document(result: UndoPruneResult) -> Document:
    """The document that ``undo --json`` prints for the receipt of a prune."""
    return {
        **head("undo-prune", result.exit_code),
        "dryRun": result.is_dry_run,
        "receipt": str(result.file.path),
        "manifests": result.manifests,
        "tags": [
            {
                "name": f"{result.file.receipt.registry}/{tag.name}",
                "digest": str(tag.digest),
                "outcome": tag.outcome,
                "now": str(tag.now) if tag.now else None,
                "bundle": tag.bundle or None,
                "error": error_document(tag.error) if tag.error else None,
            }
            for tag in result.tags
        ],
        "errors": [error_document(error) for error in result.errors],
    }
