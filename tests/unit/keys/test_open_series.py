"""Several bundles that are opened together: the errors of each when one of them cannot be opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from bundler import cli
from bundler.errors import Damaged, Interrupted
from bundler.keys import open_bundle
from bundler.keys.open_bundle import SeveralBundles, open_series
from tests.support import images
from tests.support.errors import raises


@pytest.fixture
def medium(tmp_path: Path) -> Path:
    """A folder with two bundles."""
    for name in ("one", "two"):
        images.simple(name).write_layout(tmp_path / "layout", f"example.org/{name}:1")
        source = f"oci:{tmp_path}/layout:example.org/{name}:1"
        assert cli.run(["export", source, "-o", str(tmp_path / "medium"), "--name", name, "--unsigned", "-q"]) == 0
    return tmp_path / "medium"


def test_a_bundle_that_cannot_be_opened_was_perhaps_not_meant(medium: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_bundle, "_loaded", _raising(Damaged("cut")))
    with raises(SeveralBundles):
        open_series([medium], is_without_signature=True)


def test_an_interruption_stays_one(medium: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_bundle, "_loaded", _raising(Interrupted()))
    with raises(Interrupted):
        open_series([medium], is_without_signature=True)


def _raising(error: Exception) -> object:
    def raise_it(*_: object) -> None:
        raise error

    return raise_it
