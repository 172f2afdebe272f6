"""``--metrics``: the file is written whatever the end of the run is, and nothing about it changes the run."""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import bundler
from bundler import cli
from bundler.cli.program import program
from bundler.core.metrics import read_exposition
from bundler.errors import Interrupted
from bundler.system import signals
from bundler.views import metrics_file

VECTORS = Path(__file__).parents[2] / "vectors"
TRUST = ("--trust", str(VECTORS / "keys/golden.pub"))
LONG = {
    "export", "verify", "parity", "repair", "sign", "copy", "spread", "import", "fulfil", "undo", "status", "check", "inventory", "diff", "scan",
}  # fmt: skip

ENDLESS = {"serve"}
"""The commands that run until they are stopped: figures at their end would help nobody."""

Values = dict[tuple[str, ...], float]


def values(path: Path) -> Values:
    """The samples of a file: the name, and the values of the labels without the task."""
    samples = read_exposition(path.read_bytes())
    assert {each.label("task") for each in samples} == {path.stem}
    return {(each.metric.name, *(v for name, v in each.labels if name != "task")): each.value for each in samples}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "node").mkdir()
    return tmp_path / "node/nightly.prom"


@pytest.fixture
def run(file: Path, capsys: Any) -> Callable[..., tuple[int, str]]:
    """Runs a command with the file, and returns its exit code and stderr."""

    def run(*arguments: object) -> tuple[int, str]:
        code = cli.run([*map(str, arguments), "--metrics", str(file), "-q"])
        return code, capsys.readouterr().err

    return run


def test_an_import_leaves_its_figures_and_no_name_of_an_image(run: Any, file: Path, tmp_path: Path) -> None:
    to = f"oci:{tmp_path}/layout"
    assert run("import", VECTORS / "tar", *TRUST, "--to", to) == (0, "")
    found = values(file)
    assert found["bundler_build_info", bundler.__version__] == 1
    assert found["bundler_last_run_exit_code", "import"] == 0
    at = found["bundler_last_run_timestamp_seconds", "import"]
    assert found["bundler_last_success_timestamp_seconds", "import"] == at
    assert found["bundler_import_last_success_timestamp_seconds", to, "tar"] == at
    pushed = found["bundler_last_run_images", "import", "pushed"]
    assert pushed >= 2
    assert found["bundler_last_run_images", "import", "failed"] == 0
    assert found["bundler_last_run_objects", "import", "copied"] > 2
    assert (
        0 < found["bundler_last_run_bytes", "import", "copied"] <= found["bundler_bundle_size_bytes", "import", "tar"]
    )
    assert found["bundler_last_run_phase_duration_seconds", "import", "sending"] >= 0
    assert found["bundler_verify_damaged_files", "import"] == 0
    assert "registry.example" not in file.read_text().replace(to, "")
    assert run("import", VECTORS / "tar", *TRUST, "--to", to) == (0, "")
    assert values(file)["bundler_last_run_images", "import", "present"] == pushed


def test_the_last_success_outlives_failures_of_every_kind(
    run: Any, file: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    to = f"oci:{tmp_path}/layout"
    run("import", VECTORS / "tar", *TRUST, "--to", to)
    first = values(file)
    successes = {key: at for key, at in first.items() if "_last_success_" in key[0]}
    assert len(successes) == 2
    damaged = shutil.copytree(VECTORS / "tar", tmp_path / "damaged")
    with open(damaged / "chunk-0001.tar", "r+b") as chunk:
        chunk.seek(17_500)  # in a layer
        byte = chunk.read(1)
        chunk.seek(17_500)
        chunk.write(bytes([byte[0] ^ 1]))
    lacking = shutil.copytree(VECTORS / "parts", tmp_path / "lacking")
    (lacking / "chunk-0002.tar").unlink()
    for arguments, code, kind in (
        (["verify", damaged, *TRUST], 4, "integrity"),
        (["verify", lacking, *TRUST], 9, "incomplete"),
        (["import", VECTORS / "tar", "--to", to], 5, "trust"),
        (["import", VECTORS / "tar", *TRUST, "--to", "oci:x:y:z", "--platform", "?"], 2, "usage"),
    ):
        assert run(*arguments)[0] == code
        found = values(file)
        assert found["bundler_last_run_exit_code", arguments[0]] == code
        assert found["bundler_last_run_errors", arguments[0], kind] >= 1
        assert {key: at for key, at in found.items() if "_last_success_" in key[0]} == successes
        if code == 4:
            assert found["bundler_verify_damaged_files", "verify"] == 1
            assert found["bundler_medium_read_errors", "verify"] == 0

    def stopped(*_: object) -> None:
        raise Interrupted()

    monkeypatch.setattr(bundler, "verify_or_list", stopped)
    monkeypatch.setattr(signals, "ignore", lambda: None)
    assert run("verify", damaged, *TRUST)[0] == 130
    assert values(file)["bundler_last_run_exit_code", "verify"] == 130
    monkeypatch.setattr(bundler, "verify_or_list", lambda *_: 1 / 0)
    assert run("verify", damaged, *TRUST)[0] == 70
    found = values(file)
    assert found["bundler_last_run_exit_code", "verify"] == 70
    assert {key: at for key, at in found.items() if "_last_success_" in key[0]} == successes
    monkeypatch.undo()
    assert run("verify", VECTORS / "tar", *TRUST)[0] == 0
    assert {key[1] for key in values(file) if key[0] == "bundler_last_success_timestamp_seconds"} == {
        "import",
        "verify",
    }


def test_tags_in_conflict_are_counted(run: Any, file: Path, tmp_path: Path) -> None:
    layout = tmp_path / "layout"
    assert run("import", VECTORS / "tar", *TRUST, "--to", f"oci:{layout}")[0] == 0
    index = json.loads((layout / "index.json").read_text())
    first, second, *_ = index["manifests"]
    for field in ("digest", "size", "mediaType"):
        first[field], second[field] = second[field], first[field]
    (layout / "index.json").write_text(json.dumps(index))
    assert run("import", VECTORS / "tar", *TRUST, "--to", f"oci:{layout}")[0] == 6
    found = values(file)
    assert found["bundler_last_run_images", "import", "conflict"] == 2
    assert found["bundler_last_run_errors", "import", "refused"] == 2


def test_other_commands_have_figures_of_their_own(run: Any, file: Path, tmp_path: Path) -> None:
    layout = f"oci:{tmp_path}/layout"
    assert run("import", VECTORS / "tar", *TRUST, "--to", layout)[0] == 0
    (tmp_path / "out").mkdir()
    assert run("export", layout, "--name", "again", "-o", tmp_path / "out", "--unsigned")[0] == 0
    found = values(file)
    assert found["bundler_last_run_images", "export", "carried"] == 4
    assert found["bundler_last_run_images", "export", "missing"] == 0
    size = sum(chunk.stat().st_size for chunk in (tmp_path / "out/again").glob("chunk-*.tar"))
    assert found["bundler_bundle_size_bytes", "export", "again"] == size
    assert run("copy", VECTORS / "parts", "-o", tmp_path / "out")[0] == 0
    found = values(file)
    assert found["bundler_verify_missing_files", "copy"] == 0
    assert found["bundler_last_run_objects", "copy", "copied"] == 8  # all but SHA256SUMS and its signature
    assert run("inventory", layout, "-o", tmp_path / "inventory.json")[0] == 0
    assert values(file)["bundler_last_run_images", "inventory", "listed"] == 4
    commands = {key[1] for key in values(file) if key[0] == "bundler_last_success_timestamp_seconds"}
    assert commands == {"import", "export", "copy", "inventory"}


def test_everybody_may_read_the_file_and_nothing_else_is_left(run: Any, file: Path) -> None:
    before = os.umask(0o077)
    try:
        assert run("verify", VECTORS / "tar", *TRUST) == (0, "")
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    assert os.listdir(file.parent) == [file.name]


def test_a_file_that_cannot_be_written_is_named_at_the_start_and_changes_nothing(
    run: Any, file: Path, tmp_path: Path, capsys: Any, monkeypatch: Any
) -> None:
    def other(name: str, content: str = "") -> Path:
        path = file.parent / name
        path.write_text(content)
        return path

    link = file.parent / "link.prom"
    link.symlink_to(other("its-target.prom"))
    foreign = other("foreign.prom")
    foreign.chmod(0o666)
    (file.parent / "folder.prom").mkdir()
    cases = {
        other("bundle.yaml", "images: []\n"): "node_exporter reads only files NAME.prom",
        other("node.prom", "node_load1 0.5\n"): "no metrics of bundler",
        other("large.prom", "#" * (300 << 10)): "too large",
        foreign: "not ours",
        link: "a link",
        file.parent / "folder.prom": "not a regular file",
        tmp_path / "missing/x.prom": "there is no such folder",
        file.parent / ".prom": "node_exporter reads only",
    }
    before = {path: path.read_bytes() for path in cases if path.is_file()}
    seen: list[str] = []
    work = bundler.verify_or_list
    monkeypatch.setattr(
        bundler, "verify_or_list", lambda *request: (seen.append(capsys.readouterr().err), work(*request))[1]
    )
    for path, words in cases.items():
        assert cli.run(["verify", str(VECTORS / "tar"), *TRUST, "--metrics", str(path), "-q"]) == 0
        assert words in seen[-1], path
        assert "warning: no metrics are written" in seen[-1]
        assert capsys.readouterr().err == ""
    assert {path: path.read_bytes() for path in before} == before
    assert not file.exists()


def test_an_end_without_room_for_the_file_keeps_the_exit_code(run: Any, file: Path, monkeypatch: Any) -> None:
    for fault, words in ((OSError(28, "No space left on device"), "No space left"), (ZeroDivisionError(), "a bug")):

        def full(*_: object, fault: Exception = fault, **__: object) -> None:
            raise fault

        monkeypatch.setattr(metrics_file, "exposition", full)
        code, reported = run("verify", VECTORS / "tar", *TRUST)
        assert code == 0
        assert "warning: no metrics are written" in reported
        assert words in reported or isinstance(fault, OSError)
        assert not file.exists()


def test_a_dry_run_writes_no_file_and_says_so(run: Any, file: Path, tmp_path: Path) -> None:
    code, reported = run("import", VECTORS / "tar", *TRUST, "--to", f"oci:{tmp_path}/layout", "--dry-run")
    assert (code, reported) == (0, "note: --metrics writes no file in a dry run\n")
    assert not file.exists()


def test_every_long_command_has_the_option() -> None:
    context = program.make_context("bundler", ["--help"], resilient_parsing=True)
    commands = program.all_commands(context)
    have = {name for name, each in commands.items() if any("--metrics" in option.opts for option in each.params)}
    assert have >= LONG
    long = {
        name
        for name, each in commands.items()
        if {"--jobs", "--dry-run"} & {flag for option in each.params for flag in option.opts}
    }
    assert long - ENDLESS <= have
