"""Every text has its translation, which promises the same; the reader's locale chooses, and nothing else does."""

from __future__ import annotations

import ast
import importlib.util
import re
from pathlib import Path

import pytest

from bundler.core.advice import ADVICE, problem
from bundler.views import languages
from bundler.views.languages import LOCALES, messages

ROOT = Path(__file__).parents[3]
SPECIFICATION = importlib.util.spec_from_file_location("catalogues", ROOT / "scripts/catalogues.py")
catalogues = importlib.util.module_from_spec(SPECIFICATION)
SPECIFICATION.loader.exec_module(catalogues)

LANGUAGES = sorted(path.name for path in LOCALES.iterdir() if path.is_dir())
TEXTS = [text for text, _ in messages()]


def po_path(language: str) -> Path:
    return LOCALES / language / "LC_MESSAGES/bundler.po"


def catalogue(language: str):
    return catalogues.parsed(po_path(language).read_bytes(), language)


@pytest.fixture(params=LANGUAGES)
def language(request):
    return request.param


def test_there_is_chinese():
    assert "zh" in LANGUAGES


def test_every_text_is_translated(language):
    known = catalogue(language)
    missing = [text for text in TEXTS if not known.get(text) or not known[text].string or known[text].fuzzy]
    assert not missing, "run scripts/catalogues, and translate what it names"


def test_nothing_is_translated_that_is_not_said_any_more(language):
    known = {message.id for message in catalogue(language) if message.id}
    assert known == set(TEXTS), "run scripts/catalogues"


def test_a_translation_has_the_same_fields_commands_flags_and_names(language):
    known = catalogue(language)
    for text in TEXTS:
        other = known[text].string
        for pattern in (
            r"\{[^}]*\}",
            r"`[^`]*`",
            r"--[a-z][a-z-]+",
            r"\$\$?[A-Z_]+",
            r"\b[A-Z]+_[A-Z_]+\b",
            r"~?/[\w./-]+\w",
        ):
            assert sorted(set(re.findall(pattern, text, re.ASCII))) == sorted(
                set(re.findall(pattern, other, re.ASCII))
            ), text
        assert text.count("`") == other.count("`")


def test_chinese_texts_are_chinese_with_its_own_punctuation():
    for message in catalogue("zh"):
        if not message.id:
            continue
        assert re.search("[\u4e00-\u9fff]", message.string), message.id
        assert not re.search("[\u4e00-\u9fff][,;:?!]", message.string), message.string
        assert message.string.endswith("。") == message.id.endswith("."), message.string


def test_the_compiled_catalogue_is_what_the_text_compiles_to(language):
    path = po_path(language)
    assert path.with_suffix(".mo").read_bytes() == catalogues.mo_of(path.read_bytes(), language), (
        "run scripts/catalogues"
    )


def test_bringing_it_up_to_date_again_changes_nothing(language):
    known = catalogue(language)
    again = catalogues.updated(catalogue(language))
    assert [(m.id, m.string) for m in again if m.id] == [(text, known[text].string) for text in dict.fromkeys(TEXTS)]
    assert catalogues.po_of(again) == catalogues.po_of(catalogues.updated(again))


def test_a_text_that_changes_keeps_its_translation_as_fuzzy_and_what_is_gone_goes(monkeypatch):
    old = catalogue("zh")
    changed = ADVICE["denied"].explanation.replace("says no", "refuses")
    monkeypatch.setattr(
        catalogues, "messages", lambda: iter([(changed, "denied: why"), ("error", "views"), ("new", "x")])
    )
    new = catalogues.updated(old)
    assert [message.id for message in new if message.id] == [changed, "error", "new"]
    assert new[changed].fuzzy
    assert new[changed].string == catalogue("zh")[ADVICE["denied"].explanation].string
    assert (new["error"].string, new["new"].string or "") == ("错误", "")
    compiled = catalogues.mo_of(catalogues.po_of(new), "zh")
    assert changed.encode() not in compiled  # until somebody has looked at it


def test_every_word_that_views_translate_is_in_the_catalogue():
    said = set()
    for path in (ROOT / "bundler/views").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "translated":
                said |= {argument.value for argument in node.args if isinstance(argument, ast.Constant)}
    assert said == set(languages.WORDS)


def test_an_error_is_worded_in_the_language_with_its_names_filled_in(monkeypatch):
    chinese = languages.gettext.translation("bundler", localedir=LOCALES, languages=["zh"]).gettext
    monkeypatch.setattr(languages, "_catalogue", lambda: chinese)
    error = problem(
        "denied", subject="h/p/r:1", said="403 DENIED", expected="a", actual="b", repository="p/r", host="h"
    )
    assert languages.worded(error) == "h/p/r:1: 镜像仓库拒绝了该操作 (403 DENIED) (应为 a, 实为 b)"
    assert languages.hint_of(error) == "请向镜像仓库管理员申请 p/r 的拉取和推送权限"


ENGLISH, CHINESE = "what happened", "发生了什么"


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"LANG": "zh_CN.UTF-8"}, CHINESE),
        ({"LANG": "zh_CN"}, CHINESE),
        ({"LANG": "zh_SG.UTF-8"}, CHINESE),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "zh_CN.UTF-8"}, CHINESE),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "zh_CN.UTF-8"}, CHINESE),
        ({"LANG": "en_US.UTF-8", "LANGUAGE": "zh_CN:en"}, CHINESE),
        ({"LANG": "C"}, ENGLISH),
        ({"LANG": "C.UTF-8"}, ENGLISH),
        ({"LANG": "POSIX"}, ENGLISH),
        ({"LANG": "en_US.UTF-8"}, ENGLISH),
        ({"LANG": "xx_YY.UTF-8"}, ENGLISH),
        ({"LANG": "../../../tmp"}, ENGLISH),
        ({}, ENGLISH),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, ENGLISH),
        ({"LANG": "zh_CN.UTF-8", "LANGUAGE": "zh_CN:zh", "LC_ALL": "C"}, ENGLISH),
        ({"LANG": "zh_CN.UTF-8", "PYTHONIOENCODING": "ascii"}, ENGLISH),
    ],
    ids=str,
)
def test_the_locale_chooses_the_language(bundler, monkeypatch, environment, expected):
    for name in ("LANG", "LANGUAGE", "LC_ALL", "LC_MESSAGES", "LC_CTYPE"):
        monkeypatch.delenv(name, raising=False)
    done = bundler("explain", "denied", environment=environment)
    assert (done.code, done.err) == (0, "")
    assert expected in done.out


def test_documents_are_in_english_in_every_language(bundler):
    done = bundler("explain", "denied", "--json", environment={"LANG": "zh_CN.UTF-8"})
    assert done.json["entries"][0]["happened"] == "the registry denies it"


def test_an_unknown_code_is_exit_2_on_stderr(bundler):
    done = bundler("explain", "tag_imutable")
    assert (done.code, done.out) == (2, "")
    assert "perhaps tag-immutable" in done.err
