"""Compressed bytes come out as they were, in small pieces; damaged ones are refused; and we compress alike everywhere."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import random
from collections.abc import Callable

import pytest

from bundler.core.limits import PIECE_BYTES
from bundler.errors import Damaged, Refused
from bundler.stores import compression
from tests.support import images
from tests.support.archives import COMPRESSIONS, in_pieces
from tests.support.errors import raises
from tests.support.tables import each_case

NOISE = random.Random("compression").randbytes(300_000)
TEXT = b"".join(b"%d bottles of beer on the wall\n" % number for number in range(20_000))
KINDS = [kind for kind in COMPRESSIONS if kind != compression.NONE]
OURS = [compression.GZIP, compression.ZSTD, compression.NONE]


def inflate(content: bytes, kind: str, size_bytes: int = PIECE_BYTES) -> bytes:
    return b"".join(map(bytes, compression.decompressed(in_pieces(content, size_bytes), kind, what="x")))


def deflate(content: bytes, kind: str, size_bytes: int = PIECE_BYTES) -> bytes:
    compressor = compression.compressor(kind)
    return b"".join([*(compressor.compress(piece) for piece in in_pieces(content, size_bytes)), compressor.flush()])


@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_is_known_by_its_first_bytes(kind: str) -> None:
    assert compression.kind_of(COMPRESSIONS[kind](TEXT)) == kind
    assert compression.kind_of(COMPRESSIONS[kind](b"")) == kind


@pytest.mark.parametrize("beginning", [b"", b"\x1f", b"\x1f\x8b", b"BZ", b"ustar", b"{}", bytes(512)], ids=repr)
def test_anything_else_is_taken_as_it_is(beginning: bytes) -> None:
    assert compression.kind_of(beginning) == compression.NONE
    assert inflate(beginning, compression.NONE) == beginning


@each_case("kind", COMPRESSIONS)
@each_case("size_bytes", [1000, 65_536, PIECE_BYTES], ids=lambda size: f"pieces of {size}")
@each_case("content", [b"", b"x", NOISE, TEXT], ids=["nothing", "a byte", "noise", "text"])
def test_what_other_tools_compress_comes_out_as_it_was(kind: str, size_bytes: int, content: bytes) -> None:
    assert inflate(COMPRESSIONS[kind](content), kind, size_bytes) == content


@pytest.mark.parametrize("kind", KINDS)
def test_a_byte_at_a_time_is_enough(kind: str) -> None:
    assert inflate(COMPRESSIONS[kind](TEXT[:5000]), kind, 1) == TEXT[:5000]


@each_case("kind", KINDS)
@each_case("size_bytes", [1, 7, PIECE_BYTES], ids=lambda size: f"pieces of {size}")
def test_frames_may_follow_each_other(kind: str, size_bytes: int) -> None:
    parts = [TEXT[:1000], b"", NOISE[:300], TEXT[1000:2000]]
    assert inflate(b"".join(map(COMPRESSIONS[kind], parts)), kind, size_bytes) == b"".join(parts)


@pytest.mark.parametrize("kind", KINDS)
def test_what_grows_a_thousandfold_comes_out_in_small_pieces(kind: str) -> None:
    bomb = COMPRESSIONS[kind](bytes(50 << 20))
    assert len(bomb) < 100_000
    sizes = [len(piece) for piece in compression.decompressed(in_pieces(bomb), kind, what="x")]
    assert sum(sizes) == 50 << 20
    assert max(sizes) <= PIECE_BYTES


@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_that_was_cut_is_damage_wherever_it_was_cut(kind: str) -> None:
    whole = COMPRESSIONS[kind](NOISE[:3000])
    for length in [*range(1, 40), *range(40, len(whole), 97), len(whole) - 1]:
        with pytest.raises(Damaged) as caught:
            inflate(whole[:length], kind)
        assert caught.value.subject == "x"


@pytest.mark.parametrize("kind", KINDS)
def test_a_second_frame_that_was_cut_is_damage(kind: str) -> None:
    frame = COMPRESSIONS[kind](NOISE[:3000])
    for length in (len(frame) + 1, len(frame) + 10, 2 * len(frame) - 1):
        with pytest.raises(Damaged):
            inflate((frame * 2)[:length], kind)


@each_case("kind", [compression.GZIP, compression.XZ, compression.BZIP2])
@each_case("size_bytes", [1, 100, PIECE_BYTES], ids=lambda size: f"pieces of {size}")
def test_a_changed_byte_is_damage(kind: str, size_bytes: int) -> None:
    whole = COMPRESSIONS[kind](NOISE[:3000])
    for place in (len(whole) // 2, len(whole) - 6):
        spoilt = bytearray(whole)
        spoilt[place] ^= 0xFF
        with raises(Damaged, subject="x"):
            inflate(bytes(spoilt), kind, size_bytes)


@pytest.mark.parametrize("kind", KINDS)
def test_something_else_after_the_end_is_damage(kind: str) -> None:
    with pytest.raises(Damaged):
        inflate(COMPRESSIONS[kind](TEXT) + b"#!/bin/sh\n" * 100, kind)


@each_case("kind", [compression.GZIP, compression.XZ, compression.BZIP2])
@each_case("size_bytes", [1, 512, PIECE_BYTES], ids=lambda size: f"pieces of {size}")
def test_zeros_after_the_end_are_padding(kind: str, size_bytes: int) -> None:
    assert inflate(COMPRESSIONS[kind](TEXT) + bytes(10_240), kind, size_bytes) == TEXT


@pytest.mark.parametrize("kind", [compression.GZIP, compression.XZ, compression.BZIP2])
def test_a_frame_after_padding_is_taken_or_refused_whatever_the_size_of_the_pieces(kind: str) -> None:
    padded = COMPRESSIONS[kind](b"one") + bytes(512) + COMPRESSIONS[kind](b"two")
    results = set()
    for size_bytes in (1, 64, 512, PIECE_BYTES):
        try:
            results.add(inflate(padded, kind, size_bytes))
        except Damaged:
            results.add(b"damaged")
    assert len(results) == 1


def test_skippable_frames_of_zstd_hold_nothing() -> None:
    """As zstd:chunked and pzstd write them."""
    skippable = b"\x50\x2a\x4d\x18" + (5).to_bytes(4, "little") + b"index"
    frame = images.zstd(TEXT)
    for size_bytes in (1, 1000, PIECE_BYTES):
        assert inflate(frame + skippable, compression.ZSTD, size_bytes) == TEXT
        assert inflate(frame + skippable + frame, compression.ZSTD, size_bytes) == TEXT * 2


def test_the_concatenation_of_gzip_files_is_one_stream_as_for_gzip_itself() -> None:
    both = gzip.compress(b"one", mtime=0) + gzip.compress(b"two", mtime=0)
    assert inflate(both, compression.GZIP) == gzip.decompress(both) == b"onetwo"


def test_an_xz_stream_with_the_strongest_preset_is_taken() -> None:
    strongest = lzma.compress(TEXT, preset=9 | lzma.PRESET_EXTREME)
    assert inflate(strongest, compression.XZ) == TEXT


def test_an_xz_stream_that_wants_more_memory_than_any_image_is_refused() -> None:
    greedy = lzma.compress(b"x", filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 30}])
    with raises(Damaged, values={"kind": "xz"}):
        inflate(greedy, compression.XZ)


def test_a_zstd_stream_that_wants_more_memory_than_any_image_is_refused() -> None:
    magic, descriptor, window = b"\x28\xb5\x2f\xfd", b"\x00", bytes([(31 - 10) << 3])  # a window of 2 GiB
    block = (1 | 1 << 3).to_bytes(3, "little") + b"x"
    with raises(Damaged, values={"kind": "zstd"}):
        inflate(magic + descriptor + window + block, compression.ZSTD)
    usual = bytes([(27 - 10) << 3])
    assert inflate(magic + descriptor + usual + block, compression.ZSTD) == b"x"


@pytest.mark.parametrize("kind", COMPRESSIONS)
def test_the_error_of_the_source_comes_through(kind: str) -> None:
    def breaking():
        yield COMPRESSIONS[kind](NOISE)[:1000]
        raise Refused("the source says no")

    with pytest.raises(Refused, match="the source says no"):
        list(compression.decompressed(breaking(), kind, what="x"))


# Our own compression

_OTHERS: dict[str, Callable[[bytes], bytes]] = {
    compression.GZIP: gzip.decompress,
    compression.ZSTD: lambda content: inflate(content, compression.ZSTD),
    compression.NONE: bytes,
}


@each_case("kind", OURS)
@each_case("content", [b"", b"x", NOISE, TEXT], ids=["nothing", "a byte", "noise", "text"])
def test_what_we_compress_others_read(kind: str, content: bytes) -> None:
    made = deflate(content, kind)
    assert _OTHERS[kind](made) == content
    assert compression.kind_of(made) == kind


@pytest.mark.parametrize("kind", OURS)
def test_the_sizes_of_the_pieces_have_no_part_in_what_comes_out(kind: str) -> None:
    content = TEXT + NOISE + bytes(200_000)
    made = {deflate(content, kind, size_bytes) for size_bytes in (511, 4096, 65_536, 100_003, PIECE_BYTES)}
    assert len(made) == 1


def test_two_compressors_do_not_mix() -> None:
    first, second = compression.compressor(compression.GZIP), compression.compressor(compression.GZIP)
    parts: tuple[list[bytes], list[bytes]] = ([], [])
    for piece in in_pieces(TEXT, 10_000):
        parts[0].append(first.compress(piece))
        parts[1].append(second.compress(piece[::-1]))
    assert gzip.decompress(b"".join([*parts[0], first.flush()])) == TEXT
    assert len(gzip.decompress(b"".join([*parts[1], second.flush()]))) == len(TEXT)


def test_a_gzip_header_says_nothing_of_the_machine_or_the_time() -> None:
    header = deflate(TEXT, compression.GZIP)[:10]
    assert header[:4] == b"\x1f\x8b\x08\x00", "no name, no comment"
    assert header[4:8] == bytes(4), "no time"


GOLDEN = {
    compression.GZIP: "4e3823e53078ab6402966ef6f01ade63cdcf45a6700cd96ad363898a2432f28e",
    compression.ZSTD: "36354d8ec688ed796ae048d387c347ed3fca8323f6746ad479bc2e90f1c5d596",
}


@pytest.mark.parametrize("kind", GOLDEN)
def test_a_layer_is_compressed_to_the_same_bytes_as_ever(kind: str) -> None:
    """A new version of a library that compresses otherwise gives the same image another digest: decide, then pin again."""
    content = TEXT + NOISE + bytes(1 << 20) + bytes(range(256)) * 1000
    assert hashlib.sha256(deflate(content, kind)).hexdigest() == GOLDEN[kind]


def test_bzip2_levels_are_all_read() -> None:
    for level in range(1, 10):
        assert inflate(bz2.compress(TEXT, level), compression.BZIP2) == TEXT
