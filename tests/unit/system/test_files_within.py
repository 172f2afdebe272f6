"""Files below a folder are found by plain paths only."""

from __future__ import annotations

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
