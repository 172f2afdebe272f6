"""Errors in lines: the object, the problem, the expected and the actual value, and the next step."""

from __future__ import annotations

import os
import sys
from itertools import groupby

from bundler.errors import BundlerError, LocalStorage, Several
from bundler.texts import text
from bundler.views.languages import hint_of, said, translated, worded
from bundler.views.words import escaped, more_lines

_SHOWN = 50


def error_lines(error: BundlerError) -> list[str]:
    """The lines about an error, the object first."""
    if not isinstance(error, Several):
        return [f"{_label()}{escaped(worded(error))}", *advice_lines(error, "  ")]
    lines = [f"{_label()}{escaped(translated(error.message))}"]
    for _code, same in groupby(error.errors[:_SHOWN], lambda each: each.code):
        errors = list(same)
        for hint, group in groupby(errors, hint_of):
            shown = list(group)
            lines += [f"  {escaped(worded(each))}" for each in shown]
            if hint and shown[0].hint != error.hint:
                is_last = shown[-1] is errors[-1]
                lines += advice_lines(shown[0], "    ") if is_last else [f"    -> {escaped(hint)}"]
    lines += more_lines(len(error.errors) - _SHOWN, indent="  ", flag="--json")
    return [*lines, *advice_lines(error, "  ")]


def advice_lines(error: BundlerError, indent: str) -> list[str]:
    """The lines with the next step, and with the command that explains the error."""
    hint = hint_of(error)
    lines = [f"{indent}-> {escaped(hint)}"] if hint else []
    return [*lines, f"{indent}   {said('more: bundler explain {code}', code=error.code)}"] if error.code else lines


def show(lines: list[str], *, on_stderr: bool = False) -> None:
    """Prints lines.

    Raises:
        BrokenPipeError: The program that read them has ended.
        LocalStorage: The system refuses to write them.
    """
    stream = sys.stderr if on_stderr else sys.stdout
    if stream is None:  # the program that started us closed it
        return
    try:
        print("\n".join(lines), file=stream, flush=True)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise LocalStorage.unwritable(
            error, text("standard error") if on_stderr else text("standard output")
        ) from error


def _label() -> str:
    is_coloured = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    label = said("error:")
    space = " " if label.isascii() else ""  # the colon of Chinese has its space in it
    return f"\x1b[1;31m{label}\x1b[0m{space}" if is_coloured else f"{label}{space}"
