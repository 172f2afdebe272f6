"""What ``import`` prints: the plan, or what became of each image, and for what failed why and what to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from bundler.views.errors import advice_lines, error_lines
from bundler.views.languages import worded
from bundler.views.report import bad_signer_words, finding_lines, unchecked
from bundler.views.words import count, escaped, shell_word, size, some, table

if TYPE_CHECKING:
    from bundler.commands.import_ import ImportResult
    from bundler.commands.results import ImageResult, RegistryPlan, TargetResult


def import_lines(result: ImportResult) -> list[str]:
    """What ``import`` prints."""
    bundle = result.bundle
    assert bundle is not None
    signers = bundle.sealed.signers
    lines = [f"bundle     {bundle.manifest.name}  {bundle.id}"]
    lines.append(f"signed by  {', '.join(signers)}" if signers else f"signature  {unchecked(bundle)}")
    lines += [f"           {words}" for words in bad_signer_words(bundle)]
    if bundle.decrypted is not None:
        number = min(bundle.decrypted.at_a_time, len(bundle.chunks))
        room = f"{number} x {size(bundle.largest_chunk_bytes)} in {escaped(bundle.decrypted.scratch.folder)}"
        lines.append(f"scratch    at most one chunk per worker: {room}")
    lines += finding_lines(result.findings)
    for target in result.targets:
        lines += ["", *_target_lines(target, is_dry_run=result.is_dry_run)]
    if result.error:
        lines += ["", *error_lines(result.error)]
    if result.receipt:
        lines += ["", f"receipt    {escaped(result.receipt)}"]
    if result.failed_list:
        lines += [
            f"failed     {escaped(result.failed_list)}",
            f"  -> when it is mended, run the same command with --retry-failed {shell_word(result.failed_list)}",
        ]
    return lines


def _target_lines(target: TargetResult, *, is_dry_run: bool) -> list[str]:
    rows = sorted((_result_row(each) for each in target.images), key=lambda row: row[0] in ("failed", "conflict"))
    lines = [f"to {target.target}", *table(rows), *_failure_lines(target.images)]
    if target.plan is not None:
        lines += _plan_lines(target.plan)
    by_outcome = Counter(row[0] for row in rows)
    summary = ", ".join(f"{number} {outcome}" for outcome, number in by_outcome.items())
    sent = f"{size(target.bytes_sent)} {'to send' if is_dry_run else 'sent'}"
    sent += _reading_words(target, is_dry_run=is_dry_run)
    is_bad = any(each.error for each in target.images) or by_outcome["held back"] or by_outcome["not tried"]
    verdict = "NOT complete" if is_bad else "plan" if is_dry_run else "complete"
    return [*lines, "", f"  {verdict}: {summary}; {sent}"]


def _reading_words(target: TargetResult, *, is_dry_run: bool) -> str:
    back = target.re_read
    if back is None:
        return "" if is_dry_run or target.is_daemon else "; not read back"
    damage = f", {back.damaged} DAMAGED" if back.damaged else ", all of them whole"
    return f"; {count(back.blobs, 'blob')} ({size(back.size_bytes)}) read back{damage}"


def _plan_lines(plan: RegistryPlan) -> list[str]:
    lines = ["", f"  registry     {plan.kind.title}"]
    if plan.missing_projects:
        what = "will be made" if plan.will_create_projects else "missing, and nothing can be pushed before they exist"
        lines.append(f"  projects     {some(plan.missing_projects)}: {what}")
    if plan.admin_commands and not plan.will_create_projects:
        lines += ["               an administrator makes them with --admin-credentials FILE, or with:"]
        lines += [f"               {command}" for command in plan.admin_commands]
    if plan.new_repositories:
        lines.append(f"  repositories {count(len(plan.new_repositories), 'new one')}: {some(plan.new_repositories)}")
    elif plan.asked:
        lines.append("  repositories all there")
    if plan.refused:
        lines.append(f"  push rights  REFUSED for {some(plan.refused)}")
    elif plan.asked:
        lines.append("  push rights  there")
    for quota in plan.quotas:
        state = "NOT ENOUGH" if quota.wanted_bytes > quota.free_bytes else "enough"
        room = f"{size(quota.free_bytes)} left, {size(quota.wanted_bytes)} to send"
        lines.append(f"  quota        {quota.project}: {room}: {state}")
    return lines


def _failure_lines(images: Iterable[ImageResult]) -> list[str]:
    """Each reason once, with the images that it keeps back."""
    kept_back: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for each in images:
        if each.error:
            reason = escaped(worded(each.error)).removeprefix(f"{each.name}: ")
            kept_back.setdefault((reason, tuple(advice_lines(each.error, "    "))), []).append(
                str(each.image.reference)
            )
    lines = []
    for (reason, advice), references in kept_back.items():
        lines += ["", f"  {reason}", f"    keeps back {some(references)}", *advice]
    return lines


def _result_row(each: ImageResult) -> tuple[str, str, str]:
    outcome = each.outcome.value if each.outcome else ""
    if each.error is not None and each.error.code == "tag-taken":
        outcome = "conflict"
    elif each.replaced and outcome == "would push":
        outcome = "would replace"
    notes = [
        f"(was {each.replaced.short})" if each.replaced else "",
        f"({each.beside.tag} is taken)" if each.beside else "",
        "(had no tag)" if each.has_digest_tag else "",
        f"(there it is {each.there.short})" if each.there else "",
    ]
    return outcome, str(each.name), "  ".join([each.image.root.digest.short, *filter(None, notes)])
