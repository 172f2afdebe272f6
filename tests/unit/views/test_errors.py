"""Errors as people read them: each named, and no advice repeated under each of many."""

from __future__ import annotations

from bundler.errors import Refused, Several
from bundler.views import languages
from bundler.views.errors import error_lines


def missing(name: str) -> Refused:
    return Refused("not found", subject=name, hint="check name and tag", code="not-found")


def test_advice_that_follows_for_many_errors_is_given_once_below_them():
    denied = Refused("denied", subject="d", hint="log in", code="denied")
    lines = error_lines(Several("4 images cannot be resolved", [missing("a"), missing("b"), denied, missing("c")]))
    advice = ["    -> check name and tag", "       more: bundler explain not-found"]
    assert lines[1:] == [
        "  a: not found",
        "  b: not found",
        *advice,
        "  d: denied",
        "    -> log in",
        "       more: bundler explain denied",
        "  c: not found",
        *advice,
    ]


def test_the_explanation_of_a_code_is_named_once_below_its_errors():
    chunks = [
        Refused("a chunk is needed", subject=name, hint=f"copy {name}", code="base-missing") for name in ("one", "two")
    ]
    assert error_lines(Several("2 chunks are needed", chunks))[1:] == [
        "  one: a chunk is needed",
        "    -> copy one",
        "  two: a chunk is needed",
        "    -> copy two",
        "       more: bundler explain base-missing",
    ]


def test_the_label_of_an_error_ends_as_its_language_writes_it(monkeypatch):
    assert error_lines(missing("a"))[0] == "error: a: not found"
    zh = languages.gettext.translation("bundler", localedir=languages.LOCALES, languages=["zh"]).gettext
    monkeypatch.setattr(languages, "_catalogue", lambda: zh)
    assert error_lines(missing("a"))[0].startswith("错误：a")
