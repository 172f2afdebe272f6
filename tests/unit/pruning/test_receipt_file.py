"""The files of a prune: one prune of a registry at a time, and times of the clock."""

from __future__ import annotations

from pathlib import Path

import pytest

from bundler.core.retention.rules import Retention
from bundler.errors import Unavailable
from bundler.pruning import receipt_file
from bundler.pruning.request import PruneRequest
from bundler.system import clock
from tests.support.errors import raises


def test_another_spelling_of_a_registry_is_no_other_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    receipt_file.check_place(None)
    with receipt_file.only_prune_of("registry.internal"):
        for spelling in ("registry.internal", "Registry.Internal:443"):
            with raises(Unavailable), receipt_file.only_prune_of(spelling):
                pass
        with receipt_file.only_prune_of("registry.internal:5000"):
            pass


def test_a_receipt_has_the_time_of_the_clock_whatever_time_bundles_are_made_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Receipts are ordered by their times: ``undo --last``."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    before = clock.now()
    assert before <= PruneRequest("registry.internal", Retention()).now() <= clock.now()
