"""A scanner gets the decompressed bytes of a blob, and nothing of a bomb."""

from __future__ import annotations

import gzip

import pytest

from bundler.core import limits
from bundler.errors import Damaged
from bundler.hooks import unpacked as module
from bundler.hooks.unpacked import Unscannable, unpacked
from tests.support.images import layer_tar, zstd
from tests.support.scanning import blob
from tests.support.tables import each_case

TAR = layer_tar("one", 300_000)
MIB = 1 << 20


def given(content: bytes, limit_bytes: int = 64 * MIB, **more) -> bytes:
    return b"".join(map(bytes, unpacked(blob(content, **more), limit_bytes=limit_bytes)))


@each_case("content", [TAR, gzip.compress(TAR), zstd(TAR), gzip.compress(TAR[:512]) + gzip.compress(TAR[512:])])
def test_each_compression_is_taken_off_whatever_the_media_type_says(content):
    assert given(content, media_type="application/octet-stream") == TAR


@each_case("content", [b"", b"{}", b"7z\xbc\xaf\x27\x1c and more", b"\x1f"])
def test_other_bytes_stay_as_they_are(content):
    assert given(content) == content


@each_case(
    "content, limit_bytes, reason",
    [
        (bytes(2 * MIB), MIB, "larger than 1,048,576 bytes"),
        (gzip.compress(bytes(2 * MIB)), MIB, "larger than 1,048,576 bytes when"),
        (gzip.compress(bytes(2 * MIB)), 64 * MIB, "times its size"),
        (zstd(bytes(2 * MIB)), 64 * MIB, "times its size"),
        (gzip.compress(TAR)[:-9], 64 * MIB, "truncated"),
        (gzip.compress(TAR) + b"more", 64 * MIB, "damaged"),
        (zstd(TAR)[:-9], 64 * MIB, "truncated"),
    ],
)
def test_bombs_large_and_damaged_streams_are_not_scanned(monkeypatch, content, limit_bytes, reason):
    monkeypatch.setattr(module, "SCAN_RATIO_FROM_BYTES", MIB)
    with pytest.raises(Unscannable) as caught:
        given(content, limit_bytes)
    assert reason in caught.value.reason


def test_a_bomb_ends_early(monkeypatch):
    """Of 1 GiB of zeros it yields only a little more than it must to know them."""
    monkeypatch.setattr(module, "SCAN_RATIO_FROM_BYTES", MIB)
    bomb = gzip.compress(bytes(64 * MIB)) * 16
    most_bytes = limits.SCAN_RATIO * len(bomb) + limits.PIECE_BYTES
    got: list[int] = []
    with pytest.raises(Unscannable):
        got.extend(len(piece) for piece in unpacked(blob(bomb), limit_bytes=limits.SCANNED_BYTES))
    assert sum(got) <= most_bytes


@each_case("content", [TAR, gzip.compress(TAR), zstd(TAR)])
def test_damage_of_the_bundle_stays_damage(content):
    with pytest.raises(Damaged):
        given(content, is_damaged=True)
