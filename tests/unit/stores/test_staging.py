"""Staged blobs can be read as they will be carried, are there once, and take no space longer than needed."""

from __future__ import annotations

import gzip
import hashlib
import random
import resource
from pathlib import Path

import pytest

from bundler.core.digest import Digest
from bundler.core.oci import OCI_MANIFEST, Descriptor, parse_manifest
from bundler.errors import Damaged, Refused
from bundler.stores import compression
from bundler.stores.staging import (
    InFile,
    InScratch,
    StagedFiles,
    StagedLayer,
    StagingCache,
    into_scratch,
    manifest_of,
    stage_layer,
)
from bundler.system.scratch import Scratch
from tests.support import images
from tests.support.archives import COMPRESSIONS, in_pieces
from tests.support.errors import raises
from tests.unit.values import described

LAYER = images.layer_tar("staged", 3_000_000)
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"


@pytest.fixture
def scratch(tmp_path: Path) -> Scratch:
    return Scratch(tmp_path)


def used_bytes(scratch: Scratch) -> int:
    """The files in scratch, and the size that makes a file the peak."""
    probe = scratch.file()
    probe.write(b"x" * (scratch.peak_bytes + 1))
    used = scratch.peak_bytes - probe.size_bytes
    probe.close()
    return used


def read(location: InScratch | InFile, offset_bytes: int = 0) -> bytes:
    return b"".join(bytes(piece) for piece in location.pieces(offset_bytes, what="x"))


def content_of(layer: StagedLayer) -> bytes:
    return b"".join(bytes(piece) for piece in layer.location.pieces(0, what="x"))


def staged(content: bytes, scratch: Scratch, kind: str = compression.GZIP, **more: object) -> StagedLayer:
    size_bytes = int(more.pop("size_bytes", 1 << 20))  # type: ignore[call-overload]
    return stage_layer(in_pieces(content, size_bytes), scratch, layer_compression=kind, what="the layer", **more)


# Bytes in scratch


def test_bytes_in_scratch_are_read_from_any_offset(scratch: Scratch) -> None:
    for offset in (0, 1, (1 << 20) - 1, 1 << 20, len(LAYER) - 1):
        location = into_scratch(in_pieces(LAYER), scratch)
        assert read(location, offset) == LAYER[offset:]
        assert location.size_bytes == len(LAYER)


def test_what_was_read_to_its_end_takes_no_room_any_more(scratch: Scratch) -> None:
    first, second = into_scratch(in_pieces(LAYER), scratch), into_scratch(in_pieces(b"other"), scratch)
    assert used_bytes(scratch) == len(LAYER) + 5
    read(first)
    assert used_bytes(scratch) == 5
    assert read(second) == b"other"
    assert used_bytes(scratch) == 0


def test_what_was_read_in_part_is_there_to_be_read_again(scratch: Scratch) -> None:
    location = into_scratch(in_pieces(LAYER), scratch)
    pieces = location.pieces(0, what="x")
    next(pieces)
    pieces.close()
    assert used_bytes(scratch) == len(LAYER)
    assert read(location) == LAYER


def test_the_last_piece_is_whole_although_its_room_is_given_back_before(scratch: Scratch) -> None:
    location = into_scratch(in_pieces(LAYER), scratch)
    pieces = [bytes(piece) for piece in location.pieces(0, what="x")]
    assert (b"".join(pieces), max(map(len, pieces))) == (LAYER, 1 << 20)


def test_bytes_that_break_off_leave_nothing(scratch: Scratch) -> None:
    def breaking():
        yield b"x" * 1000
        raise Refused("gone")

    with pytest.raises(Refused):
        into_scratch(breaking(), scratch)
    with pytest.raises(Refused):
        stage_layer(breaking(), scratch, layer_compression="none", what="x")
    assert used_bytes(scratch) == 0


def test_bytes_in_a_file_of_a_user_are_read_in_place_as_often_as_wanted(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"before" + LAYER + b"after")
    location = InFile(path, 6, len(LAYER))
    for offset in (0, 1, 0, len(LAYER) - 1):
        assert read(location, offset) == LAYER[offset:]
    location.close()
    assert read(location) == LAYER


def test_a_file_that_was_cut_since_then_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 100)
    with raises(Damaged, subject="x", actual="100 bytes"):
        read(InFile(path, 50, 100))


def test_more_can_be_put_down_than_a_process_may_have_files_open(scratch: Scratch) -> None:
    """Thirty images have a thousand layers, and 1024 open files are what most systems allow."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, before[1]))
    scratch = Scratch(scratch.folder)
    locations: list[InScratch] = []
    try:
        for number in range(200):
            locations.append(into_scratch(in_pieces(b"%d" % number), scratch))  # noqa: PERF401  # what there is must be closed
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
        contents = [read(location) for location in locations]
    assert contents == [b"%d" % number for number in range(200)]


# Layers


@pytest.mark.parametrize("kind", [compression.GZIP, compression.ZSTD, compression.NONE])
@pytest.mark.parametrize("content", [b"", b"\0" * 1024, LAYER], ids=["nothing", "an empty tar", "a large one"])
def test_a_plain_layer_is_carried_compressed(kind: str, content: bytes, scratch: Scratch) -> None:
    layer = staged(content, scratch, kind)
    carried = content_of(layer)
    ends = {"gzip": "+gzip", "zstd": "+zstd", "none": ""}
    assert layer.descriptor == Descriptor(LAYER_TYPE + ends[kind], Digest.of(carried), len(carried))
    assert layer.diff_id == Digest.of(content)
    assert b"".join(map(bytes, compression.decompressed(in_pieces(carried), kind, what="x"))) == content


@pytest.mark.parametrize("kind", [compression.GZIP, compression.ZSTD])
def test_a_layer_that_is_compressed_already_is_carried_as_it_is(kind: str, scratch: Scratch) -> None:
    compressed = COMPRESSIONS[kind](LAYER)
    layer = staged(compressed, scratch, compression.NONE)
    assert content_of(layer) == compressed
    assert layer.descriptor == described(compressed, f"{LAYER_TYPE}+{kind}")
    assert layer.diff_id == Digest.of(LAYER)


@pytest.mark.parametrize("kind", [compression.XZ, compression.BZIP2])
def test_a_layer_compressed_as_no_registry_has_it_is_compressed_again(kind: str, scratch: Scratch) -> None:
    layer = staged(COMPRESSIONS[kind](LAYER), scratch)
    assert layer == StagedLayer(staged(LAYER, scratch).descriptor, Digest.of(LAYER), layer.location)
    assert gzip.decompress(content_of(layer)) == LAYER


@pytest.mark.parametrize("kind", [kind if kind == "none" else pytest.param(kind) for kind in COMPRESSIONS])
def test_a_layer_is_the_same_whatever_the_size_of_its_pieces(kind: str, scratch: Scratch) -> None:
    content = COMPRESSIONS[kind](images.layer_tar("small", 5000))
    layers = [staged(content, scratch, size_bytes=size) for size in (1, 2, 100, 1 << 20)]
    assert len({(layer.descriptor, layer.diff_id) for layer in layers}) == 1


@pytest.mark.parametrize(
    ("form", "kind", "needs_scratch"),
    [
        ("none", compression.NONE, False),
        ("gzip", compression.GZIP, False),
        ("zstd", compression.GZIP, False),
        ("none", compression.GZIP, True),
        ("xz", compression.NONE, True),
    ],
    ids=["plain as it is", "gzip", "zstd", "plain to be compressed", "xz"],
)
def test_what_can_be_read_where_it_is_takes_no_scratch(
    form: str, kind: str, needs_scratch: bool, scratch: Scratch, tmp_path: Path
) -> None:
    content = COMPRESSIONS[form](LAYER)
    path = tmp_path / "archive"
    path.write_bytes(b"header" + content)
    layer = staged(content, scratch, kind, location=InFile(path, 6, len(content)))
    assert (scratch.peak_bytes > 0) is needs_scratch
    carried = content_of(layer)
    assert (Digest.of(carried), len(carried)) == (layer.descriptor.digest, layer.descriptor.size_bytes)
    assert layer.diff_id == Digest.of(LAYER)


@pytest.mark.parametrize("kind", [kind for kind in COMPRESSIONS if kind != "none"])
def test_a_compressed_layer_that_is_cut_is_damage_and_leaves_nothing(kind: str, scratch: Scratch) -> None:
    with pytest.raises(Damaged) as caught:
        staged(COMPRESSIONS[kind](LAYER)[:-100], scratch)
    assert caught.value.subject == "the layer"
    assert used_bytes(scratch) == 0


def test_a_layer_that_is_a_7z_archive_is_damage(scratch: Scratch) -> None:
    with pytest.raises(Damaged, match="7z"):
        staged(b"7z\xbc\xaf\x27\x1c" + bytes(100), scratch)


# Shared by sources


def test_of_two_blobs_with_one_path_the_second_one_is_dropped(scratch: Scratch) -> None:
    staging_cache = StagingCache()
    first, second = (into_scratch(in_pieces(b"x" * 100), scratch) for _ in range(2))
    assert staging_cache.shared("blobs/a", first) is first
    assert staging_cache.shared("blobs/a", second) is first
    assert staging_cache.shared("blobs/a", first) is first
    assert used_bytes(scratch) == 100
    assert read(first) == b"x" * 100


def test_sources_with_one_staging_cache_share_their_blobs(scratch: Scratch) -> None:
    staging_cache = StagingCache()
    sources = [StagedFiles(name, staging_cache) for name in ("one", "two")]
    for source in sources:
        source.add_blob("blobs/a", into_scratch(in_pieces(b"x" * 100), scratch))
    assert used_bytes(scratch) == 100
    assert [source.size("blobs/a") for source in sources] == [100, 100]
    assert b"".join(map(bytes, sources[1].open_at("blobs/a", 50))) == b"x" * 50


def test_a_layer_is_recalled_by_name_size_and_bytes(scratch: Scratch) -> None:
    staging_cache, layer = StagingCache(), staged(LAYER, scratch)
    staging_cache.remember("a/layer.tar", len(LAYER), layer)
    assert staging_cache.recall("a/layer.tar", len(LAYER), in_pieces(LAYER)) is layer
    assert staging_cache.recall("b/layer.tar", len(LAYER), in_pieces(LAYER)) is None
    assert staging_cache.recall("a/layer.tar", 1, in_pieces(b"x")) is None


def test_what_is_not_recalled_is_not_read(scratch: Scratch) -> None:
    pieces = in_pieces(LAYER)
    assert StagingCache().recall("a/layer.tar", len(LAYER), pieces) is None
    assert b"".join(map(bytes, pieces)) == LAYER


def test_another_layer_of_the_same_name_and_size_is_reported_once_and_taken_the_next_time(scratch: Scratch) -> None:
    staging_cache, other = StagingCache(), b"x" * len(LAYER)
    staging_cache.remember("a/layer.tar", len(LAYER), staged(LAYER, scratch))
    with pytest.raises(Damaged) as caught:
        staging_cache.recall("a/layer.tar", len(LAYER), in_pieces(other))
    assert caught.value.retryable
    assert staging_cache.recall("a/layer.tar", len(LAYER), in_pieces(other)) is None


# Files of a layout


def test_documents_and_blobs_are_read_by_their_paths(scratch: Scratch) -> None:
    files = StagedFiles("archive", StagingCache())
    files.add_document("index.json", b"{}")
    files.add_blob("blobs/a", into_scratch(in_pieces(LAYER), scratch))
    assert (files.size("index.json"), files.size("blobs/a"), files.size("blobs/b")) == (2, len(LAYER), None)
    assert files.read("index.json", 2) == b"{}"
    assert b"".join(map(bytes, files.open_at("index.json", 1))) == b"}"
    digest = hashlib.sha256(b"".join(map(bytes, files.open_at("blobs/a", 0))))
    assert digest.hexdigest() == hashlib.sha256(LAYER).hexdigest()


def test_a_document_that_is_larger_than_asked_for_is_damage() -> None:
    files = StagedFiles("archive", StagingCache())
    files.add_document("index.json", b"{  }")
    with raises(Damaged, actual="4 bytes") as caught:
        files.read("index.json", 3)
    assert "archive: index.json" in str(caught.value)


def test_the_pieces_of_a_large_document_are_bounded_as_those_of_a_blob() -> None:
    """An attestation is a layer, and JSON."""
    files = StagedFiles("archive", StagingCache())
    content = b"[" + random.Random(1).randbytes(3_000_000).hex().encode() + b"]"
    files.add_document("blobs/sha256/a", content)
    pieces = [bytes(piece) for piece in files.open_at("blobs/sha256/a", 0)]
    assert b"".join(pieces) == content
    assert max(map(len, pieces)) <= 1 << 20


def test_a_manifest_of_ours_is_the_same_for_the_same_parts_and_is_an_image_manifest() -> None:
    config, layers = (
        described(b"config", "application/vnd.oci.image.config.v1+json"),
        [described(b"a"), described(b"b")],
    )
    content = manifest_of(config, layers)
    assert content == manifest_of(config, layers)
    parsed = parse_manifest(content, OCI_MANIFEST, what="x")
    assert (parsed.config, parsed.layers, parsed.is_runnable) == (config, tuple(layers), True)
    assert hashlib.sha256(content).hexdigest() == GOLDEN_MANIFEST


GOLDEN_MANIFEST = "d57c98148543065b490fa254eb9f9b7458b4e8012e4de3340ca2adacddd8e4ec"
"""The digest of the same image since the first release that made manifests."""
