"""Strict JSON by I-JSON (RFC 7493). `json` also accepts duplicate names, NaN, lone surrogates and any depth.

OCI image-spec ``considerations.md`` forbids duplicate names. An attacker could use them to show different content to
two readers (CVE-2021-41190 is a similar attack). Documents are passed on as the bytes that were received.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection
from functools import cache
from typing import Any

from bundler import texts
from bundler.core.limits import JSON_COMMAS, JSON_CONTAINERS, JSON_DEPTH, JSON_INTEGER_DIGITS
from bundler.core.patterns import lazy_pattern
from bundler.errors import Damaged

_ONE_KIND = bytes.maketrans(b"{}", b"[]")
_OTHER_BYTES = bytes(byte for byte in range(256) if byte not in b'"[]{}')
_STRING = lazy_pattern(rb'"[^"]*"')


def loads(content: bytes, *, what: str, containers: int = JSON_CONTAINERS) -> Any:
    """Reads one JSON document.

    Args:
        content: The whole document, UTF-8 without a byte order mark; its length is bounded by the caller.
        what: The name of the document, for messages.
        containers: The largest number of objects and lists.

    Raises:
        Damaged: It is not I-JSON, is nested deeper than `JSON_DEPTH`, has too many objects and lists, or more than
            `JSON_COMMAS` commas.
    """
    try:
        if content.count(b",") > JSON_COMMAS:  # counted first: a list of numbers costs 300 ns for each to parse
            raise ValueError(texts.text("too many values"))
        text = content.decode("utf-8")
        _check_shape(content, containers)
        document = (_LONG_DECODER if _may_have_long(content) else _DECODER).decode(text)
        if b"\\" in content and b"\\u" in content:  # the first one is found far faster
            json.dumps(document, ensure_ascii=False).encode("utf-8")  # fails on lone surrogates
        return document
    except (ValueError, RecursionError) as error:
        raise Damaged(texts.text("not a valid JSON document: {error}", error=error), subject=what) from error


def canonical(document: object) -> bytes:
    """JSON in our own form: compact, names in the given order, ASCII, one newline at the end."""
    return _ENCODER.encode(document).encode() + b"\n"


def check_fields(value: Any, known: Collection[str], *, what: str) -> None:
    """Refuses an object with a field that differs from a known one only in case: Docker's readers ignore case.

    Raises:
        Damaged: The object has such a field.
    """
    if isinstance(value, dict):
        folded = _folded(tuple(known))
        for name in value:
            if name not in known and name.casefold() in folded:
                raise Damaged(
                    texts.text(
                        "the field {name}, which some readers read as {folded}",
                        name=repr(name[:60]),
                        folded=repr(folded[name.casefold()]),
                    ),
                    subject=what,
                )


@cache
def _folded(known: tuple[str, ...]) -> dict[str, str]:
    return {name.casefold(): name for name in known}


def _check_shape(content: bytes, containers: int) -> None:
    """Counts objects and lists, and their depth, on the brackets alone: no step looks at each of them in Python."""
    if content.count(b"{") + content.count(b"[") <= min(JSON_DEPTH, containers):
        return  # most documents are small
    if b"\\" in content:
        content = content.replace(b"\\\\", b"").replace(b'\\"', b"")
    brackets = content.translate(_ONE_KIND, _OTHER_BYTES).replace(b'""', b"")  # most strings have no bracket
    if b'"' in brackets:
        brackets = _STRING.sub(b"", brackets)
    if max(brackets.count(b"["), brackets.count(b"]")) > containers:
        raise ValueError(texts.text("too many objects and lists"))
    for _ in range(JSON_DEPTH):
        if b"[]" not in brackets:
            break
        brackets = brackets.replace(b"[]", b"")  # the innermost ones
    if b"[]" in brackets or brackets.count(b"[") > JSON_DEPTH:
        raise ValueError(texts.text("nested deeper than {json_depth}", json_depth=JSON_DEPTH))


def _unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise ValueError(texts.text("duplicate key {twice}", twice=repr(twice[:60])))
    return result


def _no_constant(name: str) -> float:
    raise ValueError(texts.text("{name} is not a JSON number", name=name))


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(texts.text("{digits} is too large", digits=digits[:40]))
    return number


def _may_have_long(content: bytes) -> bool:
    """False if no integer has more than `JSON_INTEGER_DIGITS` digits: the decoder need not ask for each of them."""
    digits = content.translate(_DIGITS)
    return digits.startswith(_LONG) or b" " + _LONG in digits


def _bounded_integer(digits: str) -> int:
    if len(digits) > JSON_INTEGER_DIGITS:
        raise ValueError(texts.text("an integer of {count} digits", count=len(digits)))
    return int(digits)


_ENCODER = json.JSONEncoder(separators=(",", ":"))
_LONG = b"0" * (JSON_INTEGER_DIGITS + 1)
_DIGITS = bytes.maketrans(b"123456789-\t\n\r,:[", b"0000000000      ")
"""Each digit and sign is 0, and all that may be before a number is a blank. So is the colon in digests, of which one in
20,000 begins with so many digits."""
_DECODER = json.JSONDecoder(object_pairs_hook=_unique_names, parse_constant=_no_constant, parse_float=_finite)
_LONG_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique_names, parse_constant=_no_constant, parse_int=_bounded_integer, parse_float=_finite
)
