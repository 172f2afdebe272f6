"""Rules for names at the target: a small YAML file in which the longest prefix wins.

::

    rules:
      - from: docker.io/library/*
        to: platform/base/*
      - from: "*:latest"
        tag: "{tag}-{date}"
        on-conflict: skip

A rule may say three things: where a repository goes (``to``), what tag it gets (``tag``), and what happens if that is
taken (``on-conflict``). Each of them is decided by the rule with the longest ``from`` that says something about it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bundler.core.reference import Reference, is_tag
from bundler.core.tag_template import TagTemplate
from bundler.errors import Misuse


@dataclass(frozen=True, slots=True)
class Pattern:
    """Which images a rule is for: ``NAME``, ``PREFIX*``, each with an optional ``:TAG``."""

    name: str
    is_prefix: bool
    tag: str | None

    @classmethod
    def parse(cls, text: str) -> Pattern:
        """Reads a pattern; names are completed as references are.

        Raises:
            Misuse: It is none.
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
        """Whether an image is meant."""
        if self.tag is not None and self.tag != reference.tag:
            return False
        return reference.name.startswith(self.name) if self.is_prefix else reference.name == self.name

    def __str__(self) -> str:
        return f"{self.name}{'*' if self.is_prefix else ''}" + (f":{self.tag}" if self.tag else "")

    @property
    def precedence(self) -> tuple[int, bool, bool]:
        """The larger, the more it decides: by length, then whole names before prefixes, then those with a tag."""
        return len(self.name), not self.is_prefix, self.tag is not None


@dataclass(frozen=True, slots=True)
class Rule:
    """What is to happen to the images of a pattern; None where the rule says nothing."""

    pattern: Pattern
    to: str | None = None
    tag: TagTemplate | None = None
    on_conflict: str | None = None

    def repository(self, reference: Reference) -> str:
        """Where the repository goes, if the rule says so: ``*`` stands for what followed the prefix."""
        assert self.to is not None
        return self.to.replace("*", reference.name[len(self.pattern.name) :])


@dataclass(frozen=True, slots=True)
class NamingRules:
    """The rules of a file."""

    rules: tuple[Rule, ...] = ()

    def repository(self, reference: Reference) -> str | None:
        """Where an image's repository goes; None if no rule says so."""
        rule = self._first(reference, lambda rule: rule.to)
        return rule.repository(reference) if rule else None

    def tag(self, reference: Reference) -> TagTemplate | None:
        """How an image's tag is made; None if no rule says so."""
        rule = self._first(reference, lambda rule: rule.tag)
        return rule.tag if rule else None

    def on_conflict(self, reference: Reference) -> str | None:
        """What happens if an image's tag is taken; None if no rule says so."""
        rule = self._first(reference, lambda rule: rule.on_conflict)
        return rule.on_conflict if rule else None

    def idle(self, references: Iterable[Reference]) -> tuple[str, ...]:
        """The patterns of rules that are for no image, which may be slips of the pen."""
        known = tuple(references)
        return tuple(str(rule.pattern) for rule in self.rules if not any(map(rule.pattern.matches, known)))

    def _first(self, reference: Reference, said: Callable[[Rule], object]) -> Rule | None:
        fitting = (rule for rule in self.rules if said(rule) is not None and rule.pattern.matches(reference))
        return max(fitting, key=lambda rule: rule.pattern.precedence, default=None)


NO_RULES = NamingRules()


def _completed(prefix: str) -> str:
    """A prefix as it begins full names: ``library/`` and ``nginx`` are Docker Hub's, as in references."""
    first, slash, rest = prefix.partition("/")
    if first in ("index.docker.io", "registry-1.docker.io") and slash:
        return f"docker.io/{rest}"
    is_registry = not prefix or first == "localhost" or any(mark in first for mark in ".:[") or first != first.lower()
    if is_registry:
        return prefix
    return f"docker.io/{prefix}" if slash else f"docker.io/library/{prefix}"
