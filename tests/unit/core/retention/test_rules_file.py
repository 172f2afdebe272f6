"""A file of rules says which images stay. A mistake in it is an error with its line, never a rule that removes more."""

from __future__ import annotations

import pytest

from bundler.core.retention.rules import Retention, RetentionRule
from bundler.core.retention.rules_file import parse_retention
from bundler.core.tag_choice import BY_CREATED, TagChoice
from bundler.core.version_range import VersionRange
from bundler.errors import Misuse, Several
from tests.support.errors import raises
from tests.support.tables import each_case


def read(text: str) -> Retention:
    return parse_retention(text, source="rules.yaml")


def test_a_file_has_bundles_repositories_and_rules_in_their_order() -> None:
    found = read(
        """
keep-bundles: 3
repositories: ["team/*"]
rules:
- repositories: team/base
  keep: all
- tags: ["pr-*", ci-*]
  except: "*-keep"
  keep-last: 5
  by: created
- semver: ">=1"
  keep-last: 0
"""
    )
    assert found == Retention(
        3,
        (
            RetentionRule(("team/base",), TagChoice(match=("*",)), None, where="rules.yaml:5"),
            RetentionRule((), TagChoice(match=("pr-*", "ci-*"), without=("*-keep",)), 5, BY_CREATED, "rules.yaml:7"),
            RetentionRule((), TagChoice(match=("*",), versions=VersionRange.parse(">=1")), 0, where="rules.yaml:11"),
        ),
        ("team/*",),
    )
    assert found.words()[0] == "keep-bundles 3"
    assert len(found.words()) == 5


@each_case(
    "text",
    [
        "",
        "[]",
        "keep-bundles: 1\nkeep: all",
        "rules: 5",
        "rules:\n- keep-last: 3\n  keep: all",
        "rules:\n- tags: [a]",
        "rules:\n- keep-last: -1",
        "rules:\n- keep-last: many",
        "rules:\n- keep: some",
        "rules:\n- keep: all\n  by: created",
        "rules:\n- keep-last: 1\n  by: age",
        "rules:\n- keep-last: 1\n  tags: []",
        "rules:\n- keep-last: 1\n  tags: ['']",
        "rules:\n- keep-last: 1\n  semver: new",
        "rules:\n- keep-last: 1\n  keep-last: 2",
        "rules:\n- keep-last: 1\n  repository: a",
        "rules:\n- keep: all\n  tags: '{1.0,prod}'",
        "rules:\n- keep: all\n  tags: '[^a-z]*'",
        "rules:\n- keep: all\n  tags: 'v[1.*'",
        "rules:\n- keep-last: 1\n  except: '!v1'",
        "rules:\n- keep: all\n  repositories: 'Team/*'",
        "rules:\n- keep: all\n  repositories: '/team/*'",
        "rules:\n- keep: all\n  repositories: 'registry.internal:5000/team/*'",
        "keep-bundles: 0",
        "keep-bundles: 1\nrepositories: []",
    ],
)
def test_a_mistake_is_an_error_with_its_line(text: str) -> None:
    with raises(Misuse):
        read(text)


def test_all_mistakes_are_reported_at_once() -> None:
    with pytest.raises(Several) as caught:
        read("keep-bundles: x\nrules:\n- keep-last: y\n- keep: z\n")
    where = {str(each.subject).partition(" ")[0] for each in caught.value.errors}
    assert where == {"rules.yaml:1:", "rules.yaml:3:", "rules.yaml:4:"}
