"""A bundle in S3 has the same bytes in whatever order it is written, and however often a run begins again."""

from __future__ import annotations

import hashlib
import itertools
import random
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from bundler.bundle.chunk import members_by_chunk
from bundler.bundle.journal_file import OpenJournal
from bundler.bundle.lanes import Lanes
from bundler.bundle.s3 import chunk as chunk_module, part_buffers, partial as partial_module, reading_back, writing
from bundler.bundle.s3.botocore_errors import NoUpload, ObjectChanged
from bundler.bundle.s3.chunk import are_there, part_bytes
from bundler.bundle.s3.client import ObjectFacts, Objects, Part
from bundler.bundle.s3.partial import S3Partial
from bundler.bundle.writer import BundleWriter
from bundler.core.journal import ExportStart
from bundler.core.limits import S3_PART_BYTES, S3_PARTS
from bundler.core.manifest import Stored
from bundler.core.oci import Descriptor
from bundler.core.s3_path import S3Path
from bundler.errors import Damaged, LocalStorage, Misuse, Refused
from bundler.workers import BackgroundPool
from tests.support.errors import raises
from tests.support.sweeps import IS_FULL
from tests.support.watching import within
from tests.unit.bundle.chunks import chunks_of, contents_of, plan_of

PLACE = S3Path("bucket", "p")
STEP = 100_001
"""The size of parts here. It is no multiple of the blocks of a tar, so that parts begin and end anywhere."""
RANDOM = random.Random("s3")
LAYERS = [RANDOM.randbytes(size) for size in (700, 300_000, 90_000, 5_000, 1_000_000, 0, 6_000_000, 40)]
PLAN = plan_of(*LAYERS)
CONTENTS = contents_of(PLAN, *LAYERS)
CHUNKS = {name: bytes(content) for name, content in chunks_of(PLAN, *LAYERS).items()}


class MemoryS3:
    """The requests of `S3Client` to S3, answered in memory."""

    def __init__(self) -> None:
        self.objects: dict[S3Path, bytes] = {}
        self.uploads: dict[str, dict[int, bytes]] = {}
        self.sent: list[int] = []
        self.uploads_started = 0

    def objects_in(self, folder):
        files = [(path.name, len(content)) for path, content in self.objects.items() if path.parent == folder]
        return Objects(tuple(files), ())

    def uploads_below(self, folder):
        return []

    def put(self, path, content, sha256):
        if path in self.objects:
            raise ObjectChanged("taken")
        self.objects[path] = content
        return hashlib.md5(content).hexdigest()

    def begin_upload(self, path):
        self.uploads_started += 1
        self.uploads[f"upload-{self.uploads_started}"] = {}
        return f"upload-{self.uploads_started}"

    def upload_part(self, path, upload, number, content, sha256):
        if upload not in self.uploads:
            raise NoUpload("gone")
        assert hashlib.sha256(content).digest() == sha256
        self.sent.append(number)
        self.uploads[upload][number] = bytes(content)
        return hashlib.md5(content).hexdigest()

    def parts(self, path, upload):
        return {n: Part(len(c), hashlib.md5(c).hexdigest()) for n, c in self.uploads[upload].items()}

    def complete(self, path, upload, parts):
        if path in self.objects:
            raise ObjectChanged("taken")
        self.objects[path] = b"".join(content for _, content in sorted(self.uploads.pop(upload).items()))

    def facts(self, path):
        content = self.objects.get(path)
        return None if content is None else ObjectFacts(len(content), hashlib.md5(content).hexdigest())

    def abort(self, path, upload):
        self.uploads.pop(upload, None)

    def delete(self, path):
        self.objects.pop(path, None)


class MemoryFile:
    def __init__(self, s3: MemoryS3, path: S3Path) -> None:
        self.content = s3.objects[path]

    def read_into(self, buffers, offset_bytes, *, what):
        for buffer in buffers:
            buffer[:] = self.content[offset_bytes : offset_bytes + len(buffer)]
            offset_bytes += len(buffer)

    def close(self):
        pass


@pytest.fixture
def s3(monkeypatch):
    memory = MemoryS3()
    monkeypatch.setattr(chunk_module, "part_bytes", lambda size_bytes: STEP)
    monkeypatch.setattr(part_buffers, "S3_PART_BYTES", STEP)
    monkeypatch.setattr(reading_back, "S3File", lambda path, *, end: MemoryFile(memory, path))
    monkeypatch.setattr(partial_module, "s3_client", lambda: memory)
    monkeypatch.setattr(writing, "read_object", lambda path, limit: memory.objects[path])
    return memory


class Making:
    """One run of an export to S3, with one lane."""

    def __init__(self, state: Path, *, is_read_back: bool = True) -> None:
        place = S3Partial(PLACE, "test", state=state, is_read_back=is_read_back)
        place.hold()
        place.release()
        self.started = place.start(PLAN.manifest.chunks, ExportStart({}, {}, "", "", ""), place.read_journal())
        self.writer = BundleWriter.resuming(self.started, PLAN.manifest, lambda _: None, Lanes(1, True))
        self.moved = 0

    def put(self, stored: Stored, *, until: int | None = None, content: bytes | None = None) -> None:
        """Puts a blob as `bundler.transfer` does; ``until`` is the number of bytes after which the line breaks."""
        content = CONTENTS[stored.digest] if content is None else content
        descriptor = Descriptor("x/y", stored.digest, stored.size_bytes)

        def pieces():
            for begin in range(0, len(content), 33_333):
                if until is not None and begin >= until:
                    raise ConnectionError
                yield memoryview(content)[begin : begin + 33_333]
                self.moved += 33_333

        try:
            self.writer.put_blob(descriptor, pieces())
        except ConnectionError:
            return
        self.writer.end_blob(descriptor)

    def put_all(self) -> None:
        for stored in self.writer.stored():
            if self.writer.has_blob(Descriptor("x/y", stored.digest, stored.size_bytes)):
                self.writer.end_blob(Descriptor("x/y", stored.digest, stored.size_bytes))
            else:
                self.put(stored)

    def seal(self) -> None:
        self.writer.seal(None)
        self.close()

    def close(self) -> None:
        self.writer.close()
        self.started.close()


def chunks_in(s3: MemoryS3) -> dict[str, bytes]:
    return {path.name: content for path, content in s3.objects.items() if path.name.startswith("chunk-")}


@pytest.mark.parametrize("is_read_back", [True, False])
def test_a_bundle_has_the_planned_bytes_and_its_sums_are_written_last(s3, tmp_path, is_read_back):
    run = Making(tmp_path, is_read_back=is_read_back)
    run.put_all()
    run.seal()
    assert chunks_in(s3) == CHUNKS
    assert [path.name for path in s3.objects][-1] == "SHA256SUMS"
    sums = s3.objects[PLACE / "test" / "SHA256SUMS"].decode()
    for name, content in CHUNKS.items():
        assert f"{hashlib.sha256(content).hexdigest()}  {name}" in sums
    assert not s3.uploads
    assert not list(tmp_path.glob("*.uploads")), "nothing of a finished export is left"


def test_small_files_are_written_together_and_their_sums_keep_the_order(s3, tmp_path):
    plain, last = s3.put, threading.Event()

    def put(path, content, sha256):
        if path.name == "README.txt":
            assert last.wait(30), "others do not wait for it"
        plain(path, content, sha256)
        if path.name == "restore.py":
            last.set()

    s3.put = put
    run = Making(tmp_path)
    run.put_all()
    run.seal()
    lines = s3.objects[PLACE / "test" / "SHA256SUMS"].decode().splitlines()
    assert [line.split()[1] for line in lines] == ["README.txt", "bundle.json", "restore.py", *CHUNKS]


def test_a_blob_that_comes_again_in_the_same_run_leaves_the_same_bytes(s3, tmp_path):
    run = Making(tmp_path)
    for stored in run.writer.stored():
        for until in (40_000, 250_000, stored.size_bytes - 1):
            run.put(stored, until=until)
        run.put(stored)
    run.seal()
    assert chunks_in(s3) == CHUNKS


def test_a_run_that_ends_anywhere_is_gone_on_with_and_sends_no_part_twice(s3, tmp_path):
    order = len(Making(tmp_path / "count").writer.stored())
    for number in range(60 if IS_FULL else 6):
        chance = random.Random(number)
        s3.objects.clear()
        s3.uploads.clear()
        s3.sent.clear()
        state = tmp_path / f"{number}"
        for _ in range(chance.randrange(1, 4)):
            run = Making(state)
            for stored in run.writer.stored()[: chance.randrange(order)]:
                if not run.writer.has_blob(Descriptor("x/y", stored.digest, stored.size_bytes)):
                    run.put(stored)
            run.close()
        run = Making(state)
        run.put_all()
        run.seal()
        assert chunks_in(s3) == CHUNKS, number
        assert len(s3.sent) == sum(-(-len(content) // STEP) for content in CHUNKS.values()), number
        del s3.objects[PLACE / "test" / "SHA256SUMS"]


def test_what_is_whole_in_parts_that_s3_has_is_not_fetched_again(s3, tmp_path):
    run = Making(tmp_path)
    run.put_all()
    moved = run.moved
    run.close()
    run = Making(tmp_path)
    run.put_all()
    assert run.moved < moved // 10
    run.seal()
    assert chunks_in(s3) == CHUNKS


def test_nobody_waits_for_a_part_that_no_thread_can_be_started_for(s3, tmp_path, monkeypatch):
    run = Making(tmp_path)
    name, content = min(CHUNKS.items())
    members = members_by_chunk(PLAN.manifest)[0]
    chunk = run.started.new_chunk(name, members, is_hashed_at_once=True, has_sparse_files=True)
    plain, last = BackgroundPool.give, -(-len(content) // STEP)
    given = itertools.count(1)

    def give(pool: BackgroundPool, work: Callable[[], None]) -> None:
        if next(given) == last:
            raise LocalStorage("this machine cannot start another thread")
        plain(pool, work)

    monkeypatch.setattr(BackgroundPool, "give", give)
    with within(30):
        with raises(LocalStorage):
            for member in members:
                chunk.write([content[member.header_offset : member.end]], member.header_offset)
        with raises(LocalStorage):
            chunk.flush()
    run.close()


def test_a_part_that_s3_lost_is_sent_again(s3, tmp_path):
    run = Making(tmp_path)
    for stored in run.writer.stored()[:-1]:
        run.put(stored)
    run.close()
    for parts in s3.uploads.values():
        for number in list(parts)[::3]:
            del parts[number]
    run = Making(tmp_path)
    run.put_all()
    run.seal()
    assert chunks_in(s3) == CHUNKS


def large() -> Stored:
    return max(PLAN.manifest.stored(), key=lambda stored: stored.size_bytes)


def test_a_blob_with_other_bytes_than_in_the_earlier_run_is_found_and_its_chunk_sent_again(s3, tmp_path):
    run = Making(tmp_path)
    for stored in run.writer.stored():
        if stored.digest == large().digest:
            run.put(stored, until=900_000, content=bytes(len(CONTENTS[stored.digest])))
            break
        run.put(stored)
    run.close()
    run = Making(tmp_path)
    with raises(Damaged) as caught:
        run.put_all()
        run.seal()
    assert "at offset" in str(caught.value.subject), "before anything is made of it"
    assert not s3.objects.keys() & {PLACE / "test" / "SHA256SUMS"}
    run.close()
    run = Making(tmp_path)
    run.put_all()
    run.seal()
    assert chunks_in(s3) == CHUNKS


def test_bytes_that_s3_changed_are_found_named_and_sent_again(s3, tmp_path):
    run = Making(tmp_path)
    plain = s3.complete

    def complete(path, upload, parts):
        plain(path, upload, parts)
        s3.complete = plain
        content = bytearray(s3.objects[path])
        content[STEP + 5] ^= 1
        s3.objects[path] = bytes(content)

    s3.complete = complete
    with raises(Damaged) as caught:
        run.put_all()
        run.seal()
    assert str(caught.value.subject).endswith(f" at offset {STEP}")
    assert caught.value.expected != caught.value.actual
    run.close()
    run = Making(tmp_path)
    run.put_all()
    run.seal()
    assert chunks_in(s3) == CHUNKS


def test_the_object_of_another_writer_is_neither_overwritten_nor_removed(s3, tmp_path):
    name = next(iter(CHUNKS))
    for content in (b"other", bytes(len(CHUNKS[name]))):
        run = Making(tmp_path / str(len(content)))
        s3.objects[PLACE / "test" / name] = content
        with raises(Refused, subject=str(PLACE / "test" / name)):  # when it is made, in the background, or at the seal
            run.put_all()
            run.seal()
        run.close()
        assert s3.objects[PLACE / "test" / name] == content
        with raises(Misuse):
            Making(tmp_path / "a new one")
        s3.objects.clear()


@pytest.mark.parametrize("is_sealed", [True, False])
def test_of_two_exports_of_one_list_the_later_one_takes_nothing_away(s3, tmp_path, is_sealed):
    """Their chunks have the same bytes, so both come to the small files, in which the time differs."""
    first, second = Making(tmp_path / "first"), Making(tmp_path / "second")
    first.put_all()
    second.put_all()
    first.seal()
    s3.objects[PLACE / "test" / "bundle.json"] = b"{} of another time"
    if not is_sealed:
        del s3.objects[PLACE / "test" / "SHA256SUMS"]
    before = dict(s3.objects)
    with raises(Misuse):
        second.seal()
    second.close()
    assert s3.objects == before


def test_a_small_file_of_an_earlier_run_is_written_again(s3, tmp_path):
    run = Making(tmp_path)
    run.put_all()
    run.started._write("README.txt", [b"of an older version"])
    run.close()
    again = Making(tmp_path)
    again.put_all()
    again.seal()
    readme = s3.objects[PLACE / "test" / "README.txt"]
    assert readme != b"of an older version"
    assert hashlib.sha256(readme).hexdigest() in s3.objects[PLACE / "test" / "SHA256SUMS"].decode()


def test_restart_leaves_a_bundle_that_another_machine_has_sealed_just_now(s3, tmp_path, monkeypatch):
    run = Making(tmp_path / "first")
    run.put_all()
    run.seal()
    before = dict(s3.objects)
    monkeypatch.setattr(S3Partial, "is_finished", False)  # it was not, a moment ago
    with raises(Misuse):
        S3Partial(PLACE, "test", state=tmp_path).discard()
    assert s3.objects == before


def test_an_answer_that_got_lost_after_s3_made_the_object_does_no_harm(s3, tmp_path):
    plain = s3.complete

    def complete(path, upload, parts):
        plain(path, upload, parts)
        raise NoUpload("gone")

    s3.complete = complete
    run = Making(tmp_path)
    run.put_all()
    run.seal()
    assert chunks_in(s3) == CHUNKS


def test_restart_frees_all_that_was_sent_and_nothing_else(s3, tmp_path):
    run = Making(tmp_path)
    for stored in run.writer.stored()[:-1]:
        run.put(stored)
    run.close()
    s3.uploads["of another machine"] = {}
    place = S3Partial(PLACE, "test", state=tmp_path)
    place.discard()
    assert list(s3.uploads) == ["of another machine"]
    assert not s3.objects
    assert place.read_journal() is None


def test_parts_are_few_enough_and_large_enough():
    for size_bytes in (1, S3_PART_BYTES, 2_000_000_000, S3_PARTS * S3_PART_BYTES + 1, 5 << 40):
        step = part_bytes(size_bytes)
        assert -(-size_bytes // step) <= S3_PARTS
        assert step >= 5 << 20, "S3 takes no smaller one but the last"
        assert step <= 5 << 30, "S3 takes no larger one"


def test_bytes_are_there_if_all_their_parts_are():
    size = 3 * S3_PART_BYTES
    assert are_there({1, 2}, 0, 2 * S3_PART_BYTES, size)
    assert not are_there({1, 2}, 0, 2 * S3_PART_BYTES + 1, size)
    assert not are_there({1, 3}, S3_PART_BYTES - 1, S3_PART_BYTES + 1, size)


def test_a_blob_that_comes_with_other_bytes_after_its_first_chunk_was_made_seals_nothing(s3, tmp_path, monkeypatch):
    made, plain = threading.Event(), OpenJournal.note_done

    def note_done(*of: object) -> None:
        plain(*of)
        made.set()

    monkeypatch.setattr(OpenJournal, "note_done", note_done)
    run = Making(tmp_path)
    with raises(Damaged):
        for stored in run.writer.stored():
            if stored.digest == large().digest:
                made.clear()
                run.put(stored, until=stored.size_bytes - 1, content=bytes(stored.size_bytes))
                assert made.wait(30), "a chunk has nothing but bytes of this blob"
            run.put(stored)
        run.seal()
    run.close()
    sums, runs = PLACE / "test" / "SHA256SUMS", 0
    while sums not in s3.objects and runs < len(CHUNKS):  # each sends at least one of the chunks again
        run, runs = Making(tmp_path), runs + 1
        with suppress(Damaged):
            run.put_all()
            run.seal()
        run.close()
    assert sums in s3.objects
    assert chunks_in(s3) == CHUNKS
