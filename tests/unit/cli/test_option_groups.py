"""Long help has headings: each flag is below the one that a user would look under, and none is lost."""

from __future__ import annotations

import click

from bundler.cli import defaults, option_groups
from bundler.cli.program import program


def test_every_flag_of_the_table_is_one_of_a_command() -> None:
    every = frozenset().union(*defaults.flags_of_all(click.Context(program, info_name="bundler")).values())
    assert set(option_groups._TITLE_OF) <= every | {"--help"}


def test_no_flag_is_lost_and_only_long_help_has_headings() -> None:
    for name, flags in defaults.flags_of_all(click.Context(program, info_name="bundler")).items():
        found = option_groups.grouped(sorted(flags))
        assert sorted(flag for group in found.values() for flag in group) == sorted(flags), name
        assert (list(found) == [""]) == (len(flags) <= option_groups.FEW), name


def test_help_of_export_has_the_headings_in_order() -> None:
    command = program.get_command(click.Context(program), "export")
    assert command is not None
    text = command.get_help(click.Context(command, info_name="bundler export"))
    titles = ["Images:", "Bundle and media:", "Trust:", "Keys and passphrases:", "Registries:", "Run:", "Results:"]
    assert [line for line in text.splitlines() if line in titles] == titles
    assert text.index("Trust:") < text.index("--trust PUB") < text.index("Keys and passphrases:")
