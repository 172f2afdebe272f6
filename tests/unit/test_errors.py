"""Exit codes say who must act, and of several findings the worst decides."""

from __future__ import annotations

import traceback
from itertools import permutations

import pytest

from bundler import errors
from bundler.errors import (
    BundlerError,
    Damaged,
    Incomplete,
    Interrupted,
    LocalStorage,
    Misuse,
    Refused,
    Several,
    Unavailable,
    Untrusted,
    worst,
    worst_of_images,
)
from tests.support.tables import each_case

FAMILIES = [Misuse, Damaged, Untrusted, Refused, Unavailable, LocalStorage, Incomplete]
WORST_FIRST = [Untrusted, Damaged, LocalStorage, Refused, Unavailable, Incomplete]


@pytest.mark.parametrize(
    ("family", "code", "kind"),
    [
        (Misuse, 2, "usage"),
        (Damaged, 4, "integrity"),
        (Untrusted, 5, "trust"),
        (Refused, 6, "refused"),
        (Unavailable, 7, "unavailable"),
        (LocalStorage, 8, "storage"),
        (Incomplete, 9, "incomplete"),
    ],
)
def test_each_family_has_the_exit_code_of_the_contract(family: type[BundlerError], code: int, kind: str) -> None:
    assert (family("x").exit_code, family("x").kind) == (code, kind)


def test_an_interruption_has_the_exit_code_of_shells_and_says_how_to_go_on() -> None:
    stopped = Interrupted()
    assert (stopped.exit_code, stopped.kind, str(stopped)) == (130, "interrupted", "stopped")
    assert "run the same command again" in (stopped.hint or "")
    assert worst([Damaged("x"), stopped]) == 130


def test_partial_and_bug_have_the_exit_codes_of_the_contract() -> None:
    assert (errors.EXIT_DIFFERENT, errors.EXIT_PARTIAL, errors.EXIT_BUG) == (1, 3, 70)


@pytest.mark.parametrize("first", range(len(WORST_FIRST) - 1))
def test_of_two_findings_the_worse_decides_in_any_order(first: int) -> None:
    worse = WORST_FIRST[first]
    for better in WORST_FIRST[first + 1 :]:
        for pair in permutations([worse("x"), better("y")]):
            assert worst(pair) == worse.exit_code


def test_no_finding_is_success() -> None:
    assert worst([]) == 0


def test_what_has_no_family_is_a_bug() -> None:
    assert worst([BundlerError("x")]) == 70


@pytest.mark.parametrize("family", FAMILIES)
def test_several_findings_of_one_family_are_of_that_family(family: type[BundlerError]) -> None:
    several = Several("x", [family("a"), family("b")])
    assert (several.exit_code, several.kind) == (family.exit_code, family.kind)


def test_several_findings_are_as_bad_as_the_worst_also_within_others() -> None:
    inner = Several("inner", [Incomplete("a"), Damaged("b")])
    several = Several("outer", [Refused("c"), inner], hint="do this")
    assert (several.exit_code, several.kind, several.hint) == (4, "integrity", "do this")
    assert several.errors[1] is inner
    assert worst([Unavailable("d"), several]) == 4
    assert str(several) == "outer"


@each_case(
    ("found", "done", "code"),
    [
        pytest.param([], 0, 0, id="nothing to do"),
        pytest.param([], 5, 0, id="all done"),
        pytest.param([Refused], 5, 3, id="refused for some"),
        pytest.param([Unavailable], 1, 3, id="unavailable for some"),
        pytest.param([Refused, Unavailable], 1, 3, id="both for some"),
        pytest.param([Refused], 0, 6, id="refused for all"),
        pytest.param([Unavailable], 0, 7, id="unavailable for all"),
        pytest.param([Unavailable, Refused], 0, 6, id="both for all"),
        pytest.param([Damaged], 5, 4, id="damage is never partial"),
        pytest.param([Untrusted], 5, 5, id="missing trust is never partial"),
        pytest.param([LocalStorage], 5, 8, id="a full disk is never partial"),
        pytest.param([Incomplete], 5, 9, id="missing parts are never partial"),
        pytest.param([Refused, Damaged], 5, 4, id="damage decides over refusal"),
        pytest.param([Incomplete, Refused], 5, 9, id="missing parts decide over a partial run"),
        pytest.param([Unavailable, Incomplete], 5, 9, id="missing parts decide over a partial run, in any order"),
        pytest.param([Incomplete, Refused], 0, 6, id="refusal for all decides over missing parts"),
    ],
)
def test_a_run_that_goes_on_after_failures_tells_who_must_act(
    found: list[type[BundlerError]], done: int, code: int
) -> None:
    assert worst_of_images([family("x") for family in found], done=done) == code


@pytest.mark.parametrize(
    ("error", "text"),
    [
        pytest.param(Damaged("cut short"), "cut short", id="a message alone"),
        pytest.param(Damaged("cut short", subject="a.tar"), "a.tar: cut short", id="a subject"),
        pytest.param(
            Damaged("cut short", subject="a.tar", expected="5 bytes", actual="3 bytes", hint="copy it again"),
            "a.tar: cut short (expected 5 bytes, found 3 bytes)",
            id="what was expected and found, without the hint",
        ),
        pytest.param(Damaged("cut short", expected="5 bytes"), "cut short (expected 5 bytes)", id="expected alone"),
        pytest.param(Damaged("cut short", actual="3 bytes"), "cut short (found 3 bytes)", id="found alone"),
        pytest.param(
            Damaged("cut short", expected="5 bytes", actual=""), "cut short (expected 5 bytes)", id="found nothing"
        ),
    ],
)
def test_a_message_says_what_happened_to_what(error: BundlerError, text: str) -> None:
    assert str(error) == text


def test_an_error_is_not_tried_again_unless_it_says_so() -> None:
    assert not Unavailable("x").retryable
    assert Unavailable("x", retryable=True, retry_after_seconds=2.0).retry_after_seconds == 2.0


def test_another_error_of_the_same_family_has_the_other_fields_as_they_were() -> None:
    first = Unavailable("no answer", subject="r.example", code="registry-failed", said="503", retryable=True)
    other = first.but(hint="ask its owner", retryable=False)
    assert type(other) is Unavailable
    assert (other.message, other.subject, other.code, other.said) == (
        "no answer",
        "r.example",
        "registry-failed",
        "503",
    )
    assert (other.hint, other.retryable) == ("ask its owner", False)
    assert (first.hint, first.retryable) == (None, True)


def test_another_error_shows_its_new_message_and_no_password() -> None:
    other = Refused("x").but(message="denied", subject="https://me:s3cret@r.example/v2/")
    assert other.args == (str(other.message),)
    assert "denied" in str(other)
    assert "s3cret" not in str(other)


def test_another_error_of_several_has_the_same_members() -> None:
    several = Several("2 findings", [Damaged("x"), Refused("y")]).but(hint="look at both")
    assert (len(several.errors), several.exit_code, several.hint) == (2, 4, "look at both")


def test_an_interruption_can_be_made_another() -> None:
    assert Interrupted().but(hint="wait").exit_code == 130


def _raise_first() -> None:
    raise Damaged("cut short") from OSError("of the disk")


def _raise_another() -> None:
    try:
        _raise_first()
    except Damaged as error:
        raise error.but(subject="a.tar") from error.__cause__


def test_another_error_shows_where_and_why_the_first_was_raised_and_once() -> None:
    with pytest.raises(Damaged) as raised:
        _raise_another()
    shown = "".join(traceback.format_exception(raised.value))
    assert "_raise_first" in shown
    assert "OSError: of the disk" in shown
    assert "During handling" not in shown


def test_another_error_that_is_kept_has_the_cause_of_the_first() -> None:
    with pytest.raises(Damaged) as raised:
        _raise_first()
    assert isinstance(raised.value.but(subject="a.tar").__cause__, OSError)
