"""A pattern that is compiled later is the same pattern."""

from __future__ import annotations

import copy
import pickle
import re

import pytest

from bundler.core.patterns import lazy_pattern

WORDS = r"(?P<first>[a-z]+)-([0-9]+)"


def test_it_has_all_that_a_compiled_pattern_has():
    compiled = re.compile(WORDS, re.IGNORECASE)
    for name in (name for name in dir(compiled) if not name.startswith("_")):
        assert getattr(lazy_pattern(WORDS, re.IGNORECASE), name) == getattr(compiled, name), name
    lazy = lazy_pattern(WORDS)
    assert [lazy.fullmatch(text) and lazy.fullmatch(text)["first"] for text in ("ab-1", "ab", "-1")] == [
        "ab",
        None,
        None,
    ]
    assert lazy.sub(r"\2", "ab-1 cd-2") == "1 2"
    assert lazy_pattern(rb"\d+").findall(b"1 23") == [b"1", b"23"]


def test_it_is_compiled_with_its_first_use_and_once(monkeypatch):
    compiled = []
    monkeypatch.setattr(re, "compile", lambda *a, real=re.compile: compiled.append(a) or real(*a))
    lazy = lazy_pattern(WORDS)
    assert not compiled
    assert lazy.match("a-1")
    assert lazy.search("a-1")
    assert compiled == [(WORDS, 0)]


def test_a_mistake_shows_with_the_first_use():
    with pytest.raises(re.error):
        lazy_pattern("(").search("")


def test_it_can_be_copied_and_sent_to_another_process_before_and_after_its_use():
    for lazy in (fresh := lazy_pattern(WORDS)), fresh:
        assert pickle.loads(pickle.dumps(lazy)).fullmatch("a-1")
        assert copy.deepcopy(lazy).fullmatch("a-1")
        assert lazy.fullmatch("a-1")
    assert not hasattr(lazy, "no_such_thing")
