"""Warnings of registries are shown once, and as text."""

from __future__ import annotations

import pytest

from bundler.core.limits import WARNINGS
from bundler.stores.warnings import Warnings
from tests.unit.stores.test_uploads import answer


@pytest.fixture
def shown() -> list[str]:
    return []


def test_C4_a_warning_is_shown_once_in_a_run(shown):
    warnings = Warnings("reg.example", shown.append)
    for _ in range(3):
        warnings.collect(answer(200, Warning='299 - "this repository goes away"'))
    warnings.collect(answer(404, Warning='299 - "another"'))
    assert shown == ["reg.example warns: this repository goes away", "reg.example warns: another"]


@pytest.mark.parametrize(
    ("header", "texts"),
    [
        ('299 - "a", 299 - "b, c"', ["a", "b, c"]),
        (r'299 - "say \"please\""', ['say "please"']),
        ('299 - "\x1b[2Jgone\nforged"', ["\ufffd[2Jgone forged"]),
        ('199 - "a"', []),
        ('299 other "a"', []),
        ("299 - a", []),
        ('299 - ""', []),
        ("", []),
    ],
)
def test_C4_only_what_the_specification_calls_a_warning_is_one(shown, header, texts):
    Warnings("r", shown.append).collect(answer(200, Warning=header))
    assert shown == [f"r warns: {text}" for text in texts]


def test_C4_warnings_are_bounded(shown):
    warnings = Warnings("r", shown.append)
    for number in range(1000):
        warnings.collect(answer(200, Warning=f'299 - "{number} {"x" * 4000}"'))
    assert len(shown) == WARNINGS
    assert max(map(len, shown)) < 400
