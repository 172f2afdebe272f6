"""Versions in tags, and ranges of them, by Semantic Versioning 2.0.0 as image tags have it.

A tag may begin with ``v`` and have fewer than three numbers: ``1.27`` is 1.27.0. The text after a ``-`` makes it a
pre-release, also ``-alpine``: a range accepts it only if one of its own bounds has a pre-release, as in npm and in the
semver of Masterminds, which skopeo and Helm use.
"""

from __future__ import annotations

import re
from functools import total_ordering

from bundler.core.frozen import frozen
from bundler.core.patterns import lazy_pattern
from bundler.errors import Misuse

_VERSION = lazy_pattern(
    r"[vV]?(\d{1,10})(?:\.(\d{1,10}))?(?:\.(\d{1,10}))?(?:-([0-9A-Za-z.-]+))?(?:[+_][0-9A-Za-z.-]+)?", re.ASCII
)
_BOUND = lazy_pattern(r"(>=|<=|!=|=>|=<|>|<|=|\^|~>?)?\s*([vV]?[0-9xX*][0-9A-Za-z.*+-]*)", re.ASCII)
_WILD = lazy_pattern(r"[vV]?(\d{1,10})?\.?(?:(\d{1,10}))?(?:\.[xX*]|[xX*])+", re.ASCII)
_FORM = "write for example >=1.2 <2, ^1.4, ~1.4.2, 1.x, or several with ||"
_CHARACTERS = 500


@total_ordering
@frozen
class Version:
    """A version.

    Attributes:
        numbers: Major, minor and patch.
        pre: The parts of its pre-release; empty for a release.
        given: How many numbers were written.
    """

    numbers: tuple[int, int, int]
    pre: tuple[str, ...] = ()
    given: int = 3

    @classmethod
    def of(cls, tag: str) -> Version | None:
        """The version that a tag is; None if it is none."""
        match = _VERSION.fullmatch(tag)
        if match is None:
            return None
        written = [int(part) for part in match.groups()[:3] if part is not None]
        numbers = (*written, 0, 0)[:3]
        return cls(
            (numbers[0], numbers[1], numbers[2]), tuple((match[4] or "").split(".")) if match[4] else (), len(written)
        )

    def __lt__(self, other: Version) -> bool:
        return self._order < other._order

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Version) and self._order == other._order

    def __hash__(self) -> int:
        return hash(self._order)

    @property
    def _order(self) -> tuple[object, ...]:
        """Numbers first; a release after its pre-releases; numeric parts before others (SemVer 11)."""
        parts = tuple((0, int(part), "") if part.isdigit() and len(part) < 20 else (1, 0, part) for part in self.pre)
        return self.numbers, not self.pre, parts


@frozen
class _Bound:
    """One comparison with a version."""

    operator: str
    version: Version

    def accepts(self, version: Version) -> bool:
        match self.operator:
            case ">=":
                return version >= self.version
            case ">":
                return version > self.version
            case "<":
                return version < self.version
            case "<=":
                return version <= self.version
            case "!=":
                return version != self.version
        return version == self.version


@frozen
class VersionRange:
    """A range of versions: one of its alternatives must accept a version with all of its bounds.

    Attributes:
        text: The range as it was written.
        alternatives: The bounds of each alternative.
    """

    text: str
    alternatives: tuple[tuple[_Bound, ...], ...]

    @classmethod
    def parse(cls, text: str) -> VersionRange:
        """Reads a range.

        Raises:
            Misuse: It has another form.
        """
        if len(text) > _CHARACTERS:
            raise _invalid(text)
        return cls(text, tuple(tuple(_bounds(part)) for part in text.split("||")))

    def accepts(self, version: Version) -> bool:
        """True if a version is in the range."""
        return any(_all_accept(bounds, version) for bounds in self.alternatives)


def _all_accept(bounds: tuple[_Bound, ...], version: Version) -> bool:
    allows_pre = not version.pre or any(bound.version.pre for bound in bounds if bound.operator != "!=")
    return allows_pre and all(bound.accepts(version) for bound in bounds)


def _bounds(text: str) -> list[_Bound]:
    found: list[_Bound] = []
    rest = text.strip().lstrip(",").strip()
    if not rest:
        raise _invalid(text)
    while rest:
        match = _BOUND.match(rest)
        if match is None:
            raise _invalid(text)
        found += _of_one(match[1] or "=", match[2], text)
        rest = rest[match.end() :].lstrip(", ")
    return found


def _of_one(operator: str, written: str, text: str) -> list[_Bound]:
    """The bounds of one comparison. ``^``, ``~`` and a version with fewer numbers are two of them."""
    wild = _WILD.fullmatch(written)
    if wild is not None:
        if operator not in ("=", "~", "^", "~>"):
            raise _invalid(text)
        numbers = [int(part) for part in wild.groups() if part is not None]
        return _between(numbers) if numbers else [_Bound(">=", Version((0, 0, 0)))]
    version = Version.of(written)
    if version is None:
        raise _invalid(text)
    numbers = list(version.numbers[: version.given])
    operator = {"=>": ">=", "=<": "<=", "~>": "~"}.get(operator, operator)
    if operator == "=" and version.given < 3 and not version.pre:
        return _between(numbers)
    if operator == "~":
        return [_Bound(">=", version), *_between(numbers[:2])[1:]]
    if operator == "^":
        first = next((at for at, number in enumerate(version.numbers) if number), version.given - 1)
        return [_Bound(">=", version), *_between(list(version.numbers[: first + 1]))[1:]]
    if operator in ("<=", ">") and version.given < 3 and not version.pre:  # <=1.2 includes 1.2.9, >1.2 does not
        return [_Bound("<" if operator == "<=" else ">=", _next(numbers))]
    return [_Bound(operator, version)]


def _between(numbers: list[int]) -> list[_Bound]:
    """From these numbers to before the next of the last one: 1.2 is >=1.2.0 and <1.3.0."""
    low = (*numbers, 0, 0)[:3]
    return [_Bound(">=", Version((low[0], low[1], low[2]))), _Bound("<", _next(numbers))]


def _next(numbers: list[int]) -> Version:
    raised = (*numbers[:-1], numbers[-1] + 1, 0, 0)[:3]
    return Version((raised[0], raised[1], raised[2]))


def _invalid(text: str) -> Misuse:
    return Misuse("not a range of versions", subject=repr(text[:80]), hint=_FORM)
