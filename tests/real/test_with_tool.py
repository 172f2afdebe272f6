"""A bundle carries the tool for its receiver: listed and signed like everything, and checked before anybody runs it."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import sweeps
from tests.support.images import simple
from tests.support.parts import shell
from tests.support.steps import Steps

FILES = {
    "image_bundler-0.2.0-py3-none-any.whl": b"PK wheel",
    "install.sh": b"#!/bin/sh\necho installed\n",
    "bundler-0.2.0-x86_64.pyz": b"#!/usr/bin/env python3\n",
    "bundler_0.2.0_amd64.deb": b"!<arch>\n",
    "bundler-0.2.0-image-x86_64.tar": bytes(3000),
    "empty.txt": b"",
}
LISTED = {f"tool/{name}" for name in FILES}


def sums_of(files: dict[str, bytes]) -> str:
    return "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in files.items())


@pytest.fixture
def tool(tmp_path) -> Path:
    """A folder as scripts/dist makes one."""
    folder = tmp_path / "dist"
    folder.mkdir()
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    (folder / "SHA256SUMS").write_text(sums_of(FILES))
    (folder / ".DS_Store").touch()
    return folder


@pytest.fixture
def export(here, keys, tmp_path):
    simple("one", 3000).write_layout(tmp_path / "layout", "example.com/a/one:1")
    os.environ["SOURCE_DATE_EPOCH"] = "1700000000"

    def run(*more: object, into: str = "out"):
        return here("export", f"oci:{tmp_path / 'layout'}", "-o", tmp_path / into, "--name", "test",
                    "--key", keys[0], *more)  # fmt: skip

    yield run
    del os.environ["SOURCE_DATE_EPOCH"]


def listed_in(bundle: Path) -> dict[str, str]:
    return dict(reversed(line.split("  ")) for line in (bundle / "SHA256SUMS").read_text().splitlines())


@pytest.mark.parametrize("kind", ["tar", "7z", "encrypted", "read back"])
def test_the_tool_comes_along_and_stock_tools_check_it_before_anybody_runs_it(export, here, keys, tool, tmp_path, kind):
    (tmp_path / "secret").write_text("correct horse battery\n")
    more = {
        "tar": [],
        "7z": ["--format", "7z"],
        "encrypted": ["--encrypt", "--passphrase-file", tmp_path / "secret"],
        "read back": ["--read-back"],
    }[kind]
    done = export("--with-tool", tool, *more)
    assert done.code == 0, done.err
    assert re.search(r"^tool +6 files, .* in the folder tool$", done.out, re.MULTILINE)
    bundle = tmp_path / "out/test"
    assert {path.name: path.read_bytes() for path in (bundle / "tool").iterdir()} == FILES
    assert {name for name in listed_in(bundle) if "/" in name} == LISTED
    text = (bundle / "README.txt").read_text()
    section = text[text.index("INSTALL BUNDLER FIRST") :].split("\n\n")
    assert max(map(len, "\n".join(section[:2]).splitlines())) <= 78
    steps = re.findall(r"^ +(find .*|openssl pkeyutl .*\\\n.*|sha256sum .*)$", text, re.MULTILINE)[:3]
    script = "\n".join(steps).replace("KEY.pub", str(keys[1]))
    ways = re.findall(r"^    ((?:sh|python3|dpkg -i|docker load -i) tool/\S+)", text, re.MULTILINE)
    assert len(ways) == 2 * 4
    for way in ways:
        assert (bundle / way.split()[-1]).is_file()
    checked = shell(f"set -e; {script}\n{ways[0]}", cwd=bundle)
    assert "tool/install.sh: OK" in checked.stdout
    assert checked.stdout.endswith("installed\n")
    assert here("verify", bundle, "--trust", keys[1]).code == 0
    secret = more[1:] if kind == "encrypted" else []
    assert here("import", bundle, "--trust", keys[1], "--to", f"oci:{tmp_path}/new", *secret).code == 0
    (bundle / "tool/install.sh").write_text("evil\n")
    assert here("verify", bundle, "--trust", keys[1]).code == 4
    assert "tool/install.sh: FAILED" in shell(f"! ( set -e; {script} )", cwd=bundle).stdout


def test_the_chunks_are_the_same_with_and_without_it_and_no_tool_no_words(export, tool, tmp_path):
    export("--with-tool", tool)
    export(into="plain")
    with_tool, plain = listed_in(tmp_path / "out/test"), listed_in(tmp_path / "plain/test")
    assert {name for name in plain if plain[name] != with_tool[name]} == {"README.txt"}
    assert set(with_tool) - set(plain) == LISTED
    assert "tool" not in re.sub("without|no tool", "", (tmp_path / "plain/test/README.txt").read_text().split("---")[0])


def test_the_same_export_again_compares_the_tool(export, tool, tmp_path):
    export("--with-tool", tool)
    again = export("--with-tool", tool, "--json")
    assert (again.code, again.out.count('"completeAlready": true')) == (0, 1)
    assert f'"tool": {{"files": 6, "bytes": {sum(map(len, FILES.values()))}}}' in re.sub(
        r"\s+", " ", again.out
    ).replace("{ ", "{").replace(" }", "}")
    without = export()
    assert (without.code, "--with-tool: 6 files there, 0 files now" in without.err) == (2, True)
    (tool / "SHA256SUMS").unlink()
    (tool / "install.sh").write_text("other\n")
    other = export("--with-tool", tool)
    assert (other.code, "--with-tool: other files there than now" in other.err) == (2, True)
    (tool / "install.sh").write_bytes(FILES["install.sh"])
    (tmp_path / "out/test/tool/install.sh").unlink()
    lost = export("--with-tool", tool)
    assert (lost.code, "tool/install.sh" in lost.err) == (9, True)


def many(folder: Path) -> None:
    for number in range(1001):
        (folder / f"x{number}").touch()


def large(folder: Path) -> None:
    with (folder / "large.bin").open("wb") as file:
        file.truncate((1 << 30) + 1)


BAD: dict[str, tuple[Callable[[Path], object], int, str]] = {
    "no folder": (shutil.rmtree, 2, "there is no such folder"),
    "nothing in it": (lambda folder: [path.unlink() for path in folder.iterdir()], 2, "the folder has no files"),
    "a link": (lambda folder: (folder / "x").symlink_to("/etc/shadow"), 2, "a link; the tool"),
    "a folder in it": (lambda folder: (folder / "wheels").mkdir(), 2, "a folder; the tool"),
    "a pipe": (lambda folder: os.mkfifo(folder / "x"), 2, "a pipe; the tool"),
    "a name for Windows": (lambda folder: (folder / "Setup.exe").touch(), 2, "rename it"),
    "a hidden file": (lambda folder: (folder / ".netrc").touch(), 2, "rename it"),
    "a name that is too long": (lambda folder: (folder / ("a" * 129)).touch(), 2, "rename it"),
    "too many": (many, 2, "at most 1,000"),
    "too large": (large, 2, "at most 1,073,741,824 bytes"),
    "not listed": (lambda folder: (folder / "x").touch(), 2, "not listed"),
    "listed and missing": (lambda folder: (folder / "empty.txt").unlink(), 9, "listed in SHA256SUMS, and missing"),
    "another file": (lambda folder: (folder / "install.sh").write_text("evil"), 4, "not the file that SHA256SUMS lists"),
    "no list of sums": (lambda folder: (folder / "SHA256SUMS").write_text("x\n"), 4, "line 1 is not a checksum"),
}  # fmt: skip


@pytest.mark.parametrize("how", BAD)
def test_a_folder_that_a_bundle_cannot_carry_is_refused_before_anything_is_made(export, tool, tmp_path, how):
    change, code, reported = BAD[how]
    change(tool)
    for more in ([], ["--dry-run"]):
        done = export("--with-tool", tool, *more)
        assert (done.code, reported in done.err) == (code, True), done.err
    assert not (tmp_path / "out").exists()


def test_a_tool_that_changes_during_the_export_is_not_signed(export, tool, tmp_path, monkeypatch):
    from bundler.exporting import export as journey

    def copy(planned):
        copied = original(planned)
        (tool / "install.sh").write_bytes(b"#!/bin/sh\necho evil long enough\n")
        return copied

    original = journey.copy
    monkeypatch.setattr(journey, "copy", copy)
    done = export("--with-tool", tool)
    assert (done.code, "changed during the export" in done.err) == (4, True)
    assert not (tmp_path / "out/test").exists()


def test_an_export_that_was_killed_goes_on_with_it_without_it_or_is_thrown_away(export, keys, tool, tmp_path):
    export("--with-tool", tool, into="whole")
    export(into="plain")
    whole = listed_in(tmp_path / "whole/test")
    command = ["export", f"oci:{tmp_path / 'layout'}", "-o", tmp_path / "out", "--name", "test", "--key", keys[0]]
    with_tool = Steps([*command, "--with-tool", tool])
    killed = 0
    for step in sweeps.steps():
        if not with_tool.kill_at(step).was_killed:
            break
        killed += 1
        more = ([], ["--with-tool", tool], ["--with-tool", tool, "--restart"])[killed % 3]
        if (tmp_path / "out/test").exists():  # it was killed after it had finished
            more = ["--with-tool", tool]
        assert export(*more).code == 0, step
        wanted = whole if more else listed_in(tmp_path / "plain/test")
        assert listed_in(tmp_path / "out/test") == wanted
        assert (tmp_path / "out/test/tool").exists() is bool(more)
        assert [path.name for path in (tmp_path / "out").iterdir()] == ["test"]
        shutil.rmtree(tmp_path / "out")
    assert killed > 2


def test_files_of_others_in_the_unfinished_tool_are_left_alone(export, keys, tool, tmp_path):
    partial = tmp_path / "out/test.partial"
    (partial / "tool/deeper").mkdir(parents=True)
    for more in ([], ["--restart"]):
        done = export("--with-tool", tool, *more)
        assert (done.code, f"{partial}/tool/deeper" in done.err) == (2, True), done.err
    (partial / "tool/deeper").rmdir()
    (partial / "tool/x").symlink_to(tool / "install.sh")
    assert export("--with-tool", tool).code == 2
    assert (tool / "install.sh").read_bytes() == FILES["install.sh"]
