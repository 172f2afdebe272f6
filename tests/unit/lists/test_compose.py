"""Compose files: the images of all services, as Compose finds them. tests/real/test_list_judges.py compares with Compose."""

from __future__ import annotations

import pytest

from bundler.errors import Misuse
from bundler.lists.compose_variables import dotenv, expanded
from tests.support.tables import each_case
from tests.support.watching import within
from tests.unit.lists.reading import complaint, left, lines, names, read

SET = {"A": "1", "EMPTY": "", "B": "b"}


@each_case(
    "given, wanted",
    [
        ("x", "x"),
        ("$A-${A}-$$A", "1-1-$A"),
        ("${EMPTY}${EMPTY:-x}${EMPTY-y}", "x"),
        ("${NO:-x}${NO-y}", "xy"),
        ("${NO:-${A}${NO-$B}}", "1b"),
        ("${NO:-a:{b}", "a:{b"),
        ("${A:?no}${A?no}${EMPTY?no}", "11"),
        ("${A:+x}${EMPTY:+x}${EMPTY+y}${NO+z}", "xy"),
        ("${A:-${NO:?unused}}", "1"),
    ],
)
def test_every_form_of_a_variable(given: str, wanted: str) -> None:
    assert expanded(given, SET) == wanted


@each_case(
    "given",
    ["$NO", "${NO}", "${NO:?words}", "${EMPTY:?words}", "$", "${", "${A", "${A:-x", "${-x}", "$1", "${A:-" * 50 + "x"],
)
def test_a_variable_without_a_value_or_of_another_form_is_an_error(given: str) -> None:
    with pytest.raises(Misuse):
        expanded(given, SET if given != "${A:-" * 50 + "x" else {})


def test_a_text_that_grows_is_refused() -> None:
    with pytest.raises(Misuse):
        expanded("$A" * 100, {"A": "x" * 100})


def test_the_file_with_values() -> None:
    content = "# c\nTAG=1.4 # why\nexport Q='$A b'\nD=\"x$A\"\nE=${TAG}-${A:-0}\nbad line\nA=9\nF=a#b\n"
    assert dotenv(content, {"A": "1"}) == {"TAG": "1.4", "Q": "$A b", "D": "x1", "E": "1.4-1", "A": "1", "F": "a#b"}


def test_services_with_aliases_profiles_and_builds() -> None:
    found = read(
        """\
name: p
x-base: &base
  image: base:${TAG}
services:
  a: {image: "a:1", volumes: [{type: image, source: "data:1"}, b]}
  b: {<<: *base, profiles: [debug]}
  c: {build: .}
  d: {build: ., image: "d:1"}
  e: {provider: {type: x}}
  f: {extends: b}
  g: {extends: {service: c}}
models: {m: {model: ai/x}}
""",
        files={".env": "TAG=2"},
    )
    assert found.kinds == ("Compose",)
    assert names(found) == ["a:1", "data:1", "base:2", "d:1"]
    assert lines(found)[2] == [3, 3]
    assert left(found) == [(12, "models: m"), (7, "service c"), (9, "service e"), (11, "service g")]
    assert found.places_of(found.images.entries[3]).first[0].note


def test_the_values_that_were_given_win_over_the_file() -> None:
    assert names(read("services: {a: {image: 'a:$TAG'}}\n", files={".env": "TAG=2"}, TAG="3")) == ["a:3"]


def test_files_that_are_included_or_extended() -> None:
    files = {
        "sub/more.yaml": "services: {m: {image: 'm:$TAG'}, n: {image: 'n:1'}}\ninclude: [deep.yaml]\n",
        "sub/over.yaml": "services: {n: {image: 'n:2'}}\n",
        "sub/deep.yaml": "services: {d: {extends: {file: ../base.yaml, service: s}}}\n",
        "sub/.env": "TAG=1\nX=7",
        "base.yaml": "services: {s: {image: 's:1'}}\n",
        "other.yaml": "services: {o: {image: 'o:$X'}}\n",
        "x.env": "X=8",
    }
    text = (
        "include:\n- path: [sub/more.yaml, sub/over.yaml]\n- {path: other.yaml, env_file: x.env}\n"
        "- oci://r.io/compose\nservices: {a: {image: 'a:1'}}\n"
    )
    found = read(text, source="here/compose.yaml", files=files)
    assert names(found) == ["s:1", "m:1", "n:2", "o:8", "a:1"]
    assert found.images.entries[2].where == "here/sub/over.yaml:1"
    assert left(found) == [(4, "include: oci://r.io/compose")]
    assert names(read("include: other.yaml\n", files=files, X="1")) == ["o:1"]


LOOP = {
    "a.yaml": "include: [a.yaml]\n",
    "big.yaml": "#" * (5 << 20),
    **{f"f{n}.yaml": "services: {a: {image: 'x:1'}}\n" for n in range(200)},
}


@each_case(
    "text, line, words",
    [
        ("services:\n  a: {image: 'a:$TAG'}\n  b: {image: 'b:$'}\n", 2, "variable TAG has no value"),
        ("services: {a: {image: [x]}}\n", 1, "a text is expected"),
        ("services:\n  a: {}\n", 2, "without image:"),
        ("services:\n  a: [x]\n", 2, "a mapping is expected"),
        ("services:\n  a: {extends: b}\n", 2, "no service 'b'"),
        ("services:\n  a: {extends: b}\n  b: {extends: a}\n", 2, "circle"),
        ("services:\n  a: {extends: {file: no.yaml, service: b}}\n", 2, "no such file"),
        ("include: [no.yaml]\n", 1, "no such file"),
        ("include: [a.yaml, a.yaml, {path: a.yaml, env_file: f1.yaml}]\n", 0, "names no image"),
        ("include: [big.yaml]\n", 0, "too large"),
        (f"include: [{', '.join(name for name in LOOP if name[0] == 'f')}]\n", 0, "too many files"),
        ("services:\n  a: {image: {{ x }}}\n", 2, "text is expected"),
    ],
)
def test_a_wrong_file_gives_a_line_and_a_sentence(text: str, line: int, words: str) -> None:
    error = complaint(text, files=LOOP)
    first = getattr(error, "errors", [error])[0]
    assert words in str(first)
    assert f":{line}" in str(first.subject) or not line


ALIASES = "".join(f"x{n}: &x{n} {{<<: *x{n - 1}, a: [*x{n - 1}]}}\n" if n % 9 == 0 else f"x{n}: &x{n} {{<<: *x{n - 1}}}\n"
                  for n in range(1, 300))  # fmt: skip


@pytest.mark.no_cover  # thousands of rounds through what other tests run as well
def test_a_list_that_is_made_to_take_long_is_refused_or_read_at_once() -> None:
    """Aliases nest as deeply as what they name; a service is found without a look at all others; files are read often."""
    with within(120):
        assert "nested too deeply" in str(complaint(f"x0: &x0 {{}}\n{ALIASES}services: {{a: *x299}}\n"))
        many = "".join(f"  s{n}: {{extends: z}}\n" for n in range(20_000))
        assert names(read(f"services:\n{many}  z: {{image: 'z:1'}}\n")) == ["z:1"]
        files = {"e": "A=1\n" * 10_000, "a.yaml": "services: {a: {image: 'a:1'}}\n"}
        text = f"include: [{{path: a.yaml, env_file: [{', '.join(['e'] * 5000)}]}}]\n"
        assert "too many files" in str(complaint(text, files=files))


def test_a_service_that_is_extended_may_come_from_a_merge() -> None:
    base = (
        "x: &x {b: {image: 'b:1'}, c: {image: 'c:0'}, d: {image: 'd:1'}}\ny: &y {d: {image: 'd:2'}, n: }\n"
        "services:\n  <<: [*y, *x]\n  c: {image: 'c:1'}\n"
    )
    for name, image in {"b": "b:1", "c": "c:1", "d": "d:2"}.items():
        text = f"services: {{a: {{extends: {{file: base.yaml, service: {name}}}}}}}\n"
        assert names(read(text, files={"base.yaml": base})) == [image]
    text = "services: {a: {extends: {file: base.yaml, service: n}}}\n"
    assert "no service 'n'" in str(complaint(text, files={"base.yaml": base}))


def test_an_error_of_each_service_is_reported() -> None:
    assert len(getattr(complaint("services: {a: {image: 'a:$X'}, b: {image: 'b:$X'}}\n"), "errors", ())) == 2
