"""A pattern of a rule that matches nothing may be a typing error, and is named with its rule."""

from __future__ import annotations

from bundler.core.retention.rules import Retention, idle_patterns
from bundler.core.retention.rules_file import parse_retention

RULES = """
repositories: ["team/*", "other/*"]
rules:
- repositories: [team/bsae]
  keep: all
- tags: ["pr-*", ci-*]
  except: "*-keep"
  keep-last: 5
- keep-last: 1
"""


def read() -> Retention:
    return parse_retention(RULES, source="rules.yaml")


def test_each_pattern_that_matches_nothing_is_named_with_its_rule() -> None:
    assert list(idle_patterns(read(), {"team/base": ["pr-1", "1.0"], "elsewhere": ["ci-1"]})) == [
        "no repository matches other/*",
        "rules.yaml:4: no repository matches team/bsae",
        "rules.yaml:6: no tag matches ci-*",
        "rules.yaml:6: no tag matches *-keep",
    ]


def test_patterns_that_match_are_not_named() -> None:
    tags = {"team/bsae": ["pr-1", "ci-1-keep"], "other/a": []}
    assert not list(idle_patterns(read(), tags))


def test_a_tag_may_be_in_a_repository_that_could_not_be_read() -> None:
    assert not list(idle_patterns(read(), {"team/bsae": ["pr-1"], "other/a": None}))
