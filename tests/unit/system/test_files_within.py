"""Files below a folder are found by plain paths only."""

from __future__ import annotations

import os
from pathlib import Path

from bundler.errors import Damaged
from bundler.system.files_within import FilesWithin
from tests.support.errors import raises
from tests.support.tables import each_case


@each_case("path", ["../secret", "blobs/../../secret", "blobs/..", "..", "/etc/passwd"])
def test_a_path_that_leads_out_of_its_folder_opens_nothing(tmp_path: Path, path: str) -> None:
    root = tmp_path / "layout"
    (root / "blobs").mkdir(parents=True, exist_ok=True)
    (tmp_path / "secret").write_bytes(b"secret")
    with raises(Damaged, subject=str(root / path)):
        FilesWithin(root).size(path)
    with raises(Damaged, subject=str(root / path)), FilesWithin(root).opened(path):
        pass


def test_a_path_with_dots_in_its_names_is_plain(tmp_path: Path) -> None:
    (tmp_path / "..a").mkdir()
    (tmp_path / "..a/b..c").write_bytes(b"four")
    assert FilesWithin(tmp_path).size("..a/b..c") == 4


def test_kept_folders_are_let_go_with_the_object(tmp_path: Path) -> None:
    for number in range(9):
        (tmp_path / f"folder-{number}").mkdir()
        (tmp_path / f"folder-{number}/file").write_bytes(b"")
    before = len(os.listdir("/proc/self/fd"))
    files = FilesWithin(tmp_path, keeps_folders=True)
    assert [files.size(f"folder-{number}/file") for number in range(9)] == [0] * 9
    assert before < len(os.listdir("/proc/self/fd")) <= before + 4
    del files
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_kept_folder_follows_no_link_and_sees_what_took_its_place(tmp_path: Path) -> None:
    (tmp_path / "blobs").mkdir()
    (tmp_path / "blobs/a").write_bytes(b"four")
    (tmp_path / "blobs/link").symlink_to("a")
    files = FilesWithin(tmp_path, keeps_folders=True)
    assert (files.size("blobs/a"), files.size("blobs/b")) == (4, None)
    with raises(Damaged, subject=str(tmp_path / "blobs/link")):
        files.size("blobs/link")
    with raises(Damaged, subject=str(tmp_path / "blobs/link")), files.opened("blobs/link"):
        pass
    (tmp_path / "blobs").rename(tmp_path / "moved")
    (tmp_path / "blobs").mkdir()
    (tmp_path / "blobs/b").write_bytes(b"fives")
    assert files.size("blobs/b") == 5
    (tmp_path / "blobs/b").unlink()
    (tmp_path / "blobs").rmdir()
    (tmp_path / "blobs").symlink_to("moved")
    with raises(Damaged, subject=str(tmp_path / "blobs")):
        files.size("blobs/b")
