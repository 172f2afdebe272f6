"""Groups of flags: a command adds them with one decorator, and gets them as one argument.

An argument of a command that is no flag gets a group of them: its type is a frozen class with a field for each flag,
by the name of the flag's parameter. A field with a default is for a flag that not every command has. A field may be a
group itself, and a flag may be in several groups.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any, TypeVar

Command = TypeVar("Command", bound=Callable[..., Any])


def together(*options: Callable[[Any], Any]) -> Callable[[Command], Command]:
    """A decorator that gives a command several flags, in the order of help."""

    def decorated(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorated


def with_groups(command: Callable[..., Any], given: Mapping[str, Any]) -> Any:
    """Calls a command with its flags and groups.

    Args:
        command: The command.
        given: The values of all its flags and arguments.
    """
    names = command.__globals__
    kinds = command.__annotations__
    return command(**{name: _value(name, kind, given, names) for name, kind in kinds.items() if name != "return"})


def _value(name: str, kind: str, given: Mapping[str, Any], names: Mapping[str, Any]) -> Any:
    """The value of a flag, or of a group.

    Args:
        name: The name of the argument or field.
        kind: Its type as it is written there.
        given: The values of the flags.
        names: The names that the module knows.
    """
    if name in given:
        return given[name]
    from dataclasses import MISSING

    module, *rest = kind.split(".")
    group: Any = reduce(getattr, rest, names[module])
    known = vars(sys.modules[group.__module__])
    return group(
        **{
            each: _value(each, group.__annotations__[each], given, known)
            for each, default in group.__given_fields__.items()
            if each in given or default is MISSING
        }
    )
