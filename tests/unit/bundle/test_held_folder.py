"""Only a folder is held, and only files that are ours are opened in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bundler.bundle.held_folder import HeldFolder
from bundler.errors import LocalStorage, Misuse
from tests.support.errors import raises


@pytest.mark.parametrize(
    ("make", "family"),
    [
        pytest.param(lambda path: path.touch(), Misuse, id="a file"),
        pytest.param(lambda path: path.symlink_to(path.parent), Misuse, id="a link to a folder"),
        pytest.param(lambda path: None, LocalStorage, id="nothing"),
    ],
)
def test_what_is_no_folder_is_not_held(tmp_path, make, family):
    path = tmp_path / "held"
    make(path)
    with raises(family, subject=str(path)):
        HeldFolder(path)


def test_a_file_that_is_missing_is_no_error_and_a_link_is_one(tmp_path: Path):
    held = HeldFolder(tmp_path)
    (tmp_path / "link").symlink_to("/etc/passwd")
    try:
        assert held.open("missing") is None
        assert held.facts("missing") is None
        held.remove("missing")
        with raises(Misuse, subject=str(tmp_path / "link")):
            held.open("link")
        with raises(Misuse, subject=str(tmp_path / "link")):
            held.remove("link")
        assert held.names() == ["link"]
    finally:
        held.close()
