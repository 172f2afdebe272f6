"""A table in one test hides no case: all of them run, and each one that fails is named."""

from __future__ import annotations

import pytest

from tests.support.tables import each_case


def test_all_cases_run_and_each_one_that_fails_is_named():
    seen = []

    @each_case("given, wanted", [(1, 1), pytest.param(2, 3, id="two"), (4, 5), (6, 6)], ids=["a", "b", "c", "d"])
    def check(given, wanted):
        seen.append(given)
        if given == 4:
            with pytest.raises(ValueError):
                assert given
        assert given == wanted

    with pytest.raises(pytest.fail.Exception) as caught:
        check()
    assert seen == [1, 2, 4, 6]
    text = str(caught.value)
    assert text.startswith("2 of 4 cases failed:\n[two]\n")
    assert "[c]\n" in text
    assert "DID NOT RAISE" in text
    assert "[a]" not in text
    assert "[d]" not in text


def test_of_two_tables_every_case_meets_every_case():
    seen = []

    @each_case("one", "ab")
    @each_case("other", [(1,), (2,)], ids=str)
    def check(one, other):
        seen.append((one, other))

    check()
    assert seen == [("a", (1,)), ("a", (2,)), ("b", (1,)), ("b", (2,))]
    assert [name for name, _ in check.cases] == ["'a', (1,)", "'a', (2,)", "'b', (1,)", "'b', (2,)"]


@each_case("number", [1, 2])
def test_fixtures_are_those_of_the_test(tmp_path, number):
    (tmp_path / str(number)).touch()
    assert len(list(tmp_path.iterdir())) == number


def test_a_table_without_a_case_is_an_error():
    with pytest.raises(AssertionError):
        each_case("one", [])
    with pytest.raises(AssertionError):
        each_case("one", [1], ids=["a", "b"])
