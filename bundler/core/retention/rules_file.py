"""Reads the file of the rules of a retention, as docs/retention.yaml shows it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from bundler import texts
from bundler.core.name_patterns import repository_pattern, tag_pattern
from bundler.core.retention.rules import Retention, RetentionRule
from bundler.core.several import together
from bundler.core.strict_yaml import MappingNode, Node, SequenceNode, YamlDocument
from bundler.core.tag_choice import BY_CREATED, BY_PUSHED, BY_VERSION, TagChoice
from bundler.core.version_range import VersionRange
from bundler.errors import Misuse

ORDERS = {"semver": BY_VERSION, "created": BY_CREATED, "pushed": BY_PUSHED}
"""The orders by which the newest images are chosen, as users write them."""

_KEYS = ("keep-bundles", "repositories", "rules")
_RULE_KEYS = ("repositories", "tags", "except", "semver", "keep-last", "by", "keep")
_COUNT = 100_000


def parse_retention(text: str, *, source: str) -> Retention:
    """Reads a file of rules.

    Args:
        text: The whole file.
        source: Its name, for messages.

    Raises:
        Misuse: The file is not valid. `Several` if there is more than one error.
    """
    reader = _Reader(source)
    found = reader.read(text.removeprefix("\ufeff"))
    if reader.errors:
        raise together(
            texts.text("{source}: {count} errors in the rules", source=source, count=len(reader.errors)), reader.errors
        )
    return found


class _Reader:
    def __init__(self, source: str) -> None:
        self._yaml = YamlDocument(source, what=texts.text("rules"))
        self.errors = self._yaml.errors

    def read(self, text: str) -> Retention:
        root = self._yaml.compose(text, texts.text("the file must be a mapping with rules: or keep-bundles:"))
        if root is None:
            return Retention()
        top = self._yaml.mapping(root, _KEYS)
        rules = top.get("rules")
        if rules is not None and not isinstance(rules, SequenceNode):
            self._yaml.error(rules, "rules: must be a list of rules, each with keep-last: or keep:")
        if rules is None and "keep-bundles" not in top:
            self._yaml.error(root, "the file has no rules: and no keep-bundles:")
        return Retention(
            self._yaml.value(top.get("keep-bundles"), _bundles),
            tuple(self._rule(node) for node in (rules.value if isinstance(rules, SequenceNode) else ())),
            self._texts(top.get("repositories"), repository_pattern),
        )

    def _rule(self, node: Node) -> RetentionRule:
        if not isinstance(node, MappingNode):
            self._yaml.error(node, "a rule must be a mapping with keep-last: or keep:")
            return RetentionRule()
        fields = self._yaml.mapping(node, _RULE_KEYS)
        if ("keep-last" in fields) == ("keep" in fields):
            self._yaml.error(node, "a rule has either keep-last: N or keep: all")
        if "by" in fields and "keep-last" not in fields:
            self._yaml.error(fields["by"], "by: is for keep-last:")
        self._yaml.value(fields.get("keep"), _all)
        choice = TagChoice(
            match=self._texts(fields.get("tags"), tag_pattern) or ("*",),
            without=self._texts(fields.get("except"), tag_pattern),
            versions=self._yaml.value(fields.get("semver"), VersionRange.parse),
        )
        return RetentionRule(
            self._texts(fields.get("repositories"), repository_pattern),
            choice,
            self._yaml.value(fields.get("keep-last"), _count),
            self._yaml.value(fields.get("by"), _order) or BY_VERSION,
            self._yaml.where(node),
        )

    def _texts(self, node: Node | None, pattern: Callable[[str], str]) -> tuple[str, ...]:
        """The patterns of a list, or of a single text."""
        if node is None:
            return ()
        nodes = node.value if isinstance(node, SequenceNode) else [node]
        if not nodes:
            self._yaml.error(node, "an empty list of patterns would match nothing", "leave the key out to match all")
        found = (self._yaml.collected(each, partial(_text, self._yaml, each, pattern)) for each in nodes)
        return tuple(each for each in found if each is not None)


def _text(yaml: YamlDocument, node: Node, pattern: Callable[[str], str]) -> str:
    return pattern(yaml.text(node))


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > _COUNT:
        raise Misuse("not a number of images", subject=repr(text[:40]), hint="write 0 or more")
    return int(text)


def _bundles(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= _COUNT:
        raise Misuse("not a number of bundles", subject=repr(text[:40]), hint="write 1 or more")
    return int(text)


def _order(text: str) -> str:
    if text not in ORDERS:
        raise Misuse("an unknown order", subject=repr(text[:40]), hint="write semver, created or pushed")
    return ORDERS[text]


def _all(text: str) -> None:
    if text != "all":
        raise Misuse("an unknown value of keep:", subject=repr(text[:40]), hint="write keep: all, or keep-last: N")
