"""SHA256SUMS, the root of trust: a list that GNU ``sha256sum`` checks and one signature covers.

It is the first thing that is parsed of a bundle, so its grammar is as small as it can be: lines of 64 lower-case hex
digits, two blanks and a file name, each ended by one newline; no comments, no folders, no name twice.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

from bundler import texts
from bundler.errors import Damaged

FILE = "SHA256SUMS"
README = "README.txt"
MANIFEST = "bundle.json"
CONTENT = "content.7z"
"""The bundle manifest of an encrypted bundle, encrypted."""
PARTIAL = ".partial"
"""What the folder's name ends with until the bundle is sealed."""

_LINE = re.compile(r"([0-9a-f]{64})  (README\.txt|[a-z0-9][a-z0-9._-]{0,63})")
_SIGNATURE_FILE = re.compile(r"SHA256SUMS\.([0-9a-f]{16})\.sig")
_OTHER_SIGNATURE_FILE = re.compile(r"sha256sums[._]([0-9a-f]{16})\.sig")
_SHORT_SIGNATURE_FILE = re.compile(r"sha256(?:su|~\d{1,6})\.sig")


def format_sums(sums: Mapping[str, str]) -> bytes:
    """The bytes of SHA256SUMS.

    Args:
        sums: SHA-256 in hex by file name, in the order of the lines.
    """
    return "".join(f"{digest}  {name}\n" for name, digest in sums.items()).encode("ascii")


def parse_sums(content: bytes) -> dict[str, str]:
    """Reads SHA256SUMS: SHA-256 in hex by file name.

    Raises:
        Damaged: It is not exactly of the grammar.
    """
    sums: dict[str, str] = {}
    try:
        text = content.decode("ascii")
    except UnicodeDecodeError as error:
        raise Damaged("not an ASCII text", subject=FILE, hint=conversion_hint(content)) from error
    if not text.endswith("\n"):
        raise Damaged("the last line is cut", subject=FILE, hint=conversion_hint(content))
    for number, line in enumerate(text[:-1].split("\n"), start=1):
        match = _LINE.fullmatch(line)
        if not match:
            raise Damaged(
                texts.text("line {number} is not a checksum and a file name", number=number),
                subject=FILE,
                hint=conversion_hint(content),
            )
        if match[2] in sums:
            raise Damaged(texts.text("{match} stands there twice", match=match[2]), subject=FILE)
        sums[match[2]] = match[1]
    return sums


def bundle_id(content: bytes) -> str:
    """The id of the bundle whose SHA256SUMS has these bytes."""
    return hashlib.sha256(content).hexdigest()


def signature_file(key_id: str) -> str:
    """The name of the file with a key's signature."""
    return f"{FILE}.{key_id}.sig"


def signer_of(file_name: str) -> str | None:
    """The key id that a signature file's name claims; None for other files."""
    match = _SIGNATURE_FILE.fullmatch(file_name)
    return match[1] if match else None


def signature_name(file_name: str) -> tuple[bool, str | None]:
    """Whether a name is that of a signature, or what a medium made of it; and the key id that it claims.

    Media write it in capitals, without its first dot (ISO 9660), or cut to eight letters and three, without the id.
    """
    folded = file_name.lower()
    match = _OTHER_SIGNATURE_FILE.fullmatch(folded)
    if match:
        return True, match[1]
    return _SHORT_SIGNATURE_FILE.fullmatch(folded) is not None, None


def conversion_hint(content: bytes) -> str | None:
    """What to do about a text file that is not as it was, if it looks as if some program had converted it.

    For the advice only: nothing is ever accepted because it would be right without the conversion.
    """
    is_wide = content[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in content[:2]
    if is_wide or b"\r\n" in content or content[:3] == b"\xef\xbb\xbf":
        return "the text file was converted on its way: copy it again in binary mode"
    if content[-1:] not in (b"\n", b""):
        return "the end of the text file was lost on its way: copy it again, in binary mode"
    return None
