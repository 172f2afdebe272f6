"""A new scanner, or a new service for preheats, is one file and its lines in two tables: `toy` is the file."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from bundler.core import preheat as kinds
from bundler.core.preheat import PREHEAT_KINDS, Preheated, PreheatService
from bundler.core.reference import Reference
from bundler.core.scan.verdict import UNITS, Unit
from bundler.errors import Misuse
from bundler.hooks import preheat
from bundler.hooks.engines import ENGINES, Row, find_engine, name_of
from bundler.hooks.jobs import PreheatHook
from bundler.run import Run
from bundler.stores.hosts import DEFAULT_NETWORK
from tests.support.errors import raises
from tests.unit.hooks.toy import ToyScanner


def test_the_two_tables_of_scanners_have_the_same_names() -> None:
    assert ENGINES.keys() == UNITS.keys()
    assert all(callable(getattr(import_module(row.module), row.find)) for row in ENGINES.values())


def test_the_two_tables_of_preheats_have_the_same_names() -> None:
    assert preheat.SERVICES.keys() == set(PREHEAT_KINDS)
    assert all(isinstance(import_module(module).PREHEAT, PreheatHook) for module in preheat.SERVICES.values())


def test_a_new_scanner_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(UNITS, "toy", Unit.BLOB)
    monkeypatch.setitem(ENGINES, "toy", Row("tests.unit.hooks.toy", "find_toy"))
    found = find_engine("toy", database=tmp_path)
    assert isinstance(found, ToyScanner)
    assert (found.database, name_of("toy")) == (tmp_path, "toy")
    with pytest.raises(Misuse):
        find_engine("toy=address")


def test_a_new_service_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds, "PREHEAT_KINDS", (*PREHEAT_KINDS, "toy"))
    monkeypatch.setitem(preheat.SERVICES, "toy", "tests.unit.hooks.toy")
    request = preheat.PreheatRequest((PreheatService.parse("toy=https://toy.example"),))
    request.check(DEFAULT_NETWORK)
    images = [Reference.parse("r.example/a:1"), Reference.parse("r.example/b:1")]
    found = preheat.preheat(images, request, DEFAULT_NETWORK, Run())
    assert found == (Preheated("toy=https://toy.example", done=2),)


def test_dragonfly_without_a_token_is_refused_before_an_import() -> None:
    request = preheat.PreheatRequest((PreheatService.parse("dragonfly=https://d.example"),))
    with raises(Misuse, subject="dragonfly=https://d.example"):
        request.check(DEFAULT_NETWORK)
