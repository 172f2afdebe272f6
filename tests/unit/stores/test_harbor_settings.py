"""Answers of a Harbor that no Harbor gives end no backup."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bundler.stores import harbor_settings
from bundler.stores.harbor_settings import Answer, HarborApi
from bundler.stores.registry import Registry


def test_a_number_without_end_is_no_retention(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(self: HarborApi, path: str) -> Answer:
        if not path.startswith("projects?"):
            return Answer([], 2)
        return Answer([{"name": "team", "project_id": 1, "metadata": {"retention_id": "9" * 5000}}], 5100)

    monkeypatch.setattr(HarborApi, "answer", answer)
    (project,) = HarborApi(cast(Registry, None), None, lambda ask: ask()).settings("").projects
    assert (project["name"], project["retention"]) == ("team", None)


def test_settings_without_end_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    class Endless:
        name = "harbor"

        def call(self, method: str, path: str, **_: object) -> Any:
            asked.append(path)
            page = json.dumps([{"name": "x" * 1000, "project_id": 1}] * 100).encode()
            return SimpleNamespace(status=200, read=lambda limit_bytes: page)

    monkeypatch.setattr(harbor_settings, "HARBOR_SETTINGS_BYTES", 1 << 20)
    api = HarborApi(cast(Registry, Endless()), None, lambda ask: ask())
    found = api.settings("")
    assert len(asked) < 15, "a tenth of a MiB each"
    assert (found.projects, len(found.not_read)) == ((), 3), "projects, robots and labels"
    assert "the settings are too large" in found.not_read[0][1]
    asked.clear()
    assert api.settings("") == found, "each reading counts its own bytes"
    assert asked
