"""A bundle gives the bytes of the plan or an error that names the chunk; a whole copy on another medium is used."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bundler.bundle.check import check
from bundler.bundle.check_around_blobs import check_around_blobs
from bundler.bundle.copies import GivenUp
from bundler.bundle.decrypted import DecryptedChunks
from bundler.bundle.findings import Finding
from bundler.bundle.opening import UncheckedBundle, find, load
from bundler.bundle.read_back import ReadingBack
from bundler.bundle.reader import Bundle
from bundler.core import oci
from bundler.core.digest import Digest
from bundler.core.manifest import Stored
from bundler.core.oci import Descriptor
from bundler.core.protocols import OpenFile
from bundler.errors import Damaged
from bundler.system.cold_reads import ColdReads
from bundler.system.files import forget_cached
from bundler.system.scratch import Scratch
from bundler.workers import Cancellation
from tests.support.errors import raises, values_in
from tests.unit.bundle.chunks import CUT, LARGE, SMALL, plan_of, write_bundle
from tests.unit.values import described

LAYERS = (LARGE, SMALL, CUT)
PLAN = plan_of(*LAYERS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_bundle(tmp_path / "bundle", PLAN, *LAYERS)


def opened(*folders: Path) -> Bundle:
    bundle = load(find(folders).taken_as_it_is())
    assert isinstance(bundle, Bundle)
    return bundle


def stored(content: bytes) -> Stored:
    return next(each for each in PLAN.manifest.stored() if each.digest == Digest.of(content))


def chunk_of(content: bytes) -> str:
    return PLAN.manifest.chunks[stored(content).pieces[0].chunk - 1].file


def flip(path: Path, offset: int) -> None:
    """Changes one bit; a negative offset counts from the end."""
    content = bytearray(path.read_bytes())
    content[offset] ^= 1
    path.write_bytes(content)


def flip_data(folder: Path, content: bytes) -> None:
    flip(folder / chunk_of(content), stored(content).pieces[0].offset_bytes)


def read(bundle: Bundle, content: bytes, offset_bytes: int = 0) -> bytes:
    return b"".join(map(bytes, bundle.open_blob(described(content), offset_bytes=offset_bytes)))


def test_blobs_are_read_from_any_offset_on(folder):
    bundle = opened(folder)
    for content in LAYERS:
        assert read(bundle, content) == content
        assert read(bundle, content, len(content) - 3) == content[-3:]
    assert bundle.scratch_bytes == 0


def test_changed_framing_is_found_while_a_blob_is_read(folder):
    bundle = opened(folder)
    header_offset = stored(LARGE).pieces[0].offset_bytes - 512
    flip(folder / chunk_of(LARGE), header_offset)
    with raises(Damaged, subject=f"{chunk_of(LARGE)} at offset {header_offset}"):
        read(bundle, LARGE)


def test_blobs_and_their_framing_are_the_same_when_they_are_read_without_the_page_cache(disk_path):
    folder = write_bundle(disk_path / "bundle", PLAN, *LAYERS)
    whole, changed = opened(folder), stored(CUT).pieces[0].offset_bytes - 512
    whole.cold_reads = CountedReads()
    for chunk in folder.glob("chunk-*"):
        forget(chunk)
    for content in LAYERS:
        assert read(whole, content) == content
    if not whole.cold_reads.count:
        pytest.skip("nothing is read without the page cache here (cachestat(2), Linux 6.5)")
    flip(folder / chunk_of(CUT), changed)
    forget(folder / chunk_of(CUT))
    with raises(Damaged, subject=f"{chunk_of(CUT)} at offset {changed}"):
        read(whole, CUT)


class CountedReads(ColdReads):
    """Counts the pieces that it has read."""

    count = 0

    def read(self, file: OpenFile, view: memoryview, offset_bytes: int) -> bool:
        is_read = super().read(file, view, offset_bytes)
        self.count += is_read
        return is_read


def forget(path: Path) -> None:
    with path.open("rb") as file:
        forget_cached(file.fileno())


def test_a_document_with_wrong_bytes_is_refused(folder):
    flip_data(folder, SMALL)
    bundle = opened(folder)
    with raises(Damaged, subject=chunk_of(SMALL), expected=str(Digest.of(SMALL))):
        bundle.read_document(described(SMALL))
    assert not bundle.find_whole(described(SMALL), lambda _: None)


def test_a_document_that_is_damaged_on_one_medium_is_read_from_another(folder, tmp_path):
    other = shutil.copytree(folder, tmp_path / "other")
    flip_data(folder, SMALL)
    bundle = opened(folder, other)
    assert bundle.read_document(described(SMALL)) == SMALL
    assert bundle.find_whole_chunk(stored(SMALL).pieces[0].chunk, lambda _: None)
    assert [(each.file, each.bad.parent, each.used.parent) for each in bundle.given_up] == [
        (chunk_of(SMALL), folder, other)
    ]
    assert bundle.recovered_chunks == 1
    bundle.turn_to(bundle.sealed, bundle.chunks)
    assert len(bundle.given_up) == 1, "a changed medium does not make the copy a good one"


def test_bad_copies_of_encrypted_chunks_are_known_after_the_medium_was_changed(folder, tmp_path):
    bundle = opened(folder)
    bad = GivenUp("chunk-0001.7z", folder, tmp_path)
    bundle.decrypted = DecryptedChunks(lambda number, into: bad, Scratch(tmp_path), at_a_time=1)
    with bundle.decrypted.opened(1):
        assert bundle.given_up == [bad]
    bundle.turn_to(
        bundle.sealed, bundle.chunks, DecryptedChunks(lambda number, into: None, Scratch(tmp_path), at_a_time=1)
    )
    assert bundle.given_up == [bad]


def test_a_whole_copy_is_looked_for_once_for_each_blob(folder, tmp_path):
    other = shutil.copytree(folder, tmp_path / "other")
    bundle = opened(folder, other)
    read_bytes: list[int] = []
    assert bundle.find_whole(described(SMALL), read_bytes.append)
    assert read_bytes
    assert bundle.given_up == [], "the first copy is whole"
    read_bytes.clear()
    assert not bundle.find_whole(described(SMALL), read_bytes.append)
    assert bundle.find_whole_chunk(stored(SMALL).pieces[0].chunk, read_bytes.append)
    assert read_bytes == []


def test_of_a_chunk_without_a_file_of_its_name_no_whole_copy_is_looked_for(folder):
    (folder / chunk_of(SMALL)).rename(folder / "renamed")
    bundle = opened(folder)
    assert not bundle.find_whole(described(SMALL), lambda _: None)
    assert bundle.given_up == []


def test_an_index_that_was_made_is_read_although_no_chunk_holds_it(folder):
    bundle = opened(folder)
    made = described(b"{}", oci.OCI_INDEX)
    bundle.add_made({made: b"{}"})
    assert bundle.read_document(made) == b"{}"


def test_a_blob_says_where_it_lies(folder):
    bundle = opened(folder)
    cut = described(CUT)
    first, last = (PLAN.manifest.chunks[stored(CUT).pieces[at].chunk - 1].file for at in (0, -1))
    assert str(bundle.where(cut)) == f"{first} at offset {stored(CUT).pieces[0].offset_bytes}, to {last}"
    small = described(SMALL)
    assert str(bundle.where(small)) == f"{chunk_of(SMALL)} at offset {stored(SMALL).pieces[0].offset_bytes}"


def around(bundle: Bundle) -> list[str]:
    return [finding.file for finding in check_around_blobs(bundle, lambda _: None)]


def test_an_import_checks_the_bytes_that_it_does_not_read(folder, tmp_path):
    assert around(opened(folder)) == []
    layout = PLAN.manifest.files[0].pieces[0]
    first, last = PLAN.manifest.chunks[layout.chunk - 1].file, PLAN.manifest.chunks[-1].file
    other = shutil.copytree(folder, tmp_path / "other")
    flip(folder / first, layout.offset_bytes)
    flip(folder / last, -1)
    assert around(opened(folder)) == [first, last]
    assert around(opened(folder, other)) == []
    (folder / first).unlink()
    assert around(opened(folder)) == [last], "the images that need the missing chunk report it"


def found(folder: Path) -> list[Finding]:
    """The findings of a check of everything."""
    return list(check(opened(folder), jobs=1, listener=lambda _: None, cancellation=Cancellation()).findings)


def test_a_long_list_of_strange_files_is_cut_short(folder, monkeypatch):
    monkeypatch.setattr("bundler.bundle.findings.FINDINGS", 2)
    for number in range(5):
        (folder / f"photo{number}.jpg").touch()
    assert [finding.file for finding in found(folder)] == ["photo0.jpg", "photo1.jpg", "photo2.jpg"]
    assert values_in(found(folder)[-1].error.message)["count"] == 3


def test_a_long_list_of_signatures_that_are_none_is_cut_short(folder, monkeypatch):
    monkeypatch.setattr("bundler.bundle.findings.FINDINGS", 2)
    for number in range(5):
        (folder / f"SHA256SUMS.{number:016x}.sig").touch()
    assert [finding.file for finding in found(folder)] == [
        "SHA256SUMS",
        *(f"SHA256SUMS.{number:016x}.sig" for number in range(2)),
    ]


def test_sums_without_a_small_file_are_damaged(folder):
    lines = (folder / "SHA256SUMS").read_bytes().splitlines(keepends=True)
    (folder / "SHA256SUMS").write_bytes(b"".join(line for line in lines if b"README.txt" not in line))
    messages = [values_in(finding.error.message) for finding in found(folder) if finding.file == "SHA256SUMS"]
    assert [each["name"] for each in messages] == ["README.txt"]


def read_back(folder: Path, small: dict[str, str] | None = None) -> list[str]:
    reading = ReadingBack(jobs=1, listener=lambda _: None, cancellation=Cancellation())
    return reading([folder], (folder / "SHA256SUMS").read_bytes(), small or {})


def test_a_bundle_that_is_as_it_was_written_comes_back(folder):
    readme = Digest.of((folder / "README.txt").read_bytes()).encoded
    assert read_back(folder, {"README.txt": readme}) == []


def test_small_files_that_come_back_otherwise_are_named(folder):
    assert read_back(folder, {"README.txt": "a" * 64, "gone": "a" * 64}) == ["README.txt", "gone"]


def test_chunks_that_come_back_otherwise_are_named(folder):
    flip_data(folder, SMALL)
    assert read_back(folder) == [chunk_of(SMALL)]


def test_a_chunk_with_a_wrong_end_is_named(folder):
    last = PLAN.manifest.chunks[-1].file
    flip(folder / last, -1)
    assert read_back(folder) == [last]


def test_all_chunks_of_a_cut_blob_are_suspected(folder):
    flip_data(folder, CUT)
    files = {PLAN.manifest.chunks[piece.chunk - 1].file for piece in stored(CUT).pieces}
    assert len(files) > 1
    assert set(read_back(folder)) <= files
    assert chunk_of(CUT) in read_back(folder)


def test_a_file_that_the_medium_does_not_let_go_is_named(folder, monkeypatch):
    def fails(descriptor: int) -> None:
        raise OSError(5, "I/O error")

    monkeypatch.setattr("bundler.bundle.read_back.forget_cached", fails)
    assert set(read_back(folder)) == {path.name for path in folder.iterdir()}


def test_sums_that_do_not_list_a_chunk_are_refused(folder):
    lines = (folder / "SHA256SUMS").read_bytes().splitlines(keepends=True)
    content = b"".join(line for line in lines if b"chunk-0001" not in line)
    (folder / "SHA256SUMS").write_bytes(content)
    with raises(Damaged, subject="bundle.json", values={"unlisted": "chunk-0001.tar"}):
        opened(folder)
    bare = UncheckedBundle(find([folder]).listings, b"".join(line for line in lines if b"bundle.json" not in line))
    with raises(Damaged, subject="SHA256SUMS", values={"name": "bundle.json"}):
        load(bare.taken_as_it_is())


def test_a_descriptor_of_another_medium_type_is_the_same_blob(folder):
    small = described(SMALL)
    assert opened(folder).read_document(Descriptor("other/type", small.digest, small.size_bytes)) == SMALL
