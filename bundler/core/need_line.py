"""The short form of a need-list: one line, for sites that only paper leaves.

``BUNDLER-NEED:1:<bundle id>:C7+9-12:B45`` asks for the chunks 7 and 9 to 12 of a bundle, and for its blob with the
number 45. Its characters are those that a QR code stores best. docs/json.md describes it.
"""

from __future__ import annotations

from collections.abc import Sequence

from bundler import texts
from bundler.core.frozen import frozen
from bundler.core.limits import NEED_LIST_LINE_BYTES, NEED_LIST_NUMBERS
from bundler.core.patterns import lazy_pattern
from bundler.errors import Damaged, Refused

_LINE = lazy_pattern(r"BUNDLER-NEED:(\d{1,4}):([0-9A-F]{64})((?::[CB][0-9+-]+)*)")
_VERSION = 1
_FORM = "BUNDLER-NEED:1:ID:C1+3-5"
_NUMBERS = lazy_pattern(r"(\d{1,9})(?:-(\d{1,9}))?")


@frozen
class Wanted:
    """A request for parts of a bundle.

    Attributes:
        bundle_id: The id of the bundle.
        chunks: The numbers of chunks, from 1, in their order.
        blobs: The numbers of blobs that the bundle leaves out and that its bases lacked, from 0, in their order.
        files: The names of other files of the bundle.
    """

    bundle_id: str
    chunks: tuple[int, ...] = ()
    blobs: tuple[int, ...] = ()
    files: tuple[str, ...] = ()

    @property
    def wanted(self) -> Wanted:
        """The request itself, as `bundler.core.need_list.NeedList.wanted`."""
        return self

    @property
    def line(self) -> str:
        """The short form. It names no files: small files always come along."""
        chunks = f":C{_ranges(self.chunks)}" if self.chunks else ""
        blobs = f":B{_ranges(self.blobs)}" if self.blobs else ""
        return f"BUNDLER-NEED:{_VERSION}:{self.bundle_id.upper()}{chunks}{blobs}"


def parse_line(line: str, *, what: str) -> Wanted:
    """Reads the short form, in capitals or not.

    Raises:
        Damaged, Refused: It is no such line, or of an unknown version.
    """
    match = _LINE.fullmatch(line.strip().upper()) if len(line) <= NEED_LIST_LINE_BYTES else None
    if match is None:
        raise Damaged(
            "this is not the short form of a need-list",
            subject=what,
            expected=_FORM,
        )
    version, bundle_id, parts = match.groups()
    if int(version) != _VERSION:
        raise unknown_version(version, what)
    asked: dict[str, tuple[int, ...]] = {}
    try:
        for part in parts.split(":")[1:]:
            if part[0] in asked:
                raise ValueError(texts.text("two lists of {kind}", kind=part[0]))
            asked[part[0]] = _numbers(part[1:])
        if not asked:
            raise ValueError("it asks for nothing")
        if 0 in asked.get("C", ()):
            raise ValueError("chunks are numbered from 1")
    except ValueError as error:
        raise Damaged(texts.text("not a need-list of bundler: {error}", error=error), subject=what) from error
    return Wanted(bundle_id.lower(), asked.get("C", ()), asked.get("B", ()))


def is_line(text: str) -> bool:
    """True if a text is meant as the short form, and not as the name of a file."""
    return text.strip().upper().startswith("BUNDLER-NEED:")


def unknown_version(version: str, what: str) -> Refused:
    """The error for a need-list of a later version."""
    return Refused(
        "a need-list of an unknown version",
        subject=what,
        expected=str(_VERSION),
        actual=version[:60],
        hint="read it with a newer bundler",
    )


def _ranges(numbers: Sequence[int]) -> str:
    """Numbers in their order, consecutive ones as a range.

    >>> _ranges((7, 9, 10, 11))
    '7+9-11'
    """
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return "+".join(str(first) if first == last else f"{first}-{last}" for first, last in parts)


def _numbers(text: str) -> tuple[int, ...]:
    """The numbers in `_ranges`. Each is larger than the one before, so that none is there twice.

    Raises:
        ValueError: They are not of this form, or too many.
    """
    numbers: list[int] = []
    for part in text.split("+"):
        match = _NUMBERS.fullmatch(part)
        if match is None:
            raise ValueError(texts.text("not a list of numbers: {numbers:.60}", numbers=repr(text)))
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first or (numbers and first <= numbers[-1]):
            raise ValueError(texts.text("the numbers are not in their order: {numbers:.60}", numbers=repr(text)))
        if len(numbers) + last - first + 1 > NEED_LIST_NUMBERS:
            raise ValueError(texts.text("more than {count:,} numbers", count=NEED_LIST_NUMBERS))
        numbers.extend(range(first, last + 1))
    return tuple(numbers)
