"""A 7z archive gives the tar in it or a tar of its files; anything else is an error in words, and nothing is unpacked."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import py7zr
import pytest

from bundler.errors import Damaged
from bundler.stores import seven_zip_files
from tests.support.archives import tar_of, write_7z

FILES = {"manifest.json": b"[1]", "a/layer.tar": bytes(range(256)) * 5000, "empty": b"", "b": b"x" * 512}


def unpacked(path: Path) -> bytes:
    return b"".join(bytes(piece) for piece in seven_zip_files.unpacked(path, what="test.7z"))


def members(content: bytes) -> dict[str, bytes | str]:
    found: dict[str, bytes | str] = {}
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
        for member in archive.getmembers():
            data = archive.extractfile(member) if member.isreg() else None
            found[member.name] = data.read() if data else f"-> {member.linkname}"
    return found


def refusal(path: Path) -> Damaged:
    with pytest.raises(Damaged) as caught:
        unpacked(path)
    assert caught.value.subject == "test.7z"
    assert "Traceback" not in str(caught.value)
    return caught.value


def test_a_single_tar_comes_out_as_it_is(tmp_path: Path) -> None:
    content = tar_of(FILES)
    assert unpacked(write_7z(tmp_path / "x", {"image.tar": content})) == content


def test_loose_files_become_a_tar_of_them(tmp_path: Path) -> None:
    content = unpacked(write_7z(tmp_path / "x", FILES))
    assert members(content) == FILES
    assert content.endswith(bytes(1024))


def test_the_order_of_loose_files_is_the_one_of_the_archive(tmp_path: Path) -> None:
    files = {f"{number}": b"%d" % number * 1000 for number in (3, 1, 2)}
    assert list(members(unpacked(write_7z(tmp_path / "x", files)))) == ["3", "1", "2"]


def test_folders_are_passed_over_and_links_are_kept(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    (folder / "a").mkdir(parents=True)
    (folder / "b").mkdir()
    (folder / "a/layer.tar").write_bytes(b"layer" * 1000)
    os.symlink("../a/layer.tar", folder / "b/layer.tar")
    with py7zr.SevenZipFile(tmp_path / "x.7z", "w") as archive:
        archive.writeall(folder, "")
    found = members(unpacked(tmp_path / "x.7z"))
    assert found == {"a/layer.tar": b"layer" * 1000, "b/layer.tar": "-> ../a/layer.tar"}


@pytest.mark.parametrize(
    "filters",
    [
        [{"id": py7zr.FILTER_LZMA2, "preset": 9}],
        [{"id": py7zr.FILTER_LZMA, "preset": 1}],
        [{"id": py7zr.FILTER_BZIP2}],
        [{"id": py7zr.FILTER_DEFLATE}],
        [{"id": py7zr.FILTER_ZSTD}],
        [{"id": py7zr.FILTER_COPY}],
    ],
    ids=["LZMA2", "LZMA", "bzip2", "Deflate", "Zstandard", "stored"],
)
def test_the_usual_methods_of_7z_are_read(filters: list[dict[str, int]], tmp_path: Path) -> None:
    with py7zr.SevenZipFile(tmp_path / "x.7z", "w", filters=filters) as archive:
        archive.writestr(tar_of(FILES), "image.tar")
    assert unpacked(tmp_path / "x.7z") == tar_of(FILES)


def test_the_name_of_the_only_tar_may_be_any(tmp_path: Path) -> None:
    for name in ("образ.tar", "镜像.tar", "a" * 300 + ".tar"):
        assert unpacked(write_7z(tmp_path / "x", {name: tar_of(FILES)})) == tar_of(FILES)


def test_loose_files_with_impossible_names_are_damage(tmp_path: Path) -> None:
    for name in ("слой.tar", "a" * 300):
        assert "invalid name" in str(refusal(write_7z(tmp_path / "x", {**FILES, name: b"x"})))


def test_an_archive_that_was_cut_is_damage_wherever_it_was_cut(tmp_path: Path) -> None:
    whole = write_7z(tmp_path / "x", {"image.tar": os.urandom(100_000)}).read_bytes()
    for length in (6, 31, 32, 5000, len(whole) - 1):
        (tmp_path / "cut").write_bytes(whole[:length])
        refusal(tmp_path / "cut")


def test_an_archive_with_a_changed_byte_is_damage(tmp_path: Path) -> None:
    whole = bytearray(write_7z(tmp_path / "x", {"image.tar": os.urandom(100_000)}).read_bytes())
    for place in (50_000, len(whole) - 10):
        spoilt = bytearray(whole)
        spoilt[place] ^= 0xFF
        (tmp_path / "spoilt").write_bytes(spoilt)
        assert refusal(tmp_path / "spoilt").hint


@pytest.mark.parametrize(
    "content", [b"", b"7z\xbc\xaf\x27\x1c", b"PK\3\4" * 100, b"x" * 5000], ids=["nothing", "magic", "zip", "x"]
)
def test_what_is_no_7z_archive_is_damage(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(content)
    assert "7z" in str(refusal(tmp_path / "x"))


@pytest.mark.parametrize(
    "has_hidden_names",
    [
        pytest.param(False, id="its content"),
        pytest.param(True, id="its names too"),
    ],
)
def test_an_encrypted_archive_is_reported_as_such(has_hidden_names: bool, tmp_path: Path) -> None:
    path = write_7z(tmp_path / "x", FILES, password="secret", has_hidden_names=has_hidden_names)
    error = refusal(path)
    assert "encrypted" in str(error)
    assert "copy it again" not in (error.hint or "")


def test_an_archive_of_nothing_is_an_empty_tar(tmp_path: Path) -> None:
    assert members(unpacked(write_7z(tmp_path / "x", {}))) == {}


def test_pieces_are_bounded(tmp_path: Path) -> None:
    path = write_7z(tmp_path / "x", {"image.tar": bytes(5 << 20)})
    sizes = [len(piece) for piece in seven_zip_files.unpacked(path, what="x")]
    assert (sum(sizes), max(sizes) <= 1 << 20) == (5 << 20, True)


def test_the_process_that_decodes_ends_with_its_reader(tmp_path: Path) -> None:
    archive = write_7z(tmp_path / "x", {"image.tar": os.urandom(3 << 20)})
    others = children()
    pieces = seven_zip_files.unpacked(archive, what="x")
    next(pieces)
    assert children() > others
    pieces.close()
    assert children() == others


def children() -> set[str]:
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


def test_nothing_is_written_next_to_the_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    unpacked(write_7z(tmp_path / "x", FILES))
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
