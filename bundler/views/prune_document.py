"""The fields of the documents of ``prune``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bundler.core.retention.choice import Fate
from bundler.core.retention.freeing import freeing_of
from bundler.core.retention.receipt import FAILED, GONE, REMOVED, SKIPPED, UNFINISHED, PrunedTag
from bundler.texts import some
from bundler.views.words import escaped

if TYPE_CHECKING:
    from bundler.core.retention.plan import RepositoryPlan
    from bundler.core.retention.receipt import PrunedManifest
    from bundler.pruning.request import PlannedPrune, PruneResult


def prune_body(planned: PlannedPrune, result: PruneResult | None) -> dict[str, Any]:
    """The fields of the document that ``prune --json`` prints."""
    plan, freeing = planned.plan, freeing_of(planned.kind)
    return {
        "registry": planned.registry,
        "prefix": planned.prefix,
        "kind": planned.kind.name,
        "rules": list(planned.request.retention.words()),
        "receipts": planned.receipts,
        "keptBundles": [{"id": each.id, "name": each.name} for each in plan.bundles.kept],
        "oldBundles": [{"id": each.id, "name": each.name} for each in plan.bundles.old],
        "tags": {fate.value: plan.count(fate) for fate in Fate},
        "freedBytes": plan.freed.size_bytes,
        "freedBlobs": plan.freed.blobs,
        "atMost": planned.is_partial,
        "unread": [{"repository": name, "reason": why} for name, why in planned.unread],
        "repositories": [_repository_body(each) for each in plan.changed],
        "free": {"steps": list(freeing.steps), "never": freeing.never or None},
        "receipt": str(result.path) if result and result.path else None,
        "receiptId": result.id or None if result else None,
        "keyId": result.key_id if result else None,
        "removed": len(result.having(REMOVED, GONE)) if result else 0,
        "notRemoved": [
            {"name": name_of(each), "outcome": each.outcome, "reason": each.reason, "code": each.code or None}
            for each in (result.having(SKIPPED, FAILED, UNFINISHED) if result else ())
        ],
        "completed": [str(path) for path in (result.finished if result else ())],
    }


def _repository_body(each: RepositoryPlan) -> dict[str, Any]:
    return {
        "name": each.name,
        "tags": [{"tag": verdict.tag, "why": verdict.why} for verdict in each.verdicts if verdict.fate is Fate.REMOVED],
        "onlyTags": [tag.tag for tag in each.tags],
        "manifests": [
            {"digest": str(going.digest), "size": going.descriptor.size_bytes, "tags": list(going.tags)}
            for going in each.manifests
        ],
    }


def name_of(each: PrunedManifest | PrunedTag) -> str:
    """The name of a tag or manifest that was to go, without the host."""
    if isinstance(each, PrunedTag):
        return f"{escaped(each.repository)}:{each.tag}"
    tags, digest = each.tags, each.descriptor.digest
    return f"{escaped(each.repository)}:{some(tags, most=3)}" if tags else f"{escaped(each.repository)}@{digest.short}"
