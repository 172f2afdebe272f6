"""Decodes text files that people write: UTF-8, or UTF-16 as Windows PowerShell's ``>`` and Notepad write it."""

from __future__ import annotations

from bundler.errors import Misuse
from bundler.texts import text

_MARKS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\0\0", "utf-32-le"),  # before UTF-16, whose mark it begins with
    (b"\0\0\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)


def decoded(content: bytes, *, source: str) -> str:
    """The text of a file, by its byte order mark; without one, UTF-16 if every other byte is zero, else UTF-8.

    Args:
        content: The whole file.
        source: The name of the file, for messages.

    Raises:
        Misuse: The file is not text in one of these encodings.
    """
    mark, encoding = next(((mark, name) for mark, name in _MARKS if content.startswith(mark)), (b"", _guess(content)))
    try:
        return content[len(mark) :].decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        name = encoding.upper().removesuffix("-LE").removesuffix("-BE")
        line = content.count(b"\n", 0, len(mark) + error.start) + 1
        raise Misuse(
            text("not {name} text", name=name), subject=f"{source}:{line}", hint="save the file as UTF-8 text"
        ) from error


def _guess(content: bytes) -> str:
    """The encoding of a text without a mark. Its first characters must be ASCII (as in RFC 4627, section 3)."""
    if len(content) % 2 == 0 and content[:1] != b"\0" and content[1:4:2].strip(b"\0") == b"" and len(content) > 2:
        return "utf-16-le"
    if len(content) % 2 == 0 and content[:1] == b"\0" and content[0:4:2].strip(b"\0") == b"" and len(content) > 2:
        return "utf-16-be"
    return "utf-8"
