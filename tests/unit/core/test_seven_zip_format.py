"""The framing of 7z archives: every flip is seen, and no header is decoded that could inflate."""

from __future__ import annotations

from zlib import crc32

import pytest

from bundler.core import seven_zip_format
from bundler.core.archive_kind import SEVEN_ZIP

HEADER = b"\x01\x04\x06\x00 some header \x00"
DATA_BYTES = 1000


def start_of(header: bytes, data_bytes: int = DATA_BYTES) -> bytes:
    place = data_bytes.to_bytes(8, "little") + len(header).to_bytes(8, "little") + crc32(header).to_bytes(4, "little")
    return b"7z\xbc\xaf\x27\x1c\x00\x04" + crc32(place).to_bytes(4, "little") + place


def encrypted_header(method: bytes = b"\x06\xf1\x07\x01", rounds: int = 19) -> bytes:
    coder = bytes([0x20 | len(method)]) + method + b"\x12" + bytes([0x40 | rounds, 0x0F]) + bytes(range(16))
    return b"\x17\x06\xc1\xb0\x86\x01\x09\x81\xf0\x00\x07\x0b\x01\x00\x01" + coder + b"\x0c\x81\xe8\x00\x00"


def test_the_start_says_where_the_header_lies():
    assert seven_zip_format.header_place(start_of(HEADER)) == (32 + DATA_BYTES, len(HEADER))
    assert seven_zip_format.is_framed(start_of(HEADER), HEADER, 32 + DATA_BYTES)


def test_every_flip_in_start_and_header_is_seen():
    whole = bytearray(start_of(HEADER) + HEADER)
    for position in range(len(whole)):
        for bit in range(8):
            whole[position] ^= 1 << bit
            assert not seven_zip_format.is_framed(bytes(whole[:32]), bytes(whole[32:]), 32 + DATA_BYTES), (
                position,
                bit,
            )
            whole[position] ^= 1 << bit


@pytest.mark.parametrize(
    "start", [b"", b"7z\xbc\xaf\x27\x1c", bytes(32), start_of(HEADER)[:-1], start_of(HEADER) + b"x"]
)
def test_a_start_that_is_none_is_no_start(start):
    assert seven_zip_format.header_place(start) is None


def test_only_a_header_that_is_encrypted_and_nothing_else_is_decoded():
    assert seven_zip_format.is_encrypted_header(encrypted_header())


@pytest.mark.parametrize(
    "header",
    [
        HEADER,
        b"",
        encrypted_header(b"\x03\x01\x01"),  # LZMA
        encrypted_header(b"\x04\xf7\x11\x01"),  # ZSTD
        encrypted_header(rounds=24),  # 2^24 rounds take minutes
        encrypted_header() + b"\x00",
        encrypted_header().replace(b"\x0b\x01\x00\x01", b"\x0b\x01\x00\x02"),  # two coders
    ],
)
def test_a_header_that_is_packed_otherwise_is_refused(header):
    assert not seven_zip_format.is_encrypted_header(header)


def test_the_end_of_a_chunk_may_be_shorter_than_planned_and_never_longer():
    names = ["oci-layout", "blobs/sha256/" + "a" * 64]
    most = SEVEN_ZIP.end_bytes(names)
    assert most == 512 + sum(32 + 2 * len(name) for name in names)
    assert SEVEN_ZIP.is_end(1, names)
    assert SEVEN_ZIP.is_end(most, names)
    assert not SEVEN_ZIP.is_end(most + 1, names)
    assert not SEVEN_ZIP.is_end(0, names)


def stored(name: str, content: bytes) -> seven_zip_format.StoredFile:
    return seven_zip_format.StoredFile(name, len(content), crc32(content))


# Bytes that py7zr 1.1.4 wrote for these members, and 7-Zip 22 reads.
HEADER_OF_ONE = (
    "01 04 06 00 01 09 05 00 07 0b 01 00 01 01 00 0c 05 00 08 0a 01 86 a6 10 36 00 00 05 01 19 04 00 00 00 00"
    " 11 05 00 61 00 00 00 14 0a 01 00 00 80 3e d5 de b1 9d 01 15 06 01 00 20 80 a4 81 00 00"
)
HEADER_OF_TWO = (
    "01 04 06 00 01 09 05 00 07 0b 01 00 01 01 00 0c 05 00 08 0d 02 09 05 0a 01 86 a6 10 36 00 00 00 00 00 00 05 02"
    " 19 04 00 00 00 00 11 11 00 61 00 2f 00 6f 00 6e 00 65 00 00 00 65 00 00 00 14 12 01 00 00 80 3e d5 de b1 9d 01"
    " 00 80 3e d5 de b1 9d 01 15 0a 01 00 20 80 a4 81 20 80 a4 81 00 00"
)


def test_the_header_is_that_of_the_format_byte_for_byte():
    one = seven_zip_format.header([stored("a", b"hello")], offset_bytes=37)
    two = seven_zip_format.header([stored("a/one", b"hello"), stored("e", b"")], offset_bytes=37)
    assert (one.hex(" "), two.hex(" ")) == (HEADER_OF_ONE, HEADER_OF_TWO)


@pytest.mark.parametrize("offset_bytes", range(32, 40))
def test_the_names_begin_at_a_multiple_of_four(offset_bytes):
    header = seven_zip_format.header([stored("a", b"hello")], offset_bytes=offset_bytes)
    names = header.index(b"\x11\x05\x00a\x00\x00\x00")
    assert (offset_bytes + names) % 4 == 0
    assert header[27:29] == b"\x05\x01"
    assert names - 29 in (0, 3, 5, 6)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0, "00"), (0x7F, "7f"), (0x80, "80 80"), (0x131, "81 31"), (0x3FFF, "bf ff"), (0x4000, "c0 00 40"),
        (0x1FFFFF, "df ff ff"), (0x200000, "e0 00 00 20"), (1 << 31, "f0 00 00 00 80"),
        ((1 << 35) - 1, "f7 ff ff ff ff"), (1 << 35, "f8 00 00 00 00 08"), ((1 << 49) - 1, "fd ff ff ff ff ff ff"),
        (1 << 49, "fe 00 00 00 00 00 00 02"), (1 << 56, "ff 00 00 00 00 00 00 00 01"),
    ],
)  # fmt: skip
def test_numbers_are_written_as_7z_has_them(value, written):
    assert seven_zip_format.number(value).hex(" ") == written


def test_the_start_is_the_one_that_is_read():
    assert seven_zip_format.start(HEADER, 32 + DATA_BYTES) == start_of(HEADER)


def test_an_encoded_header_is_one_that_is_accepted():
    encryption = seven_zip_format.Encryption(bytes(range(16)), 0x7000)
    header = seven_zip_format.encoded_header(offset_bytes=100_000, length_bytes=0x6FF8, encryption=encryption)
    assert seven_zip_format.is_encrypted_header(header)


def test_the_key_is_that_of_7zaes():
    key = seven_zip_format.aes_key("secret")
    assert key.hex() == "6511f1507a3c2a982ae6def4f65818ed6cf242651aca19d15cebc6a67ae2891d"
