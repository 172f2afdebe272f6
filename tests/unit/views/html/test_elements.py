"""Text gets into a page as text. No tag, attribute, link or character of it becomes anything else."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from bundler.texts import text
from bundler.views.html.elements import LONGEST_TEXT, element, markup
from bundler.views.languages import speaking


def written(*nodes):
    return "".join(markup(*nodes))


def test_an_element_has_its_attributes_and_children_in_order():
    made = element(
        "td", "a", element("code", "b"), [element("bdi", "c"), None], ("d",), class_="number", aria_hidden="true"
    )
    assert written(made, "e") == ('<td class="number" aria-hidden="true">a<code>b</code><bdi>c</bdi>d</td>e')


HOSTILE = (
    "</style><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '" onmouseover="alert(1)',
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    "-->]]><!--",
    "&lt;script&gt; &#60; &#x3c;script",
    "\x00\x07\x1b[31m\x7f\x9b",
    "\u202etxt.exe \u2066x\u2069 \u200b\ufeff",
    "a\nb\r\nc\td\u2028e\u2029",
    "\udc80\ud800",
    "＜script＞",
)


class Reader(HTMLParser):
    """The elements that a parser of HTML finds."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.tags, self.text, self.values = [], "", []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.values += [value for _, value in attrs]

    def handle_data(self, data):
        self.text += data

    def handle_comment(self, data):
        raise AssertionError(data)

    handle_decl = handle_pi = unknown_decl = handle_comment


@pytest.mark.parametrize("hostile", HOSTILE, ids=ascii)
def test_hostile_text_stays_text_and_shows_its_hidden_characters(hostile):
    reader = Reader()
    made = written(element("p", hostile, class_=hostile))
    made.encode()
    reader.feed(made)
    reader.close()
    assert reader.tags == ["p"]
    assert reader.text == reader.values[0]
    assert reader.text.isprintable()
    assert reader.text == "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in hostile)


@pytest.mark.parametrize(
    "tag", ["script", "style", "iframe", "img", "object", "meta", "base", "form", "use", "image", "a onclick"]
)
def test_tags_that_load_or_run_are_refused(tag):
    with pytest.raises(ValueError):
        element(tag)


@pytest.mark.parametrize(
    "attributes",
    [
        {"onclick": "x"},
        {"src": "x"},
        {"style": "x"},
        {"href": "javascript:x"},
        {"href": "//x"},
        {"xlink_href": "#x"},
        {"action": "x"},
    ],
    ids=str,
)
def test_attributes_that_load_run_or_lead_out_are_refused(attributes):
    with pytest.raises(ValueError):
        element("a", **attributes)


def test_a_long_text_is_cut():
    made = written(element("p", "x" * 1_000_000))
    assert made == f"<p>{'x' * LONGEST_TEXT}… (1,000,000 characters)</p>"


def test_messages_are_translated_as_they_are_written_and_names_are_not():
    made = element("p", text("failed"), " ", "failed", " ", text("to {target}", target="failed"))
    with speaking("zh"):
        assert written(made) == "<p>失败 failed 目标 failed</p>"
    assert written(made) == "<p>failed failed to failed</p>"


def test_a_page_of_many_elements_comes_in_pieces():
    made = iter([])

    def rows():
        for number in range(20_000):
            count.append(number)
            yield element("p", "12345678")

    count: list[int] = []
    pieces = markup(rows())
    made = next(pieces)
    assert len(made) < 80_000
    assert len(count) < 6_000
    assert made + "".join(pieces) == "<p>12345678</p>" * 20_000
