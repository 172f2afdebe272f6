"""Patterns of tags and of repositories, as in shells: ``*``, ``?``, ``[abc]`` and ``[!abc]``.

A pattern that no name can fit is an error. A rule that is to keep tags would keep none, if it has the braces or the set
``[^abc]`` of other tools.
"""

from __future__ import annotations

import re

from bundler.core.patterns import lazy_pattern
from bundler.errors import Misuse
from bundler.texts import text

_TAG = lazy_pattern(r"(?:[A-Za-z0-9_.*?-]|\[!?[A-Za-z0-9_.-]+\]){1,128}")
_REPOSITORY = lazy_pattern(r"(?!/)(?:[a-z0-9._/*?-]|\[!?[a-z0-9._/-]+\]){1,255}(?<!/)")
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
    return _fitting(pattern, _REPOSITORY, "not a pattern of repositories")


def _fitting(pattern: str, allowed: re.Pattern[str], message: str) -> str:
    if not allowed.fullmatch(pattern):
        raise Misuse(message, subject=repr(pattern[:80]), hint=_HINT)
    return pattern
