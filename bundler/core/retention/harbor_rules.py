"""Rules of retention as rules of Harbor, or the reason why Harbor cannot have them.

Harbor removes each artifact that no rule retains, in the repositories that its rules name; others it leaves alone. It
counts artifacts by the time of their push. So each rule here becomes two: one retains the newest, one all that the rule
does not cover. Sources, in goharbor/harbor: src/pkg/retention/policy/alg/or/processor.go (rules are ORed, the selectors
of one ANDed), policy/rule/latestps/evaluator.go, src/lib/selector/selectors/doublestar/selector.go (an artifact is
excluded if all its tags match; ``untagged``), src/server/v2.0/handler/retention.go (15 rules).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from bundler.core.attachments import subject_of_tag
from bundler.core.frozen import frozen
from bundler.core.patterns import lazy_pattern
from bundler.core.retention.imported import ImportedBundle
from bundler.core.retention.rules import Retention, RetentionRule
from bundler.core.tag_choice import BY_PUSHED
from bundler.errors import Misuse
from bundler.texts import text

MOST_RULES = 15
"""Harbor's limit for the rules of a project, of retention and of immutability."""
_MOST_COUNTED = (1 << 15) - 2
_TAGS = lazy_pattern(r"[A-Za-z0-9_.*?-]+")
_NAME = lazy_pattern(r"[a-z0-9._/-]+")

HarborRule = Mapping[str, Any]
"""A rule as Harbor's API has it."""


@frozen
class TagsKept:
    """Tags of one repository that newest bundles brought.

    Attributes:
        repository: The repository, without the project.
        tags: The tags, sorted.
    """

    repository: str
    tags: tuple[str, ...]


def tags_kept(bundles: Iterable[ImportedBundle], project: str) -> tuple[TagsKept, ...]:
    """The tags of bundles in a project, without those of attachments."""
    found: dict[str, set[str]] = {}
    for bundle in bundles:
        for name, tags in bundle.tags.items():
            first, _, rest = name.partition("/")
            if first == project and rest:
                found.setdefault(rest, set()).update(tag for tag in tags if subject_of_tag(tag) is None)
    return tuple(TagsKept(name, tuple(sorted(tags))) for name, tags in sorted(found.items()) if tags)


def retention_rules(retention: Retention, project: str, kept: Iterable[TagsKept]) -> tuple[HarborRule, ...]:
    """The rules for Harbor.

    Args:
        retention: The rules.
        project: The project of Harbor.
        kept: The tags of the newest bundles, which Harbor is to retain.

    Raises:
        Misuse: Harbor cannot have a rule, or there are too many.
    """
    if retention.keep_bundles is not None:
        raise _untranslatable("--keep-bundles", text("Harbor knows no bundles"))
    found: list[HarborRule] = []
    seen: list[str] = []
    for rule in retention.rules:
        names = [_repository(each, project, rule) for each in _repositories(retention, rule)]
        for name in names:
            _check_overlap(rule, name, seen)
            found += [each for each in _translated(rule, name) if each not in found]
        seen += [name for name in names if rule.keep_last is not None]
    for each in kept:
        if any(_meet(each.repository, name) for name in seen):
            found.append(_rule("always", {}, [_tags("matches", each.tags)], each.repository))
    if len(found) > MOST_RULES:
        raise Misuse(
            "Harbor allows fewer rules in a project",
            subject=project,
            expected=text("at most {count}", count=MOST_RULES),
            actual=str(len(found)),
            hint="use fewer rules and repositories, or prune without --harbor-rules",
        )
    return tuple(found)


def immutable_rule(kept: TagsKept) -> HarborRule:
    """The rule with which Harbor lets nobody move or remove tags: swagger.yaml, ``ImmutableRule``."""
    return {
        "action": "immutable",
        "template": "immutable_template",
        "tag_selectors": [_tags("matches", kept.tags, is_plain=True)],
        "scope_selectors": {"repository": [_scope(kept.repository)]},
    }


def is_same(ours: Iterable[HarborRule], theirs: object) -> bool:
    """True if Harbor's rules have the same effect as ours: ids, order and the writing of ``extras`` do not count."""
    if not isinstance(theirs, list) or not all(isinstance(each, dict) for each in theirs):
        return False
    return sorted(map(_comparable, ours)) == sorted(map(_comparable, theirs))


def _comparable(rule: HarborRule) -> str:
    selectors = rule.get("tag_selectors")
    tags = [
        {**each, "extras": _extras(each.get("extras"))} if isinstance(each, dict) else each
        for each in (selectors if isinstance(selectors, list) else [])
    ]
    scopes = rule.get("scope_selectors")
    scope = {
        key: [{**each, "extras": _extras(each.get("extras"))} if isinstance(each, dict) else each for each in value]
        for key, value in (scopes.items() if isinstance(scopes, dict) else ())
        if isinstance(value, list)
    }
    whole = (
        rule.get("disabled") is True,
        rule.get("action"),
        rule.get("template"),
        rule.get("params") or {},
        tags,
        scope,
    )
    return json.dumps(whole, sort_keys=True)


def _extras(value: object) -> object:
    if not isinstance(value, str) or not value:
        return None
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _repositories(retention: Retention, rule: RetentionRule) -> tuple[str, ...]:
    if retention.repositories and rule.repositories:
        raise _untranslatable(rule.where, text("write all repositories into the rules"))
    return rule.repositories or retention.repositories or ("*",)


def _repository(pattern: str, project: str, rule: RetentionRule) -> str:
    """A repository of the project as Harbor names it, or ``**`` for all; other wildcards differ from ours."""
    if pattern in ("*", f"{project}/*"):
        return "**"
    first, _, rest = pattern.partition("/")
    if first != project or not _NAME.fullmatch(rest):
        why = text(
            "not {pattern:.100}: {project}/* or the name of a repository below {project}/",
            pattern=pattern,
            project=project,
        )
        raise _untranslatable(rule.where, why)
    return rest


def _check_overlap(rule: RetentionRule, name: str, seen: Iterable[str]) -> None:
    """Harbor would retain for both rules all that one of them does not cover."""
    if any(_meet(name, other) for other in seen):
        raise _untranslatable(rule.where, text("an earlier rule is for some of its repositories"))


def _meet(one: str, other: str) -> bool:
    """True if a repository may match both of two patterns."""
    return one == other or "**" in (one, other)


def _translated(rule: RetentionRule, name: str) -> list[HarborRule]:
    tags = rule.tags
    patterns = tags.match or ("*",)
    if tags.without or tags.versions is not None or tags.since:
        raise _untranslatable(rule.where, text("Harbor has no except and no semver with a count"))
    if rule.keep_last is None:
        if set(patterns) != {"*"}:
            raise _untranslatable(rule.where, text("Harbor would count the tags that it keeps for other rules too"))
        return [_rule("always", {}, [_tags("matches", ("*",), is_untagged=True)], name)]
    if rule.by != BY_PUSHED:
        raise _untranslatable(
            rule.where, text("Harbor orders by the time of the push alone"), hint="write --by pushed, or by: pushed"
        )
    if rule.keep_last > _MOST_COUNTED:
        raise _untranslatable(rule.where, text("Harbor counts to {count:,}", count=_MOST_COUNTED))
    for pattern in patterns:
        if not _TAGS.fullmatch(pattern):
            raise _untranslatable(
                rule.where, text("a pattern for Harbor has only * and ?: {pattern:.100}", pattern=pattern)
            )
    newest = _rule("latestPushedK", {"latestPushedK": rule.keep_last}, [_tags("matches", patterns)], name)
    return [newest, _rule("always", {}, [_tags("excludes", patterns)], name)]


def _untranslatable(where: str, why: str, *, hint: str = "prune without --harbor-rules") -> Misuse:
    return Misuse(text("Harbor cannot have this rule: {why}", why=why), subject=where, hint=hint)


def _rule(template: str, params: Mapping[str, int], tags: list[HarborRule], repository: str) -> HarborRule:
    return {
        "action": "retain",
        "template": template,
        "params": params,
        "tag_selectors": tags,
        "scope_selectors": {"repository": [_scope(repository)]},
    }


def _scope(repository: str) -> HarborRule:
    return {"kind": "doublestar", "decoration": "repoMatches", "pattern": repository}


def _tags(decoration: str, patterns: Iterable[str], *, is_untagged: bool = False, is_plain: bool = False) -> HarborRule:
    """A selector of tags. With ``excludes``, ``untagged: false`` is what retains artifacts without a tag."""
    short = sorted({re.sub(r"\*+", "*", each) for each in patterns})
    pattern = "**" if short == ["*"] else short[0] if len(short) == 1 else "{" + ",".join(short) + "}"
    extras = {} if is_plain else {"extras": json.dumps({"untagged": is_untagged}, separators=(",", ":"))}
    return {"kind": "doublestar", "decoration": decoration, "pattern": pattern, **extras}
