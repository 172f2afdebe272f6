"""Reads the file of `bundler.core.naming_rules`.

It is a module of its own, so that an import without rules loads no YAML.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from bundler import texts
from bundler.core.naming_rules import NamingRules, Pattern, Rule
from bundler.core.patterns import lazy_pattern
from bundler.core.policies import CONFLICT_POLICIES
from bundler.core.reference import is_repository
from bundler.core.several import together
from bundler.core.strict_yaml import MappingNode, Node, SequenceNode, YamlDocument
from bundler.core.tag_template import TagTemplate
from bundler.errors import Misuse

_RULE_KEYS = ("from", "to", "tag", "on-conflict")
_PATH = lazy_pattern(r"[a-z0-9][a-z0-9._/-]*\*?|\*")


def parse_rules(text: str, *, source: str) -> NamingRules:
    """Reads a file of rules.

    Args:
        text: The whole file.
        source: Its name, for messages.

    Raises:
        Misuse: The file is not valid. `Several` if there is more than one error.
    """
    reader = _Reader(source)
    rules = tuple(reader.read(text.removeprefix("\ufeff")))
    if reader.errors:
        raise together(
            texts.text("{source}: {count} errors in the rules", source=source, count=len(reader.errors)), reader.errors
        )
    return NamingRules(rules)


class _Reader:
    def __init__(self, source: str) -> None:
        self._yaml = YamlDocument(source, what=texts.text("rules"))
        self.errors = self._yaml.errors

    def read(self, text: str) -> Iterable[Rule]:
        root = self._yaml.compose(text, texts.text("the file must be a mapping with rules:"))
        if root is None:
            return
        top = self._yaml.mapping(root, ("rules",))
        rules = top.get("rules")
        if not isinstance(rules, SequenceNode):
            self._yaml.error(rules or root, "rules: must be a list of rules, each with from: and to:")
            return
        seen: dict[Pattern, str] = {}
        for node in rules.value:
            rule = self._yaml.collected(node, partial(self._rule, node))
            if rule is None:
                continue
            earlier = seen.setdefault(rule.pattern, self._yaml.where(node))
            if earlier != self._yaml.where(node):
                self._yaml.error(
                    node, texts.text("a second rule for the same images; the first is at {earlier}", earlier=earlier)
                )
            yield rule

    def _rule(self, node: Node) -> Rule | None:
        if not isinstance(node, MappingNode):
            self._yaml.error(node, "a rule must be a mapping with from:, and to:, tag: or on-conflict:")
            return None
        fields = self._yaml.mapping(node, _RULE_KEYS)
        if "from" not in fields:
            self._yaml.error(node, "from: is missing")
            return None
        if len(fields) == 1:
            self._yaml.error(node, "the rule does nothing", "add to:, tag: or on-conflict:")
            return None
        pattern = self._yaml.value(fields["from"], Pattern.parse)
        to = self._yaml.value(fields.get("to"), _path)
        tag = self._yaml.value(fields.get("tag"), TagTemplate.parse)
        on_conflict = self._yaml.value(fields.get("on-conflict"), _policy)
        if pattern is None:
            return None
        if to is not None and "*" in to and not pattern.is_prefix:
            self._yaml.error(fields["to"], "the * in to: has no match in from:", "end from: with a * too")
        return Rule(pattern, to, tag, on_conflict)


def _path(text: str) -> str:
    if not _PATH.fullmatch(text) or not is_repository(text.replace("*", "x")):
        raise Misuse("not a repository", subject=repr(text[:140]), hint="write lower-case parts, with one * at the end")
    return text


def _policy(text: str) -> str:
    if text not in CONFLICT_POLICIES:
        raise Misuse(
            texts.text("unknown policy {text}", text=repr(text[:40])),
            hint=texts.text("one of: {policies}", policies=", ".join(CONFLICT_POLICIES)),
        )
    return text
