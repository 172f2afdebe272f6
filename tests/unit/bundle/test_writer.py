"""A bundle is written in order, whichever worker comes first, and is the same whatever goes wrong on the way."""

from __future__ import annotations

import hashlib
import os
import threading
import tracemalloc
from collections.abc import Collection
from pathlib import Path

import pytest

from bundler.bundle.chunk_file import ChunkFile
from bundler.bundle.lanes import Lanes
from bundler.bundle.partial import PartialFolder
from bundler.bundle.writer import BundleWriter
from bundler.core.digest import Digest
from bundler.core.journal import ExportStart
from bundler.core.manifest import Stored
from bundler.core.oci import Descriptor
from bundler.core.plan import Plan
from bundler.errors import Unavailable
from tests.support.watching import within
from tests.unit.values import MIB, described, image_manifest, plan_with, resolved

LAYERS = [os.urandom(size) for size in (3 * MIB + 5, 700, MIB, 2 * MIB, 0, 4096, MIB + 1, 2 * MIB + 512)]


@pytest.fixture(scope="module")
def plan() -> Plan:
    images = [resolved(f"a/b{n}:1", described(content)) for n, content in enumerate(LAYERS)]
    options = {"name": "test", "created": "", "tool": "", "signed": False}
    return plan_with(images, chunk_size_bytes=5 * MIB, **options)


@pytest.fixture(scope="module")
def contents(plan) -> dict[Digest, bytes]:
    """The bytes of everything; of what nobody made, as many as there should be, which no writer looks at."""
    made = {Digest.of(content): content for content in LAYERS} | plan.contents
    return {each.digest: made.get(each.digest, b"x" * each.size_bytes) for each in plan.manifest.stored()}


class Making:
    """A bundle on its way; `close` ends what tests leave."""

    def __init__(
        self,
        folder: Path,
        plan: Plan,
        contents: dict[Digest, bytes],
        lanes: Lanes | None = None,
        only: Collection[int] | None = None,
    ) -> None:
        self.folder, self.contents, self.manifest = folder, contents, plan.manifest
        folder.mkdir(parents=True, exist_ok=True)
        place = PartialFolder(folder, "test")
        self.partial = place.start(plan.manifest.chunks, ExportStart({}, {}, "", "", ""), place.read_journal())
        self.writer = BundleWriter.resuming(self.partial, plan.manifest, lambda _: None, lanes, only=only)
        self.asked: list[Digest] = []

    def pieces(self, stored: Stored, *, fails: bool = False):
        self.asked.append(stored.digest)
        content = self.contents[stored.digest]
        for begin in range(0, len(content), MIB):
            yield content[begin : begin + MIB]
            if fails:
                raise Unavailable("the line broke")

    def put(self, stored: Stored) -> None:
        self.writer.put_blob(Descriptor("x/y", stored.digest, stored.size_bytes), self.pieces(stored))

    def over(self, stored: Stored) -> None:
        self.writer.end_blob(Descriptor("x/y", stored.digest, stored.size_bytes))

    def putting(self, stored: Stored) -> threading.Thread:
        thread = threading.Thread(target=self.put, args=(stored,), daemon=True)
        thread.start()
        return thread

    def close(self) -> None:
        self.writer.close()
        self.partial.close()

    def seal(self) -> dict[str, bytes]:
        self.writer.seal(None)
        return {path.name: path.read_bytes() for path in (self.folder / "test").glob("chunk-*")}

    def sums(self) -> dict[str, str]:
        lines = (self.folder / "test" / "SHA256SUMS").read_text().splitlines()
        return {name: digest for digest, name in (line.split("  ") for line in lines) if name.startswith("chunk")}


@pytest.fixture
def making(plan, contents, tmp_path):
    made: list[Making] = []

    def make(name: str = "one", lanes: Lanes | None = None, only: Collection[int] | None = None) -> Making:
        made.append(Making(tmp_path / name, plan, contents, lanes, only))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def smooth(making) -> dict[str, bytes]:
    """The chunks as they come out when nothing happens."""
    bundle = making("smooth")
    for stored in bundle.manifest.stored():
        bundle.put(stored)
    return bundle.seal()


@pytest.mark.parametrize("lanes", [Lanes(1, True), Lanes(3, True), Lanes(1, False)], ids=["one", "three", "no holes"])
def test_chunks_that_are_wanted_alone_come_out_the_same_and_nothing_else_is_written(making, smooth, lanes):
    numbers = range(1, len(smooth) + 1)
    for count, only in enumerate([{n} for n in numbers] + [{1, len(smooth)}, set(numbers)]):
        bundle = making(f"again-{count}", lanes, only)
        in_parallel(bundle, bundle.writer.stored())
        names = {bundle.manifest.chunks[number - 1].file for number in only}
        assert set(bundle.writer.finish()) == names
        written = {path.name: path.read_bytes() for path in bundle.folder.glob("*.partial/*")}
        assert written == {name: smooth[name] for name in names}
        bundle.close()


def in_parallel(bundle: Making, order: list[Stored], *, threads: int = 8) -> None:
    """As the engine does it: the order is taken from its front by many, who say when they are done with each."""
    coming, lock, errors = iter(order), threading.Lock(), []

    def work() -> None:
        while True:
            with lock:
                stored = next(coming, None)
            if stored is None:
                return
            try:
                bundle.put(stored)
            except Exception as error:  # reported to the test
                errors.append(error)
            finally:
                bundle.over(stored)

    workers = [threading.Thread(target=work, daemon=True) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert not worker.is_alive(), "a thread waits for a turn that never comes"
    assert errors == []


def test_bundle_json_is_never_in_memory_as_a_whole(tmp_path):
    options = {"name": "test", "created": "", "tool": "", "signed": False, "chunk_size_bytes": 5 * MIB}
    plan = plan_with([resolved(f"a/b{number}:1", described(b"%d" % number)) for number in range(1500)], **options)
    bundle = Making(tmp_path, plan, {each.digest: b"x" * each.size_bytes for each in plan.manifest.stored()})
    for stored in {stored.digest: stored for stored in plan.manifest.stored()}.values():
        bundle.put(stored)
    tracemalloc.start()
    try:
        bundle.writer.seal(None)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        bundle.close()
    assert peak_bytes < (tmp_path / "test/bundle.json").stat().st_size / 2


@pytest.mark.parametrize("has_sparse_files", [True, False])
@pytest.mark.parametrize("lanes", [1, 2, 3])
def test_lanes_give_the_same_bytes_and_true_checksums(making, smooth, lanes, has_sparse_files):
    bundle = making(lanes=Lanes(lanes, has_sparse_files=has_sparse_files))
    assert len(smooth) > 2
    in_parallel(bundle, bundle.writer.stored())
    assert bundle.seal() == smooth
    assert bundle.sums() == {name: hashlib.sha256(content).hexdigest() for name, content in smooth.items()}


def test_files_grow_from_their_begin_to_their_end(making, monkeypatch):
    bundle = making(lanes=Lanes(2, has_sparse_files=True))
    ends: dict[int, int] = {}
    write, jumps = ChunkFile.write, []

    def watched(chunk, buffers, offset):
        if offset != ends.get(id(chunk), 0):
            jumps.append((chunk.path.name, offset))
        ends[id(chunk)] = offset + sum(map(len, buffers))
        write(chunk, buffers, offset)

    monkeypatch.setattr(ChunkFile, "write", watched)
    in_parallel(bundle, bundle.writer.stored())
    assert jumps == []


def test_chunks_are_hashed_on_the_way_and_not_read_again(making, monkeypatch):
    bundle = making(lanes=Lanes(2, has_sparse_files=True))
    read = []
    monkeypatch.setattr("bundler.bundle.chunk_file.read_into", lambda *a, **k: read.append(a))
    in_parallel(bundle, bundle.writer.stored())
    chunks = bundle.seal()
    assert read == []
    assert bundle.sums() == {name: hashlib.sha256(content).hexdigest() for name, content in chunks.items()}


def test_what_comes_too_early_waits_and_a_large_blob_is_not_even_asked_for(making, monkeypatch):
    monkeypatch.setattr("bundler.bundle.write_order._NEAR_BYTES", 0)
    bundle = making(lanes=Lanes(1, has_sparse_files=True))
    order = bundle.writer.stored()
    large = next(number for number, stored in enumerate(order) if stored.size_bytes > MIB)
    early = [bundle.putting(order[large]), bundle.putting(order[1])]
    for stored in (order[0], *order[2:large]):
        assert all(thread.is_alive() for thread in early[:1])
        assert order[large].digest not in bundle.asked
        bundle.put(stored)
        bundle.over(stored)
    for thread in early:
        thread.join(20)
        assert not thread.is_alive()
    assert order[large].digest in bundle.asked


def test_a_blob_of_no_bytes_waits_for_its_turn_too(making):
    bundle = making(lanes=Lanes(1, has_sparse_files=False))
    order = bundle.writer.stored()
    empty = next(number for number, stored in enumerate(order) if not stored.size_bytes)
    assert any(stored.size_bytes > MIB for stored in order[:empty])
    early = bundle.putting(order[empty])
    for stored in order[:empty]:
        early.join(0.05)
        assert early.is_alive()
        bundle.put(stored)
        bundle.over(stored)
    early.join(20)
    assert not early.is_alive()


def test_a_large_blob_is_asked_for_when_little_is_left_before_it(making):
    bundle = making(lanes=Lanes(1, has_sparse_files=True))
    order = bundle.writer.stored()
    large = next(stored for stored in order if stored.size_bytes > MIB)
    thread = bundle.putting(large)
    for _ in range(1000):
        if large.digest in bundle.asked:
            break
        thread.join(0.01)
    assert large.digest in bundle.asked
    assert thread.is_alive(), "it is asked for, and waits"


@pytest.mark.parametrize("has_sparse_files", [True, False])
def test_what_is_given_up_holds_nobody_up_and_may_come_later(making, smooth, has_sparse_files):
    bundle = making(lanes=Lanes(1, has_sparse_files=has_sparse_files))
    order = bundle.writer.stored()
    lost = next(stored for stored in order if stored.size_bytes > MIB)
    for stored in order[: order.index(lost)]:
        bundle.put(stored)
    descriptor = Descriptor("x/y", lost.digest, lost.size_bytes)
    with pytest.raises(Unavailable):
        bundle.writer.put_blob(descriptor, bundle.pieces(lost, fails=True))
    bundle.over(lost)
    in_parallel(bundle, order[order.index(lost) + 1 :])
    bundle.put(lost)
    assert bundle.seal() == smooth
    assert bundle.sums() == {name: hashlib.sha256(content).hexdigest() for name, content in smooth.items()}


def test_a_blob_that_comes_a_second_time_is_hashed_as_it_came_then(making, smooth):
    bundle = making(lanes=Lanes(2, has_sparse_files=True))
    order = bundle.writer.stored()
    in_parallel(bundle, order)
    for stored in order[3:8]:
        bundle.put(stored)
    assert bundle.seal() == smooth
    assert bundle.sums() == {name: hashlib.sha256(content).hexdigest() for name, content in smooth.items()}


def test_a_blob_that_is_a_file_of_the_layout_too_is_written_to_both_places(tmp_path):
    manifest = image_manifest("twin", described(LAYERS[1]))
    options = {"name": "test", "created": "", "tool": "", "signed": False, "chunk_size_bytes": 5 * MIB}
    first = plan_with([resolved("a/b:1", described(LAYERS[1]))], **options)
    marker = next(content for digest, content in first.contents.items() if b"imageLayoutVersion" in content)
    plan = plan_with([resolved("a/b:1", described(LAYERS[1]), described(marker))], **options)
    assert manifest.layers
    made = {Digest.of(content): content for content in (LAYERS[1], marker)} | plan.contents
    contents = {each.digest: made.get(each.digest, b"x" * each.size_bytes) for each in plan.manifest.stored()}
    chunks = []
    for name, lanes in (("ordered", 1), ("free", 0)):
        bundle = Making(tmp_path / name, plan, contents, Lanes(lanes, has_sparse_files=False) if lanes else None)
        try:
            if lanes:
                in_parallel(bundle, bundle.writer.stored(), threads=1)
            else:
                for digest in dict.fromkeys(stored.digest for stored in plan.manifest.stored()):
                    bundle.put(next(stored for stored in plan.manifest.stored() if stored.digest == digest))
            chunks.append(bundle.seal())
        finally:
            bundle.close()
    assert chunks[0] == chunks[1]
    assert chunks[0]["chunk-0001.tar"].count(marker) == 2


def test_A1_a_chunk_of_full_size_with_a_damaged_blob_is_not_taken_for_complete(making, smooth):
    bundle = making()
    for stored in bundle.manifest.stored():
        bundle.put(stored)
    bundle.seal()
    bundle.close()
    (bundle.folder / "test").rename(bundle.folder / "test.partial")
    lost = next(s for s in bundle.manifest.stored() if s.size_bytes > 2 * MIB and len(s.pieces) == 1)
    piece = lost.pieces[0]
    with open(bundle.folder / "test.partial" / f"chunk-{piece.chunk:04d}.tar", "r+b") as file:
        file.seek(piece.offset_bytes + lost.size_bytes - 4096)
        file.write(bytes(4096))
    again = making()
    for stored in again.manifest.stored():
        descriptor = Descriptor("x/y", stored.digest, stored.size_bytes)
        assert stored != lost or not again.writer.has_blob(descriptor)
        if not again.writer.has_blob(descriptor):
            again.put(stored)
    assert again.seal() == smooth
    assert again.sums() == {name: hashlib.sha256(content).hexdigest() for name, content in smooth.items()}


def test_a_bundle_is_not_sealed_before_every_blob_was_put(making):
    bundle = making()
    for stored in list(bundle.manifest.stored())[1:]:
        bundle.put(stored)
    with within(120), pytest.raises(RuntimeError, match="before every blob"):
        bundle.seal()
    assert not (bundle.folder / "test").exists()
