"""Our tar is what everybody else's is: judged by the standard library, reading and writing."""

from __future__ import annotations

import io
import tarfile

import pytest

from bundler.core import tar
from bundler.core.tar import Header
from bundler.errors import Damaged
from tests.support.errors import raises
from tests.support.tables import each_case
from tests.unit.values import digest

GIB = 1 << 30
SHA256_PATH = digest("a").path
SHA512_PATH = digest("a", algorithm="sha512").path


def read_by_the_standard_library(blocks: bytes) -> tarfile.TarInfo:
    with tarfile.open(fileobj=io.BytesIO(blocks), mode="r:") as archive:
        member = archive.next()
    assert member is not None
    return member


def block_of(info: tarfile.TarInfo, form: int = tarfile.USTAR_FORMAT) -> bytes:
    return info.tobuf(form)[-512:]


def changed(block: bytes, at: int, field: bytes) -> bytes:
    """A header with another field, and the checksum that fits it."""
    block = block[:at] + field + block[at + len(field) :]
    return block[:148] + b"%06o\0 " % sum(block[:148] + b" " * 8 + block[156:]) + block[156:]


@each_case(
    ("name", "size"),
    [
        pytest.param("oci-layout", 31, id="a file of the layout"),
        pytest.param(SHA256_PATH, 0, id="an empty blob"),
        pytest.param(f"{SHA256_PATH}.part-0001", 512, id="a part"),
        pytest.param("a" * 100, 1, id="the longest name of ustar"),
        pytest.param("a" * 101, 1, id="a name for pax"),
        pytest.param(SHA512_PATH, 1000, id="a SHA-512 blob"),
        pytest.param("a" * 255, 1, id="the longest name"),
        pytest.param(SHA256_PATH, 8 * GIB - 1, id="the largest size of ustar"),
        pytest.param(SHA256_PATH, 8 * GIB, id="a size for pax"),
        pytest.param(f"{SHA512_PATH}.part-0001", 99_900_000_000, id="a long name and a large size"),
    ],
)
def test_the_standard_library_reads_what_we_write(name: str, size: int) -> None:
    header = tar.header(name, size)
    member = read_by_the_standard_library(header)
    assert (member.name, member.size, member.isreg()) == (name, size, True)
    assert (member.mode, member.uid, member.gid, member.mtime) == (0o644, 0, 0, 0)
    assert (member.uname, member.gname, member.linkname) == ("", "", "")
    assert member.offset_data == len(header) == tar.header_bytes(name, size)


@pytest.mark.parametrize(
    ("name", "target"),
    [("a/layer.tar", "../b/layer.tar"), ("n" * 100, "t" * 100)],
    ids=["a layer of docker save", "the longest names"],
)
def test_the_standard_library_reads_our_links(name: str, target: str) -> None:
    header = tar.link_header(name, target)
    member = read_by_the_standard_library(header)
    assert (member.name, member.linkname, member.size, member.issym()) == (name, target, 0, True)
    assert (member.mode, member.uid, member.gid, member.mtime) == (0o644, 0, 0, 0)
    assert tar.parse_header(header, what="test") == Header(name, tar.SOFT_LINK, 0, target)
    assert len(header) == tar.BLOCK_BYTES


def test_a_whole_archive_reads_as_it_was_written() -> None:
    contents = {"oci-layout": b"{}", SHA256_PATH: bytes(range(256)) * 2, SHA512_PATH: b"x" * 513, "empty": b""}
    archive = b"".join(
        tar.header(name, len(content)) + content + bytes(tar.padding_bytes(len(content)))
        for name, content in contents.items()
    )
    assert len(archive) == sum(tar.member_bytes(name, len(content)) for name, content in contents.items())
    with tarfile.open(fileobj=io.BytesIO(archive + tar.END), mode="r:") as opened:
        read = {member.name: opened.extractfile(member).read() for member in opened.getmembers()}  # type: ignore[union-attr]
    assert read == contents


def test_the_header_is_the_one_of_the_standard_library() -> None:
    info = tarfile.TarInfo(SHA256_PATH)
    info.size = 12345
    theirs = info.tobuf(tarfile.USTAR_FORMAT)
    # Only the device numbers differ: POSIX wants none for a regular file, the standard library writes zeros.
    assert tar.header(SHA256_PATH, 12345)[:148] == theirs[:148]
    assert tar.header(SHA256_PATH, 12345)[156:329] == theirs[156:329]


def test_the_test_values_of_format_md_are_met() -> None:
    header = tar.header("oci-layout", 31)
    assert (header[124:136], header[148:156]) == (b"00000000037\0", b"007755\0 ")
    assert tar.header(SHA256_PATH, 8 * GIB)[512:1024].rstrip(b"\0") == b"19 size=8589934592\n"
    records = tar.header(SHA512_PATH, 1)[512:1024].rstrip(b"\0")
    assert records == f"151 path={SHA512_PATH}\n".encode()
    assert len(records) == 151


@pytest.mark.parametrize(
    ("size", "padding"), [(0, 0), (1, 511), (511, 1), (512, 0), (513, 511)], ids=["0", "1", "511", "512", "513"]
)
def test_data_is_padded_to_whole_blocks(size: int, padding: int) -> None:
    assert tar.padding_bytes(size) == padding


@each_case("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT], ids=["ustar", "gnu", "pax"])
@each_case(
    ("kind", "link"),
    [(tarfile.REGTYPE, ""), (tarfile.DIRTYPE, ""), (tarfile.SYMTYPE, "../x"), (tarfile.LNKTYPE, "y")],
    ids=["file", "folder", "symbolic link", "hard link"],
)
def test_we_read_the_headers_that_the_standard_library_writes(form: int, kind: bytes, link: str) -> None:
    info = tarfile.TarInfo("some/näme")
    info.type, info.linkname, info.size = kind, link, 77 if kind == tarfile.REGTYPE else 0
    read = tar.parse_header(block_of(info, form) if form != tarfile.PAX_FORMAT else block_of(info), what="test")
    assert read is not None
    assert (read.type, read.size_bytes, read.link_name) == (kind, info.size, link)
    assert read.name.rstrip("/") == "some/näme"


def test_the_prefix_of_a_long_name_belongs_to_it() -> None:
    info = tarfile.TarInfo(f"{'p' * 155}/{'n' * 100}")
    assert tar.parse_header(block_of(info), what="test") == Header(info.name, tar.REGULAR, 0, "")


def test_sizes_in_base_256_are_read() -> None:
    info = tarfile.TarInfo("large")
    info.size = 3 << 40
    header = tar.parse_header(info.tobuf(tarfile.GNU_FORMAT), what="test")
    assert header is not None
    assert header.size_bytes == 3 << 40


def test_the_largest_size_is_2_to_the_62_less_1() -> None:
    header = tar.parse_header(changed(tar.header("a", 5), 124, b"\x80" + (2**62 - 1).to_bytes(11, "big")), what="test")
    assert header == Header("a", tar.REGULAR, 2**62 - 1, "")
    with raises(Damaged, subject="test"):
        tar.parse_header(changed(tar.header("a", 5), 124, b"\x80" + (2**62).to_bytes(11, "big")), what="test")


@pytest.mark.parametrize("kind", [b"\0", b"7"], ids=["before POSIX", "contiguous"])
def test_old_kinds_of_regular_files_are_regular_files(kind: bytes) -> None:
    header = tar.parse_header(changed(tar.header("a", 5), 156, kind), what="test")
    assert header == Header("a", tar.REGULAR, 5, "")


def test_a_block_of_zeros_is_the_end() -> None:
    assert tar.parse_header(bytes(512), what="test") is None


@each_case(
    ("block", "message"),
    [
        pytest.param(tar.header("a", 5)[:-1], "header", id="cut"),
        pytest.param(b"", "header", id="nothing"),
        pytest.param(b"\x01" + tar.header("a", 5)[1:], "checksum", id="a changed name"),
        pytest.param(b"x" * 512, "number", id="noise"),
        pytest.param(changed(tar.header("a", 5), 124, b"\xff" * 12), "number", id="a negative size"),
        pytest.param(changed(tar.header("a", 5), 124, b"-0000000010\0"), "number", id="a minus sign"),
        pytest.param(changed(tar.header("a", 5), 124, b"\x80" + b"\xff" * 11), "number", id="beyond 2^62"),
        pytest.param(changed(tar.header("a", 5), 124, b"00000000008\0"), "number", id="no octal digit"),
        pytest.param(changed(tar.header("a", 5), 124, b"0000 000001\0"), "number", id="a blank inside"),
        pytest.param(changed(tar.header("a", 5), 0, b"\xff"), "not UTF-8", id="a name that is not UTF-8"),
    ],
)
def test_a_header_that_tar_does_not_allow_is_damage(block: bytes, message: str) -> None:
    with pytest.raises(Damaged, match=message) as caught:
        tar.parse_header(block, what="image.tar")
    assert caught.value.subject == "image.tar"


def test_a_flipped_bit_in_a_header_is_damage_or_changes_nothing() -> None:
    good = tar.header(SHA256_PATH, 12345)
    unnoticed = []
    for bit in range(512 * 8):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        try:
            assert tar.parse_header(bytes(bad), what="test") == tar.parse_header(good, what="test")
            unnoticed.append(bit // 8)
        except Damaged:
            pass
    # In the checksum's own field a leading zero may become a blank, and the other way round.
    assert set(unnoticed) <= set(range(148, 156))


def test_we_read_the_extended_headers_that_the_standard_library_writes() -> None:
    info = tarfile.TarInfo("ä" * 120)
    info.size = 9 * GIB
    blocks = info.tobuf(tarfile.PAX_FORMAT)
    header = tar.parse_header(blocks[:512], what="test")
    assert header is not None
    assert header.type == tar.PAX
    records = tar.parse_pax(blocks[512 : 512 + header.size_bytes], what="test")
    assert records["path"] == info.name
    assert tar.pax_size(records, 0, what="test") == 9 * GIB


@pytest.mark.parametrize(
    ("records", "read"),
    [
        pytest.param(b"", {}, id="none"),
        pytest.param(b"10 path=a\n" + bytes(20), {"path": "a"}, id="padded"),
        pytest.param(b"10 path=a\n10 size=5\n", {"path": "a", "size": "5"}, id="two"),
        pytest.param(b"10 path=a\n10 path=b\n", {"path": "b"}, id="the last one counts"),
        pytest.param(b"12 path=a=b\n", {"path": "a=b"}, id="an equals sign in the value"),
        pytest.param(b"12 path=a\nb\n", {"path": "a\nb"}, id="a newline in the value"),
        pytest.param(b"8 size=\n", {"size": ""}, id="an empty value"),
    ],
)
def test_extended_records_are_read(records: bytes, read: dict[str, str]) -> None:
    assert tar.parse_pax(records, what="test") == read


@each_case(
    "records",
    [
        pytest.param(b"path=a\n", id="no length"),
        pytest.param(b"0 path=a\n", id="length zero: an endless loop in naive readers"),
        pytest.param(b"-9 path=a\n", id="a negative length"),
        pytest.param(b"8 path=a\n", id="a length that is too short"),
        pytest.param(b"11 path=a\n", id="a length that leaves the header by one"),
        pytest.param(b"100 path=a\n", id="a length that leaves the header"),
        pytest.param(b"10 path=a\n100 size=5\n", id="a second record that leaves the header"),
        pytest.param(b"8 patha\n", id="no equals sign"),
        pytest.param(b"10 path=ab", id="no newline"),
        pytest.param(b"\xb2 path=a\n", id="a digit that is not ASCII"),
        pytest.param(b"9" * 100, id="digits without end"),
        pytest.param(b"3 \n", id="nothing but a length"),
    ],
)
def test_a_malformed_extended_header_is_damage(records: bytes) -> None:
    with raises(Damaged, subject="test"):
        tar.parse_pax(records, what="test")


@pytest.mark.parametrize(
    "size",
    ["", "-1", "0x10", "1.5", "٣", "1" * 20, " 1"],
    ids=["empty", "negative", "hex", "fraction", "Arabic", "20 digits", "blank"],
)
def test_an_impossible_size_in_an_extended_header_is_damage(size: str) -> None:
    with raises(Damaged, subject="test"):
        tar.pax_size({"size": size}, 7, what="test")


def test_an_extended_header_without_a_size_leaves_the_size() -> None:
    assert tar.pax_size({"path": "a"}, 7, what="test") == 7
