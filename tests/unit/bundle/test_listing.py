"""Folders of media are listed within limits, and their litter is counted."""

from __future__ import annotations

from pathlib import Path

import pytest

from bundler.bundle import listing, litter
from bundler.bundle.listing import list_folder, names_in
from bundler.bundle.litter import Litter, litter_in
from bundler.errors import Damaged, LocalStorage
from tests.support.errors import raises


def test_a_folder_with_more_files_than_any_bundle_is_not_listed(tmp_path, monkeypatch):
    for name in ("c", "a", "b"):
        (tmp_path / name).touch()
    monkeypatch.setattr(listing, "FOLDER_ENTRIES", 3)
    assert names_in(tmp_path) == ["a", "b", "c"]
    monkeypatch.setattr(listing, "FOLDER_ENTRIES", 2)
    with raises(Damaged, subject=str(tmp_path), values={"count": 2}):
        names_in(tmp_path)


@pytest.mark.parametrize(("number", "family"), [(13, LocalStorage), (1, LocalStorage), (5, Damaged)])
def test_a_folder_that_cannot_be_read_blames_the_owner_or_the_medium(tmp_path, monkeypatch, number, family):
    def fails(path: Path) -> None:
        raise OSError(number, "no")

    monkeypatch.setattr(listing.os, "scandir", fails)
    with raises(family, subject=str(tmp_path)):
        names_in(tmp_path)


def test_an_entry_that_is_gone_is_left_out(tmp_path):
    (tmp_path / "a").touch()
    assert list(list_folder(tmp_path, ["a", "gone"]).entries) == ["a"]


def counted(folder: Path) -> Litter:
    return litter_in([list_folder(folder)])


@pytest.fixture
def littered(tmp_path: Path) -> Path:
    """Three files of litter, two of them in folders, of 60 bytes together."""
    (tmp_path / ".Trashes/501").mkdir(parents=True)
    for name, size_bytes in ((".DS_Store", 10), (".Trashes/one", 20), (".Trashes/501/two", 30), ("chunk-0001.tar", 5)):
        (tmp_path / name).write_bytes(b"x" * size_bytes)
    return tmp_path


def test_litter_is_counted_with_all_that_is_below_it(littered):
    assert counted(littered) == Litter(3, 60, ((".DS_Store", 10), (".Trashes", 50)), is_whole=True)


def test_what_a_link_among_litter_leads_to_is_not_counted(littered, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "large").write_bytes(b"x" * 1000)
    (littered / ".Trashes/link").symlink_to(elsewhere)
    found = counted(littered)
    assert found.files == 4
    assert found.size_bytes < 1000


def test_an_empty_folder_of_litter_counts_as_one_file(tmp_path):
    (tmp_path / ".Trashes").mkdir()
    assert counted(tmp_path) == Litter(1, 0, ((".Trashes", 0),), is_whole=True)


def test_counting_litter_ends_at_the_limit(littered, monkeypatch):
    monkeypatch.setattr(litter, "LITTER_ENTRIES", 2)
    found = counted(littered)
    assert not found.is_whole
    assert found.size_bytes < 60


def test_litter_that_cannot_be_listed_makes_the_count_a_part(littered, monkeypatch):
    scandir = litter.os.scandir

    def fails(path: str | Path) -> object:
        if str(path).endswith("501"):
            raise PermissionError(13, "no")
        return scandir(path)

    monkeypatch.setattr(litter.os, "scandir", fails)
    assert counted(littered) == Litter(2, 30, ((".DS_Store", 10), (".Trashes", 20)), is_whole=False)
