"""Files of a bundle that this version makes no use of: each is checked by its digest, and left alone otherwise."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.forge import Forged

ROLES = {
    "restore.py": "restore",
    "parity-01.par2": "parity",
    "parity-01.vol000+52.par2": "parity",
    "record-scan.json": "record",
    "tool/bundler-0.2.0-py3-none-any.whl": "tool",
    "tool/install.sh": "tool",
    "scan/later.bin": "unknown",
    "install.sh": "unknown",
}


def put(bundle: Forged, files: dict[str, bytes]) -> None:
    """Adds files to a bundle, or replaces them, and lists and signs them."""
    for name, content in files.items():
        (bundle / name).parent.mkdir(exist_ok=True)
        (bundle / name).write_bytes(content)
    sums = dict(bundle.sums) | {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    bundle.sign_list("".join(f"{digest}  {name}\n" for name, digest in sums.items()).encode())


@pytest.fixture
def full(forged: Forged) -> Forged:
    """A bundle with a file of each optional role, and of unknown ones. Each would tell if it were executed."""
    ran = forged.folder.parent / "ran"
    script = f"#!/bin/sh\ntouch {ran}\n".encode()
    put(forged, dict.fromkeys(ROLES, script))
    for name in ROLES:
        os.chmod(forged / name, 0o755)
    return forged


def test_they_are_reported_with_their_roles_and_are_no_fault(full, verified, imported, command):
    checked = verified(full.folder)
    assert (checked.code, checked.json["findings"]) == (0, [])
    assert {each["file"]: each["role"] for each in checked.json["otherFiles"]} == ROLES
    assert imported(full.folder).code == 0
    shown = command("inspect", full.folder, "--trust", full.public)
    assert "scan/later.bin, install.sh" in shown.out
    assert "tool/bundler-0.2.0-py3-none-any.whl, tool/install.sh" in shown.out
    assert not (full.folder.parent / "ran").exists()


def test_a_bundle_of_a_version_before_restore_py_is_as_good_as_ever(forged, verified, imported):
    sums = (forged / "SHA256SUMS").read_text().splitlines(keepends=True)
    assert [line[66:-1] for line in sums][:3] == ["README.txt", "bundle.json", "restore.py"]
    (forged / "restore.py").unlink()
    forged.sign_list("".join(line for line in sums if "restore.py" not in line).encode())
    assert (verified(forged.folder).code, imported(forged.folder).code) == (0, 0)


@pytest.mark.parametrize("name", ROLES)
def test_one_that_was_changed_is_found_and_named(full, verified, name):
    full.flip(name, 5)
    checked = verified(full.folder)
    assert (checked.code, checked.json["copyAgain"]) == (4, [name])


@pytest.mark.parametrize("name", ROLES)
def test_one_that_is_missing_is_named(full, verified, name):
    (full / name).unlink()
    checked = verified(full.folder)
    assert (checked.code, checked.json["copyAgain"]) == (9, [name])


BREAKS: dict[str, Callable[[Path], object]] = {
    "a link": lambda path: path.symlink_to("/etc/shadow"),
    "a pipe": os.mkfifo,
    "a folder": os.mkdir,
    "of a TiB": lambda path: (path.touch(), os.truncate(path, 1 << 40)),
}


@pytest.mark.parametrize("how", BREAKS)
def test_one_that_is_something_else_is_found_and_not_followed(full, verified, how):
    for name in ROLES:
        (full / name).unlink()
        BREAKS[how](full / name)
    checked = verified(full.folder)
    assert checked.code == 4
    assert set(checked.json["copyAgain"]) == set(ROLES)
    assert "root:" not in checked.out
    shutil.rmtree(full.folder)


def test_a_file_in_a_folder_that_nobody_listed_is_found(full, verified, imported):
    (full / "tool/evil.whl").write_bytes(b"PK")
    (full / "tool/more").mkdir()
    checked = verified(full.folder)
    assert checked.code == imported(full.folder).code == 4
    assert {Path(finding["subject"]).name for finding in checked.json["findings"]} == {"evil.whl", "more"}
    assert checked.json["copyAgain"] == []


def test_a_folder_that_is_a_link_is_not_followed(full, verified):
    shutil.move(full / "tool", full.folder.parent / "elsewhere")
    (full / "tool").symlink_to(full.folder.parent / "elsewhere")
    checked = verified(full.folder)
    assert checked.code == 4
    assert {name for name in ROLES if name.startswith("tool/")} == set(checked.json["copyAgain"])


def test_a_folder_that_nothing_is_listed_in_is_a_stranger(forged, verified):
    (forged / "tool").mkdir()
    (forged / "tool/x").write_bytes(b"x")
    checked = verified(forged.folder)
    assert (checked.code, checked.json["findings"][0]["file"]) == (4, "tool")


def test_what_systems_leave_in_a_folder_is_counted(full, verified):
    (full / "tool/.DS_Store").write_bytes(b"12345")
    checked = verified(full.folder)
    assert (checked.code, checked.json["litter"]["files"], checked.json["litter"]["size"]) == (0, 1, 5)


def test_a_medium_that_knows_capitals_only_has_them_all(full, verified, tmp_path):
    medium = tmp_path / "medium"
    for path in full.folder.rglob("*"):
        if path.is_file():
            target = medium / str(path.relative_to(full.folder)).upper()
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    checked = verified(medium)
    assert (checked.code, checked.json["findings"]) == (0, [])


def test_they_may_lie_on_another_medium_than_the_chunks(full, verified, imported, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    for name in ("SHA256SUMS", full.signature.name, "bundle.json", "README.txt"):
        shutil.copy(full / name, other)
    for name in ("tool", "parity-01.par2", "parity-01.vol000+52.par2"):
        shutil.move(full / name, other / name)
    assert verified(full.folder).code == 9
    assert imported(full.folder).code == 0, "an import needs neither"
    assert verified(full.folder, other).code == 0
