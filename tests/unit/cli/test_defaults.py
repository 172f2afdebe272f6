"""Defaults of flags: which place wins, what may have a default, and which files are believed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import click
import pytest

from bundler import cli
from bundler.cli import defaults
from bundler.cli.program import program
from bundler.commands import settings
from bundler.core.settings import NEVER, PROJECT
from tests.support.tables import each_case

USER = "xdg/bundler/config.toml"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, with an empty configuration folder in it."""
    for name in [name for name in os.environ if name.startswith("BUNDLER_")]:
        monkeypatch.delenv(name)
    (tmp_path / "xdg/bundler").mkdir(parents=True)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def parsed(*arguments: str) -> dict[str, Any]:
    """The values of a command's parameters, as click gives them to the command."""
    name, *rest = arguments
    root = click.Context(program, info_name="bundler")
    command = program.get_command(root, name)
    assert command is not None
    return command.make_context(name, rest, parent=root).params


def config(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert cli.run(["config", "--json", *arguments]) == 0
    shown: dict[str, Any] = json.loads(capsys.readouterr().out)
    return shown


def test_the_command_line_wins_then_the_variable_then_the_project_then_the_user(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert parsed("verify", "x")["jobs"] is None
    (folder / USER).write_text("jobs = 1")
    assert parsed("verify", "x")["jobs"] == 1
    (folder / "bundler.toml").write_text("jobs = 2")
    assert parsed("verify", "x")["jobs"] == 2
    monkeypatch.setenv("BUNDLER_JOBS", "3")
    assert parsed("verify", "x")["jobs"] == 3
    assert parsed("verify", "x", "--jobs", "4")["jobs"] == 4


def test_the_table_of_a_command_wins_over_the_top_and_counts_for_it_alone(folder: Path) -> None:
    (folder / "bundler.toml").write_text("jobs = 2\n[export]\njobs = 5\n")
    assert parsed("export", "x", "-o", "d")["jobs"] == 5
    assert parsed("verify", "x")["jobs"] == 2


def test_a_default_serves_a_flag_that_the_command_demands(folder: Path) -> None:
    (folder / "bundler.toml").write_text('[export]\noutput = "media"\nplatform = ["linux/amd64", "linux/arm64"]\n')
    found = parsed("export", "x")
    assert "media" in str(found["outputs"] if "outputs" in found else found["output"])
    assert [str(each) for each in found["platform"]] == ["linux/amd64", "linux/arm64"]


def test_a_variable_of_a_repeated_flag_has_several_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUNDLER_TRUST", "a.pub '/media/b c.pub'")
    assert parsed("verify", "x")["trust"] == ("a.pub", "/media/b c.pub")


def test_switches_have_words(monkeypatch: pytest.MonkeyPatch) -> None:
    for word, wanted in (("1", True), ("true", True), ("No", False), ("off", False)):
        monkeypatch.setenv("BUNDLER_QUIET", word)
        assert parsed("verify", "x")["quiet"] is wanted


def test_a_default_gives_way_to_a_flag_that_excludes_it(folder: Path) -> None:
    (folder / "bundler.toml").write_text('key = "builder.key"\noutput = "d"\n')
    assert parsed("export", "x", "--unsigned")["key"] is None


FAULTS = {
    "an unknown flag": ("bundler.toml", 'chunksize = "1GB"', "chunk-size"),
    "a flag of another command": ("bundler.toml", '[verify]\nchunk-size = "1GB"', "verify"),
    "an unknown command": ("bundler.toml", "[exprot]\njobs = 1", "export"),
    "what weakens trust": (USER, 'plain-http = ["h"]', "--plain-http"),
    "a secret": (USER, "password-stdin = true", "--password-stdin"),
    "one run": (USER, "dry-run = true", "--dry-run"),
    "what removes the uploads of others": (USER, "clear-uploads = 3", "--clear-uploads"),
    "a key to trust from the working folder": ("bundler.toml", 'trust = "/evil.pub"', "config.toml"),
    "a target from the working folder": ("bundler.toml", '[import]\nto = "evil:5000"', "config.toml"),
    "rules from the working folder": ("bundler.toml", 'rules = "evil.yaml"', "config.toml"),
    "a relative path of the user": (USER, 'trust = "builder.pub"', "/"),
    "a value for a switch": (USER, 'quiet = "perhaps"', "--quiet"),
    "a switch for a value": (USER, "jobs = true", "--jobs"),
    "two values": (USER, 'jobs = ["1", "2"]', "--jobs"),
    "a number out of range": (USER, "jobs = 65", USER),
    "a date": (USER, "jobs = 2026-11-30", "jobs"),
    "no TOML": (USER, "jobs 4", "TOML"),
    "another encoding": (USER, "jobs = 4 # \udcff", "TOML"),
    "deep tables": (USER, "x = " + "[" * 5000, "TOML"),
    "tables without end": (USER, f"{'a.' * 500}a = 1", "is a table"),
    "a number of thousands of digits": (USER, f"jobs = {'9' * 5000}", "TOML"),
    "a number that no text can have": (USER, f"jobs = 0x{'f' * 9000}", "jobs"),
    "a huge file": (USER, "# " + "x" * (65 << 10), USER),
}


@each_case("name, content, named", FAULTS.values(), ids=FAULTS)
def test_a_fault_names_the_file_and_ends_with_2(
    name: str, content: str, named: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / name).write_text(content, errors="surrogateescape")
    assert cli.run(["verify", "x"]) == 2
    said = capsys.readouterr().err
    (folder / name).unlink()
    assert name in said
    assert named in said


def test_help_and_config_work_next_to_a_faulty_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "bundler.toml").write_text("nonsense")
    assert cli.run(["verify", "--help"]) == 0
    assert cli.run(["config"]) == 2
    assert "bundler.toml" in capsys.readouterr().err


def test_a_project_file_that_others_can_change_is_not_read_and_said(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "bundler.toml").write_text("jobs = 2")
    (folder / "bundler.toml").chmod(0o666)
    assert parsed("verify", "x")["jobs"] is None
    assert "bundler.toml" in capsys.readouterr().err


def test_a_project_file_on_a_medium_is_not_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "bundler.toml").write_text("jobs = 2")
    monkeypatch.setattr(settings, "is_removable", lambda path: path.name == "bundler.toml")
    assert parsed("verify", "x")["jobs"] is None


def test_a_users_file_that_others_can_change_is_an_error(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / USER).write_text("jobs = 2")
    (folder / USER).parent.chmod(0o777)
    assert cli.run(["verify", "x"]) == 2
    assert "chmod go-w" in capsys.readouterr().err


def test_a_variable_names_another_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / USER).write_text("jobs = 2")
    (folder / "ci.toml").write_text("jobs = 3")
    monkeypatch.setenv("BUNDLER_CONFIG", str(folder / "ci.toml"))
    assert parsed("verify", "x")["jobs"] == 3
    monkeypatch.setenv("BUNDLER_CONFIG", "ci.toml")
    assert cli.run(["verify", "x"]) == 2
    assert "BUNDLER_CONFIG" in capsys.readouterr().err


def test_config_shows_each_default_and_its_place(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / USER).write_text('to = "registry.internal:5000"\n')
    (folder / "bundler.toml").write_text("jobs = 2\n[export]\njobs = 5\n")
    monkeypatch.setenv("BUNDLER_JOBS", "3")
    monkeypatch.setenv("BUNDLER_JOBZ", "3")
    shown = config(capsys)
    assert [(each["flag"], each["command"], each["value"], each["origin"]) for each in shown["settings"]] == [
        ("--jobs", None, "3", "variable"),
        ("--jobs", "export", "5", "project"),
        ("--jobs", None, "2", "project"),
        ("--to", None, "registry.internal:5000", "user"),
    ]
    assert shown["files"] == [str(folder / "bundler.toml"), str(folder / USER)]
    assert shown["unknownVariables"] == ["BUNDLER_JOBZ"]
    assert [each["flag"] for each in config(capsys, "verify")["settings"]] == ["--jobs", "--jobs"]


def test_the_tables_name_flags_that_exist() -> None:
    found = defaults.flags_of_all(click.Context(program, info_name="bundler"))
    flags = frozenset().union(*found.values()) | {"--help", "--version", "--yes"}
    assert set(NEVER) <= flags
    assert flags >= PROJECT
    insecure = {flag for flag in flags if flag.startswith("--insecure")}
    assert insecure <= set(NEVER)
