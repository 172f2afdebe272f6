"""Translates messages to the reader's language, which the locale of the environment names; English without one.

A page for other readers may have another language: `speaking` chooses it for a while.

The English template of a message (`bundler.texts`) is the key of its translation. Values that are messages are
translated too. The catalogues are gettext's, in ``bundler/locale/LANGUAGE/LC_MESSAGES``; ``scripts/catalogues.py``
makes them.
"""

from __future__ import annotations

import functools
import gettext
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from bundler.errors import BundlerError, Misuse
from bundler.texts import Joined, Text, text

LOCALES = os.path.join(os.path.dirname(os.path.dirname(__file__)), "locale")
DOMAIN = "bundler"
ENGLISH = "en"
_CHOSEN: ContextVar[str | None] = ContextVar("language", default=None)


def languages() -> tuple[str, ...]:
    """The codes of the languages that there are."""
    return (ENGLISH, *sorted(entry.name for entry in os.scandir(LOCALES) if entry.is_dir()))


def check_language(code: str) -> None:
    """Checks the code of a language; an empty one means the language of the terminal.

    Raises:
        Misuse: There is no such language.
    """
    if code and code not in languages():
        known = ", ".join(languages())
        raise Misuse("there is no such language", subject=code[:40], expected=known, actual=code[:40])


def language() -> str:
    """The code of the language that messages are translated to now."""
    chosen = _CHOSEN.get()
    if chosen is not None:
        return chosen
    catalogue = getattr(_catalogue(), "__self__", None)
    return str(catalogue.info().get("language", ENGLISH)) if catalogue is not None else ENGLISH


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Translates to this language within the block, in this thread.

    Raises:
        ValueError: There is no such language.
    """
    if language not in languages():
        raise ValueError(text("no such language: {language}", language=language))
    token = _CHOSEN.set(language)
    try:
        yield
    finally:
        _CHOSEN.reset(token)


def spoken(language: str, pieces: Iterable[str]) -> Iterator[str]:
    """Pieces of a text, each made in this language. The code between two pieces keeps its own language."""
    iterator = iter(pieces)
    while True:
        with speaking(language):
            piece = next(iterator, None)
        if piece is None:
            return
        yield piece


def _catalogue() -> Callable[[str], str]:
    """The translation of templates."""
    chosen = _CHOSEN.get()
    return _catalogue_of_reader() if chosen is None else _catalogue_of(chosen)


@functools.lru_cache(maxsize=4)
def _catalogue_of(language: str) -> Callable[[str], str]:
    if language == ENGLISH:
        return str
    return gettext.translation(DOMAIN, localedir=LOCALES, languages=[language]).gettext


@functools.lru_cache(maxsize=1)
def _catalogue_of_reader() -> Callable[[str], str]:
    """The translation for the environment, chosen once by LANGUAGE, LC_ALL, LC_MESSAGES or LANG, as gettext does.

    English in the locale C, which turns LANGUAGE off as in GNU gettext. English also if the output cannot show the
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
    """Makes click find its own texts in our catalogue: click asks gettext's current domain."""
    if _catalogue() is not str:
        gettext.bindtextdomain(DOMAIN, LOCALES)
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
    """A value of a message, translated if it is a message itself. A plain string is a name, and stays as it is."""
    if isinstance(value, BundlerError):
        return worded(value)
    if isinstance(value, (ValueError, TypeError)) and value.args and isinstance(value.args[0], str):
        return translated(value.args[0])
    return translated(value) if isinstance(value, Text) else value


def said(template: str, /, **values: object) -> str:
    """A message of a view, in the reader's language."""
    return translated(text(template, **values))


def worded(error: BundlerError) -> str:
    """The text of an error, like its `str`, in the reader's language."""
    subject = f"{_value(error.subject)}: " if error.subject else ""
    return subject + worded_alone(error)


def worded_alone(error: BundlerError) -> str:
    """The text of an error without its subject."""
    answer = f" ({_value(error.said)})" if error.said else ""
    values = f" ({translated(error.values)})" if error.values else ""
    return f"{translated(error.message)}{answer}{values}"


def hint_of(error: BundlerError) -> str | None:
    """The hint of an error, in the reader's language."""
    return translated(error.hint) if error.hint else None
