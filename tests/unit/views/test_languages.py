"""Every text has its translation, which promises the same; the reader's locale chooses, and nothing else does."""

from __future__ import annotations

import re
import string
import sys
from pathlib import Path

import pytest

from bundler.commands.checks import Check, State
from bundler.commands.init import InitResult
from bundler.commands.registry_checks import alone, checks_of
from bundler.core.advice import problem
from bundler.core.advice.table import ADVICE
from bundler.core.retention.rules import RetentionRule
from bundler.errors import Misuse, Several
from bundler.texts import counted, joined, some, text
from bundler.views import init_report, languages
from bundler.views.languages import LOCALES

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "scripts"))

import catalogues  # noqa: E402
import messages  # noqa: E402

pytestmark = pytest.mark.no_cover  # most of its time is in scripts/messages.py, which is not measured
LANGUAGES = sorted(path.name for path in Path(LOCALES).iterdir() if path.is_dir())


@pytest.fixture(scope="module")
def source():
    return messages.Source()


@pytest.fixture(scope="module")
def texts(source):
    return source.templates


def po_path(language: str) -> Path:
    return Path(LOCALES, language, "LC_MESSAGES/bundler.po")


def catalogue(language: str):
    return catalogues.parsed(po_path(language).read_bytes(), language)


def fields(template: str) -> list[str]:
    """The placeholders of a template."""
    return sorted({name for _, name, _, _ in string.Formatter().parse(template) if name is not None})


@pytest.fixture(params=LANGUAGES)
def language(request):
    return request.param


def test_there_is_chinese():
    assert "zh" in LANGUAGES


def test_every_text_is_translated(texts, language):
    known = catalogue(language)
    missing = [text for text in texts if not known.get(text) or not known[text].string or known[text].fuzzy]
    assert not missing, "run scripts/catalogues, and translate what it names"


def test_nothing_is_translated_that_is_not_said_any_more(texts, language):
    known = {message.id for message in catalogue(language) if message.id}
    assert known == set(texts), "run scripts/catalogues"


def test_a_translation_has_the_same_fields_commands_flags_and_names(texts, language):
    known = catalogue(language)
    for english in texts:
        other = known[english].string
        assert fields(english) == fields(other), english
        for pattern in (
            r"`[^`]*`",
            r"--[a-z][a-z-]+",
            r"\$\$?[A-Z_]+",
            r"\b[A-Z]+_[A-Z_]+\b",
            r"~?/[\w./-]+\w",
        ):
            assert sorted(set(re.findall(pattern, english, re.ASCII))) == sorted(
                set(re.findall(pattern, other, re.ASCII))
            ), english
        assert english.count("`") == other.count("`")


NAMES = {
    "docker",
    "tcp",
    "tls",
    "AlertExceedsMax yes",
    "chmod go-w {path}",
    "chmod u+rwx {folder}",
    "{pw_name} (uid {uid})",
}
"""Texts that are names and commands in every language."""


def test_chinese_texts_are_chinese_with_its_own_punctuation():
    for message in catalogue("zh"):
        words = re.sub(r"\{.*?\}", "", message.id or "")
        if not re.search("[a-z]{3}", words) or message.id in NAMES:
            continue
        is_command = message.string == message.id and message.id.startswith(("--", "bundler "))
        assert is_command or re.search("[\u4e00-\u9fff]", message.string), message.id
        assert not re.search("[\u4e00-\u9fff][,;:?!]", message.string), message.string
        is_sentence = message.id.endswith(".") and not message.id.endswith("...")
        assert message.string.endswith("。") == is_sentence, message.string


def test_the_compiled_catalogue_is_what_the_text_compiles_to(language):
    path = po_path(language)
    assert path.with_suffix(".mo").read_bytes() == catalogues.mo_of(path.read_bytes(), language), (
        "run scripts/catalogues"
    )


def test_bringing_it_up_to_date_again_changes_nothing(texts, language):
    known = catalogue(language)
    again = catalogues.updated(catalogue(language), texts)
    assert [(m.id, m.string) for m in again if m.id] == [(text, known[text].string) for text in texts]
    assert catalogues.po_of(again) == catalogues.po_of(catalogues.updated(again, texts))


def test_a_text_that_changes_keeps_its_translation_as_fuzzy_and_what_is_gone_goes():
    changed = ADVICE["denied"].explanation.replace("The registry knows", "This registry knows")
    new = catalogues.updated(catalogue("zh"), {changed: "advice", "failed": "views", "new": "x"})
    assert [message.id for message in new if message.id] == [changed, "failed", "new"]
    assert new[changed].fuzzy
    assert new[changed].string == catalogue("zh")[ADVICE["denied"].explanation].string
    assert (new["failed"].string, new["new"].string or "") == ("失败", "")
    compiled = catalogues.mo_of(catalogues.po_of(new), "zh")
    assert changed.encode() not in compiled  # until a translator has looked at it


def test_what_is_in_place_of_a_message_can_be_looked_up(source):
    assert [str(each) for each in source.problems] == []


IMPORTS = "from bundler.texts import text\nfrom bundler.views.languages import said\n"
ERRORS = "class BundlerError(Exception): ...\nclass Misuse(BundlerError): ...\n"


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ('raise Misuse(f"{x} is wrong")', "an f-string"),
        ('raise Misuse("it is wrong: " + x)', "a concatenation"),
        ('raise Misuse("it is wrong: %s" % x)', "a concatenation"),
        ('raise Misuse("it is wrong", hint=f"see {x}")', "an f-string"),
        ('raise Misuse("a", expected=f"at most {x} bytes")', "an f-string"),
        ('raise Misuse("a", expected="one of the two")', "among names"),
        ('raise Misuse("; ".join(x))', "put together"),
        ("raise Misuse(str(x))", "made plain"),
        ('hint = f"see {x}"\n    raise Misuse("a", hint=hint)', "an f-string"),
        ('listener(Noticed(f"{x} moved"))', "an f-string"),
        ('error.message += "; and more"', "added to"),
        ('error.hint = f"see {x}"', "an f-string"),
        ('said("{what} is {state}", state="out of order")', "among names"),
        ('raise Misuse("a", hint=advice(x))\n\ndef advice(x):\n    return f"see {x}"', "an f-string"),
        ('refuse(f"no {x}")\n\ndef refuse(why):\n    raise Misuse(why)', "an f-string"),
        ('refuse(why="no " + x)\n\ndef refuse(*, why):\n    raise Misuse(why)', "a concatenation"),
        ('raise Bad(f"no {x}")\n\nclass Bad(Misuse): ...', "an f-string"),
    ],
    ids=range(17),
)
def test_what_cannot_be_looked_up_is_found_wherever_it_comes_from(tmp_path, monkeypatch, source, problem):
    monkeypatch.setattr(messages, "PACKAGE", tmp_path)
    (tmp_path / "errors.py").write_text(ERRORS)
    (tmp_path / "x.py").write_text(f"{IMPORTS}def f(x, error, listener):\n    {source}\n")
    (found,) = messages.Source(tmp_path).problems
    assert problem in found.why


def test_messages_are_found_wherever_they_come_from(tmp_path, monkeypatch):
    monkeypatch.setattr(messages, "PACKAGE", tmp_path)
    monkeypatch.setattr(messages, "LIBRARIES", ())
    (tmp_path / "errors.py").write_text(ERRORS)
    (tmp_path / "x.py").write_text(
        f"{IMPORTS}A = 'a constant'\n"
        "@program.command(examples='run it     what it does')\n"
        "@click.option('--x', help='of a flag')\n"
        "def f(x, y):\n"
        "    '''It is done.\n\n    In two\n    paragraphs.'''\n"
        "    z = 'of a variable' if y else text('{y} too', y=y)\n"
        "    raise Misuse(A, hint=z, expected=text('within a name'))\n"
    )
    assert set(messages.Source(tmp_path).templates) - {"; ", ", "} == {
        "a constant", "what it does", "of a flag", "It is done.", "In two paragraphs.", "of a variable", "{y} too",
        "within a name",
    }  # fmt: skip


@pytest.fixture
def chinese(monkeypatch):
    known = languages.gettext.translation("bundler", localedir=LOCALES, languages=["zh"]).gettext
    monkeypatch.setattr(languages, "_catalogue", lambda: known)


def test_an_error_is_worded_in_the_language_with_its_names_filled_in(chinese):
    error = problem(
        "denied", subject="h/p/r:1", said="403 DENIED", expected="a", actual="b", repository="p/r", host="h"
    )
    assert languages.worded(error) == "h/p/r:1: 镜像仓库拒绝了该操作 (403 DENIED) (应为 a，实为 b)"
    assert languages.hint_of(error) == "请向镜像仓库管理员申请 p/r 的拉取和推送权限"
    assert str(error) == "h/p/r:1: the registry denies access (403 DENIED) (expected a, found b)"


def test_a_value_that_is_known_alone_is_worded_in_the_language(chinese):
    assert languages.worded(Misuse("not a rate", subject="x", expected="y")).endswith(" (应为 y)")
    assert languages.worded(Misuse("not a rate", subject="x", actual="y")).endswith(" (实为 y)")


def test_messages_within_messages_are_translated_and_names_are_not(chinese):
    inner = Misuse("not found", subject="error")
    said = languages.said("note: {notice}", notice=text("{size} sent", size="error"))
    assert said == "提示：已发送 error"
    assert languages.said("note: {notice}", notice=inner) == "提示：error: 未找到"
    assert languages.said("note: {notice}", notice=inner.message) == "提示：未找到"
    assert (
        languages.translated(joined([counted(1, "{count:,} image", "{count:,} images"), "failed"])) == "1 个镜像；失败"
    )
    assert languages.translated(some(["error"] * 7)).endswith(" 等，另有 1 个")


def test_a_message_is_the_english_text_and_can_hold_braces():
    made = text("{name} of {count:,}", name="{x}", count=1200)
    assert made == "{x} of 1,200"
    assert (made.template, dict(made.values)) == ("{name} of {count:,}", {"name": "{x}", "count": 1200})
    assert text("log in to {host}") == "log in to {host}"
    assert Misuse("a", hint="b").hint == "b"
    assert Several("several", [Misuse("a")]).message.template == "several"


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
    assert done.json["entries"][0]["happened"] == "the registry denies access"


def test_an_unknown_code_is_exit_2_on_stderr(bundler):
    done = bundler("explain", "tag_imutable")
    assert (done.code, done.out) == (2, "")
    assert "tag-immutable" in done.err


def test_what_is_made_of_parts_is_translated_in_all_of_them(chinese):
    steps = (
        ("push", alone(lambda: Check("push", State.FAIL, "")), ""),
        ("upload", alone(lambda: Check("upload", State.OK, "")), "push"),
    )
    skipped = list(checks_of(steps))[-1]
    assert languages.translated(skipped.found) == "未检查：推送 失败"
    rule = RetentionRule(("team/*",), keep_last=3)
    assert languages.translated(rule.words) == "team/*，保留最新 3 个（按 semver）"
    assert str(rule) == "team/*, keep-last 3 by semver"
    written = InitResult(Path("images.yaml"), Path("bundler.toml"), 2, is_example=False, has_key=True, has_output=True)
    assert "2 个镜像" in init_report.lines(written)[0]
