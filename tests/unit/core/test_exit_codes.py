"""Exit codes are those of the errors, and each can be explained."""

from __future__ import annotations

from bundler import errors
from bundler.core.advice.table import ADVICE, OF_EXIT_CODES
from bundler.core.exit_codes import EXIT_CODES


def test_every_end_of_a_run_has_its_meaning():
    families = {each.exit_code for each in errors.BundlerError.__subclasses__() if isinstance(each.exit_code, int)}
    others = {0, errors.EXIT_DIFFERENT, errors.EXIT_PARTIAL, errors.EXIT_BUG, errors.EXIT_CLOSED_PIPE}
    assert set(EXIT_CODES) == families | others


def test_a_failure_names_the_person_who_must_act():
    assert {number for number, each in EXIT_CODES.items() if not each.actor} == {0, 1, 141}


def test_each_code_is_explained_by_itself_or_by_an_entry_of_its_family():
    for code, each in EXIT_CODES.items():
        assert bool(each.explanation) != (code in OF_EXIT_CODES)
    for code, entry in OF_EXIT_CODES.items():
        assert ADVICE[entry].family.exit_code == code
