"""Sizes as people write them: ``1900MiB``, ``4GB``, or the name of a medium."""

from __future__ import annotations

from collections.abc import Mapping

from bundler import texts
from bundler.errors import Misuse

_UNITS = {
    "KiB": 1 << 10,
    "MiB": 1 << 20,
    "GiB": 1 << 30,
    "TiB": 1 << 40,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
}


def parse_size(text: str, presets: Mapping[str, int], *, wrong: str) -> int:
    """Reads a size: a preset's name or a number of bytes with an optional unit (``1900MiB``, ``4GB``).

    Args:
        text: The text.
        presets: The sizes that have names.
        wrong: The message for a text that is no size.

    Raises:
        Misuse: The text is neither.
    """
    if text.lower() in presets:
        return presets[text.lower()]
    number = text.strip()
    factor = 1
    for unit, value in _UNITS.items():
        if number.lower().endswith(unit.lower()):
            number, factor = number[: -len(unit)].strip(), value
            break
    if not number.isascii() or not number.isdigit() or len(number) > 15:
        hint = texts.text("write 1900MiB, 4GB or one of {chunk_presets}", chunk_presets=", ".join(presets))
        raise Misuse(wrong, subject=repr(text), hint=hint)
    return int(number) * factor
