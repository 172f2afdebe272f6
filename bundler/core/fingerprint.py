"""Fingerprints of public keys, as two people compare them by voice: SHA-256 in groups of four hex digits."""

from __future__ import annotations

from bundler import texts
from bundler.core.patterns import lazy_pattern
from bundler.errors import Misuse

_DIGITS = 64
_KEY_ID_DIGITS = 16
_SEPARATORS = lazy_pattern(r"[\s:-]+")
_HEX = lazy_pattern(r"[0-9a-f]+")


def groups_of(fingerprint: str) -> list[str]:
    """The groups of four digits that people read out.

    >>> groups_of("06e3fd8fda29")
    ['06e3', 'fd8f', 'da29']
    """
    return [fingerprint[start : start + 4] for start in range(0, len(fingerprint), 4)]


def grouped(fingerprint: str) -> str:
    """A fingerprint in groups, on one line."""
    return " ".join(groups_of(fingerprint))


def parse_fingerprint(text: str) -> str:
    """The 64 hex digits of a fingerprint that a user typed, or pasted from ``sha256sum``.

    Args:
        text: The fingerprint in upper or lower case. Blanks, colons and dashes are ignored.

    Raises:
        Misuse: The text is not a whole fingerprint.
    """
    digits = _SEPARATORS.sub("", text).lower()
    whole = "give all 64 hex digits: bundler keygen and bundler trust list print them"
    if not digits:
        raise Misuse("the fingerprint is empty", subject="--fingerprint", hint=whole)
    if not _HEX.fullmatch(digits):
        raise Misuse("not a fingerprint", subject=f"--fingerprint {text[:80]}", hint=whole)
    if len(digits) == _KEY_ID_DIGITS:
        raise Misuse(
            "this is a key id: 16 digits name a key, but do not prove it",
            subject=f"--fingerprint {text[:80]}",
            hint=whole,
        )
    if len(digits) != _DIGITS:
        raise Misuse(
            "the fingerprint is incomplete",
            subject=f"--fingerprint {text[:80]}",
            expected=texts.text("{digits} hex digits", digits=_DIGITS),
            actual=str(len(digits)),
            hint=whole,
        )
    return digits
