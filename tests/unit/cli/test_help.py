"""Help fits a terminal, and its examples can be copied from it."""

from __future__ import annotations

import shlex

import click
import pytest

from bundler.cli.help import _EXAMPLES, Context, Helping, _example
from bundler.cli.program import program

LINE = "bundler verify /media/stick/platform --trust builder.pub --policy policy.json"


def test_an_example_that_is_too_wide_is_a_command_of_several_lines():
    assert _example(LINE, 78) == [LINE]
    lines = _example(f"{LINE}   before anything is read", 60)
    assert lines == [
        "bundler verify /media/stick/platform --trust builder.pub \\",
        "    --policy policy.json",
        "      before anything is read",
    ]
    assert shlex.split("\n".join(lines[:2]).replace("\\\n", " ")) == LINE.split()


def test_only_the_first_examples_are_in_help():
    examples = "\n".join(f"bundler x {number}" for number in range(_EXAMPLES + 1))
    text = Helping("x", examples=examples).get_help(Context(Helping("x"), info_name="x"))
    assert f"bundler x {_EXAMPLES - 1}\n" in text
    assert f"bundler x {_EXAMPLES}" not in text
    assert "bundler man" in text


@pytest.mark.parametrize("name", program.order)
def test_no_line_of_help_is_wider_than_the_terminal(name):
    command = program.get_command(click.Context(program), name)
    context = Context(command, info_name=f"bundler {name}", terminal_width=80)
    text = command.get_help(context)
    assert [line for line in text.splitlines() if len(line) > 80] == []
    assert "<=x<=" not in text
