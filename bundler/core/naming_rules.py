"""Rules for names at the target: a small YAML file. The rule with the longest prefix decides.

::

    rules:
      - from: docker.io/library/*
        to: platform/base/*
      - from: "*:latest"
        tag: "{tag}-{date}"
        on-conflict: skip

A rule may have three settings: the repository at the target (``to``), the tag (``tag``), and the conflict policy for a
tag that exists (``on-conflict``). For each setting, the matching rule with the longest ``from`` that has it decides.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from bundler.core.frozen import frozen
from bundler.core.reference import Reference, is_tag
from bundler.core.tag_template import TagTemplate
from bundler.errors import Misuse


@frozen
class Pattern:
    """A pattern for the images of a rule: ``NAME`` or ``PREFIX*``, each with an optional ``:TAG``."""

    name: str
    is_prefix: bool
    tag: str | None

    @classmethod
    def parse(cls, text: str) -> Pattern:
        """Reads a pattern. Short names are completed as in references.

        Raises:
            Misuse: The text is not a pattern.
        """
        name, colon, tag = text.rpartition(":")
        if not colon or "/" in tag:
            name, colon, tag = text, "", ""
        if colon and not is_tag(tag):
            raise Misuse("not a tag", subject=repr(text[:140]))
        if not name.endswith("*"):
            reference = Reference.parse(name)
            return cls(reference.name, False, tag or None)
        prefix = name[:-1]
        if "*" in prefix or not re.fullmatch(r"[A-Za-z0-9._:/\[\]-]*", prefix):
            raise Misuse("not a pattern", subject=repr(text[:140]), hint="write NAME, or PREFIX* with one * at its end")
        return cls(_completed(prefix), True, tag or None)

    def matches(self, reference: Reference) -> bool:
        """True if the pattern matches an image."""
        if self.tag is not None and self.tag != reference.tag:
            return False
        return reference.name.startswith(self.name) if self.is_prefix else reference.name == self.name

    def __str__(self) -> str:
        return f"{self.name}{'*' if self.is_prefix else ''}" + (f":{self.tag}" if self.tag else "")

    @property
    def precedence(self) -> tuple[int, bool, bool]:
        """A key for sorting: longer names are larger; then whole names, before prefixes; then patterns with a tag."""
        return len(self.name), not self.is_prefix, self.tag is not None


@frozen
class Rule:
    """The settings for the images of a pattern; None for a setting that the rule does not have."""

    pattern: Pattern
    to: str | None = None
    tag: TagTemplate | None = None
    on_conflict: str | None = None

    def repository(self, reference: Reference) -> str:
        """The repository at the target, by a rule with ``to``: the rest of the name after the prefix replaces ``*``."""
        assert self.to is not None
        return self.to.replace("*", reference.name[len(self.pattern.name) :])


@frozen
class NamingRules:
    """The rules of a file."""

    rules: tuple[Rule, ...] = ()

    def repository(self, reference: Reference) -> str | None:
        """The repository of an image at the target; None if no rule sets it."""
        rule = self._first(reference, lambda rule: rule.to)
        return rule.repository(reference) if rule else None

    def tag(self, reference: Reference) -> TagTemplate | None:
        """The template for an image's tag; None if no rule sets it."""
        rule = self._first(reference, lambda rule: rule.tag)
        return rule.tag if rule else None

    def on_conflict(self, reference: Reference) -> str | None:
        """The policy for the case that an image's tag exists at the target; None if no rule sets it."""
        rule = self._first(reference, lambda rule: rule.on_conflict)
        return rule.on_conflict if rule else None

    def idle(self, references: Iterable[Reference]) -> tuple[str, ...]:
        """The patterns that match no image, which may be typing errors."""
        known = tuple(references)
        return tuple(str(rule.pattern) for rule in self.rules if not any(map(rule.pattern.matches, known)))

    def _first(self, reference: Reference, said: Callable[[Rule], object]) -> Rule | None:
        fitting = (rule for rule in self.rules if said(rule) is not None and rule.pattern.matches(reference))
        return max(fitting, key=lambda rule: rule.pattern.precedence, default=None)


NO_RULES = NamingRules()


def _completed(prefix: str) -> str:
    """A prefix of full names: ``library/`` and ``nginx`` get Docker Hub's host, as in references."""
    first, slash, rest = prefix.partition("/")
    if first in ("index.docker.io", "registry-1.docker.io") and slash:
        return f"docker.io/{rest}"
    is_registry = not prefix or first == "localhost" or any(mark in first for mark in ".:[") or first != first.lower()
    if is_registry:
        return prefix
    return f"docker.io/{prefix}" if slash else f"docker.io/library/{prefix}"
