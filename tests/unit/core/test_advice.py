"""Each known failure has a name, words that can be filled in, and a next step."""

from __future__ import annotations

import ast
import string
from functools import cache
from pathlib import Path

import pytest

import bundler
from bundler import errors
from bundler.core.advice import Advice, problem
from bundler.core.advice.table import ADVICE, ENTRIES, OF_EXIT_CODES
from bundler.errors import BundlerError, Refused, Unavailable
from tests.support.tables import each_case

PARAMETERS = {
    "host": "h.example:5000",
    "repository": "team/app",
    "project": "team",
    "time": "03:40",
    "duration": "2 h 10 min",
    "rule": "docker registry.example.com: sigstoreSigned",
    "scanner": "clamav",
    "count": "3",
}
EACH_ENTRY = [pytest.param(entry, id=entry.code) for entry in ENTRIES]


def fields(text: str) -> set[str]:
    return {field for _, field, _, _ in string.Formatter().parse(text) if field is not None}


def test_no_code_refers_to_two_failures() -> None:
    codes = [entry.code for entry in ENTRIES]
    assert len(codes) == len(set(codes)) == len(ADVICE)
    assert all(ADVICE[code].code == code for code in codes)


@each_case("entry", EACH_ENTRY)
def test_an_entry_can_be_filled_in_with_what_is_known_of_every_failure(entry: Advice) -> None:
    for text in (entry.happened, entry.next_step, entry.explanation):
        assert text.strip() == text != ""
        assert "{" not in text.format_map(PARAMETERS)
        assert fields(text) <= set(PARAMETERS)


@each_case("entry", EACH_ENTRY)
def test_an_entry_says_what_happened_in_few_words_and_what_to_do_next(entry: Advice) -> None:
    assert entry.happened[0].islower()
    assert not entry.happened.endswith(".")
    assert len(entry.happened) < 120
    assert not entry.next_step.endswith("."), "a hint is shown without a full stop, as a command can be copied"
    assert entry.explanation.endswith((".", ")."))
    assert entry.explanation != entry.next_step


@each_case("entry", EACH_ENTRY)
def test_a_code_is_a_word_that_can_be_typed(entry: Advice) -> None:
    assert entry.code == entry.code.lower()
    assert entry.code.replace("-", "").isalpha()


@each_case("entry", EACH_ENTRY)
def test_an_error_is_made_from_its_entry(entry: Advice) -> None:
    error = problem(entry.code, subject="it", said="no", expected="a", actual="b", **PARAMETERS)
    assert type(error) is entry.family
    assert (error.code, error.subject, error.said) == (entry.code, "it", "no")
    assert (error.expected, error.actual) == ("a", "b")
    assert (error.message, error.hint) == (
        entry.happened.format_map(PARAMETERS),
        entry.next_step.format_map(PARAMETERS),
    )
    assert str(error) == f"it: {error.message} (no) (expected a, found b)"
    assert error.retryable is False


def test_an_error_says_whether_and_when_to_try_again() -> None:
    error = problem("registry-failed", subject=None, retryable=True, retry_after_seconds=3.0)
    assert isinstance(error, Unavailable)
    assert (error.retryable, error.retry_after_seconds) == (True, 3.0)


@pytest.mark.parametrize(("exit_code", "code"), OF_EXIT_CODES.items(), ids=OF_EXIT_CODES.values())
def test_an_exit_code_is_explained_by_an_entry_that_ends_with_it(exit_code: int, code: str) -> None:
    assert ADVICE[code].family.exit_code == exit_code


def test_every_exit_code_of_an_entry_is_explained() -> None:
    assert {entry.family.exit_code for entry in ADVICE.values()} == set(OF_EXIT_CODES)


@cache
def said_in_code() -> list[tuple[str, str, ast.Call]]:
    """Every literal code in a call, with its file: ``problem("x")`` and ``Error(code="x")``."""
    found = []
    for path in sorted(Path(bundler.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            given = node.args[:1] if name == "problem" else []
            given += [keyword.value for keyword in node.keywords if keyword.arg == "code"]
            found += [
                (path.name, each.value, node)
                for each in given
                if isinstance(each, ast.Constant) and isinstance(each.value, str)
            ]
    return found


def test_no_error_has_a_code_that_nothing_explains() -> None:
    said = said_in_code()
    assert {"tag-taken", "no-space"} <= {code for _, code, _ in said}
    assert [(file, code) for file, code, _ in said if code not in ADVICE] == []


def test_the_maker_of_an_error_fills_in_its_words() -> None:
    missing = [
        (file, code, wanted - {keyword.arg for keyword in call.keywords})
        for file, code, call in said_in_code()
        if getattr(call.func, "id", "") == "problem"
        and (wanted := fields(ADVICE[code].happened) | fields(ADVICE[code].next_step))
        and not wanted <= {keyword.arg for keyword in call.keywords}
    ]
    assert missing == []


def test_an_error_with_the_code_of_an_entry_has_its_class() -> None:
    """Code looks at the class, so an error that is made by hand must have the same as one of `problem`."""
    classes = {name: each for name, each in vars(errors).items() if isinstance(each, type)}
    made = [(file, code, classes.get(getattr(call.func, "id", ""))) for file, code, call in said_in_code()]
    assert [
        (file, code, each.__name__)
        for file, code, each in made
        if each is not None and issubclass(each, BundlerError) and not issubclass(each, ADVICE[code].family)
    ] == []


def test_a_code_that_nobody_knows_is_a_bug_and_no_error() -> None:
    with pytest.raises(KeyError):
        problem("no-such-code", subject=None)


def test_an_error_of_the_table_is_reported_as_its_words() -> None:
    error: BundlerError = problem("denied", subject="h.example/team/app", said="403 DENIED", **PARAMETERS)
    assert isinstance(error, Refused)
    assert (error.code, error.subject, error.said) == ("denied", "h.example/team/app", "403 DENIED")
    assert "team/app" in (error.hint or "")
