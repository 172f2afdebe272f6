"""The lines and the document of ``prune --harbor-rules``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bundler.texts import first_of, some
from bundler.views.languages import said, translated
from bundler.views.words import escaped, fact

if TYPE_CHECKING:
    from bundler.core.retention.harbor_rules import HarborRule
    from bundler.pruning.harbor_rules import HarborRulesResult, PlannedHarborRules


def plan_lines(planned: PlannedHarborRules) -> list[str]:
    """The rules that the project has, and those that it is to get."""
    policy = planned.before.policy
    lines = [
        fact(said("project"), escaped(f"{planned.registry}/{planned.project}")),
        fact(said("rules"), escaped(translated(first_of(planned.request.retention.words(), 3)))),
        fact(said("bundles kept"), escaped(some([each.name for each in planned.bundles], most=3)) or said("none")),
    ]
    if planned.is_empty:
        return [*lines, said("Harbor has these rules already")]
    if not planned.is_retention_set:
        old = policy.get("rules") if policy is not None else None
        lines += ["", said("HARBOR'S RETENTION NOW:")]
        lines += [f"  {_words(each)}" for each in old] if isinstance(old, list) and old else [f"  {said('none')}"]
        lines += ["", said("HARBOR WILL RETAIN, and remove all else in these repositories:")]
        lines += [f"  {_words(each)}" for each in planned.rules]
        runs = planned.schedule
        lines.append(
            f"  {said('Harbor runs it at: {cron} (seconds first)', cron=escaped(runs))}"
            if runs
            else f"  {said('Harbor runs it only if a person starts it')}"
        )
    if planned.immutable:
        lines += ["", said("THESE TAGS BECOME IMMUTABLE; no import can move them:")]
        lines += [f"  {_words(each)}" for each in planned.immutable]
    return lines


def result_lines(result: HarborRulesResult) -> list[str]:
    """The end: what to do next."""
    if result.receipt is None:
        return [said("Harbor has these rules already")]
    return [
        said("Harbor has these rules now; nothing was removed"),
        fact(said("receipt"), escaped(str(result.receipt))),
        said("next: in Harbor, Policy > Tag Retention > Dry Run shows what it would remove"),
    ]


def document_body(planned: PlannedHarborRules, result: HarborRulesResult | None) -> dict[str, Any]:
    """The fields of the document, without its head."""
    return {
        "dryRun": result is None,
        "registry": planned.registry,
        "project": planned.project,
        "rules": list(planned.request.retention.words()),
        "alreadySet": planned.is_empty,
        "before": planned.before.policy,
        "retention": list(planned.rules),
        "immutable": list(planned.immutable),
        "schedule": planned.schedule,
        "keptBundles": [{"id": each.id, "name": each.name} for each in planned.bundles],
        "receipt": str(result.receipt) if result is not None and result.receipt is not None else None,
    }


def _words(rule: HarborRule) -> str:
    """A rule in one line: Harbor's own words for it, so that they are found there."""
    if not isinstance(rule, dict):
        return "?"
    params = rule.get("params")
    number = next(iter(params.values()), "") if isinstance(params, dict) else ""
    parts = [f"{rule.get('template')} {number}".strip()]
    scopes = rule.get("scope_selectors")
    groups = [*scopes.values(), rule.get("tag_selectors")] if isinstance(scopes, dict) else [rule.get("tag_selectors")]
    for group in groups:
        selectors = [each for each in group if isinstance(each, dict)] if isinstance(group, list) else []
        parts += [
            f"{each.get('decoration')} {each.get('pattern')} {each.get('extras') or ''}".strip() for each in selectors
        ]
    return escaped(", ".join(parts)[:400])
