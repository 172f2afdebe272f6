"""The lines that ``prune`` prints, and those of ``undo`` of a prune."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from bundler.core.retention.choice import Fate
from bundler.core.retention.freeing import freeing_of
from bundler.core.retention.receipt import FAILED, GONE, REMOVED, SKIPPED, UNFINISHED
from bundler.texts import first_of, joined, some, text
from bundler.views.errors import advice_lines
from bundler.views.languages import said, translated, worded
from bundler.views.prune_document import name_of
from bundler.views.words import count, escaped, fact, fact_below, limited, size, table

if TYPE_CHECKING:
    from bundler.core.retention.plan import RepositoryPlan
    from bundler.pruning.request import PlannedPrune, PruneResult
    from bundler.pruning.undo import UndoPruneResult

RESTORED = {
    "put back": text("put back"),
    "would put back": text("would put back"),
    "as before": text("as before"),
    "moved on": text("moved on"),
    "lost": text("lost"),
    "failed": text("failed"),
}
"""The outcomes of tags of an undo, as people read them."""
OUTCOMES = {
    SKIPPED: text("left alone"),
    FAILED: text("failed"),
    UNFINISHED: text("not finished"),
}
"""The outcomes of what was not removed, as people read them."""


def plan_lines(planned: PlannedPrune, *, is_verbose: bool) -> list[str]:
    """The plan: what goes and what stays of each repository, and what it frees."""
    plan = planned.plan
    place = f"{planned.registry}/{planned.prefix}" if planned.prefix else planned.registry
    lines = [
        fact(said("registry"), f"{escaped(place)} ({planned.kind.title})"),
        fact(said("rules"), escaped(translated(first_of(planned.request.retention.words(), 3)))),
        fact(said("receipts"), _receipt_words(planned)),
    ]
    if planned.unfinished:
        lines.append(fact(said("unfinished"), said("an earlier prune did not end; this one goes on with it")))
    rows = [line for each in plan.changed for line in _repository_lines(each)]
    if rows:
        lines += ["", said("THESE TAGS GO:"), *limited(rows, is_verbose=is_verbose)]
    untagged = sum(not going.tags for each in plan.changed for going in each.manifests)
    if untagged:
        lines.append(f"  {said('and {manifests} that no tag names', manifests=count(untagged, 'manifest'))}")
    if is_verbose:
        lines += _staying_lines(planned)
    if planned.unread:
        unread = [f"  {escaped(name)}: {escaped(why)}" for name, why in planned.unread]
        lines += ["", said("NOT READ, so nothing goes there:"), *limited(unread, is_verbose=is_verbose)]
    return [*lines, "", *_summary(planned)]


def result_lines(result: PruneResult, *, is_verbose: bool) -> list[str]:
    """The removed and the other manifests and tags, the receipt, and how the registry frees the space."""
    planned = result.planned
    lines = [said("an interrupted prune is complete now: {path}", path=escaped(path)) for path in result.finished]
    if result.receipt is None:
        return [*lines, said("nothing was removed")]
    removed = [each for each in result.receipt.manifests if each.outcome in (REMOVED, GONE)]
    alone = [each for each in result.receipt.tags if each.outcome in (REMOVED, GONE)]
    tags = sum(len(each.tags) for each in removed) + len(alone)
    lines.append(
        said(
            "removed: {tags} with those of attachments, {manifests}",
            tags=count(tags, "tag"),
            manifests=count(len(removed), "manifest"),
        )
    )
    left = result.having(SKIPPED, FAILED, UNFINISHED)
    if left:
        rows = [(translated(OUTCOMES[each.outcome]), name_of(each), escaped(each.reason)) for each in left]
        lines += ["", said("NOT REMOVED:"), *limited(table(rows), is_verbose=is_verbose)]
        for error in result.errors[:3]:
            lines += ["", f"  {escaped(worded(error))}", *advice_lines(error, "    ")]
        lines.append("")
    if result.path is not None:
        key = said("signed by key {key}", key=result.key_id) if result.key_id else said("not signed")
        lines.append(fact(said("receipt"), escaped(result.path)))
        lines.append(fact_below(key if result.id else said("unfinished: run the same command again")))
        flag = "" if result.key_id else " --insecure-no-signature"
        lines.append(fact(said("undo"), f"bundler undo {escaped(result.path)}{flag}"))
    return [*lines, *(_freeing_lines(planned) if removed else [])]


def undo_lines(result: UndoPruneResult) -> list[str]:
    """The lines that ``undo`` prints for the receipt of a prune."""
    rows = [
        (
            translated(RESTORED[each.outcome]),
            f"{escaped(result.file.receipt.registry)}/{each.name}",
            said("now {digest}", digest=each.now.short) if each.now else each.digest.short,
        )
        for each in result.tags
    ]
    lines = [
        fact(said("receipt"), escaped(result.file.path)),
        *(table(rows) or [said("nothing to put back: the prune removed no tag")]),
    ]
    errors = {str(error): error for error in (*(each.error for each in result.tags if each.error), *result.errors)}
    for error in errors.values():
        lines += ["", f"  {escaped(worded(error))}", *advice_lines(error, "    ")]
    return lines


def _receipt_words(planned: PlannedPrune) -> str:
    bundles = planned.plan.bundles
    if not planned.receipts:
        return said("none about this registry: no bundle is known, so none protects its images")
    parts: list[str] = [
        text("{receipts} of this registry", receipts=count(planned.receipts, "receipt")),
        text("{names} stay whole", names=some([each.name for each in bundles.kept], most=5)),
    ]
    if bundles.old and planned.request.retention.keep_bundles is not None:
        parts.append(text("{names} may go", names=some([each.name for each in bundles.old], most=5)))
    return escaped(translated(joined(parts, "; ")))


def _repository_lines(each: RepositoryPlan) -> Iterable[str]:
    alone = {tag.tag for tag in each.tags}
    for verdict in each.verdicts:
        if verdict.fate is Fate.REMOVED:
            note = f" ({said('only the tag: its image stays')})" if verdict.tag in alone else ""
            yield f"  {escaped(each.name)}:{verdict.tag}  {escaped(translated(verdict.why))}{note}"


def _staying_lines(planned: PlannedPrune) -> list[str]:
    rows = [
        f"  {escaped(each.name)}:{verdict.tag}  {escaped(translated(verdict.why))}"
        for each in planned.plan.repositories
        for verdict in each.verdicts
        if verdict.fate is not Fate.REMOVED
    ]
    return ["", said("THESE TAGS STAY:"), *rows] if rows else []


def _summary(planned: PlannedPrune) -> list[str]:
    plan = planned.plan
    removed, kept, untouched = (plan.count(fate) for fate in (Fate.REMOVED, Fate.KEPT, Fate.UNTOUCHED))
    manifests = sum(len(each.manifests) for each in plan.changed)
    words = said(
        "to go: {removed} with {manifests}; to stay by a rule or receipt: {kept:,}; not touched: {untouched:,}",
        removed=count(removed, "tag"),
        manifests=count(manifests, "manifest"),
        kept=kept,
        untouched=untouched,
    )
    if plan.is_empty:
        return [words, said("nothing goes")]
    freed = plan.freed
    at_most = said("about {size} in {blobs}", size=size(freed.size_bytes), blobs=count(freed.blobs, "blob"))
    if planned.is_partial:
        at_most = said(
            "at most {size} in {blobs}: other repositories, which were not read, may need some of them",
            size=size(freed.size_bytes),
            blobs=count(freed.blobs, "blob"),
        )
    return [words, fact(said("frees"), at_most), fact_below(said("after the registry's garbage collection"))]


def _freeing_lines(planned: PlannedPrune) -> list[str]:
    freeing = freeing_of(planned.kind)
    lines = ["", said("the space is free after this, on {kind}:", kind=planned.kind.title)]
    lines += [f"  {number}. {translated(step)}" for number, step in enumerate(freeing.steps, start=1)]
    return [*lines, f"  {translated(freeing.never)}"] if freeing.never else lines
