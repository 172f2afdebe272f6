"""A page allows its own style sheet, by digest, and nothing else. Its language is its own."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest

from bundler.texts import text
from bundler.views.html.elements import element
from bundler.views.html.page import Page, page_pieces, policy
from bundler.views.languages import language, languages, said, speaking


def written(page, spelt="en"):
    return b"".join(page_pieces(lambda: page, spelt)).decode()


@pytest.mark.parametrize("running", ["", "bundle 0123abcd", 'x"; } * { background: url(//evil) } /*', "</style>"])
def test_the_policy_allows_the_style_sheet_and_nothing_else(running):
    made = written(Page("t", element("p", "x"), running=running))
    (style,) = re.findall(r"<style>(.*?)</style>", made, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    wanted = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert policy(running) == wanted
    assert f'<meta http-equiv="Content-Security-Policy" content="{wanted}">'.replace("'", "&#x27;") in made
    assert made.index("Content-Security-Policy") < made.index("<style>")
    assert "evil" not in style
    assert re.findall(r"url\([^)]*\)", style) == ["url(#hatch)"]  # an element of the page itself
    assert "@import" not in style
    assert ("bundle 0123abcd" in style) == (running == "bundle 0123abcd")
    assert not re.search(r"<script|<img|<link|\bsrc=|\bon\w+=|https?:", made)


def test_the_title_is_escaped():
    assert "<title>&lt;/title&gt;&lt;script&gt;\\x0a</title>" in written(Page("</title><script>\n", None))


def test_a_page_is_made_in_its_own_language_whatever_that_of_the_terminal_is():
    asked = []

    def make():
        asked.append(language())
        return Page(said("failed"), (element("p", said(each)) for each in ["failed"]))

    with speaking("zh"):
        english = b"".join(page_pieces(make, "en")).decode()
        assert said("failed") == "失败"
    chinese = b"".join(page_pieces(make, "zh")).decode()
    assert asked == ["en", "zh"]
    assert english.count("failed") == 2
    assert chinese.count("失败") == 2
    assert '<html lang="en">' in english
    assert '<html lang="zh-Hans">' in chinese
    assert said("failed") == "failed"


def test_languages_are_those_of_the_catalogues():
    assert languages() == ("en", "zh")
    with pytest.raises(ValueError), speaking("../../etc"):
        pass


def test_the_language_of_the_reader_is_known(monkeypatch):
    from bundler.views import languages as module

    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    monkeypatch.setattr(module, "_can_show", lambda *_: True)
    module._catalogue_of_reader.cache_clear()
    try:
        assert language() == "zh"
        assert said("failed") == "失败"
        with speaking("en"):
            assert (language(), said("failed")) == ("en", "failed")
    finally:
        monkeypatch.delenv("LANG")
        module._catalogue_of_reader.cache_clear()
    assert language() == "en"


def test_a_message_of_a_page_is_a_message(monkeypatch):
    with speaking("zh"):
        assert "失败" in written(Page("t", element("p", text("failed"))), "zh")
