"""The rules of a retention: the tags that each rule covers, and how many of their images stay.

A tag that no rule covers is not touched. Of several rules for one tag, the first one decides.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Iterator, Mapping

from bundler.core.frozen import frozen
from bundler.core.tag_choice import BY_CREATED, BY_PUSHED, BY_VERSION, TagChoice
from bundler.core.version_range import Version
from bundler.texts import Text, joined, text

ANY_TAG = TagChoice(match=("*",))
"""All tags but those of attachments."""


@frozen
class RetentionRule:
    """One rule.

    Attributes:
        repositories: Patterns for the paths of repositories, of which one must fit; empty for all.
        tags: The tags that it covers.
        keep_last: How many images of each repository stay, the newest first; None if all of them stay.
        by: The order of the newest: by version, by date, or, for Harbor's own rules alone, by push.
        where: The place in the file of the rules, or the flag, for messages.
    """

    repositories: tuple[str, ...] = ()
    tags: TagChoice = ANY_TAG
    keep_last: int | None = None
    by: str = "version"
    where: str = "--keep-last"

    def __str__(self) -> str:
        return str(self.words)

    @property
    def words(self) -> Text:
        """The rule as people read it."""
        order = "semver" if self.by == BY_VERSION else self.by
        kept = (
            text("keep all")
            if self.keep_last is None
            else text("keep-last {count} by {order}", count=self.keep_last, order=order)
        )
        tags = "" if self.tags == ANY_TAG else str(self.tags)
        parts = joined(filter(None, (" ".join(self.repositories), tags, kept)), ", ")
        return parts if self.where.startswith("--") else joined((self.where, parts), ": ")

    @property
    def needs_dates(self) -> bool:
        """True if the dates of images decide."""
        return self.keep_last is not None and self.by == BY_CREATED

    def covers_repository(self, name: str) -> bool:
        """True if the rule is for a repository."""
        return fits(name, self.repositories)

    def covered(self, tags: Iterable[str]) -> list[str]:
        """The tags of a repository that the rule covers. By version, only those are covered that are versions."""
        found = self.tags.allowed(tags)
        if self.keep_last is None or self.by != BY_VERSION:
            return found
        return [tag for tag in found if Version.of(tag) is not None]


@frozen
class Retention:
    """All rules.

    Attributes:
        keep_bundles: How many bundles of each kind stay whole, the newest first; None if receipts only protect.
        rules: The rules for tags.
        repositories: Patterns for the paths of repositories, of which one must fit; others are not touched. Empty for
            all.
    """

    keep_bundles: int | None = None
    rules: tuple[RetentionRule, ...] = ()
    repositories: tuple[str, ...] = ()

    def is_for(self, repository: str) -> bool:
        """True if a repository may be changed."""
        return fits(repository, self.repositories)

    def words(self) -> tuple[str, ...]:
        """The rules as texts, for a receipt."""
        bundles = [f"keep-bundles {self.keep_bundles}"] if self.keep_bundles is not None else []
        chosen = [text("repositories {names}", names=" ".join(self.repositories))] if self.repositories else []
        return (*bundles, *chosen, *(rule.words for rule in self.rules))

    @property
    def needs_pushes(self) -> bool:
        """True if the times of pushes decide."""
        return any(rule.keep_last is not None and rule.by == BY_PUSHED for rule in self.rules)

    @property
    def protected_bundles(self) -> int:
        """The number of bundles of each kind that stay whole: without a number, the newest one."""
        return 1 if self.keep_bundles is None else self.keep_bundles


def idle_patterns(retention: Retention, tags: Mapping[str, Iterable[str] | None]) -> Iterator[Text]:
    """A remark for each pattern that matches nothing at the registry, which may be a typing error.

    Args:
        retention: The rules.
        tags: The tags of each repository, without those of attachments; None if they could not all be read.
    """
    for pattern in retention.repositories:
        if not any(fits(name, (pattern,)) for name in tags):
            yield text("no repository matches {pattern}", pattern=pattern)
    chosen = {name: found for name, found in tags.items() if retention.is_for(name)}
    for rule in retention.rules:
        yield from _idle_of_rule(rule, chosen)


def _idle_of_rule(rule: RetentionRule, tags: Mapping[str, Iterable[str] | None]) -> Iterator[Text]:
    for pattern in rule.repositories:
        if not any(fits(name, (pattern,)) for name in tags):
            yield text("{rule}: no repository matches {pattern}", rule=rule.where, pattern=pattern)
    covered = [found for name, found in tags.items() if rule.covers_repository(name)]
    if not covered or None in covered:
        return
    known = {tag for found in covered for tag in found or ()}
    for pattern in (*rule.tags.match, *rule.tags.without):
        if pattern != "*" and not any(fits(tag, (pattern,)) for tag in known):
            yield text("{rule}: no tag matches {pattern}", rule=rule.where, pattern=pattern)


def fits(name: str, patterns: Iterable[str]) -> bool:
    """True if a name matches one of some patterns, or there are none."""
    patterns = tuple(patterns)
    return not patterns or any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def newest_first(
    images: Mapping[int, list[str]], rule: RetentionRule, dates: Mapping[int, int]
) -> tuple[list[int], list[int]]:
    """The images that a rule covers, the newest first, and those without a date, which have no place in the order.

    Args:
        images: The tags of each image that the rule covers.
        rule: The rule.
        dates: The seconds since 1970 at which images were made.
    """
    if rule.by == BY_CREATED:
        dated = [number for number in images if number in dates]
        undated = [number for number in images if number not in dates]
        return sorted(dated, key=lambda number: (dates[number], max(images[number])), reverse=True), undated
    return sorted(images, key=lambda number: max(map(_order, images[number])), reverse=True), []


def _order(tag: str) -> tuple[Version, int, str]:
    """A pre-release is before its release; of equal versions the one with more numbers is newer."""
    version = Version.of(tag)
    assert version is not None
    return version, version.given, tag
