"""The 7z format, as much of it as is checked without unpacking: the start of an archive and the header at its end.

Pure functions on bytes. The data of a store-mode (COPY) archive begin at byte 32 and lie back to back; behind them the
header stands to the end of the file. Source: 7zFormat.txt of the LZMA SDK. Archives are made by py7zr, see
`bundler.bundle.seven_zip_container`; FORMAT.md, section 4.6.
"""

from __future__ import annotations

import re
import struct
from zlib import crc32

START_BYTES = 32

HEADER_BYTES = 512
"""The most that a header takes beside its members: some 100 bytes, and as much again where it is encrypted."""

MEMBER_HEADER_BYTES = 32
"""The most that one member adds to the header beside its name: size, CRC, time and attributes."""

_MAGIC = b"7z\xbc\xaf\x27\x1c\x00\x04"

_NUMBER = (
    rb"(?:[\x00-\x7f]|[\x80-\xbf].|[\xc0-\xdf].{2}|[\xe0-\xef].{3}|[\xf0-\xf7].{4}"
    rb"|[\xf8-\xfb].{5}|[\xfc\xfd].{6}|\xfe.{7}|\xff.{8})"
)
"""How 7z writes a number: the first byte tells how many follow."""

_ENCRYPTED_HEADER = re.compile(
    rb"\x17\x06" + _NUMBER + rb"\x01\x09" + _NUMBER + rb"\x00"  # where its packed stream lies, and how long it is
    rb"\x07\x0b\x01\x00\x01\x24\x06\xf1\x07\x01\x12\x53\x0f.{16}"  # one folder, one coder: 7zAES, 2^19 rounds, IV
    rb"\x0c" + _NUMBER + rb"\x00\x00",  # its unpacked size
    re.DOTALL,
)


def header_bytes(name: str) -> int:
    """The most that a member of this name adds to the header."""
    return MEMBER_HEADER_BYTES + 2 * len(name)


def header_place(start: bytes) -> tuple[int, int] | None:
    """Where the header lies, as the first 32 bytes of an archive say: offset and length; None if they are damaged."""
    if len(start) != START_BYTES or not start.startswith(_MAGIC):
        return None
    if crc32(start[12:]) != int.from_bytes(start[8:12], "little"):
        return None
    offset, length = struct.unpack("<QQ", start[12:28])
    return START_BYTES + offset, length


def is_framed(start: bytes, header: bytes, header_offset: int) -> bool:
    """Whether the start of an archive fits the header at its end: both are covered by CRCs."""
    if header_place(start) != (header_offset, len(header)):
        return False
    return crc32(header) == int.from_bytes(start[28:], "little")


def is_encrypted_header(header: bytes) -> bool:
    """Whether a header is encrypted as the writer does it, and in no other way.

    Any other header would be decoded by whatever method it names, some of which inflate without bound.
    """
    return _ENCRYPTED_HEADER.fullmatch(header) is not None
