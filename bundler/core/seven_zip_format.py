"""The part of the 7z format that bundles use: one folder, stored (COPY), or stored and encrypted (COPY, 7zAES).

It has pure functions on bytes. The data begin at byte 32, without gaps; the header follows them to the end of the file.
The functions check archives without unpacking them. Source: 7zFormat.txt of the LZMA SDK; FORMAT.md, section 4.6.
`bundler.bundle.seven_zip_container` reads and writes the files.
"""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Sequence
from zlib import crc32

from bundler.core.frozen import frozen
from bundler.core.patterns import lazy_pattern

START_BYTES = 32

HEADER_BYTES = 512
"""The largest header without its members: some 100 bytes, and as many again if it is encrypted."""

MEMBER_HEADER_BYTES = 32
"""The largest part of the header for one member, in addition to its name: size, CRC, time and attributes."""

_MAGIC = b"7z\xbc\xaf\x27\x1c\x00\x04"

_END, _HEADER, _MAIN_STREAMS, _FILES, _PACK, _UNPACK, _SUBSTREAMS = b"\x00\x01\x04\x05\x06\x07\x08"
_SIZE, _CRC, _FOLDER, _UNPACK_SIZES, _SUBSTREAM_COUNT = b"\x09\x0a\x0b\x0c\x0d"
_NAMES, _TIMES, _ATTRIBUTES, _ENCODED_HEADER, _FILLING = b"\x11\x14\x15\x17\x19"
"""Identifiers of properties."""

_COPY = b"\x01\x00"
_AES = b"\x24\x06\xf1\x07\x01\x12\x53\x0f"
"""7zAES with 18 bytes of properties: 2^19 rounds, no salt, and an IV of 16 bytes, which follows these bytes."""
_AES_ROUNDS = 1 << 19
_ROUNDS_AT_ONCE = 1 << 10

AES_BLOCK_BYTES = 16

_TIME = (116_444_736_000_000_000).to_bytes(8, "little")
"""1970-01-01T00:00:00Z, in units of 100 ns since 1601."""
_ATTRIBUTES_OF_FILE = (0o100644 << 16 | 0x8020).to_bytes(4, "little")
"""A file with the mode 0644: ARCHIVE, and the upper half has the mode of Unix."""

_NUMBER = (
    rb"(?:[\x00-\x7f]|[\x80-\xbf].|[\xc0-\xdf].{2}|[\xe0-\xef].{3}|[\xf0-\xf7].{4}"
    rb"|[\xf8-\xfb].{5}|[\xfc\xfd].{6}|\xfe.{7}|\xff.{8})"
)
"""A number in 7z: the first byte gives the number of bytes that follow."""

_ENCRYPTED_HEADER = lazy_pattern(
    rb"\x17\x06" + _NUMBER + rb"\x01\x09" + _NUMBER + rb"\x00"  # offset and length of its packed stream
    rb"\x07\x0b\x01\x00\x01" + re.escape(_AES) + rb".{16}"  # one folder, one coder: 7zAES, 2^19 rounds, IV
    rb"\x0c" + _NUMBER + rb"\x00\x00",  # its unpacked size
    re.DOTALL,
)


def header_bytes(name: str) -> int:
    """The largest length that a member of this name adds to the header."""
    return MEMBER_HEADER_BYTES + 2 * len(name)


@frozen
class StoredFile:
    """A member of an archive, as the header describes it."""

    name: str
    size_bytes: int
    crc: int


@frozen
class Encryption:
    """The IV of an encrypted stream, and its size and CRC after encryption."""

    iv: bytes
    size_bytes: int
    crc: int = 0


def header(files: Sequence[StoredFile], *, offset_bytes: int, encryption: Encryption | None = None) -> bytes:
    """The header of an archive, not encoded.

    Args:
        files: All members, in the order of their data.
        offset_bytes: The offset of the header in the archive; 0 if the header will be encrypted.
        encryption: The encryption of the data; None if they are not encrypted.
    """
    size_bytes = sum(file.size_bytes for file in files)
    out = bytearray([_HEADER, _MAIN_STREAMS, _PACK, 0, 1, _SIZE])
    out += number(encryption.size_bytes if encryption else size_bytes)
    if encryption:
        out += bytes([_CRC, 1]) + encryption.crc.to_bytes(4, "little")
    out += bytes([_END, _UNPACK, _FOLDER, 1, 0])
    if encryption:  # two coders; the second one gets the output of the first, which decrypts
        out += b"\x02" + _AES + encryption.iv + _COPY + b"\x01\x00" + bytes([_UNPACK_SIZES]) + number(size_bytes)
    else:
        out += b"\x01" + _COPY + bytes([_UNPACK_SIZES])
    out += number(size_bytes) + bytes([_END, _SUBSTREAMS])
    if len(files) > 1:
        out += bytes([_SUBSTREAM_COUNT]) + number(len(files)) + bytes([_SIZE])
        out += b"".join(number(file.size_bytes) for file in files[:-1])
    out += bytes([_CRC, 1]) + b"".join(file.crc.to_bytes(4, "little") for file in files) + bytes([_END, _END])
    out += bytes([_FILES]) + number(len(files))
    out += _filling(offset_bytes + len(out))
    names = b"".join(f"{file.name}\0".encode("utf-16-le") for file in files)
    out += _property(_NAMES, b"\x00" + names)
    out += _property(_TIMES, b"\x01\x00" + _TIME * len(files))
    out += _property(_ATTRIBUTES, b"\x01\x00" + _ATTRIBUTES_OF_FILE * len(files))
    return bytes(out) + bytes([_END, _END])


def encoded_header(*, offset_bytes: int, length_bytes: int, encryption: Encryption) -> bytes:
    """The header that has the place of the encrypted header.

    Args:
        offset_bytes: The offset of the encrypted header, counted after the first 32 bytes.
        length_bytes: The length of the header before encryption.
        encryption: The encryption of the header.
    """
    out = bytes([_ENCODED_HEADER, _PACK]) + number(offset_bytes) + bytes([1, _SIZE]) + number(encryption.size_bytes)
    out += bytes([_END, _UNPACK, _FOLDER, 1, 0, 1]) + _AES + encryption.iv
    return out + bytes([_UNPACK_SIZES]) + number(length_bytes) + bytes([_END, _END])


def start(header: bytes, offset_bytes: int) -> bytes:
    """The first 32 bytes of an archive whose header is at this offset."""
    place = struct.pack("<QQL", offset_bytes - START_BYTES, len(header), crc32(header))
    return _MAGIC + crc32(place).to_bytes(4, "little") + place


def aes_key(passphrase: str) -> bytes:
    """The key of 7zAES without salt: SHA-256 of passphrase and counter, 2^19 times. It takes tenths of a second."""
    secret, hasher = passphrase.encode("utf-16-le"), hashlib.sha256()
    for begin in range(0, _AES_ROUNDS, _ROUNDS_AT_ONCE):
        counters = range(begin, begin + _ROUNDS_AT_ONCE)
        hasher.update(b"".join([secret + counter.to_bytes(8, "little") for counter in counters]))
    return hasher.digest()


def number(value: int) -> bytes:
    """A number in 7z. The first byte has a one bit for each byte that follows, then the highest bits of the number."""
    for more in range(8):
        if value < 1 << 7 * (more + 1):
            return bytes([0xFF00 >> more & 0xFF | value >> 8 * more]) + (value & (1 << 8 * more) - 1).to_bytes(
                more, "little"
            )
    return b"\xff" + value.to_bytes(8, "little")


def _property(kind: int, content: bytes) -> bytes:
    return bytes([kind]) + number(len(content)) + content


def _filling(position: int) -> bytes:
    """Padding up to a multiple of 4, as in 7-Zip. It needs at least two bytes, kind and length."""
    missing = -position % 4
    missing += 4 if missing in (1, 2) else 0
    return _property(_FILLING, bytes(missing - 2)) if missing else b""


def header_place(start: bytes) -> tuple[int, int] | None:
    """Offset and length of the header, read from the first 32 bytes of an archive; None if these are damaged."""
    if len(start) != START_BYTES or not start.startswith(_MAGIC):
        return None
    if crc32(start[12:]) != int.from_bytes(start[8:12], "little"):
        return None
    offset, length = struct.unpack("<QQ", start[12:28])
    return START_BYTES + offset, length


def is_framed(start: bytes, header: bytes, header_offset: int) -> bool:
    """True if the start of an archive matches the header at its end: CRCs cover both."""
    if header_place(start) != (header_offset, len(header)):
        return False
    return crc32(header) == int.from_bytes(start[28:], "little")


def is_encrypted_header(header: bytes) -> bool:
    """True if a header is encrypted in the only way that the writer uses."""
    # A reader decodes any other header by the method that the header names, and some methods inflate without bound.
    return _ENCRYPTED_HEADER.fullmatch(header) is not None
