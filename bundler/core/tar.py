"""The part of the tar format that we write and read: POSIX ustar headers, with pax records for sizes from 8 GiB and
names of more than 100 characters (those of SHA-512 blobs).

It has pure functions on blocks of 512 bytes. The same name and size give the same header on every machine: mode 0644,
owner 0, time 0. Source: POSIX.1-2017, ``pax`` utility, "ustar Interchange Format".
"""

from __future__ import annotations

from bundler.core.frozen import frozen
from bundler.errors import Damaged

BLOCK_BYTES = 512
END = bytes(2 * BLOCK_BYTES)
"""Two blocks of zeros end an archive."""

_USTAR_SIZE_LIMIT = 8 << 30
_MAGIC = b"ustar\x0000"
_NAME_BYTES = 100

REGULAR = b"0"
HARD_LINK = b"1"
SOFT_LINK = b"2"
PAX = b"x"
PAX_GLOBAL = b"g"
GNU_LONG_NAME = b"L"
GNU_LONG_LINK = b"K"


@frozen
class Header:
    """The fields of a header block: the member's name and type, the size of its data, and the target of a link."""

    name: str
    type: bytes
    size_bytes: int
    link_name: str


def header(name: str, size_bytes: int) -> bytes:
    """The header of a regular file: 512 bytes, or 1536 if name or size does not fit ustar's fields.

    Args:
        name: The name of the member, ASCII, at most 255 characters.
        size_bytes: The size of the file.
    """
    records = _pax_records(name, size_bytes)
    if not records:
        return _ustar(name, size_bytes, REGULAR)
    # For a reader without pax the member is empty, instead of having a wrong size.
    fitting_size = size_bytes if size_bytes < _USTAR_SIZE_LIMIT else 0
    return (
        _ustar("././@PaxHeader", len(records), PAX)
        + records.ljust(BLOCK_BYTES, b"\0")
        + _ustar(name[:_NAME_BYTES], fitting_size, REGULAR)
    )


def link_header(name: str, target: str) -> bytes:
    """The header of a symbolic link.

    Args:
        name: The name of the member, ASCII, at most 100 characters.
        target: The path that the link leads to, ASCII, at most 100 characters.
    """
    return _ustar(name, 0, SOFT_LINK, target)


def header_bytes(name: str, size_bytes: int) -> int:
    """The length of `header`."""
    return 3 * BLOCK_BYTES if _pax_records(name, size_bytes) else BLOCK_BYTES


def padding_bytes(size_bytes: int) -> int:
    """The number of zeros after data of this size."""
    return -size_bytes % BLOCK_BYTES


def member_bytes(name: str, size_bytes: int) -> int:
    """The length of a member's header, data and padding together."""
    return header_bytes(name, size_bytes) + size_bytes + padding_bytes(size_bytes)


def parse_header(block: bytes, *, what: str, errors: str = "strict") -> Header | None:
    """Reads a header block; None for a block of zeros.

    Args:
        block: The bytes.
        what: The place of the header, for messages.
        errors: How a name that is not UTF-8 is read, as for `bytes.decode`.

    Raises:
        Damaged: The checksum is wrong, or a field has a value that tar does not allow. Negative sizes are refused
            (CVE-2025-8194: `tarfile` looped endlessly on them).
    """
    if len(block) != BLOCK_BYTES:
        raise Damaged("the archive ends inside a header", subject=what)
    if not block.strip(b"\0"):
        return None
    checksum = sum(block[:148]) + sum(block[156:]) + 8 * 0x20
    if _number(block[148:156], what) != checksum:
        raise Damaged("the checksum of a tar header is wrong", subject=what)
    name = _string(block[:100], what, errors)
    if block[257:263] == b"ustar\0" and block[345] != 0:
        name = f"{_string(block[345:500], what, errors)}/{name}"
    kind = block[156:157]
    return Header(
        name=name,
        type=REGULAR if kind in (b"\0", b"7") else kind,
        size_bytes=_number(block[124:136], what),
        link_name=_string(block[157:257], what, errors),
    )


def parse_pax(records: bytes, *, what: str) -> dict[str, str]:
    r"""Reads the records of an extended header.

    Raises:
        Damaged: A record is not ``LENGTH KEY=VALUE\n``, or its length is wrong.
    """
    result: dict[str, str] = {}
    position = 0
    records = records.rstrip(b"\0")
    while position < len(records):
        digits = records[position : position + 20].partition(b" ")[0]
        length = int(digits) if digits.isdigit() else 0
        record = records[position : position + length]
        key, equals, value = record[len(digits) + 1 :].partition(b"=")
        if length <= len(digits) + 2 or len(record) != length or not equals or not value.endswith(b"\n"):
            raise Damaged("an extended tar header is malformed", subject=what)
        result[key.decode("utf-8", "replace")] = value[:-1].decode("utf-8", "replace")
        position += length
    return result


def pax_size(records: dict[str, str], default: int, *, what: str) -> int:
    """The size in the records of an extended header, or the default.

    Raises:
        Damaged: The size is not a decimal number, or out of range.
    """
    text = records.get("size")
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 19:
        raise Damaged("an extended tar header holds a size out of range", subject=what, actual=text[:40])
    return int(text)


def _ustar(name: str, size_bytes: int, kind: bytes, link_name: str = "") -> bytes:
    fields = (
        name.encode("ascii").ljust(_NAME_BYTES, b"\0"),
        b"0000644\0",  # mode
        b"0000000\0",  # owner
        b"0000000\0",  # group
        b"%011o\0" % size_bytes,
        b"00000000000\0",  # time
        b" " * 8,  # checksum, counted as blanks
        kind,
        link_name.encode("ascii").ljust(_NAME_BYTES, b"\0"),
        _MAGIC.ljust(88, b"\0"),  # then no names of owners, no device
    )
    block = b"".join(fields).ljust(BLOCK_BYTES, b"\0")
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]


def _pax_records(name: str, size_bytes: int) -> bytes:
    path = _pax_record("path", name) if len(name) > _NAME_BYTES else b""
    size = _pax_record("size", str(size_bytes)) if size_bytes >= _USTAR_SIZE_LIMIT else b""
    return path + size


def _pax_record(key: str, value: str) -> bytes:
    length = body = len(key) + len(value) + 3
    while length != body + len(str(length)):
        length = body + len(str(length))
    return f"{length} {key}={value}\n".encode("ascii")


def _string(field: bytes, what: str, errors: str) -> str:
    try:
        return field.partition(b"\0")[0].decode("utf-8", errors)
    except UnicodeDecodeError as error:
        raise Damaged("a tar header holds a name that is not UTF-8", subject=what) from error


def _number(field: bytes, what: str) -> int:
    if field[0] == 0x80:  # GNU base-256, positive
        number = int.from_bytes(field[1:], "big")
        if number < 1 << 62:
            return number
    else:
        digits = field.strip(b" \0")
        if not digits or all(0x30 <= digit <= 0x37 for digit in digits):
            return int(digits or b"0", 8)
    raise Damaged("a tar header holds a number out of range", subject=what, actual=repr(field))
