"""A command gets its flags, and groups of them, by their names; no flag is lost."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from types import FunctionType
from typing import Any

import click
import pytest

from bundler.cli.collected import together, with_groups
from bundler.cli.program import program
from bundler.core.frozen import frozen

PLAIN = re.compile(r"(str|int|bool|tuple\[(str|int), \.\.\.\])( \| None)?")
"""The types of flags."""


@frozen
class Inner:
    first: str


@frozen
class Outer:
    inner: Inner
    second: str
    third: str = "not given"


def test_a_group_gets_its_flags_by_name_and_shares_them() -> None:
    def command(first: str, outer: Outer, inner: Inner) -> tuple[object, ...]:
        return first, outer, inner

    found = with_groups(command, {"first": "1", "second": "2", "fourth": "4"})
    assert found == ("1", Outer(Inner("1"), "2", "not given"), Inner("1"))
    assert with_groups(command, {"first": "1", "second": "2", "third": "3"})[1] == Outer(Inner("1"), "2", "3")


def test_a_flag_that_a_group_needs_is_missed() -> None:
    def command(outer: Outer) -> Outer:
        return outer

    with pytest.raises(KeyError, match="str"):
        with_groups(command, {"first": "1"})


def test_flags_that_are_added_together_keep_their_order() -> None:
    def option(name: str) -> Callable[[list[str]], list[str]]:
        return lambda names: [name, *names]

    assert together(option("a"), together(option("b"), option("c")))(["d"]) == ["a", "b", "c", "d"]  # type: ignore[type-var]


def commands(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    if not isinstance(command, click.Group):
        yield path, command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        below = command.get_command(context, name)
        assert below is not None
        yield from commands(below, f"{path} {name}")


def taken(value: object) -> set[str]:
    """The flags in an argument, each of which has its name as value."""
    if is_dataclass(value):
        return {flag for each in fields(value) for flag in taken(getattr(value, each.name))}
    return {value} if isinstance(value, str) else set()


def kinds(function: Any, value: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The types of all flags, as the command and the groups write them."""
    for name, each in value.items():
        if is_dataclass(each):
            yield from kinds(type(each), {one.name: getattr(each, one.name) for one in fields(each)})
        else:
            yield name, function.__annotations__[name]


def test_every_flag_of_every_command_is_taken_by_an_argument_or_a_group() -> None:
    for path, command in commands(program, "bundler"):
        function = command.callback.args[0]  # type: ignore[union-attr]
        given = {str(each.name): str(each.name) for each in command.params if each.expose_value}
        looked = FunctionType((lambda **values: values).__code__, function.__globals__)
        looked.__annotations__ = function.__annotations__
        values = with_groups(looked, given)
        assert {flag for each in values.values() for flag in taken(each)} >= given.keys(), path
        for name, kind in kinds(function, values):
            assert PLAIN.fullmatch(kind), f"{path}: the group {name} has the name of a flag"
