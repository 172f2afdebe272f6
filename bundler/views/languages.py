"""The texts of `bundler.core.advice` in the reader's language, by the locale of the environment; English without one.

The catalogues are gettext's, in ``bundler/locale/LANGUAGE/LC_MESSAGES``; ``scripts/catalogues`` makes them.
"""

from __future__ import annotations

import functools
import gettext
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from bundler.core.advice import ADVICE
from bundler.core.exit_codes import EXIT_CODES
from bundler.errors import BundlerError

LOCALES = Path(__file__).parent.parent / "locale"

WORDS = (
    "error",
    "expected",
    "found",
    "more",
    "exit code",
    "what happened",
    "what to do",
    "why",
    "codes with the same exit code",
    "code",
    "bundler explain CODE tells more of one",
)
"""What views say in the reader's language beside the texts of the catalogue."""


def messages() -> Iterator[tuple[str, str]]:
    """Every text that is translated, and where it comes from."""
    for word in WORDS:
        yield word, "views"
    for entry in ADVICE.values():
        yield entry.happened, f"{entry.code}: what happened"
        yield entry.next_step, f"{entry.code}: what to do"
        yield entry.explanation, f"{entry.code}: why"
    for exit_code in EXIT_CODES.values():
        yield exit_code.meaning, f"exit code {exit_code.number}"
        if exit_code.explanation:
            yield exit_code.explanation, f"exit code {exit_code.number}: why"


@functools.lru_cache(maxsize=1)
def _catalogue() -> Callable[[str], str]:
    """Chosen once, by LANGUAGE, LC_ALL, LC_MESSAGES or LANG, as every program that uses gettext does.

    English where the locale is C, which turns LANGUAGE off as in GNU gettext, and where the output cannot show the
    language: better than a row of question marks.
    """
    locale = next((value for name in _LOCALE if (value := os.environ.get(name))), "")
    if locale.partition(".")[0] in ("C", "POSIX"):
        return gettext.NullTranslations().gettext
    catalogue = gettext.translation("bundler", localedir=LOCALES, fallback=True)
    shown = catalogue.gettext(WORDS[0])
    return catalogue.gettext if all(_can_show(shown, stream) for stream in (sys.stdout, sys.stderr)) else str


_LOCALE = ("LC_ALL", "LC_MESSAGES", "LANG")


def _can_show(text: str, stream: object) -> bool:
    try:
        text.encode(getattr(stream, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def translated(text: str) -> str:
    """A text of the catalogue in the reader's language."""
    return _catalogue()(text) if text else text


def worded(error: BundlerError) -> str:
    """What happened, as `str` of the error has it, in the reader's language."""
    subject = f"{error.subject}: " if error.subject else ""
    said = f" ({error.said})" if error.said else ""
    found = ""
    if error.expected and error.actual:
        found = f" ({translated('expected')} {error.expected}, {translated('found')} {error.actual})"
    return f"{subject}{message_of(error)}{said}{found}"


def message_of(error: BundlerError) -> str:
    """The error's message in the reader's language, if it is the catalogue's; else as it is."""
    advice = ADVICE.get(error.code or "")
    if advice is None:
        return error.message
    return _filled(advice.happened, error.message, error)


def hint_of(error: BundlerError) -> str | None:
    """The same of what to do next."""
    advice = ADVICE.get(error.code or "")
    if advice is None or error.hint is None:
        return error.hint
    return _filled(advice.next_step, error.hint, error)


def _filled(text: str, said: str, error: BundlerError) -> str:
    """The translation of a text of the catalogue, if the error says just that; some say it in words of their own."""
    try:
        if text.format_map(error.parameters) != said:
            return said
        return translated(text).format_map(error.parameters)
    except KeyError:
        return said
