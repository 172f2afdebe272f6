"""The tar of a layer is counted, whatever is in it: nothing in it can do harm, grow without bounds, or be taken for whole."""

from __future__ import annotations

import gzip
import io
import tarfile
import tracemalloc
from unittest import mock

import pytest

from bundler.core.layers import Amount, Cover, Member, member_of
from bundler.core.protocols import Pieces
from bundler.errors import Damaged
from bundler.stores import layer_tar
from bundler.stores.image_file import PieceStream
from bundler.stores.layer_tar import LayerTar, ReadLayer, read_layer
from tests.support.archives import COMPRESSIONS, in_pieces, tar_of
from tests.support.images import zstd
from tests.support.tables import each_case


def read(content: bytes, *, cover: Cover | None = None) -> ReadLayer:
    return read_layer(in_pieces(content), len(content), 0, cover or Cover(), what="test")


def entries(*infos: tarfile.TarInfo, form: int = tarfile.PAX_FORMAT, encoding: str = "utf-8") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form, encoding=encoding, errors="surrogateescape") as archive:
        for info in infos:
            archive.addfile(info, io.BytesIO(bytes(info.size)))
    return buffer.getvalue()


def entry(name: str, kind: bytes = tarfile.REGTYPE, size: int = 0, **fields: object) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, size
    for field, value in fields.items():
        setattr(info, field, value)
    return info


def members(content: bytes) -> list[Member]:
    return list(LayerTar(PieceStream(in_pieces(content, 700)), what="test"))


def test_every_kind_of_member_is_counted_and_none_is_followed() -> None:
    content = entries(
        entry("./", tarfile.DIRTYPE),
        entry("./bin/", tarfile.DIRTYPE),
        entry("bin/a", size=700),
        entry("bin/b", tarfile.LNKTYPE, linkname="../../../etc/shadow"),
        entry("bin/c", tarfile.SYMTYPE, linkname="/etc/shadow"),
        entry("dev/null", tarfile.CHRTYPE),
        entry("dev/sda", tarfile.BLKTYPE),
        entry("run/pipe", tarfile.FIFOTYPE),
        entry("../../up", size=3),
        entry("bin/.wh.d"),
        entry("lib/.wh..wh..opq"),
        entry("bin/a", size=700),
    )
    found = read(content).contents
    assert (found.files, found.folders, found.deletions) == (8, 2, 2)
    assert found.unpacked_bytes == len(content)
    assert found.is_whole
    assert "/up" in {member.path for member in members(content)}


def test_a_layer_may_be_compressed_in_any_way() -> None:
    content = tar_of({"a": bytes(5000), "b/c": b"x"})
    for kind, pack in COMPRESSIONS.items():
        layer = read(pack(content))
        assert (layer.compression, layer.contents.files, layer.contents.unpacked_bytes) == (kind, 2, len(content))


LONG = "/".join(["folder of a long name"] * 20)


@each_case("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_long_names_are_read_in_both_ways(form: int) -> None:
    assert [member.path for member in members(entries(entry(LONG), entry("金"), form=form))] == [f"/{LONG}", "/金"]


def test_a_name_that_is_not_utf_8_is_a_name() -> None:
    content = entries(entry("caf\udce9"), form=tarfile.GNU_FORMAT)
    assert [member.path for member in members(content)] == ["/caf\\xe9"]


def test_sizes_of_8_gib_are_read() -> None:
    info = entry("a", size=9 << 30)
    for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        with pytest.raises(Damaged, match="truncated"):
            members(info.tobuf(format=form))


def test_a_sparse_file_has_the_name_that_its_records_state() -> None:
    info = entry("GNUSparseFile.0/a", pax_headers={"GNU.sparse.major": "1", "GNU.sparse.name": "a"})
    assert [member.path for member in members(entries(info))] == ["/a"]


def test_the_end_mark_may_be_missing_and_zeros_may_follow() -> None:
    content = entry("a", size=0).tobuf()
    assert read(content).contents.files == 1
    assert read(content + bytes(1 << 20)).contents.unpacked_bytes == 512 + (1 << 20)
    empty = read(b"").contents
    assert (empty.files, empty.unpacked_bytes, empty.is_whole) == (0, 0, True)


CONTENT = tar_of({"a": bytes(5000)})
BROKEN: dict[str, bytes] = {
    "no tar": b"x" * 2048,
    "truncated in a header": CONTENT[:100],
    "truncated in the data": CONTENT[:3000],
    "a truncated stream": gzip.compress(CONTENT)[:-20],
    "a wrong checksum": CONTENT[:5] + b"x" + CONTENT[6:],
    "an unknown kind": entry("a", b"S").tobuf(),
    "a name that is too long": entries(entry("/".join(["a" * 99] * 42))),
    "a negative size": entry("a").tobuf()[:124] + b"\xff" * 12 + entry("a").tobuf()[136:],
    "records without a length": entry("a", b"x", 512).tobuf() + b"x" * 512,
}


def test_what_is_no_tar_at_all_is_named_as_such() -> None:
    with pytest.raises(Damaged, match="does not start like a tar"):
        read(BROKEN["no tar"])
    with pytest.raises(Damaged, match="a tar header"):
        read(CONTENT[:-10240] + entry("a").tobuf() + b"x" * 512)


@each_case("name", BROKEN)
def test_a_broken_layer_is_damage(name: str) -> None:
    with pytest.raises(Damaged):
        read(BROKEN[name])


def zeros(size_bytes: int) -> Pieces:
    for _ in range(size_bytes >> 20):
        yield bytes(1 << 20)


def test_a_layer_that_unpacks_to_more_than_any_layer_is_ended() -> None:
    bomb = zstd(entry("zeros", size=96 << 20).tobuf() + bytes(96 << 20))
    assert len(bomb) < 10_000
    with pytest.raises(Damaged) as error:
        read(bomb)
    assert error.value.code == "layer-bomb"
    assert read(gzip.compress(entry("zeros", size=16 << 20).tobuf() + bytes(16 << 20))).contents.files == 1
    with mock.patch.object(layer_tar, "LAYER_UNPACKED_BYTES", 1 << 20), pytest.raises(Damaged, match="unpacks to more"):
        read_layer(zeros(2 << 20), 2 << 20, 0, Cover(), what="test")


def test_a_layer_of_too_many_members_is_counted_in_part() -> None:
    content = tar_of({str(number): b"" for number in range(20)})
    with mock.patch.object(layer_tar, "LAYER_MEMBERS", 5):
        found = read(content).contents
    assert (found.files, found.is_whole) == (5, False)


def test_extended_headers_without_a_member_take_no_memory_and_have_an_end() -> None:
    header = entries(entry("a", pax_headers={f"k{number}": "v" for number in range(50)}))[:1024]
    with mock.patch.object(layer_tar, "LAYER_EXTENDED_BYTES", 50 * 512):
        assert not members(header * 50)
        with pytest.raises(Damaged, match="too long"):
            members(header * 51)


def test_records_that_nobody_asks_for_are_not_kept() -> None:
    header = entries(entry("a", pax_headers={f"{number:04}{'k' * 40}": "v" * 40 for number in range(1000)}))
    size = int(header[124:135], 8)
    header = header[: 512 + size + -size % 512]
    headers = (header.replace(b"kkkk", b"%04d" % number) for number in range(60))
    stream = PieceStream(piece for each in headers for piece in in_pieces(each))
    tracemalloc.start()
    try:
        for _ in LayerTar(stream, what="test"):
            pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 << 20


def test_a_reader_that_ends_early_leaves_the_rest_to_its_caller() -> None:
    closed = []

    def pieces() -> Pieces:
        try:
            yield from in_pieces(CONTENT, 1000)
        finally:
            closed.append(True)

    given = pieces()
    lent = (piece for piece in given)
    with mock.patch.object(layer_tar, "LAYER_MEMBERS", 0):
        assert not read_layer(lent, len(CONTENT), 0, Cover(), what="test").contents.is_whole  # type: ignore[arg-type]
    assert not closed
    assert sum(map(len, given)) == len(CONTENT) - 1000


def test_files_of_a_lower_layer_are_compared_with_those_above() -> None:
    cover = Cover()
    upper = read_layer(in_pieces(tar_of({"a": b"1", ".wh.b": b""})), 2048, 1, cover, what="test")
    cover.add(1, upper.survey.paths, is_whole=True)
    lower = read(tar_of({"a": b"12", "b": b"123", "c": b"1234"}), cover=cover).contents
    assert (lower.replaced, lower.deleted, lower.hidden) == (Amount(1, 2), Amount(1, 3), Amount(2, 5))


def test_no_name_becomes_a_path_that_leads_out() -> None:
    for name in ("..", "/..", "../../a", "a/../../b", "./", "//", "a//b/./c"):
        found = member_of(name, 0, is_folder=False)
        assert found is not None
        assert ".." not in found.parts
        assert found.path.startswith("/")
