"""Exit codes mean what docs/commands.md says, and each can be explained."""

from __future__ import annotations

import re
from pathlib import Path

from bundler import errors
from bundler.core.advice import ADVICE, OF_EXIT_CODES
from bundler.core.exit_codes import EXIT_CODES

PAGE = (Path(__file__).parents[3] / "docs/commands.md").read_text()


def test_the_table_is_the_one_in_the_readme():
    table = {int(code): meaning for code, meaning in re.findall(r"^\| (\d+) \| (.+) \|$", PAGE, re.MULTILINE)}
    assert table == {
        code: each.meaning for code, each in EXIT_CODES.items() if code != errors.EXIT_CLOSED_PIPE
    }  # that one is told below the table


def test_each_code_is_explained_by_itself_or_by_an_entry_of_its_family():
    for code, each in EXIT_CODES.items():
        assert bool(each.explanation) != (code in OF_EXIT_CODES)
    for code, entry in OF_EXIT_CODES.items():
        assert ADVICE[entry].family.exit_code == code
