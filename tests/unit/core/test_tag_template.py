"""Tags are made of templates that are checked first, the same on any day, and never longer than tags may be."""

from __future__ import annotations

import pytest

from bundler.core.digest import Digest
from bundler.core.reference import is_tag
from bundler.core.tag_template import FIELDS, TAG_CHARACTERS, TagTemplate, suffixed
from bundler.errors import Misuse
from tests.support.tables import each_case
from tests.unit.values import digest

D = digest("image")
TWELVE = D.encoded[:12]


def expanded(text: str, tag: str | None = "1.27") -> str | None:
    return TagTemplate.parse(text).expand(tag=tag, digest=D, bundle="platform", date="20261123")


@each_case(
    ("text", "tag", "made"),
    [
        pytest.param("{tag}", "1.27", "1.27", id="its own"),
        pytest.param("{tag}-{date}", "1.27", "1.27-20261123", id="the example of the module"),
        pytest.param("v{tag}", "1.27", "v1.27", id="text in front"),
        pytest.param("{bundle}.{digest12}", "1.27", f"platform.{TWELVE}", id="bundle and digest"),
        pytest.param("{tag}_{tag}", "1.27", "1.27_1.27", id="a field twice"),
        pytest.param("fixed", "1.27", "fixed", id="no field"),
        pytest.param("{tag}", "{date}", "{date}", id="a field's value is not expanded again"),
        pytest.param("{tag}-{date}", None, None, id="no tag where one is asked for"),
        pytest.param("{date}", None, "20261123", id="no tag, and none is asked for"),
    ],
)
def test_a_template_becomes_the_tag_that_it_looks_like(text: str, tag: str | None, made: str | None) -> None:
    assert expanded(text, tag) == made


@pytest.mark.parametrize("field", FIELDS)
def test_every_field_has_a_value(field: str) -> None:
    assert is_tag(expanded(f"x{{{field}}}") or "")
    assert expanded(f"x{{{field}}}") != "x"


@each_case(
    ("text", "message"),
    [
        pytest.param("{day}", "unknown field {day}", id="an unknown field"),
        pytest.param("{Tag}", "unknown field {Tag}", id="upper case"),
        pytest.param("{}", "unknown field {}", id="no field"),
        pytest.param("{tag!r}", "unknown field {tag!r}", id="a conversion of Python"),
        pytest.param("{tag.__class__}", "unknown field", id="an attribute of Python"),
        pytest.param("{tag", "not a template", id="an open brace"),
        pytest.param("tag}", "not a template", id="a brace too many"),
        pytest.param("{{tag}}", "not a template", id="two braces"),
        pytest.param("", "not a template", id="nothing"),
        pytest.param("-{tag}", "not a template", id="a dash in front"),
        pytest.param(".{tag}", "not a template", id="a dot in front"),
        pytest.param("{tag} x", "not a template", id="a blank"),
        pytest.param("{tag}:x", "not a template", id="a colon"),
        pytest.param("{tag}/x", "not a template", id="a slash"),
        pytest.param("{tag}@x", "not a template", id="an at"),
        pytest.param("{tag}\n", "not a template", id="a line end"),
        pytest.param("vé", "not a template", id="not ASCII"),
    ],
)
def test_what_is_no_template_is_refused(text: str, message: str) -> None:
    with pytest.raises(Misuse) as caught:
        TagTemplate.parse(text)
    assert caught.value.message.startswith(message)
    assert caught.value.subject == repr(text)


def test_an_unknown_field_comes_with_those_that_are_known() -> None:
    with pytest.raises(Misuse) as caught:
        TagTemplate.parse("{day}")
    assert "{tag}, {date}, {bundle}, {digest12}" in (caught.value.hint or "")


# The tag next to a tag that is taken


def test_a_suffix_is_the_beginning_of_the_digest() -> None:
    assert suffixed("1.27", D) == f"1.27-{TWELVE}"


@each_case("algorithm", ["sha256", "sha512"])
@each_case("length", [1, 114, 115, 116, 128])
def test_a_suffixed_tag_is_a_tag_whatever_its_length(length: int, algorithm: str) -> None:
    own = digest("image", algorithm=algorithm)
    made = suffixed("a" * length, own)
    assert is_tag(made)
    assert len(made) == min(length + 13, TAG_CHARACTERS)
    assert made.endswith(f"-{own.encoded[:12]}")


def test_two_images_get_two_suffixes() -> None:
    other: Digest = digest("other")
    assert suffixed("a" * 128, D) != suffixed("a" * 128, other)
