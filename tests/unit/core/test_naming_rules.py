"""Rules for names mean what they look like, the longest prefix wins, and errors in them are reported with their lines."""

from __future__ import annotations

import pytest

from bundler.core.naming_rules import NO_RULES, NamingRules, Pattern
from bundler.core.reference import Reference
from bundler.core.rules_file import parse_rules
from bundler.core.tag_template import TagTemplate
from bundler.errors import Misuse, Several
from tests.support.errors import raises
from tests.support.tables import each_case

NGINX = Reference.parse("nginx:1.27")


def rules(*lines: str) -> NamingRules:
    """Rules, each in one line."""
    return parse_rules("rules:\n" + "".join(f"- {line}\n" for line in lines), source="rules.yaml")


def complaint(text: str) -> Misuse:
    with pytest.raises(Misuse) as caught:
        parse_rules(text, source="rules.yaml")
    return caught.value


def test_the_example_of_the_module_is_read() -> None:
    read = parse_rules(
        """\
rules:
  - from: docker.io/library/*
    to: platform/base/*
  - from: "*:latest"
    tag: "{tag}-{date}"
    on-conflict: skip
""",
        source="rules.yaml",
    )
    assert read.repository(NGINX) == "platform/base/nginx"
    assert (read.tag(NGINX), read.on_conflict(NGINX)) == (None, None)
    latest = Reference.parse("quay.io/a/b")
    assert read.repository(latest) is None
    assert read.tag(latest) == TagTemplate("{tag}-{date}")
    assert read.on_conflict(latest) == "skip"


# The images that a rule is for


@each_case(
    ("pattern", "fitting", "others"),
    [
        pytest.param("nginx", ["nginx:1", "nginx", "docker.io/library/nginx:2"], ["nginx-x:1"], id="a short name"),
        pytest.param("nginx:1", ["nginx:1"], ["nginx:2", "nginx", "nginx:1.0"], id="a name with a tag"),
        pytest.param("quay.io/a/b", ["quay.io/a/b:1"], ["quay.io/a/b/c:1", "a/b:1"], id="a whole name"),
        pytest.param("library/*", ["nginx:1"], ["team/nginx:1", "quay.io/library/a:1"], id="a namespace of Docker Hub"),
        pytest.param("team/app-*", ["team/app-one:1"], ["team/app:1"], id="a beginning of a name of Docker Hub"),
        pytest.param("index.docker.io/*", ["nginx:1", "team/a:1"], ["quay.io/a:1"], id="an old host of Docker Hub"),
        pytest.param("registry-1.docker.io/team/*", ["team/a:1"], ["nginx:1"], id="the other host of Docker Hub"),
        pytest.param("quay.io/*", ["quay.io/a:1", "quay.io/a/b:2"], ["quay.io.x/a:1", "a/b:1"], id="a registry"),
        pytest.param("quay.io/a*", ["quay.io/a:1", "quay.io/ab:1"], ["quay.io/b:1"], id="a beginning"),
        pytest.param("host:5000/*", ["host:5000/a:1"], ["host:5001/a:1"], id="a registry with a port"),
        pytest.param("localhost/*", ["localhost/a:1"], ["nginx:1"], id="localhost"),
        pytest.param("[::1]:5000/*", ["[::1]:5000/a:1"], ["[::2]:5000/a:1"], id="an IPv6 address"),
        pytest.param("Host/*", ["Host/a:1"], ["a/b:1"], id="a registry in upper case"),
        pytest.param("*", ["nginx:1", "quay.io/a/b:2", f"a@sha256:{'0' * 64}"], [], id="all"),
        pytest.param("*:latest", ["nginx", "quay.io/a:latest"], ["nginx:1", f"a@sha256:{'0' * 64}"], id="all of a tag"),
        pytest.param("quay.io/*:1", ["quay.io/a:1"], ["quay.io/a:2", "nginx:1"], id="a registry and a tag"),
    ],
)
def test_a_pattern_means_what_it_looks_like(pattern: str, fitting: list[str], others: list[str]) -> None:
    read = Pattern.parse(pattern)
    assert [text for text in fitting if not read.matches(Reference.parse(text))] == []
    assert [text for text in others if read.matches(Reference.parse(text))] == []


@each_case(
    "pattern",
    [
        pytest.param("", id="nothing"),
        pytest.param("**", id="two stars"),
        pytest.param("*/nginx", id="a star in front"),
        pytest.param("a*b*", id="a star within"),
        pytest.param("a?*", id="a question mark"),
        pytest.param("a *", id="a blank"),
        pytest.param("nginx:", id="an empty tag"),
        pytest.param("*:", id="an empty tag of all"),
        pytest.param("nginx:1*", id="a star in a tag"),
        pytest.param("*:a b", id="a blank in a tag"),
        pytest.param(f"*:{'a' * 129}", id="a tag that is too long"),
        pytest.param("Nginx", id="a name in upper case"),
        pytest.param("docker://nginx", id="a transport"),
        pytest.param(f"nginx@sha256:{'0' * 64}", id="a digest"),
        pytest.param("quay.io/*\n", id="a line end"),
    ],
)
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(Misuse):
        Pattern.parse(pattern)


# The rule that decides

IN_ORDER = [
    pytest.param("'*'", "'*:1.27'", id="a tag before none"),
    pytest.param("'*:1.27'", "docker.io/*", id="a registry before any, whatever the tag"),
    pytest.param("docker.io/*", "library/*", id="a namespace before its registry"),
    pytest.param("library/*", "library/ng*", id="a longer beginning before a shorter one"),
    pytest.param("library/nginx*", "nginx", id="a whole name before a beginning of the same length"),
    pytest.param("nginx", "nginx:1.27", id="a whole name with a tag before all of its tags"),
    pytest.param("'library/ng*:1.27'", "nginx", id="the length before the tag"),
]


@each_case(("less", "more"), IN_ORDER)
@each_case("is_reversed", [False, True], ids=["as written", "the other way round"])
def test_the_longest_prefix_decides_in_any_order_of_the_file(less: str, more: str, is_reversed: bool) -> None:
    lines = [
        f"{{from: {less}, to: less, tag: less, on-conflict: skip}}",
        f"{{from: {more}, to: more, tag: more, on-conflict: replace}}",
    ]
    read = rules(*(reversed(lines) if is_reversed else lines))
    assert read.repository(NGINX) == "more"
    assert read.tag(NGINX) == TagTemplate("more")
    assert read.on_conflict(NGINX) == "replace"


def test_a_rule_that_says_nothing_about_a_thing_does_not_decide_it() -> None:
    read = rules("{from: '*', to: all/*}", "{from: library/*, tag: x}", "{from: nginx, on-conflict: suffix}")
    assert read.repository(NGINX) == "all/docker.io/library/nginx"
    assert read.tag(NGINX) == TagTemplate("x")
    assert read.on_conflict(NGINX) == "suffix"


def test_without_rules_nothing_is_decided() -> None:
    for read in (NO_RULES, parse_rules("rules: []", source="rules.yaml")):
        assert (read.repository(NGINX), read.tag(NGINX), read.on_conflict(NGINX)) == (None, None, None)


@pytest.mark.parametrize(
    ("rule", "text", "path"),
    [
        pytest.param("{from: library/*, to: base/*}", "nginx", "base/nginx", id="what followed the prefix"),
        pytest.param("{from: quay.io/*, to: '*'}", "quay.io/a/b", "a/b", id="all that followed"),
        pytest.param("{from: quay.io/a*, to: b*}", "quay.io/a/c", "b/c", id="a beginning for another"),
        pytest.param("{from: quay.io/*, to: one}", "quay.io/a/b", "one", id="all into one"),
        pytest.param("{from: nginx, to: web/server}", "nginx", "web/server", id="a whole name"),
        pytest.param("{from: quay.io/a, to: a}", "quay.io/a", "a", id="one part"),
    ],
)
def test_a_star_refers_to_what_followed_the_prefix(rule: str, text: str, path: str) -> None:
    assert rules(rule).repository(Reference.parse(text)) == path


# Errors


@each_case(
    ("text", "subject", "message"),
    [
        pytest.param("", "rules.yaml", "mapping with rules:", id="nothing"),
        pytest.param("- from: a", "rules.yaml:1", "mapping with rules:", id="a list"),
        pytest.param("{}", "rules.yaml:1", "rules: must be a list", id="no rules"),
        pytest.param("rules: nginx", "rules.yaml:1", "rules: must be a list", id="one text"),
        pytest.param("rules:\n  from: a\n  to: b", "rules.yaml:2", "rules: must be a list", id="one rule"),
        pytest.param("rules:\n- nginx", "rules.yaml:2", "mapping with from:", id="a text in place of a rule"),
        pytest.param("rules:\n- to: a", "rules.yaml:2", "from: is missing", id="no from"),
        pytest.param("rules:\n- from: a", "rules.yaml:2", "the rule does nothing", id="a rule that says nothing"),
        pytest.param("rules:\n- from: a\n  to: b*", "rules.yaml:3", "no match", id="a star too many"),
        pytest.param(
            "rules:\n- from: a\n  form: b\n  to: c", "rules.yaml:3", "unknown key 'form'", id="an unknown key"
        ),
        pytest.param("rules: []\nrule: []", "rules.yaml:2", "unknown key 'rule'", id="an unknown key at the top"),
        pytest.param("rules:\n- from: a\n  to: b\n  to: c", "rules.yaml:4", "duplicate key", id="a key twice"),
        pytest.param("rules:\n- {from: a, to: B}", "rules.yaml:2: 'B'", "not a repository", id="upper case"),
        pytest.param("rules:\n- {from: a, to: /b}", "rules.yaml:2: '/b'", "not a repository", id="a slash in front"),
        pytest.param("rules:\n- {from: a, to: b/}", "rules.yaml:2: 'b/'", "not a repository", id="a slash at the end"),
        pytest.param("rules:\n- {from: a, to: a/../b}", "rules.yaml:2: 'a/../b'", "not a repository", id="a way up"),
        pytest.param(
            "rules:\n- {from: 'q.io/*', to: '*/b'}", "rules.yaml:2: '*/b'", "not a repository", id="star first"
        ),
        pytest.param("rules:\n- {from: 'q.io/*', to: '**'}", "rules.yaml:2: '**'", "not a repository", id="two stars"),
        pytest.param("rules:\n- {from: a, to: 'b:1'}", "rules.yaml:2: 'b:1'", "not a repository", id="a tag in to"),
        pytest.param("rules:\n- {from: a, to: ''}", "rules.yaml:2: ''", "not a repository", id="to nothing"),
        pytest.param("rules:\n- {from: a, to: [b]}", "rules.yaml:2", "a text is expected here", id="a list in to"),
        pytest.param("rules:\n- {from: a, tag: '{day}'}", "rules.yaml:2: '{day}'", "unknown field {day}", id="a field"),
        pytest.param("rules:\n- {from: a, tag: 'a b'}", "rules.yaml:2: 'a b'", "not a template for tags", id="a blank"),
        pytest.param("rules:\n- {from: a, on-conflict: ask}", "rules.yaml:2", "unknown policy 'ask'", id="a policy"),
        pytest.param("rules:\n- {from: '*x', to: a}", "rules.yaml:2", "is not a repository", id="no pattern"),
        pytest.param("rules: [*a]", "rules.yaml:1", "aliases", id="an alias"),
        pytest.param("rules: !!python/name:os.system []", "rules.yaml:1", "not allowed in rules", id="a tag of YAML"),
        pytest.param("rules: [", "rules.yaml:", "not valid YAML", id="no YAML"),
        pytest.param("rules: []\n---\nrules: []", "rules.yaml:2", "a second YAML document", id="two documents"),
        pytest.param("rules: " + "[" * 20 + "]" * 20, "rules.yaml:1", "nested too deeply", id="nested"),
    ],
)
def test_what_is_wrong_is_reported_with_its_line(text: str, subject: str, message: str) -> None:
    error = complaint(text)
    assert error.subject is not None
    assert error.subject.startswith(subject)
    assert message in error.message


def test_two_rules_for_the_same_images_are_refused_however_they_are_spelt() -> None:
    error = complaint("rules:\n- {from: nginx, to: a}\n- {from: docker.io/library/nginx, to: b}\n")
    assert error.subject == "rules.yaml:3"
    assert "rules.yaml:2" in error.message


def test_all_errors_of_a_file_are_reported_at_once() -> None:
    with raises(Several, values={"source": "rules.yaml", "count": 4}) as caught:
        parse_rules(
            "rules:\n- {from: a, to: B}\n- {to: a}\n- {from: 'a**', to: C, on-conflict: skip}\n", source="rules.yaml"
        )
    assert [(error.subject or "")[:12] for error in caught.value.errors] == [f"rules.yaml:{n}" for n in (2, 3, 4, 4)]
    assert caught.value.exit_code == 2


def test_texts_stay_the_texts_that_were_written() -> None:
    read = rules("{from: '*:1.10', tag: 1.10}", "{from: '*:1.1', tag: on}")
    assert read.tag(Reference.parse("a:1.10")) == TagTemplate("1.10")
    assert read.tag(Reference.parse("a:1.1")) == TagTemplate("on")


def test_a_file_of_notepad_is_read() -> None:
    assert parse_rules("\ufeffrules:\r\n- from: nginx\r\n  to: web\r\n", source="r").repository(NGINX) == "web"
