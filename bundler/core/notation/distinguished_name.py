"""Distinguished names as a Notation trust policy writes them: ``C=US, ST=WA, O=acme``. RFC 4514, within limits.

Values are compared as they are, with case and spaces. A name with two values of one type, or with several types in one
part, cannot be compared.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from bundler.core.patterns import lazy_pattern
from bundler.texts import text

MANDATORY = ("C", "ST", "O")

_TYPE = lazy_pattern(r"[A-Za-z][A-Za-z0-9-]*|\d+(?:\.\d+)*", re.ASCII)
_SPECIAL = frozenset(' "#+,;<=>\\')
_HEX = frozenset("0123456789abcdefABCDEF")


def parse(name: str) -> Mapping[str, str]:
    """The values of a name by their types.

    Raises:
        ValueError: It is not such a name, or lacks one of `MANDATORY`.
    """
    found = unique(_part(part) for part in _split(name))
    missing = [each for each in MANDATORY if not found.get(each)]
    if missing:
        raise ValueError(text("{missing} is missing; C, ST and O are mandatory", missing=missing[0]))
    return found


def unique(attributes: Iterable[tuple[str, str]]) -> Mapping[str, str]:
    """Values by their types, if no type appears twice.

    Raises:
        ValueError: One does.
    """
    found: dict[str, str] = {}
    for kind, value in attributes:
        if kind in found:
            raise ValueError(text("{kind} appears twice", kind=kind))
        found[kind] = value
    return found


def matches(wanted: Mapping[str, str], attributes: Iterable[tuple[str, str]]) -> bool:
    """True if a subject has all wanted values. It may have others."""
    try:
        subject = unique(attributes)
    except ValueError:
        return False
    return all(subject.get(kind) == value for kind, value in wanted.items())


def overlap(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """True if a subject can match both names because one is a part of the other."""
    smaller, larger = sorted((one, other), key=len)
    return all(larger.get(kind) == value for kind, value in smaller.items())


def _split(name: str) -> list[str]:
    """The parts between commas that are not escaped."""
    parts, escaped = [""], False
    for character in name:
        if character == "," and not escaped:
            parts.append("")
            continue
        parts[-1] += character
        escaped = character == "\\" and not escaped
    return parts


def _part(part: str) -> tuple[str, str]:
    kind, equals, value = part.partition("=")
    kind = kind.strip()
    if not equals or not _TYPE.fullmatch(kind):
        raise ValueError(text("{part} is not TYPE=VALUE", part=repr(part[:60])))
    return kind, _unescaped(value.lstrip(" "))


def _unescaped(value: str) -> str:
    if value.startswith("#"):
        raise ValueError("values in hexadecimal form are not supported")
    found, at = bytearray(), 0
    end = len(value.rstrip(" "))
    if end < len(value) and _ends_escaped(value[:end]):
        end += 1
    while at < end:
        character = value[at]
        if character == "\\":
            following = value[at + 1 : at + 3]
            if following[:1] and following[0] in _SPECIAL:
                found += following[0].encode()
                at += 2
            elif len(following) == 2 and set(following) <= _HEX:
                found.append(int(following, 16))
                at += 3
            else:
                raise ValueError("a backslash that escapes nothing")
            continue
        if character in '+;"<>':
            raise ValueError(text("{character} must be escaped, or is not supported", character=character))
        found += character.encode()
        at += 1
    try:
        return found.decode()
    except UnicodeDecodeError as error:
        raise ValueError("escaped bytes that are not UTF-8") from error


def _ends_escaped(value: str) -> bool:
    return (len(value) - len(value.rstrip("\\"))) % 2 == 1
