"""Flags that belong together, as one argument of a command: a value with the flags by their names."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any

Command = Callable[..., int]


def collected(name: str, kind: type, added: Sequence[Callable[[Command], Command]]) -> Callable[[Command], Command]:
    """Returns a decorator that gives a command some flags.

    Args:
        name: The argument of the command that gets their values.
        kind: The class of this argument: a value with a field for each flag.
        added: The flags, in the order of help.
    """
    names = tuple(each.name for each in fields(kind))

    def decorated(command: Command) -> Command:
        @functools.wraps(command)
        def taken(**given: Any) -> int:
            return command(**{name: kind(**{each: given.pop(each) for each in names})}, **given)

        with_flags: Command = taken
        for option in reversed(added):
            with_flags = option(with_flags)
        return with_flags

    return decorated
