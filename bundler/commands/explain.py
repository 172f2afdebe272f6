"""``explain``: finds the entry for a code that a user has on the screen or in a log."""

from __future__ import annotations

import difflib

from bundler.core.advice import Advice
from bundler.core.advice.table import ADVICE, OF_EXIT_CODES
from bundler.core.exit_codes import EXIT_CODES, ExitCode
from bundler.core.frozen import frozen
from bundler.core.registry_answers import entry_of
from bundler.errors import Misuse
from bundler.texts import text


@frozen
class ExplainResult:
    """The entries for a code.

    Attributes:
        asked: The code as it was given; None for all of them.
        exit_code: The exit code, if the code is one.
        entries: The entries to explain: one, or all.
        related: Codes of further entries that end with the exit code that was asked for.
    """

    asked: str | None
    exit_code: ExitCode | None
    entries: tuple[Advice, ...]
    related: tuple[str, ...] = ()


def explain(asked: str | None = None) -> ExplainResult:
    """Finds the meaning of a code: one of ours in any spelling, an exit code, or one that registries answer with.

    Args:
        asked: The code, or None for all entries.

    Raises:
        Misuse: There is no such code.
    """
    if asked is None:
        return ExplainResult(None, None, tuple(ADVICE.values()))
    word = asked.strip()
    exit_code = next((each for each in EXIT_CODES.values() if str(each.number) == word), None)
    if exit_code is not None:
        return _of_exit_code(asked, exit_code)
    code = word.lower().replace("_", "-")
    code = code if code in ADVICE else entry_of(word) or ""
    if code not in ADVICE:
        raise Misuse("there is no such code", subject=asked[:80], hint=_near(word.lower().replace("_", "-")))
    return ExplainResult(asked, None, (ADVICE[code],))


def _of_exit_code(asked: str, exit_code: ExitCode) -> ExplainResult:
    code = OF_EXIT_CODES.get(exit_code.number)
    others = (each for each in ADVICE.values() if each.family.exit_code == exit_code.number and each.code != code)
    entries = (ADVICE[code],) if code else ()
    return ExplainResult(asked, exit_code, entries, tuple(each.code for each in others))


def _near(word: str) -> str:
    near = difflib.get_close_matches(word, ADVICE, n=4) or [code for code in ADVICE if word and word in code.split("-")]
    return (
        text("did you mean {near}? bundler explain lists all codes", near=", ".join(near[:4]))
        if near
        else "bundler explain lists all codes"
    )
