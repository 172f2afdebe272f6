"""The texts of `bundler.core.advice` in the reader's language, by the locale of the environment; English without one.

The catalogues are gettext's, in ``bundler/locale/LANGUAGE/LC_MESSAGES``; ``scripts/catalogues`` makes them.
"""

from __future__ import annotations

import functools
import gettext
from collections.abc import Callable
from pathlib import Path

from bundler.core.advice import ADVICE
from bundler.errors import BundlerError

LOCALES = Path(__file__).parent.parent / "locale"


@functools.lru_cache(maxsize=1)
def _catalogue() -> Callable[[str], str]:
    """Chosen once, by LANGUAGE, LC_ALL, LC_MESSAGES or LANG, as every program that uses gettext does."""
    return gettext.translation("bundler", localedir=LOCALES, fallback=True).gettext


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
