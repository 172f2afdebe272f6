"""Any code, from us, from a shell or from a registry, leads to the entry that explains it."""

from __future__ import annotations

import pytest

from bundler.commands.explain import explain
from bundler.core.advice.table import ADVICE
from bundler.core.exit_codes import EXIT_CODES
from bundler.core.registry_answers import RegistryAnswer, entry_of
from bundler.errors import Misuse
from tests.support.tables import each_case


def codes(asked: str | None) -> list[str]:
    return [entry.code for entry in explain(asked).entries]


@each_case("code", list(ADVICE))
def test_each_code_is_found_in_any_spelling(code):
    for spelling in (code, code.upper(), code.replace("-", "_"), code.title().replace("-", "_"), f" {code} "):
        assert codes(spelling) == [code]


@each_case(
    ("answer", "code"),
    [
        ("UNAUTHORIZED", "unauthorized"),
        ("DENIED", "denied"),
        ("denied", "denied"),
        ("NAME_UNKNOWN", "name-unknown"),
        ("TOOMANYREQUESTS", "too-many-requests"),
        ("toomanyrequests", "too-many-requests"),
        ("MANIFEST_UNKNOWN", "not-found"),
        ("MANIFEST-UNKNOWN", "not-found"),
        ("BLOB_UNKNOWN", "not-found"),
        ("MANIFEST_INVALID", "manifest-refused"),
        ("NAME_INVALID", "name-refused"),
        ("UNSUPPORTED", "registry-read-only"),
        ("DIGEST_INVALID", "refused"),
        ("BLOB_UPLOAD_UNKNOWN", "refused"),
        ("401", "unauthorized"),
        ("413", "body-too-large"),
        ("503", "registry-failed"),
    ],
)
def test_what_registries_answer_leads_to_its_entry(answer, code):
    assert codes(answer) == [code]


@pytest.mark.parametrize(("status", "code"), [(401, "UNAUTHORIZED"), (403, "DENIED"), (404, "NAME_UNKNOWN")])
def test_the_entry_is_the_one_that_an_error_with_that_answer_has(status, code):
    error = RegistryAnswer("GET", status, code).error(subject="x", host="h", repository="p/r")
    assert error.code == entry_of(code)


@pytest.mark.parametrize("code", [2, 4, 5, 6, 7, 8, 9])
def test_the_exit_code_of_a_family_has_an_entry_of_it_and_names_the_others(code):
    result = explain(str(code))
    assert result.exit_code is EXIT_CODES[code]
    assert {entry.family.exit_code for entry in result.entries} == {code}
    family = {entry.code for entry in ADVICE.values() if entry.family.exit_code == code}
    assert {result.entries[0].code, *result.related} == family
    assert result.entries[0].code not in result.related


@pytest.mark.parametrize("code", [0, 3, 70, 130, 141])
def test_the_other_exit_codes_have_a_text_of_their_own(code):
    result = explain(str(code))
    assert (result.entries, result.related) == ((), ())
    assert result.exit_code is not None
    assert result.exit_code.explanation


def test_without_a_code_there_are_all():
    assert codes(None) == list(ADVICE)


@each_case(
    ("asked", "near"),
    [
        ("unautorized", "unauthorized"),
        ("TAG_IMUTABLE", "tag-immutable"),
        ("quota", "quota-exceeded"),
        ("zzz", "bundler explain lists all"),
        ("", "bundler explain lists all"),
        ("10", "bundler explain lists all"),
        ("999", "bundler explain lists all"),
        ("7" * 5000, "bundler explain lists all"),
        ("٧", "bundler explain lists all"),
        ("\x1b[2J", "bundler explain lists all"),
    ],
)
def test_an_unknown_code_is_misuse_and_names_those_that_are_near(asked, near):
    with pytest.raises(Misuse) as caught:
        explain(asked)
    assert near in (caught.value.hint or "")
    assert len(caught.value.subject or "") <= 80
