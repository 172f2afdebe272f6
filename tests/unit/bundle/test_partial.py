"""A partial bundle is resumed, discarded or sealed only if everything in it is an export's."""

from __future__ import annotations

from pathlib import Path

import pytest

from bundler.bundle.partial import PartialFolder, StartedFolder
from bundler.core.journal import DoneChunk, ExportStart
from bundler.core.manifest import Chunk
from bundler.errors import LocalStorage, Misuse
from tests.support.errors import raises

START = ExportStart({}, {}, "", "", "")
CHUNKS = (Chunk("chunk-0001.tar", 2000), Chunk("chunk-0002.tar", 2000))
SMALL_FILES = {"README.txt": [b"read me\n"], "bundle.json": [b"{", b"}\n"]}
DONE = DoneChunk(2000, "a" * 64)


@pytest.fixture
def place(tmp_path: Path) -> PartialFolder:
    return PartialFolder(tmp_path / "media", "test", secrets=tmp_path / "secrets")


def start(place: PartialFolder, *files: str) -> StartedFolder:
    """Starts an export, and writes files of 2,000 bytes as it would."""
    place.final_path.parent.mkdir(exist_ok=True)
    started = place.start(CHUNKS, START, None)
    for name in files:
        (place.path / name).write_bytes(b"x" * 2000)
    return started


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    ("number", "size_bytes", "is_kept"), [(1, 2000, True), (1, 1999, False), (2, 2000, False), (3, 2000, False)]
)
def test_a_chunk_of_the_journal_is_done_only_if_it_is_there_with_its_size(place, number, size_bytes, is_kept):
    first = start(place, "chunk-0001.tar")
    first.journal.note_done(number, DoneChunk(size_bytes, "a" * 64))
    first.close()
    again = place.start(CHUNKS, START, place.read_journal())
    again.close()
    assert list(again.journal.done) == ([number] if is_kept else [])
    assert place.read_journal().done.keys() == again.journal.done.keys()
    assert again.was_there
    assert not first.was_there


def test_what_the_plan_lacks_is_removed_before_an_export_goes_on(place):
    start(place, "chunk-0001.tar", "chunk-0003.tar", "README.txt", "SHA256SUMS").close()
    place.start(CHUNKS, START, None).close()
    assert names(place.path) == ["chunk-0001.tar"]


@pytest.mark.parametrize("action", ["start", "discard"])
def test_nothing_that_is_of_no_export_is_removed(place, action):
    start(place, "chunk-0001.tar", "notes.txt").close()
    with raises(Misuse, subject=str(place.path / "notes.txt")):
        place.discard() if action == "discard" else place.start(CHUNKS, START, None)
    assert names(place.path) == ["chunk-0001.tar", "notes.txt"]


@pytest.mark.parametrize("action", ["start", "discard"])
def test_the_folders_of_an_interrupted_parity_are_removed_and_nothing_else(place, action):
    for planted in ("", "notes.txt"):
        start(place, "chunk-0001.tar").close()
        links = place.path / "._parity.chunks"
        links.mkdir(exist_ok=True)
        (links / "chunk-0001.tar").hardlink_to(place.path / "chunk-0001.tar")
        if planted:
            (links / planted).write_text("of the user")
            with raises(Misuse, subject=str(links / planted)):
                place.discard() if action == "discard" else place.start(CHUNKS, START, None)
            assert (links / planted).read_text() == "of the user"
        else:
            place.discard() if action == "discard" else place.start(CHUNKS, START, None).close()
            assert names(place.path) == ([] if action == "discard" else ["chunk-0001.tar"])


def test_a_folder_with_the_name_of_a_chunk_is_not_removed(place):
    start(place).close()
    (place.path / "chunk-0001.tar").mkdir()
    with raises(Misuse, subject=str(place.path / "chunk-0001.tar")):
        place.discard()
    assert names(place.path) == ["chunk-0001.tar"]


def test_what_is_discarded_leaves_neither_chunks_nor_a_journal(place):
    start(place, "chunk-0001.tar", "bundle.json").close()
    place.discard()
    assert names(place.path) == []
    assert place.read_journal() is None
    place.path.rmdir()
    place.discard()


def test_a_finished_bundle_is_not_discarded(place):
    start(place).close()
    place.final_path.mkdir()
    with raises(Misuse, subject=str(place.final_path)):
        place.discard()
    assert place.read_journal() is not None


def test_the_journal_is_kept_until_the_bundle_is_finished(place):
    started = start(place)
    started.close()
    place.forget_start()
    assert place.read_journal() is not None
    place.path.rename(place.final_path)
    place.forget_start()
    assert place.read_journal() is None


def test_a_medium_that_returns_other_bytes_leaves_the_bundle_partial(place):
    started = start(place, "chunk-0001.tar", "chunk-0002.tar")
    for number in (1, 2):
        started.journal.note_done(number, DONE)
    asked = []

    def read_back(folder, sums_content, written):
        asked.append((folder, sums_content, sorted(written)))
        return ["README.txt", "chunk-0002.tar"]

    with raises(LocalStorage, subject=str(place.path), values={"files": "README.txt, chunk-0002.tar"}):
        started.seal(SMALL_FILES, {"chunk-0001.tar": "a" * 64}, None, read_back=read_back)
    started.close()
    sums_content = (place.path / "SHA256SUMS").read_bytes()
    assert asked == [([place.path], sums_content, ["README.txt", "SHA256SUMS", "bundle.json", "restore.py"])]
    assert not place.is_finished
    assert list(place.read_journal().done) == [1], "the chunk that came back otherwise is written again"


def test_a_bundle_that_came_back_as_it_was_written_is_finished(place):
    started = start(place)
    started.seal(SMALL_FILES, {}, None, read_back=lambda *_: [])
    started.close()
    assert place.is_finished
    assert not place.has_partial


def test_a_folder_that_was_put_in_the_place_of_ours_is_not_sealed(place):
    started = start(place)
    place.path.rename(place.path.with_name("moved"))
    place.path.mkdir()
    with raises(LocalStorage, subject=str(place.path)):
        started.seal(SMALL_FILES, {}, None)
    started.close()
    assert not place.is_finished
