"""Texts that may hold a secret: how they are recognised, and how they are masked. Pure.

Secrets get into messages when people give one where the name of a file is wanted, or write a password into an address.
So a value that looks like one is never repeated, and every error masks what is left.
"""

from __future__ import annotations

import re
from enum import Enum, auto
from functools import cache

from bundler.transport_table import TRANSPORTS

MASK = "***"

_PEM = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}-----.*", re.DOTALL)
_NO_DIGEST = r"@(?!sha(?:256|512):)"


@cache
def _logins() -> tuple[re.Pattern[str], ...]:
    """The patterns of logins. They are not made at each start: few texts have an ``@``, and so have all logins."""
    transports = "|".join(prefix for prefix in TRANSPORTS if not prefix.endswith("//"))
    return (
        re.compile(rf"(?<=://)[^\s/@'\"]+{_NO_DIGEST}"),
        # A password with a slash in it. The text after the first colon is no port.
        re.compile(rf"(?<=://)[^\s/@:'\"]*:(?!\d{{1,5}}(?:[/\s'\"]|$))[^\s'\"]*{_NO_DIGEST}"),
        # An address that was given as the name of a file: `pathlib` makes one slash of two.
        re.compile(rf"(?:(?<=https:/)|(?<=http:/)|(?<=docker:/)|(?<=tcp:/)|(?<=ssh:/))(?!/)[^\s/@'\"]+{_NO_DIGEST}"),
        # Without a scheme, from the beginning of a word. `docker-archive:FILE:@0` is no login.
        re.compile(rf"(?<![^\s'\"(=,])(?!{transports})[^\s/@:'\"(=,]+:[^\s/@'\"]+{_NO_DIGEST}"),
    )


_ENCODED = re.compile(r"[A-Za-z0-9+/_-]{40,}={0,2}")
_JSON = re.compile(r"\s*[{\[].*\"", re.DOTALL)


class Resemblance(Enum):
    """The kinds of texts that are no name of a file."""

    PEM = auto()
    LINES = auto()
    JSON = auto()
    ENCODED = auto()
    """Base64 or hex, as keys and tokens are written."""
    LOGIN = auto()
    """``USER:PASSWORD``, or an address with a password."""


def resemblance(text: str) -> Resemblance | None:
    """The kind of a text that was given as the name of a file; None if it may be one."""
    if "-----BEGIN" in text:
        return Resemblance.PEM
    if "\n" in text or "\r" in text:
        return Resemblance.LINES
    if _JSON.match(text):
        return Resemblance.JSON
    if _ENCODED.fullmatch(text) and not text.startswith("/") and len(set(text)) > 8:
        return Resemblance.ENCODED
    return Resemblance.LOGIN if "@" in text and any(login.search(text) for login in _logins()) else None


def masked(text: str) -> str:
    """A text without the passwords of addresses, and without the content of PEM files."""
    if "@" in text:
        for login in _logins():
            text = login.sub(f"{MASK}@", text)
    return _PEM.sub(f"-----BEGIN {MASK}", text) if "-----BEGIN" in text else text
