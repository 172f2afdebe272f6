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
