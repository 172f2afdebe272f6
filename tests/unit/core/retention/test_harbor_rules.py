"""Rules for Harbor retain all that ours do not remove; what it cannot have is refused."""

from __future__ import annotations

import pytest

import bundler
from bundler.core.retention.harbor_rules import TagsKept, immutable_rule, is_same, retention_rules
from bundler.core.retention.rules_file import parse_retention
from bundler.errors import Misuse
from tests.support.tables import each_case


def shown(rules):
    """Each rule in short: template, number, repository, and the selectors of tags."""
    return [
        (
            each["template"],
            *each["params"].values(),
            each["scope_selectors"]["repository"][0]["pattern"],
            *(f"{tags['decoration']} {tags['pattern']} {tags['extras']}" for tags in each["tag_selectors"]),
        )
        for each in rules
    ]


def test_what_a_rule_does_not_cover_is_retained_with_what_has_no_tag():
    rules = retention_rules(bundler.retention_of(None, 3, by="pushed", tags=("pr-*", "b?")), "team", ())
    assert shown(rules) == [
        ("latestPushedK", 3, "**", 'matches {b?,pr-*} {"untagged":false}'),
        ("always", "**", 'excludes {b?,pr-*} {"untagged":false}'),
    ]


def test_kept_tags_of_bundles_are_retained_where_something_may_go():
    retention = bundler.retention_of(None, 1, by="pushed", repositories=("team/app",))
    rules = retention_rules(retention, "team", (TagsKept("app", ("1.0", "2.0")), TagsKept("other", ("1.0",))))
    assert shown(rules)[2:] == [("always", "app", 'matches {1.0,2.0} {"untagged":false}')]
    assert shown(rules)[1] == ("always", "app", 'excludes ** {"untagged":false}')


def test_a_repository_that_is_kept_whole_may_be_named_before_all_others():
    file = "rules:\n- repositories: [team/base]\n  keep: all\n- keep-last: 2\n  by: pushed\n"
    rules = retention_rules(parse_retention(file, source="r.yaml"), "team", ())
    assert shown(rules)[0] == ("always", "base", 'matches ** {"untagged":true}')
    assert len(rules) == 3


PUSHED = "keep-last: 2\n  by: pushed\n"


@each_case(
    "file, why",
    [
        ("keep-bundles: 2\nrules:\n- " + PUSHED, "Harbor knows no bundles"),
        ("rules:\n- keep-last: 2\n", "time of the push"),
        ("rules:\n- keep-last: 2\n  by: created\n", "time of the push"),
        ("rules:\n- semver: '>=1'\n  " + PUSHED, "no semver"),
        ("rules:\n- tags: ['a*']\n  except: ['ab']\n  " + PUSHED, "no except"),
        ("rules:\n- tags: ['a[bc]']\n  " + PUSHED, "a[bc]"),
        ("rules:\n- tags: ['a*']\n  keep: all\n- " + PUSHED, "count the tags"),
        ("rules:\n- repositories: [other/app]\n  " + PUSHED, "other/app"),
        ("rules:\n- repositories: ['team/sub/*']\n  " + PUSHED, "team/sub/*"),
        ("rules:\n- tags: [a]\n  " + PUSHED + "- tags: [b]\n  " + PUSHED, "earlier rule"),
        ("rules:\n- " + PUSHED + "- repositories: [team/base]\n  keep: all\n", "earlier rule"),
        ("rules:\n- keep-last: 32767\n  by: pushed\n", "32,766"),
    ],
)
def test_rules_that_harbor_cannot_have_are_refused_with_the_reason(file, why):
    with pytest.raises(Misuse, match="Harbor cannot have this rule") as refused:
        retention_rules(parse_retention(file, source="r.yaml"), "team", ())
    assert why in refused.value.message


def test_more_than_fifteen_rules_are_refused():
    names = tuple(f"team/app{number}" for number in range(8))
    assert len(retention_rules(bundler.retention_of(None, 1, by="pushed", repositories=names[:7]), "team", ())) == 14
    with pytest.raises(Misuse, match="fewer rules") as refused:
        retention_rules(bundler.retention_of(None, 1, by="pushed", repositories=names), "team", ())
    assert refused.value.actual == "16"


def test_ids_and_the_writing_of_extras_make_no_other_rule():
    (first, second) = retention_rules(bundler.retention_of(None, 3, by="pushed"), "team", ())
    theirs = [{**each, "id": 4, "priority": 1, "params": dict(each["params"])} for each in (second, first)]
    theirs[0]["tag_selectors"] = [{**second["tag_selectors"][0], "extras": '{ "untagged": false }'}]
    assert is_same((first, second), theirs)
    assert not is_same((first, second), theirs[:1])
    assert not is_same((first, second), [{**theirs[0], "disabled": True}, theirs[1]])
    assert not is_same((first, second), [{**theirs[0], "template": "nothing"}, theirs[1]])
    assert not is_same((first,), None)
    assert not is_same([immutable_rule(TagsKept("app", ("1",)))], [immutable_rule(TagsKept("app", ("2",)))])
