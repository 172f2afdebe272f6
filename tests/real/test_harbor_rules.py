"""``prune --harbor-rules`` sets the rules of a project of Harbor, and never replaces others unseen."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from bundler.pruning import harbor_rules
from tests.support import images
from tests.support.documents import faults
from tests.support.harbor_rules import RuledHarbor
from tests.support.parts import RealRegistry
from tests.support.terminal import on_terminal

ADMIN = ("admin", "Harbor-password-1")
OLD = {
    "id": 5,
    "algorithm": "or",
    "rules": [{"id": 1, "action": "retain", "template": "latestPulledN", "params": {"latestPulledN": 7}}],
    "trigger": {"kind": "Schedule", "settings": {"cron": "0 0 2 * * *"}, "references": {}},
    "scope": {"level": "project", "ref": 1},
}


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealRegistry]:
    made = RealRegistry(tmp_path_factory.mktemp("harbor")).start()
    yield made
    made.stop()


@pytest.fixture
def harbor(registry, fronts, tmp_path):
    """A Harbor, its host, and the arguments of the command without the question."""
    fake = RuledHarbor({"team"}, {"user": "secret"}, ADMIN)
    front = fronts(registry, fake)
    (tmp_path / "admin").write_text(":".join(ADMIN))
    rules = ("--keep-last", 3, "--by", "pushed", "--tag", "pr-*", "--harbor-rules")
    return fake, front, ("prune", f"{front.host}/team", *rules, "--admin-credentials", tmp_path / "admin")


def test_the_rules_are_shown_then_set_then_known(here, harbor, tmp_path):
    fake, front, command = harbor
    dry = here(*command, "--dry-run")
    assert dry.code == 0, dry.err
    assert "latestPushedK 3, repoMatches **, matches pr-*" in dry.out
    assert "Harbor runs it only if a person starts it" in dry.out
    assert (fake.policy, front.count("POST", "")) == (None, 0)
    done = here(*command, "--yes", "--json", "--receipt", tmp_path / "receipt.json")
    assert (done.code, done.json["document"], done.json["alreadySet"]) == (0, "bundler.harbor-rules/1", False), done.err
    assert [each["template"] for each in fake.policy["rules"]] == ["latestPushedK", "always"]
    assert fake.policy["trigger"]["settings"] == {"cron": ""}
    assert json.loads((tmp_path / "receipt.json").read_text())["before"] is None
    again = here(*command, "--yes", "--json")
    assert (again.code, again.json["alreadySet"], again.json["receipt"]) == (0, True, None)
    assert (front.count("POST", ""), front.count("PUT", "")) == (1, 0), "and no execution"


def test_another_policy_is_replaced_only_after_a_yes_and_is_in_the_receipt(harbor, here):
    fake, _, command = harbor
    fake.policy = OLD
    code, shown = on_terminal(*command, answers=[("type yes", "no")])
    assert (code, fake.policy) == (2, OLD)
    assert "latestPulledN 7" in shown
    done = here(*command, "--yes", "--json")
    assert done.code == 0, done.err
    assert fake.policy["trigger"] == OLD["trigger"], "the schedule is the user's"
    assert done.json["schedule"] == "0 0 2 * * *"
    receipt = json.loads(Path(done.json["receipt"]).read_text())
    assert receipt["before"] == OLD
    assert faults(receipt) == []


def test_a_policy_that_was_changed_since_the_plan_stays(harbor, here, monkeypatch):
    fake, _, command = harbor
    plan = harbor_rules.plan_harbor_rules

    def then_changed(*arguments: Any) -> Any:
        planned = plan(*arguments)
        fake.policy = OLD
        return planned

    monkeypatch.setattr(harbor_rules, "plan_harbor_rules", then_changed)
    monkeypatch.setattr("bundler.plan_harbor_rules", then_changed, raising=False)
    ran = here(*command, "--yes")
    assert (ran.code, fake.policy) == (6, OLD)
    assert "the rules have changed since the plan was made" in ran.err


def test_who_may_not_and_what_is_not_harbor_is_said(harbor, here, registry, tmp_path):
    _, front, command = harbor
    (tmp_path / "user").write_text("user:secret")
    denied = here(*command[:-1], tmp_path / "user", "--yes")
    assert denied.code == 6
    assert "forbidden" in denied.err
    none = here("prune", f"{front.host}/nobody", *command[2:], "--yes")
    assert none.code == 6
    assert "project nobody not found" in none.err
    other = here("prune", f"{registry.host}/team", *command[2:], "--yes")
    assert other.code == 2
    assert "this registry is not Harbor" in other.err
    assert here("prune", front.host, *command[2:], "--yes").code == 2
    pushed = here("prune", f"{front.host}/team", "--keep-last", 3, "--by", "pushed", "--dry-run")
    assert pushed.code == 2
    assert "add --harbor-rules" in pushed.err
    assert here("prune", f"{front.host}/team", "--keep-last", 3, "--immutable", "--dry-run").code == 2


def test_the_tags_of_the_newest_bundle_are_retained_and_immutable(harbor, here, registry, keys, tmp_path, monkeypatch):
    fake, front, command = harbor
    images.simple("one").push(registry, "team/app", "pr-1")
    export = here(
        "export", f"docker://{registry.host}/team/app:pr-1", "-o", tmp_path, "--key", keys[0], "--name", "base-1"
    )
    assert export.code == 0, export.err
    login = ("--username", ADMIN[0], "--password-stdin")
    monkeypatch.setattr(sys, "stdin", StringIO(ADMIN[1]))
    done = here("import", tmp_path / "base-1", "--trust", keys[1], "--to", front.host, *login)
    assert done.code == 0, done.err
    monkeypatch.setattr(sys, "stdin", StringIO(ADMIN[1]))
    ran = here(*command, "--immutable", "--yes", "--json", *login)
    assert ran.code == 0, ran.err
    assert [each["name"] for each in ran.json["keptBundles"]] == ["base-1"]
    kept = fake.policy["rules"][2]
    assert (kept["template"], kept["tag_selectors"][0]["pattern"]) == ("always", "pr-1")
    assert [each["tag_selectors"][0]["pattern"] for each in fake.fixed] == ["pr-1"]
    fake.fixed += [{"id": number} for number in range(14)]
    monkeypatch.setattr(sys, "stdin", StringIO(ADMIN[1]))
    assert here(*command, "--immutable", "--yes", "--json", *login).json["alreadySet"]
    fake.fixed[0] = {}
    monkeypatch.setattr(sys, "stdin", StringIO(ADMIN[1]))
    assert "at most 15" in here(*command, "--immutable", "--yes", *login).err
