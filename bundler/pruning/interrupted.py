"""Prunes that did not end: their receipts, the manifests that they left, and the completion of the receipts.

An unreadable receipt is an error: only it has the bytes that ``undo`` needs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from bundler.bundle.signing import PrivateKey
from bundler.core.digest import Digest
from bundler.core.events import Noticed
from bundler.core.receipt_attachments import UNFINISHED as FILE_ENDING
from bundler.core.reference import one_spelling
from bundler.core.retention.receipt import (
    FAILED,
    LEFT,
    REMOVED,
    SKIPPED,
    UNFINISHED,
    PrunedManifest,
    PrunedTag,
    PruneReceipt,
    parse_prune_receipt,
)
from bundler.errors import EXIT_PARTIAL
from bundler.pruning import receipt_file
from bundler.pruning.receipts import own_content
from bundler.pruning.removal import Remover, marker_of
from bundler.pruning.request import PlannedPrune
from bundler.run import Run, retrying
from bundler.stores.opened import Stores
from bundler.system import places
from bundler.texts import text

_NOT_REACHED = text("the prune did not come to it")


def read_unfinished(registry: str) -> tuple[tuple[Path, PruneReceipt], ...]:
    """Reads the receipts of prunes of a registry that did not end, of this user.

    Raises:
        Damaged, Refused, LocalStorage: One of them cannot be read.
    """
    folder = places.prunes_folder()
    found = sorted(folder.glob(f"*.json.{FILE_ENDING}")) if folder is not None and folder.is_dir() else []
    found = [path for path in found if not receipt_file.is_finished(path)]
    receipts = [(path, parse_prune_receipt(own_content(path), what=str(path))) for path in found]
    return tuple(
        (path, receipt) for path, receipt in receipts if one_spelling(receipt.registry) == one_spelling(registry)
    )


def leftovers_of(unfinished: Sequence[tuple[Path, PruneReceipt]]) -> Iterator[tuple[str, Digest]]:
    """The manifests that interrupted prunes were to remove, with their repositories."""
    for _, receipt in unfinished:
        for each in receipt.manifests:
            if each.outcome == UNFINISHED:
                yield each.repository, each.descriptor.digest


def complete(
    before: Sequence[tuple[Path, PruneReceipt]],
    planned: PlannedPrune,
    stores: Stores,
    key: PrivateKey | None,
    run: Run,
) -> tuple[Path, ...]:
    """Completes the receipts of prunes that did not end. Their leftovers are in the new plan, if nothing needs them.

    Raises:
        BundlerError: The registry does not answer, or a receipt cannot be written.
    """
    found = []
    for path, receipt in before:
        whole = replace(
            receipt,
            manifests=tuple(_found_manifest(each, receipt, stores, planned, run) for each in receipt.manifests),
            tags=tuple(_found_tag(each, receipt, stores, planned, run) for each in receipt.tags),
            finished=planned.request.now(),
        )
        is_whole = not whole.outcomes & {SKIPPED, FAILED, LEFT}
        whole = replace(whole, exit_code=0 if is_whole else EXIT_PARTIAL)
        kept, _ = receipt_file.finish(path, whole, None, key)
        found.append(kept)
        run.listener(Noticed(text("an earlier prune did not end; its receipt is complete now: {path}", path=kept)))
    return tuple(found)


def _found_manifest(
    item: PrunedManifest, receipt: PruneReceipt, stores: Stores, planned: PlannedPrune, run: Run
) -> PrunedManifest:
    if item.outcome != UNFINISHED:
        return item
    store = stores.repository(receipt.registry, item.repository)
    digest = str(item.descriptor.digest)
    found = retrying(lambda: store.find(digest), run, subject=f"{store.name}@{digest}", peer=planned.registry)
    return replace(item, outcome=REMOVED) if found is None else replace(item, outcome=LEFT, reason=_NOT_REACHED)


def _found_tag(item: PrunedTag, receipt: PruneReceipt, stores: Stores, planned: PlannedPrune, run: Run) -> PrunedTag:
    if item.outcome != UNFINISHED:
        return item
    store = stores.repository(receipt.registry, item.repository)
    Remover(store, planned.kind, run).clear(item.tag, marker_of(receipt.started, receipt.registry, item))
    find = partial(store.find, item.tag)
    found = retrying(find, run, subject=f"{store.name}:{item.tag}", peer=planned.registry)
    if found is not None and found.digest == item.digest:
        return replace(item, outcome=LEFT, reason=_NOT_REACHED)
    return replace(item, outcome=REMOVED)
