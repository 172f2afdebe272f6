"""Answers of Harbor are taken field by field: nothing surprising gets into the record, and views can rely on its types."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bundler.core.registry_record import (
    HarborSettings,
    RegistryRecord,
    immutable_rule_settings,
    label_settings,
    parse_record,
    project_settings,
    quota_settings,
    retention_settings,
    robot_settings,
)
from bundler.errors import Damaged

PROJECT = {
    **project_settings({"name": "team", "metadata": {"public": "true"}}),
    "quota": None,
    "retention": None,
    "immutableRules": [],
    "robots": [],
    "labels": [],
}
RECORD = RegistryRecord(
    "harbor.internal", "harbor", 2, 5, (), HarborSettings("v2.12", (PROJECT,), (), (), (("a", "b"),))
)
STRANGE = (None, 5, "text", [], [1], {}, {"name": 5, "metadata": 7, "permissions": {}, "rules": 1}, {"access": [None]})


def test_a_record_is_read_as_it_was_written():
    assert parse_record(RECORD.to_json(), what="record") == RECORD
    plain = RegistryRecord("registry.internal", "distribution", 2, 5)
    assert parse_record(plain.to_json(), what="record") == plain


@pytest.mark.parametrize(
    "take",
    [
        project_settings,
        quota_settings,
        robot_settings,
        label_settings,
        retention_settings,
        immutable_rule_settings,
    ],
)
def test_answers_of_any_shape_are_taken_without_an_error(take):
    for answer in STRANGE:
        json.dumps(take(answer))


def test_no_secret_and_nothing_endless_is_taken():
    deep: Any = "end"
    for _ in range(50):
        deep = {"selectors": deep}
    robot = {"name": "robot", "secret": "s3cret", "permissions": [{"access": [{"secret": "s3cret", "action": "pull"}]}]}
    taken = [robot_settings(robot), retention_settings({"rules": [deep]}), label_settings({"name": "x" * 9999})]
    written = json.dumps(taken)
    assert "s3cret" not in written
    assert "end" not in written
    assert len(taken[2]["name"]) == 4096


def test_a_record_of_other_types_is_refused():
    document = json.loads(RECORD.to_json())
    changes: tuple[tuple[str, Any], ...] = (
        ("record", "bundler.registry/2"),
        ("repositories", -1),
        ("notListed", [{"name": 1}]),
        ("harbor", []),
        ("harbor", {**document["harbor"], "projects": [{**PROJECT, "retention": [1]}]}),
        ("harbor", {**document["harbor"], "robots": [{"name": "x", "permissions": [{"access": [1]}]}]}),
    )
    for field, value in changes:
        with pytest.raises(Damaged):
            parse_record(json.dumps({**document, field: value}).encode(), what="record")
