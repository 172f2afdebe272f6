"""A bundle is found wherever its folder lies on some media; an error says what is there instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from bundler.bundle import survey as survey_module
from bundler.bundle.survey import survey
from bundler.errors import Damaged, Incomplete, LocalStorage, Misuse, Several
from bundler.system.files import of_medium
from tests.support.errors import raises

SUMS = b"a" * 64 + b"  bundle.json\n"


def folder_with(path: Path, *names: str, sums: bytes = SUMS) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    for name in names:
        (path / name).write_bytes(sums)
    return path


def test_a_bundle_is_found_in_its_folder_and_one_folder_below(tmp_path):
    folder = folder_with(tmp_path / "medium/bundle", "SHA256SUMS", "chunk-0001.tar")
    for path in (folder, tmp_path / "medium"):
        (found,) = survey([path])
        assert [listing.folder for listing in found.listings] == [folder]
        assert found.sums_content == SUMS


def test_other_folders_on_a_medium_are_no_parts_of_its_bundle(tmp_path):
    folder = folder_with(tmp_path / "bundle", "SHA256SUMS")
    folder_with(tmp_path / "photos", "chunk-0001.tar")
    (found,) = survey([tmp_path])
    assert [listing.folder for listing in found.listings] == [folder]


def test_only_folders_are_looked_into_and_no_links(tmp_path):
    folder_with(tmp_path / "elsewhere/bundle", "SHA256SUMS")
    medium = folder_with(tmp_path / "medium", "a file")
    (medium / "a link").symlink_to(tmp_path / "elsewhere/bundle")
    with raises(Misuse, subject=str(medium)):
        survey([medium])


def test_a_folder_of_chunks_alone_is_a_part_of_the_bundle(tmp_path):
    first = folder_with(tmp_path / "first", "SHA256SUMS", "chunk-0001.tar")
    second = folder_with(tmp_path / "second", "chunk-0002.tar")
    (found,) = survey([second, first])
    assert [listing.folder for listing in found.listings] == [first, second]


def test_what_is_no_folder_is_named(tmp_path):
    with raises(Misuse, subject=str(tmp_path / "nothing"), hint="mount the medium, or give another folder"):
        survey([tmp_path / "nothing"])
    (tmp_path / "file").touch()
    with raises(Misuse, subject=str(tmp_path / "file"), hint="give the folder of the bundle"):
        survey([tmp_path / "file"])


@pytest.mark.parametrize("is_named", [True, False])
@pytest.mark.parametrize("names", [("chunk-0001.tar",), ("SHA256SUMS", "chunk-0001.tar")])
def test_an_export_that_was_not_finished_is_no_bundle(tmp_path, is_named, names):
    folder = folder_with(tmp_path / "medium/test.partial", *names)
    with raises(Incomplete, subject=str(folder), hint="run the same export again to finish it"):
        survey([folder if is_named else folder.parent])


def test_an_export_that_was_not_finished_is_left_out_where_a_bundle_is(tmp_path):
    folder_with(tmp_path / "test-2.partial", "SHA256SUMS")
    folder = folder_with(tmp_path / "test-1", "SHA256SUMS")
    (found,) = survey([tmp_path])
    assert [listing.folder for listing in found.listings] == [folder]


def test_chunks_without_their_sums_are_incomplete(tmp_path):
    folder = folder_with(tmp_path, "chunk-0001.tar")
    with raises(Incomplete, subject=str(folder), code="incomplete", values={"file": "SHA256SUMS"}):
        survey([folder])


def test_folders_of_different_bundles_are_refused(tmp_path):
    one, other = folder_with(tmp_path / "one", "SHA256SUMS"), folder_with(tmp_path / "other", "SHA256SUMS", sums=b"x")
    with raises(Misuse, values={"one": one, "other": other}):
        survey([one, other])
    assert [found.sums_content for found in survey([tmp_path])] == [SUMS, b"x"]


def test_sums_that_cannot_be_read_are_skipped_where_another_bundle_is(tmp_path, monkeypatch):
    good = folder_with(tmp_path / "good", "SHA256SUMS")
    bad = folder_with(tmp_path / "bad", "SHA256SUMS", sums=b"x" * 200)
    monkeypatch.setattr(survey_module, "SUMS_BYTES", 150)
    (found,) = survey([tmp_path])
    assert [listing.folder for listing in found.listings] == [good]
    assert [error.subject for error in found.skipped] == [str(bad / "SHA256SUMS")]
    with raises(Damaged, subject=str(bad / "SHA256SUMS")):
        survey([good, bad])
    with raises(Damaged, subject=str(bad / "SHA256SUMS")):
        survey([bad])


def test_more_bundles_than_memory_should_hold_are_refused(tmp_path, monkeypatch):
    for number in range(3):
        folder_with(tmp_path / f"bundle{number}", "SHA256SUMS", sums=b"%d" % number * 100)
    monkeypatch.setattr(survey_module, "SUMS_BYTES", 299)
    with raises(Misuse, subject=str(tmp_path / "bundle2/SHA256SUMS"), hint="give the bundle's own folder"):
        survey([tmp_path])
    monkeypatch.setattr(survey_module, "SUMS_BYTES", 300)
    assert len(survey([tmp_path])) == 3


def test_only_the_first_folders_of_a_medium_are_searched(tmp_path, monkeypatch):
    for name in ("a", "b"):
        folder_with(tmp_path / name)
    folder_with(tmp_path / "c", "SHA256SUMS")
    monkeypatch.setattr(survey_module, "MEDIUM_FOLDERS", 2)
    with pytest.raises(Several) as caught:
        survey([tmp_path])
    absent, skipped = caught.value.errors
    assert isinstance(absent, Misuse)
    assert (type(skipped), skipped.subject) == (Damaged, str(tmp_path))
    monkeypatch.setattr(survey_module, "MEDIUM_FOLDERS", 3)
    assert len(survey([tmp_path])) == 1


def test_a_folder_that_cannot_be_listed_hides_no_other(tmp_path, monkeypatch):
    bad = folder_with(tmp_path / "bad", "SHA256SUMS")
    folder_with(tmp_path / "good", "SHA256SUMS")
    names_in = survey_module.names_in

    def fails(path: Path) -> list[str]:
        if path == bad:
            raise of_medium(OSError(5, "I/O error"), str(path))
        return names_in(path)

    monkeypatch.setattr(survey_module, "names_in", fails)
    (found,) = survey([tmp_path])
    assert [error.subject for error in found.skipped] == [str(bad)]


def test_a_folder_without_permission_is_an_error_of_this_machine(tmp_path, monkeypatch):
    def fails(path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("bundler.bundle.listing.os.scandir", fails)
    with raises(LocalStorage, subject=str(tmp_path)):
        survey([tmp_path])
