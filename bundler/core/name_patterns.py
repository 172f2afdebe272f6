"""Patterns of tags and of repositories, as in shells: ``*``, ``?``, ``[abc]`` and ``[!abc]``.

A pattern that no name can fit is an error. A rule that is to keep tags would keep none, if it has the braces or the set
``[^abc]`` of other tools.
"""

from __future__ import annotations

import re

from bundler.core.patterns import lazy_pattern
from bundler.errors import Misuse
from bundler.texts import text

_TAG = lazy_pattern(r"(?![.-])(?:[A-Za-z0-9_.*?-]|\[!?[A-Za-z0-9_.-]+\]){1,128}")
_REPOSITORY = lazy_pattern(r"(?:[a-z0-9._/*?-]|\[!?[a-z0-9._/-]+\]){1,255}")
_SET = lazy_pattern(r"\[!?([^\]]+)\]")
_RANGE = lazy_pattern("(.)-(.)")
_IMPOSSIBLE = lazy_pattern(r"^[/._-]|[/._-]$|/[/._-]|[._-]/|\.[._-]|-[._]|_[.-]|___")
"""The places in which the separators of a repository's path cannot be."""
_HINT = text("a pattern has *, ?, [abc], [!abc], and the characters of names: team/* or v1.*")


def tag_pattern(pattern: str) -> str:
    """The pattern, if a tag can fit it.

    Raises:
        Misuse: No tag can.
    """
    return _fitting(pattern, _TAG, "not a pattern of tags")


def repository_pattern(pattern: str) -> str:
    """The pattern, if the path of a repository can fit it.

    Raises:
        Misuse: No path can.
    """
    message = "not a pattern of repositories"
    if _IMPOSSIBLE.search(_SET.sub("?", pattern)):
        raise Misuse(message, subject=repr(pattern[:80]), hint=_HINT)
    return _fitting(pattern, _REPOSITORY, message)


def _fitting(pattern: str, allowed: re.Pattern[str], message: str) -> str:
    has_backward_range = any(first > last for found in _SET.findall(pattern) for first, last in _RANGE.findall(found))
    if has_backward_range or not allowed.fullmatch(pattern):  # a range as [9-0] is empty
        raise Misuse(message, subject=repr(pattern[:80]), hint=_HINT)
    return pattern
