"""A file is known by what is in it, and read as one tar however it came."""

from __future__ import annotations

from pathlib import Path

import pytest

from bundler.core.limits import PIECE_BYTES
from bundler.errors import Damaged, Refused
from bundler.stores.image_file import ImageFile, PieceStream, tapped
from tests.support.archives import COMPRESSIONS, FORMS, in_pieces, tar_of, write_as
from tests.unit.values import MIB

FILES = {"manifest.json": b"[1]", "layer.tar": bytes(range(256)) * 10_000}


def whole(stream: object) -> bytes:
    content = bytearray()
    while piece := stream.read(PIECE_BYTES):  # type: ignore[attr-defined]
        content += piece
    return bytes(content)


@pytest.mark.parametrize("form", COMPRESSIONS)
@pytest.mark.parametrize("name", ["image.tar", "image.tar.gz", "image.7z", "x"])
def test_what_a_file_is_compressed_with_does_not_depend_on_its_name(form: str, name: str, tmp_path: Path) -> None:
    file = ImageFile(write_as(form, tmp_path / name, FILES), called="test")
    assert (file.compression, file.is_plain, file.size_bytes) == (
        form,
        form == "none",
        (tmp_path / name).stat().st_size,
    )
    with file.stream() as stream:
        assert whole(stream) == tar_of(FILES)


@pytest.mark.parametrize("form", FORMS)
def test_a_listener_is_shown_every_byte_of_the_file_once(form: str, tmp_path: Path) -> None:
    path = write_as(form, tmp_path / "image", FILES)
    shown = bytearray()
    with ImageFile(path, called="test").stream(shown.extend) as stream:
        read = whole(stream)
    assert shown == path.read_bytes()
    assert FILES["layer.tar"] in read


@pytest.mark.parametrize("form", FORMS)
def test_a_stream_may_be_left_in_the_middle_and_opened_again(form: str, tmp_path: Path) -> None:
    file = ImageFile(write_as(form, tmp_path / "image", FILES), called="test")
    for _ in range(2):
        with file.stream() as stream:
            assert len(stream.read(512)) == 512
    with file.stream() as stream:
        assert stream.skip(1024)
        assert FILES["layer.tar"] in whole(stream)


@pytest.mark.parametrize("form", [form for form in FORMS if form != "none"])
def test_a_compressed_file_that_was_cut_is_damage(form: str, tmp_path: Path) -> None:
    path = write_as(form, tmp_path / "image", FILES)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(Damaged) as caught, ImageFile(path, called="test").stream() as stream:
        whole(stream)
    assert caught.value.subject == "test"


def test_an_empty_file_is_a_plain_one(tmp_path: Path) -> None:
    (tmp_path / "image").touch()
    assert ImageFile(tmp_path / "image", called="test").is_plain


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused):
        ImageFile(tmp_path / "nothing", called="test")
    with pytest.raises(Damaged):
        ImageFile(tmp_path, called="test")


def test_pieces_are_shown_on_their_way() -> None:
    shown: list[bytes] = []
    assert list(tapped(in_pieces(b"abcdef", 4), shown.append)) == shown == [b"abcd", b"ef"]


@pytest.mark.parametrize("size_bytes", [1, 7, 512, 10_000], ids=lambda size: f"pieces of {size}")
def test_pieces_become_a_stream(size_bytes: int) -> None:
    content = bytes(range(250)) * 10
    stream = PieceStream(in_pieces(content, size_bytes))
    read = bytearray()
    while piece := stream.read(100):
        assert len(piece) <= 100
        read += piece
    assert read == content
    assert stream.read(100) == b""


@pytest.mark.parametrize("size_bytes", [1, 7, 512, 10_000], ids=lambda size: f"pieces of {size}")
def test_a_stream_of_pieces_passes_over_what_is_not_wanted(size_bytes: int) -> None:
    stream = PieceStream(in_pieces(bytes(range(250)), size_bytes))
    assert stream.skip(100)
    assert stream.read(1) == b"\x64"
    assert stream.skip(0)
    assert stream.skip(149)
    assert not stream.skip(1)


def test_pieces_without_bytes_do_not_end_a_stream() -> None:
    def pieces():
        yield from (b"", b"a", b"", b"", b"b", b"")

    stream = PieceStream(pieces())
    assert (stream.read(5), stream.read(5), stream.read(5)) == (b"a", b"b", b"")


def test_a_piece_that_is_reused_is_read_as_it_was() -> None:
    buffer = bytearray(4)

    def reused():
        for number in range(3):
            buffer[:] = bytes([number]) * 4
            yield memoryview(buffer)

    stream = PieceStream(reused())
    read = [stream.read(3) for _ in range(6)]
    assert b"".join(read) == b"\0\0\0\0\1\1\1\1\2\2\2\2"


def test_more_than_can_be_skipped_at_once_is_skipped() -> None:
    stream = PieceStream(in_pieces(bytes(3 * MIB) + b"end"))
    assert stream.skip(3 * MIB)
    assert stream.read(10) == b"end"
