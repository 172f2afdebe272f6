"""Answers of a Harbor that no Harbor gives end no backup."""

from __future__ import annotations

from typing import Any, cast

import pytest

from bundler.stores.harbor_settings import HarborApi
from bundler.stores.registry import Registry


def test_a_number_without_end_is_no_retention(monkeypatch: pytest.MonkeyPatch) -> None:
    def get(self: HarborApi, path: str) -> Any:
        if not path.startswith("projects?"):
            return []
        return [{"name": "team", "project_id": 1, "metadata": {"retention_id": "9" * 5000}}]

    monkeypatch.setattr(HarborApi, "_get", get)
    (project,) = HarborApi(cast(Registry, None), None, lambda ask: ask()).settings("").projects
    assert (project["name"], project["retention"]) == ("team", None)
