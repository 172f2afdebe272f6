"""Explanations fit the terminal in every language, and say nothing in braces."""

from __future__ import annotations

import unicodedata

import pytest

from bundler.commands.explain import explain
from bundler.core.advice.table import ADVICE
from bundler.views import documents, explain_report, languages
from tests.support.tables import each_case

ZH = languages.gettext.translation("bundler", localedir=languages.LOCALES, languages=["zh"]).gettext


@pytest.fixture(params=["en", "zh"])
def language(request, monkeypatch):
    translate = ZH if request.param == "zh" else str
    monkeypatch.setattr(languages, "_catalogue", lambda: translate)
    return request.param


def columns(line: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


@each_case("asked", [*ADVICE, "0", "3", "6", "70", "130"])
@each_case("width", [40, 72, 80, 100])
def test_no_line_is_wider_than_the_terminal(language, asked, width):
    lines = explain_report.explain_lines(explain(asked), width=width)
    # a path, a list of hosts or an annotation is not torn apart, so that it can be copied
    assert [line for line in lines if columns(line) > width and " " in line.strip()] == []
    text = "\n".join(lines)
    assert "{" not in text.replace("${", "")
    assert "}" not in text


def test_a_wide_terminal_is_not_filled_beyond_what_people_can_read(language):
    lines = explain_report.explain_lines(explain("unauthorized"), width=250)
    assert 80 < max(map(columns, lines)) <= 100


def test_a_terminal_without_a_size_is_no_obstacle(language):
    for width in (0, 1):
        assert explain_report.explain_lines(explain("unauthorized"), width=width)


@each_case("code", list(ADVICE))
def test_wrapping_loses_nothing(language, code):
    translate = ZH if language == "zh" else str
    shown = "".join("".join(explain_report.explain_lines(explain(code), width=61)).split())
    for text in (ADVICE[code].happened, ADVICE[code].next_step, ADVICE[code].explanation):
        for name in ("host", "repository", "project", "time", "duration", "rule", "scanner", "count"):
            text = text.replace(f"{{{name}}}", name.upper())
            translated = translate(ADVICE[code].explanation)
        assert language == "zh" or "".join(text.split()) in shown
    for name in ("host", "repository", "project", "time", "duration", "rule", "scanner", "count"):
        translated = translated.replace(f"{{{name}}}", name.upper())
    assert "".join(translated.split()) in shown


def test_chinese_lines_neither_begin_nor_end_with_what_must_not_be_there(monkeypatch):
    monkeypatch.setattr(languages, "_catalogue", lambda: ZH)
    for code in ADVICE:
        for line in explain_report.explain_lines(explain(code), width=50):
            assert not line.strip().startswith(tuple("，。、；：？！）”"))
            assert not line.strip().endswith(tuple("（“"))


def test_placeholders_are_shown_as_people_write_them():
    text = "\n".join(explain_report.explain_lines(explain("denied"), width=100))
    assert "right to pull and push in REPOSITORY" in text
    assert "bundler doctor --to HOST" in text
    assert "raise the quota of PROJECT" in "\n".join(explain_report.explain_lines(explain("quota-exceeded"), width=100))


def test_the_list_has_every_code_once(language):
    lines = explain_report.explain_lines(explain(None), width=80)
    assert [line.split()[0] for line in lines[1:-2]] == list(ADVICE)


def test_the_document_has_every_field(language):
    document = documents.explain_document(explain("denied"))
    assert document["document"] == "bundler.explain/1"
    assert (document["exitCode"], document["asked"], document["status"], document["related"]) == (0, "denied", None, [])
    assert document["entries"] == [
        {
            "code": "denied",
            "kind": "refused",
            "exitCode": 6,
            "happened": "the registry denies access",
            "nextStep": "ask its administrator for the right to pull and push in REPOSITORY",
            "explanation": ADVICE["denied"].explanation.replace("{host}", "HOST"),
        }
    ]
    assert documents.explain_document(explain("3"))["status"]["exitCode"] == 3
    assert documents.explain_document(explain("6"))["status"]["explanation"] is None
    assert len(documents.explain_document(explain(None))["entries"]) == len(ADVICE)
