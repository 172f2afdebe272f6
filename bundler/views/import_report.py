"""The lines that ``import`` prints: failures with their causes and next steps, conflicts, counts.

``--verbose`` adds the images without a problem.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from bundler.core.frozen import frozen
from bundler.errors import Incomplete, TagTaken
from bundler.texts import joined, some, text
from bundler.views.attachment_report import attached_lines
from bundler.views.errors import advice_lines, error_lines
from bundler.views.languages import said, translated, worded
from bundler.views.media_report import media_lines, on_media
from bundler.views.need_report import need_lines
from bundler.views.parity_report import hope_lines
from bundler.views.policy_report import summary_lines
from bundler.views.preheat_report import preheat_lines
from bundler.views.report import bad_signer_words, finding_lines, missing_lines, unchecked
from bundler.views.scan_report import gate_lines
from bundler.views.words import count, escaped, fact, fact_below, limited, shell_word, size, table

if TYPE_CHECKING:
    from pathlib import Path

    from bundler.core.manifest import Medium
    from bundler.importing.results import ImageResult, ImportResult, RegistryPlan, TargetResult

OUTCOMES = {
    "failed": text("failed"),
    "conflict": text("conflict"),
    "held back": text("held back"),
    "not tried": text("not tried"),
    "pushed": text("pushed"),
    "loaded": text("loaded"),
    "present": text("present"),
    "skipped": text("skipped"),
    "would push": text("would push"),
    "would replace": text("would replace"),
    "would load": text("would load"),
    "unfinished": text("unfinished"),
}
"""The outcomes of images, as people read them. Outcomes that need an action come first."""

_ACTED_ON = frozenset({"failed", "conflict", "held back", "not tried", "would replace"})


@frozen
class Elsewhere:
    """The chunks that are on other media, and the media that the bundle was planned for."""

    files: frozenset[str]
    media: Sequence[Medium]


def import_lines(result: ImportResult, *, is_verbose: bool) -> list[str]:
    """The lines that ``import`` prints."""
    bundle = result.bundle
    signers = bundle.sealed.signers
    lines = [fact(said("bundle"), f"{bundle.manifest.name}  {bundle.id}")]
    lines.append(fact(said("signed by"), ", ".join(signers)) if signers else fact(said("signature"), unchecked(bundle)))
    lines += [fact_below(words) for words in bad_signer_words(bundle)]
    for each in bundle.others:
        by = ", ".join(each.sealed.signers) or unchecked(each)
        lines.append(
            fact(said("with"), said("{name}  {id}  signed by {signers}", name=each.name, id=each.id[:12], signers=by))
        )
    if bundle.decrypted is not None:
        number = min(bundle.decrypted.at_a_time, len(bundle.chunks))
        room = said(
            "at most one chunk per worker: {count} x {size} in {folder}",
            count=number,
            size=size(bundle.largest_chunk_bytes),
            folder=escaped(bundle.decrypted.scratch.folder),
        )
        lines.append(fact(said("scratch"), room))
    if result.shard is not None:
        own = max((len(target.images) for target in result.targets), default=0)
        lines.append(fact(said("shard"), said("{shard}: {images}", shard=result.shard, images=count(own, "image"))))
    lines += media_lines(bundle, result.litter)
    lines += missing_lines(bundle.manifest)
    lines += finding_lines(result.findings, is_verbose=is_verbose)
    lines += summary_lines(result.verdicts, is_verbose=is_verbose)
    lines += gate_lines(result.scans)
    elsewhere = Elsewhere(
        frozenset(state.chunk.file for state in bundle.chunks if state.is_elsewhere), bundle.manifest.media
    )
    for target in result.targets:
        shown = _target_lines(
            target, elsewhere, is_dry_run=result.is_dry_run, is_verbose=is_verbose, is_shard=result.shard is not None
        )
        lines += ["", *shown]
    lines += ["", *preheated] if (preheated := preheat_lines(result.preheats)) else []
    lines += hope_lines(result.repairable, bundle)
    if result.error:
        lines += ["", *error_lines(result.error)]
    if result.receipt:
        lines += ["", fact(said("receipt"), escaped(result.receipt))]
    if result.is_waiting_for_publication:
        lines.append(
            f"  -> {said('when all shards have ended with 0: the same command with --publish, without --shard')}"
        )
    if result.failed_list:
        images = [each for target in result.targets for each in target.images]
        lines.append(fact(said("failed"), escaped(result.failed_list)))
        lines.append(f"  -> {_again_words(result.failed_list, images)}")
    return [*lines, *need_lines(result.need)]


def _again_words(failed_list: Path, images: Iterable[ImageResult]) -> str:
    """The next command after an import of which images failed: with the media that were missing, or after the cause."""
    file = shell_word(failed_list)
    if all(isinstance(each.error, Incomplete) for each in images if each.error):
        return said(
            "with what is missing, run the same command; for these images alone add --retry-failed {file}", file=file
        )
    return said("solve the problem, then run the same command with --retry-failed {file}", file=file)


def _target_lines(
    target: TargetResult, elsewhere: Elsewhere, *, is_dry_run: bool, is_verbose: bool, is_shard: bool
) -> list[str]:
    outcomes = [outcome_of(each) for each in target.images]
    shown = [
        (outcome, each)
        for outcome, each in zip(outcomes, target.images, strict=True)
        if is_verbose or is_dry_run or outcome in _ACTED_ON or each.replaced or each.taken_name or each.there
    ]
    order = list(OUTCOMES)
    rows = [_row(outcome, each) for outcome, each in sorted(shown, key=lambda pair: order.index(pair[0]))]
    lines = [said("to {target}", target=target.target), *_failure_lines(target.images, elsewhere)]
    lines += ["", *limited(table(rows), is_verbose=is_verbose)] if rows else []
    if target.plan is not None:
        lines += _plan_lines(target.plan)
    by_outcome = Counter(outcomes)
    is_held = bool(by_outcome["held back"])
    is_bad = any(each.error for each in target.images) or (is_held and not is_shard) or by_outcome["not tried"]
    verdict = said("NOT complete") if is_bad else said("plan") if is_dry_run else said("complete")
    if is_held and not is_bad:
        verdict = said("sent, without tags")
    counts = [
        text("{count:,} {outcome}", count=by_outcome[outcome], outcome=OUTCOMES[outcome])
        for outcome in order
        if by_outcome[outcome]
    ]
    sent = text("{size} to send", size=size(target.bytes_sent)) if is_dry_run else _sent_words(target)
    totals = [joined(counts, ", "), sent, *_reading_words(target, is_dry_run=is_dry_run)]
    lines += ["", *attached] if (attached := attached_lines(target.images)) else []
    return [*lines, "", "  " + said("{phase}: {state}", phase=verdict, state=joined(totals))]


def _sent_words(target: TargetResult) -> str:
    return text("{size} sent", size=size(target.bytes_sent))


def _reading_words(target: TargetResult, *, is_dry_run: bool) -> list[str]:
    back = target.re_read
    if back is None:
        return [] if is_dry_run or target.is_daemon else [text("not read back")]
    return [reading_words(count(back.blobs, "blob"), back.size_bytes, back.damaged)]


def reading_words(blobs: str, size_bytes: int, damaged: int) -> str:
    """The number and size of the blobs that were read back from a target, and how many of them are damaged."""
    if damaged:
        return text("{blobs} ({size}) read back, {count:,} DAMAGED", blobs=blobs, size=size(size_bytes), count=damaged)
    return text("{blobs} ({size}) read back, all good", blobs=blobs, size=size(size_bytes))


def _plan_lines(plan: RegistryPlan) -> list[str]:
    lines = ["", _plan_fact(said("registry"), plan.kind.title)]
    if plan.missing_projects:
        projects = some(plan.missing_projects)
        words = (
            text("{projects}: will be created", projects=projects)
            if plan.will_create_projects
            else text("{projects}: missing; create them before the push", projects=projects)
        )
        lines.append(_plan_fact(said("projects"), translated(words)))
    if plan.admin_commands and not plan.will_create_projects:
        lines.append(_plan_fact("", said("an administrator creates them with --admin-credentials FILE, or with:")))
        lines += [_plan_fact("", command) for command in plan.admin_commands]
    if plan.new_repositories:
        new = some(plan.new_repositories)
        words = text("{count:,} new: {repositories}", count=len(plan.new_repositories), repositories=new)
        lines.append(_plan_fact(said("repositories"), translated(words)))
    elif plan.asked:
        lines.append(_plan_fact(said("repositories"), said("all there")))
    if plan.refused:
        refused = some(plan.refused)
        lines.append(_plan_fact(said("push rights"), said("REFUSED for {repositories}", repositories=refused)))
    elif plan.asked:
        lines.append(_plan_fact(said("push rights"), said("there")))
    for quota in plan.quotas:
        room = {"project": quota.project, "left": size(quota.free_bytes), "wanted": size(quota.wanted_bytes)}
        is_short = quota.wanted_bytes > quota.free_bytes
        words = (
            text("{project}: {left} left, {wanted} to send: NOT ENOUGH", **room)
            if is_short
            else text("{project}: {left} left, {wanted} to send: enough", **room)
        )
        lines.append(_plan_fact(said("quota"), translated(words)))
    return lines


def _plan_fact(label: str, value: str) -> str:
    return "  " + fact(label, value, width=13)


def _failure_lines(images: Iterable[ImageResult], elsewhere: Elsewhere) -> list[str]:
    """Each reason once, with the images that failed for it, and advice that follows for many below the last of them.

    All chunks on other media are one reason.
    """
    kept_back: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    waiting: dict[str, list[str]] = {}
    for each in images:
        file = each.error.subject if each.error else None
        if each.error and file and file in elsewhere.files:
            waiting.setdefault(file, []).append(str(each.image.reference))
        elif each.error:
            reason = escaped(worded(each.error)).removeprefix(f"{each.name}: ")
            kept_back.setdefault((reason, tuple(advice_lines(each.error, "    "))), []).append(
                str(each.image.reference)
            )
    lines = _waiting_lines(waiting, elsewhere.media)
    for advice, same in groupby(kept_back.items(), lambda item: item[0][1]):
        for (reason, _), references in same:
            lines += ["", f"  {reason}"]
            if len(references) > 1 or not reason.startswith(f"{references[0]}: "):
                lines.append(f"    {said('holds back {images}', images=some(references))}")
        lines += advice
    return lines


def _waiting_lines(waiting: Mapping[str, Iterable[str]], media: Sequence[Medium]) -> list[str]:
    """The chunks on other media that images wait for, and these images."""
    if not waiting:
        return []
    files = on_media(sorted(waiting), media)
    references = [reference for each in waiting.values() for reference in each]
    return [
        "",
        f"  {said('not here: {files}', files=files)}",
        f"    {said('holds back {images}', images=some(references))}",
        f"    -> {said('run the same command with the other media, in any order; it imports the rest')}",
        f"       {said('more: bundler explain {code}', code='incomplete')}",
    ]


def outcome_of(each: ImageResult) -> str:
    """The outcome of an image, one of `OUTCOMES`."""
    outcome = each.outcome.value if each.outcome else "unfinished"
    if isinstance(each.error, TagTaken):
        return "conflict"
    return "would replace" if each.replaced and outcome == "would push" else outcome


def _row(outcome: str, each: ImageResult) -> tuple[str, str, str]:
    notes = [
        said("(was {digest})", digest=each.replaced.short) if each.replaced else "",
        said("({tag} has another image)", tag=each.taken_name.tag) if each.taken_name else "",
        said("(chosen from {digest})", digest=each.image.made_from.short) if each.image.made_from else "",
        said("(had no tag)") if each.has_digest_tag else "",
        said("(target has {digest})", digest=each.there.short) if each.there else "",
    ]
    row = [each.image.root.digest.short, *filter(None, notes)]
    return translated(OUTCOMES[outcome]), str(each.name), "  ".join(row)
