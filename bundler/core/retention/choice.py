"""Decides of each tag of a repository whether it stays, goes, or is not touched, with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from bundler.core.attachments import subject_of_tag
from bundler.core.digest import Digest
from bundler.core.frozen import frozen
from bundler.core.retention.imported import KeptBundles
from bundler.core.retention.rules import Retention, RetentionRule, newest_first
from bundler.texts import text


class Fate(str, Enum):
    """The decision on a tag."""

    KEPT = "kept"
    REMOVED = "removed"
    UNTOUCHED = "untouched"
    """No rule and no receipt covers it."""


@frozen
class Verdict:
    """The decision on a tag.

    Attributes:
        tag: The tag.
        number: The number of its manifest.
        fate: The decision.
        why: The reason, a message.
    """

    tag: str
    number: int
    fate: Fate
    why: str


@frozen
class Tags:
    """The tags of a repository.

    Attributes:
        repository: The path of the repository.
        numbers: The number of the manifest of each tag; without those of attachments.
        digests: The digest of each of these manifests.
        dates: The seconds since 1970 at which images were made, by number; only those that are known.
    """

    repository: str
    numbers: Mapping[str, int]
    digests: Mapping[int, Digest]
    dates: Mapping[int, int]


def verdicts(tags: Tags, retention: Retention, bundles: KeptBundles) -> tuple[Verdict, ...]:
    """The decisions on all tags, sorted by tag. A reason to keep a tag is stronger than one to remove it.

    Args:
        tags: The tags, without those of attachments, which follow their subject.
        retention: The rules.
        bundles: The bundles that were imported: those that stay, and the others.
    """
    if not retention.is_for(tags.repository):
        return tuple(_untouched(tag, tags.numbers[tag]) for tag in sorted(tags.numbers))
    kept = _kept_by_bundles(tags, bundles)
    old = _of_old_bundles(tags, bundles) if retention.keep_bundles is not None else {}
    ruled = _by_rules(tags, retention.rules)
    decided = [
        kept.get(tag) or _stronger(ruled.get(tag), old.get(tag)) or _untouched(tag, number)
        for tag, number in tags.numbers.items()
    ]
    return tuple(sorted(decided, key=lambda each: each.tag))


def own_tags(tags: Mapping[str, int]) -> dict[str, int]:
    """The tags of a repository that are not those of attachments."""
    return {tag: number for tag, number in tags.items() if subject_of_tag(tag) is None}


def _stronger(ruled: Verdict | None, old: Verdict | None) -> Verdict | None:
    if ruled is not None and ruled.fate is Fate.KEPT:
        return ruled
    return old if old is not None and (ruled is None or old.fate is not Fate.UNTOUCHED) else ruled


def _untouched(tag: str, number: int) -> Verdict:
    return Verdict(tag, number, Fate.UNTOUCHED, text("no rule and no receipt covers it"))


def _kept_by_bundles(tags: Tags, bundles: KeptBundles) -> dict[str, Verdict]:
    found: dict[str, Verdict] = {}
    for bundle in bundles.kept:
        for tag in bundle.tags.get(tags.repository, ()):
            if tag in tags.numbers and tag not in found:
                why = text("it came with bundle {bundle}, which stays", bundle=bundle.name)
                found[tag] = Verdict(tag, tags.numbers[tag], Fate.KEPT, why)
    return found


def _of_old_bundles(tags: Tags, bundles: KeptBundles) -> dict[str, Verdict]:
    """The tags that came with bundles which do not stay. One that has another image by now is not touched."""
    found: dict[str, Verdict] = {}
    for bundle in bundles.old:
        for tag, digests in bundle.tags.get(tags.repository, {}).items():
            number = tags.numbers.get(tag)
            if number is None:
                continue
            if tags.digests[number] in digests:
                why = text("it came with bundle {bundle}, which newer ones follow", bundle=bundle.name)
                found[tag] = Verdict(tag, number, Fate.REMOVED, why)
            elif tag not in found:
                why = text("it has another image than the one that bundle {bundle} brought", bundle=bundle.name)
                found[tag] = Verdict(tag, number, Fate.UNTOUCHED, why)
    return found


def _by_rules(tags: Tags, rules: tuple[RetentionRule, ...]) -> dict[str, Verdict]:
    found: dict[str, Verdict] = {}
    for rule in rules:
        if rule.covers_repository(tags.repository):
            covered = [tag for tag in rule.covered(tags.numbers) if tag not in found]
            found |= {each.tag: each for each in _by_rule(tags, rule, covered)}
    return found


def _by_rule(tags: Tags, rule: RetentionRule, covered: list[str]) -> list[Verdict]:
    """The decisions of one rule. It counts images: all tags of an image that stays, stay."""
    if rule.keep_last is None:
        why = text("{rule} keeps it", rule=rule.where)
        return [Verdict(tag, tags.numbers[tag], Fate.KEPT, why) for tag in covered]
    images: dict[int, list[str]] = {}
    for tag in covered:
        images.setdefault(tags.numbers[tag], []).append(tag)
    ordered, undated = newest_first(images, rule, tags.dates)
    count, where = rule.keep_last, rule.where
    reasons = (
        (ordered[:count], Fate.KEPT, text("one of the newest {count} of {rule}", count=count, rule=where)),
        (ordered[count:], Fate.REMOVED, text("older than the newest {count} of {rule}", count=count, rule=where)),
        (undated, Fate.UNTOUCHED, text("its image has no date, so {rule} cannot judge it", rule=where)),
    )
    return [
        Verdict(tag, number, fate, why)
        for numbers, fate, why in reasons
        for number in numbers
        for tag in images[number]
    ]
