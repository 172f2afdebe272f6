"""SHA256SUMS, the root of trust: a list that GNU ``sha256sum`` checks and one signature covers.

It is the first file of a bundle that is parsed, so its grammar is as small as possible: lines of 64 lower-case hex
digits, two blanks and a file name, each ended by one newline; no comments, no duplicate names. A name refers to a file
in the bundle's folder, or in a folder in it, and to no other place.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from bundler import texts
from bundler.core import roles
from bundler.core.patterns import lazy_pattern
from bundler.errors import Damaged

_LINE = lazy_pattern(rf"([0-9a-f]{{64}})  ({roles.LISTABLE})")


def format_sums(sums: Mapping[str, str]) -> bytes:
    """Returns the bytes of SHA256SUMS.

    Args:
        sums: SHA-256 in hex by file name, in the order of the lines.
    """
    return "".join(f"{digest}  {name}\n" for name, digest in sums.items()).encode("ascii")


def parse_sums(content: bytes) -> dict[str, str]:
    """Reads SHA256SUMS: SHA-256 in hex by file name.

    Raises:
        Damaged: It does not match the grammar exactly.
    """
    sums: dict[str, str] = {}
    try:
        text = content.decode("ascii")
    except UnicodeDecodeError as error:
        raise Damaged("not an ASCII text", subject=roles.SUMS.file, hint=conversion_hint(content)) from error
    if not text.endswith("\n"):
        raise Damaged("the last line is incomplete", subject=roles.SUMS.file, hint=conversion_hint(content))
    for number, line in enumerate(text[:-1].split("\n"), start=1):
        match = _LINE.fullmatch(line)
        if not match:
            raise Damaged(
                texts.text("line {number} is not a checksum and a file name", number=number),
                subject=roles.SUMS.file,
                hint=conversion_hint(content),
            )
        if match[2] in sums:
            raise Damaged(texts.text("duplicate entry {match}", match=match[2]), subject=roles.SUMS.file)
        sums[match[2]] = match[1]
    for folder in folders_of(sums):
        if folder in sums:
            raise Damaged(
                texts.text("{name} is listed as a file and as a folder", name=folder), subject=roles.SUMS.file
            )
    return sums


def folders_of(sums: Iterable[str]) -> tuple[str, ...]:
    """The folders of the listed names, each once, sorted."""
    return tuple(sorted({name.partition("/")[0] for name in sums if "/" in name}))


def bundle_id(content: bytes) -> str:
    """The id of the bundle whose SHA256SUMS has these bytes."""
    return hashlib.sha256(content).hexdigest()


def conversion_hint(content: bytes) -> str | None:
    """The advice for a changed text file, if the change looks like a conversion by a program; else None.

    This is for advice only: nothing is ever accepted because it would match without the conversion.
    """
    is_wide = content[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in content[:2]
    if is_wide or b"\r\n" in content or content[:3] == b"\xef\xbb\xbf":
        return "a copy program converted this text file: copy it again, in binary mode"
    if content[-1:] not in (b"\n", b""):
        return "the end of this text file is missing: copy it again, in binary mode"
    return None
