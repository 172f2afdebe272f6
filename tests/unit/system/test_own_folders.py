"""No other user may write to a folder that we make for our state: files in it could be removed and replaced."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bundler.importing import receipt_file as import_receipts
from bundler.pruning import receipt_file as prune_receipts
from bundler.system.ownership import make_folder
from bundler.system.secret_file import SecretFile
from tests.support.tables import each_case


@pytest.fixture(autouse=True)
def no_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def modes(folder: Path) -> dict[str, int]:
    """The modes of all folders below a folder."""
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*") if path.is_dir()}


def test_folders_are_made_with_their_parents_and_those_that_are_there_stay(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir(mode=0o777)
    for _ in range(2):
        make_folder(tmp_path / "there/parent/own", mode=0o700)
    assert modes(tmp_path) == {"there": 0o777, "parent": 0o755, "own": 0o700}
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError):
        make_folder(tmp_path / "file")


def test_a_working_folder_that_was_removed_gives_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(FileNotFoundError):
        make_folder(Path("state/receipts"))


def test_a_folder_on_a_read_only_mount_may_be_there_already(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, mode: int) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    monkeypatch.setattr(os, "mkdir", refuse)
    make_folder(tmp_path)
    with pytest.raises(OSError, match="Read-only"):
        make_folder(tmp_path / "new")


@each_case(
    "make",
    [
        lambda _: import_receipts.check_place(None),
        lambda _: prune_receipts.check_place(None),
        lambda state: SecretFile(state / "bundler/secret").make(),
    ],
)
def test_the_folders_of_our_state_are_ours(
    make: Callable[[Path], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "local/state"))
    make(tmp_path / "local/state")
    found = modes(tmp_path)
    assert "bundler" in found
    assert not any(mode & 0o022 for mode in found.values()), found
