"""Archives of strangers: read strictly, never unpacked, refused with what is wrong and where."""

from __future__ import annotations

import io
import tarfile

import pytest

from bundler.core import tar
from bundler.errors import Damaged
from bundler.stores.tar_reader import TarMember, TarReader, resolve_links
from tests.support.errors import raises


class Bytes:
    """A stream over bytes that gives as few at a time as it may."""

    def __init__(self, content: bytes, at_a_time: int = 700) -> None:
        self._file = io.BytesIO(content)
        self._size = len(content)
        self._at_a_time = at_a_time

    def read(self, size_bytes: int) -> bytes:
        return self._file.read(min(size_bytes, self._at_a_time))

    def skip(self, size_bytes: int) -> bool:
        self._file.seek(size_bytes, io.SEEK_CUR)
        return self._file.tell() <= self._size


def read(content: bytes) -> dict[str, bytes]:
    reader = TarReader(Bytes(content), what="test.tar")
    return {member.name: b"".join(map(bytes, reader.pieces())) for member in reader}


def made(tar_format: int = tarfile.PAX_FORMAT, **files: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tar_format) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def linked(kind: bytes, name: str, target: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, target
        archive.addfile(info)
    return buffer.getvalue()


LONG = "a/" * 120 + "long"


@pytest.mark.parametrize("tar_format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_archives_of_every_usual_format_are_read(tar_format):
    files = {"./x/one": b"1" * 1000, "two": b"", "three": b"3" * 512}
    files |= {} if tar_format == tarfile.USTAR_FORMAT else {LONG: b"long name"}
    found = read(made(tar_format, **files))
    assert found == {name.removeprefix("./"): content for name, content in files.items()}


def test_members_that_are_not_wanted_are_passed_over():
    reader = TarReader(Bytes(made(a=b"x" * 3000, b=b"y" * 10)), what="test.tar")
    assert list(reader) == [TarMember("a", 3000, 512), TarMember("b", 10, 512 + 3072 + 512)]


def test_a_file_of_another_kind_is_no_archive_that_was_cut():
    for content in (b"name: month\nimages: [a:1]\n", b"x" * 600):
        with pytest.raises(Damaged, match="does not start like a tar"):
            read(content)
    for content in (b"", made(a=b"x")[:300]):
        with pytest.raises(Damaged, match="truncated"):
            read(content)


def test_a_cut_anywhere_is_noticed():
    whole = made(one=b"1" * 600, two=b"2" * 600)
    end = whole.rindex(b"2") + 1
    for length in range(0, tar.padding_bytes(end) + end, 256):
        with pytest.raises(Damaged):
            read(whole[:length])


@pytest.mark.parametrize(
    ("kind", "name", "target"),
    [
        (tarfile.SYMTYPE, "a/layer.tar", "../../etc/shadow"),
        (tarfile.SYMTYPE, "layer.tar", "/etc/shadow"),
        (tarfile.LNKTYPE, "a/layer.tar", "../layer.tar"),
        (tarfile.SYMTYPE, "a/layer.tar", "../a/layer.tar"),
        (tarfile.CHRTYPE, "a/layer.tar", ""),
        (tarfile.FIFOTYPE, "a/layer.tar", ""),
    ],
    ids=["link out", "absolute link", "hard link out", "link to itself", "device", "pipe"],
)
def test_links_out_of_the_archive_and_devices_are_refused(kind, name, target):
    with pytest.raises(Damaged, match=r"a/layer\.tar|layer\.tar"):
        read(linked(kind, name, target))


def test_a_link_inside_the_archive_is_another_name():
    (member,) = TarReader(Bytes(linked(tarfile.SYMTYPE, "b/layer.tar", "../a/layer.tar")), what="x")
    assert (member.name, member.link) == ("b/layer.tar", "a/layer.tar")
    resolve_links({member.name: member.link or ""}, {"a/layer.tar"}, what="x")


@pytest.mark.parametrize("files", [set(), {"b/layer.tar"}], ids=["nothing", "the link itself"])
def test_a_link_to_no_file_is_refused(files):
    with raises(Damaged, subject="x: 'b/layer.tar'"):
        resolve_links({"b/layer.tar": "a/layer.tar"}, files, what="x")


def test_a_name_that_is_there_twice_is_refused():
    content = made(a=b"1")[:1024] + made(a=b"2")
    with raises(Damaged, subject="test.tar: 'a'"):
        read(content)


@pytest.mark.parametrize(
    "size", [b"\x80" + b"\xff" * 11, b"\xff" * 12, b"-0000000001\0", b"9999999999\0\0"],
    ids=["huge", "negative in base 256", "negative", "not octal"],
)  # fmt: skip
def test_impossible_sizes_are_refused(size):
    header = bytearray(tar.header("a", 1))
    header[124:136] = size
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    with pytest.raises(Damaged):
        read(bytes(header) + bytes(512) + tar.END)


@pytest.mark.parametrize("size", ["-1", "1e9", "99999999999999999999", ""], ids=repr)
def test_impossible_sizes_in_extended_headers_are_refused(size):
    record = f" size={size}\n"
    record = f"{len(record) + 2}{record}"
    block = record.encode().ljust(512, b"\0")
    pax = bytearray(tar.header("x", len(record)))
    pax[156:157] = tar.PAX
    pax[148:156] = b" " * 8
    pax[148:156] = b"%06o\0 " % sum(pax)
    with pytest.raises(Damaged):
        read(bytes(pax) + block + tar.header("a", 1) + bytes(512) + tar.END)
