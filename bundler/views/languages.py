"""Every message in the reader's language, by the locale of the environment; English without one.

A message is looked up by its English template (`bundler.texts`), and filled in with its values, of which those that are
messages are translated too. The catalogues are gettext's, in ``bundler/locale/LANGUAGE/LC_MESSAGES``;
``scripts/catalogues`` makes them.
"""

from __future__ import annotations

import functools
import gettext
import os
import sys
from collections.abc import Callable
from pathlib import Path

from bundler.errors import BundlerError
from bundler.texts import Joined, Text, text

LOCALES = Path(__file__).parent.parent / "locale"
DOMAIN = "bundler"


@functools.lru_cache(maxsize=1)
def _catalogue() -> Callable[[str], str]:
    """Chosen once, by LANGUAGE, LC_ALL, LC_MESSAGES or LANG, as every program that uses gettext does.

    English where the locale is C, which turns LANGUAGE off as in GNU gettext, and where the output cannot show the
    language: better than a row of question marks.
    """
    locale = next((value for name in _LOCALE if (value := os.environ.get(name))), "")
    if locale.partition(".")[0] in ("C", "POSIX"):
        return str
    catalogue = gettext.translation(DOMAIN, localedir=LOCALES, fallback=True)
    shown = catalogue.gettext("error:")
    return catalogue.gettext if all(_can_show(shown, stream) for stream in (sys.stdout, sys.stderr)) else str


_LOCALE = ("LC_ALL", "LC_MESSAGES", "LANG")


def _can_show(text: str, stream: object) -> bool:
    try:
        text.encode(getattr(stream, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def translate_libraries() -> None:
    """Lets click, which asks gettext's current domain, find its own texts in our catalogue."""
    if _catalogue() is not str:
        gettext.bindtextdomain(DOMAIN, str(LOCALES))
        gettext.textdomain(DOMAIN)


def translated(message: str) -> str:
    """A message in the reader's language."""
    if isinstance(message, Joined):
        return _catalogue()(message.separator).join(map(translated, message.parts))
    if not isinstance(message, Text):
        return _catalogue()(message) if message else message
    template = _catalogue()(message.template) if message.template else ""
    if not message.values:
        return template
    return template.format_map({name: _value(value) for name, value in message.values.items()})


def _value(value: object) -> object:
    """What a message is filled in with. A plain string is a name, and stays as it is."""
    if isinstance(value, BundlerError):
        return worded(value)
    if isinstance(value, (ValueError, TypeError)) and value.args and isinstance(value.args[0], str):
        return translated(value.args[0])
    return translated(value) if isinstance(value, Text) else value


def said(template: str, /, **values: object) -> str:
    """A message of a view, in the reader's language."""
    return translated(text(template, **values))


def worded(error: BundlerError) -> str:
    """An error, as `str` of it has it, in the reader's language."""
    subject = f"{_value(error.subject)}: " if error.subject else ""
    return subject + worded_alone(error)


def worded_alone(error: BundlerError) -> str:
    """The same without the object that it happened to."""
    told = f" ({_value(error.said)})" if error.said else ""
    found = ""
    if error.expected and error.actual:
        found = f" ({said('expected {expected}, found {actual}', expected=error.expected, actual=error.actual)})"
    return f"{translated(error.message)}{told}{found}"


def hint_of(error: BundlerError) -> str | None:
    """What to do next, in the reader's language."""
    return translated(error.hint) if error.hint else None
