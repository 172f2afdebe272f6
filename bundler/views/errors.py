"""How errors look: what happened to which object, what was expected and found, and what to do next."""

from __future__ import annotations

import os
import sys
from itertools import groupby

from bundler.errors import BundlerError, LocalStorage, Several
from bundler.texts import text
from bundler.views.languages import hint_of, said, translated, worded
from bundler.views.words import escaped

_SHOWN = 50


def error_lines(error: BundlerError) -> list[str]:
    """The lines that tell of an error, the object first."""
    if not isinstance(error, Several):
        return [f"{_label()} {escaped(worded(error))}", *advice_lines(error, "  ")]
    lines = [f"{_label()} {escaped(translated(error.message))}"]
    for advice, errors in groupby(error.errors[:_SHOWN], lambda each: tuple(advice_lines(each, "    "))):
        shown = list(errors)
        lines += [f"  {escaped(worded(each))}" for each in shown]
        if shown[0].hint and shown[0].hint != error.hint:
            lines += advice
    if len(error.errors) > _SHOWN:
        more = len(error.errors) - _SHOWN
        lines.append(f"  {said('and {count:,} more (--json lists all)', count=more)}")
    return [*lines, *advice_lines(error, "  ")]


def advice_lines(error: BundlerError, indent: str) -> list[str]:
    """What to do next, and where to read more."""
    hint = hint_of(error)
    lines = [f"{indent}-> {escaped(hint)}"] if hint else []
    return [*lines, f"{indent}   {said('more: bundler explain {code}', code=error.code)}"] if error.code else lines


def show(lines: list[str], *, on_stderr: bool = False) -> None:
    """Prints lines.

    Raises:
        BrokenPipeError: Whoever read them is gone.
        LocalStorage: They cannot be written.
    """
    stream = sys.stderr if on_stderr else sys.stdout
    if stream is None:  # closed by whoever started us
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
    return f"\x1b[1;31m{label}\x1b[0m" if is_coloured else label
