"""The plan puts each byte where FORMAT.md says, the same on any machine, in chunks that stock tools read."""

from __future__ import annotations

import io
import json
import tarfile
from typing import Any

import pytest

from bundler.bundle.chunk import members_by_chunk
from bundler.core import manifest as bundle_manifest, oci, tar
from bundler.core.digest import Digest
from bundler.core.limits import MINIMUM_CHUNK_BYTES
from bundler.core.manifest import Piece, Stored
from bundler.core.medium_size import DEFAULT_CHUNK_BYTES
from bundler.core.oci import Descriptor, Manifest
from bundler.core.plan import CHUNK_PRESETS, Plan, ResolvedImage, parse_chunk_size
from bundler.core.reference import Reference
from bundler.errors import Misuse
from tests.support.errors import raises
from tests.support.tables import each_case
from tests.unit.values import (
    GZIP_LAYER,
    MIB,
    ZSTD_LAYER,
    described,
    digest,
    image_manifest,
    layer,
    planned,
    resolved,
    variant,
)

LARGEST_WHOLE = MIB - len(tar.END) - 512
"""Bytes of the largest blob that a chunk of 1 MiB can hold: the tar's end and one header are taken off."""


def names(plan: Plan) -> list[list[str]]:
    return [[member.name for member in members] for members in members_by_chunk(plan.manifest)]


def stored(plan: Plan, descriptor: Descriptor) -> Stored:
    return next(blob.stored for blob in plan.manifest.blobs if blob.descriptor.digest == descriptor.digest)


def document(plan: Plan, path: str) -> Any:
    file = next(file for file in plan.manifest.files if file.path == path)
    return json.loads(plan.contents[file.digest])


def test_a_bundle_begins_with_the_layout_then_manifests_then_configs_then_layers() -> None:
    one, two = layer("one", 100), layer("two", 100)
    plan = planned(resolved("a:1", one), resolved("b:1", two, one))
    manifests = [image.root.digest.path for image in plan.manifest.images]
    configs = [blob.stored.path for blob in plan.manifest.blobs if blob.kind == "config"]
    layout = ["oci-layout", "index.json", "manifest.json"]
    assert names(plan) == [[*layout, *manifests, *configs, one.digest.path, two.digest.path]]
    assert [blob.kind for blob in plan.manifest.blobs] == ["manifest"] * 2 + ["config"] * 2 + ["layer"] * 2


def test_the_first_bytes_lie_where_tar_puts_them() -> None:
    plan = planned(resolved("a:1", layer("one", 100)))
    layout, index, _ = plan.manifest.files
    assert layout.pieces == (Piece(1, 512, 31),)
    assert index.pieces[0].offset_bytes == 512 + 512 + 512
    assert plan.manifest.chunks[0].file == "chunk-0001.tar"


def test_a_blob_that_images_share_is_stored_once() -> None:
    shared = layer("shared", 1000)
    plan = planned(resolved("a:1", shared, layer("x", 10)), resolved("b:1", shared))
    assert sum(shared.digest.path in chunk for chunk in names(plan)) == 1
    number = next(n for n, blob in enumerate(plan.manifest.blobs) if blob.descriptor.digest == shared.digest)
    assert [number in image.blobs for image in plan.manifest.images] == [True, True]


def test_an_image_knows_its_manifests_its_blobs_and_the_index_that_it_was_chosen_from() -> None:
    image = resolved("a:1", layer("one", 10), layer("two", 20))
    whole = digest("whole index")
    plan = planned(ResolvedImage(image.reference, image.source, image.manifests, image.variants, made_from=whole))
    (planned_image,) = plan.manifest.images
    blobs = plan.manifest.blobs
    assert [blobs[number].descriptor for number in planned_image.manifests] == [image.root]
    assert [blobs[number].descriptor for number in planned_image.blobs] == list(image.manifests[0].blobs)
    assert (planned_image.root, planned_image.made_from) == (image.root, whole)
    assert (planned_image.reference, planned_image.source) == (Reference.parse("a:1"), "docker://a:1")


def test_a_blob_that_does_not_fit_begins_the_next_chunk_whole() -> None:
    first, second = layer("first", MIB // 2), layer("second", MIB // 2)
    plan = planned(resolved("a:1", first, second), chunk_size_bytes=MIB)
    assert [piece.chunk for piece in stored(plan, first).pieces] == [1]
    assert stored(plan, second).pieces == (Piece(2, 512, MIB // 2),)


def test_the_largest_blob_that_a_chunk_can_hold_is_not_cut() -> None:
    plan = planned(resolved("a:1", layer("one", LARGEST_WHOLE)), chunk_size_bytes=MIB)
    assert stored(plan, layer("one", 0)).pieces == (Piece(2, 512, LARGEST_WHOLE),)
    assert plan.manifest.chunks[1].size_bytes == MIB


def test_a_chunk_is_filled_to_its_last_byte() -> None:
    large = layer("large", LARGEST_WHOLE + 1)  # leaves one byte for the third chunk
    rest = layer("rest", LARGEST_WHOLE - 2 * 512)
    plan = planned(resolved("a:1", large, rest, layer("next", 1)), chunk_size_bytes=MIB)
    assert [chunk.size_bytes for chunk in plan.manifest.chunks[1:3]] == [MIB, MIB]
    assert [stored(plan, each).pieces[-1].chunk for each in (large, rest, layer("next", 1))] == [3, 3, 4]


def test_one_byte_more_is_cut_into_parts_that_each_begin_a_chunk() -> None:
    large, small = layer("large", LARGEST_WHOLE + 1), layer("small", 10)
    plan = planned(resolved("a:1", large, small), chunk_size_bytes=MIB)
    assert stored(plan, large).pieces == (Piece(2, 512, LARGEST_WHOLE), Piece(3, 512, 1))
    path = large.digest.path
    assert names(plan)[1:] == [[f"{path}.part-0001"], [f"{path}.part-0002", small.digest.path]]


def test_a_blob_without_bytes_has_a_place_too() -> None:
    empty = described(b"")
    plan = planned(resolved("a:1", empty))
    (piece,) = stored(plan, empty).pieces
    assert piece.length_bytes == 0


def test_the_same_images_give_the_same_bytes() -> None:
    images = [resolved("a:1", layer("one", MIB), layer("two", 3 * MIB)), resolved("b:2", layer("two", 3 * MIB))]
    first, second = (planned(*images, chunk_size_bytes=MIB) for _ in range(2))
    assert bundle_manifest.to_json(first.manifest) == bundle_manifest.to_json(second.manifest)
    assert first.contents == second.contents


def test_the_index_names_each_image_for_skopeo_and_for_containerd() -> None:
    plan = planned(resolved("nginx:1", layer("one", 1)), resolved("quay.io/b:2", layer("two", 2)))
    index = document(plan, "index.json")
    assert (index["schemaVersion"], index["mediaType"]) == (2, oci.OCI_INDEX)
    assert [entry["digest"] for entry in index["manifests"]] == [str(i.root.digest) for i in plan.manifest.images]
    for name in ("org.opencontainers.image.ref.name", "io.containerd.image.name"):
        assert [entry["annotations"][name] for entry in index["manifests"]] == [
            "docker.io/library/nginx:1",
            "quay.io/b:2",
        ]


def test_the_layout_says_its_version() -> None:
    assert document(planned(resolved("a:1")), "oci-layout") == {"imageLayoutVersion": "1.0.0"}


def several_platforms(*platforms: str) -> ResolvedImage:
    children = [image_manifest(platform, layer(platform, 10)) for platform in platforms]
    root = Manifest(Descriptor(oci.OCI_INDEX, digest("".join(platforms)), 900), tuple(c.descriptor for c in children))
    variants = tuple(variant(child, platform) for child, platform in zip(children, platforms, strict=True))
    return ResolvedImage(Reference.parse("a:1"), "docker://a:1", (*children, root), variants)


@pytest.mark.parametrize(
    ("platforms", "loaded"),
    [
        pytest.param(["linux/arm64", "linux/amd64"], "linux/amd64", id="linux/amd64 where there is one"),
        pytest.param(["linux/arm64", "linux/s390x"], "linux/arm64", id="else the first"),
        pytest.param(["windows/amd64", "linux/arm64"], "linux/arm64", id="else the first one for Linux"),
        pytest.param(["windows/amd64"], None, id="nothing where nothing is for Linux"),
    ],
)
def test_docker_loads_one_platform_of_each_image(platforms: list[str], loaded: str | None) -> None:
    entries = document(planned(several_platforms(*platforms)), "manifest.json")
    assert [entry["Layers"] for entry in entries] == ([[digest(loaded).path]] if loaded else [])


def test_docker_loads_an_image_by_the_name_it_knows() -> None:
    (entry,) = document(planned(resolved("nginx:1.27", layer("one", 1), layer("two", 2))), "manifest.json")
    assert entry["RepoTags"] == ["docker.io/library/nginx:1.27"]
    assert entry["Layers"] == [digest("one").path, digest("two").path]
    assert entry["Config"].startswith("blobs/sha256/")


def test_an_image_without_a_tag_is_loaded_without_a_name() -> None:
    (entry,) = document(planned(resolved(f"a@{digest('x')}", layer("one", 1))), "manifest.json")
    assert entry["RepoTags"] == []


def test_images_that_old_daemons_cannot_read_are_loaded_last() -> None:
    plan = planned(
        resolved("zstd:1", layer("z", 1, media_type=ZSTD_LAYER)),
        resolved("a:1", layer("one", 1)),
        resolved("b:1", layer("two", 1)),
    )
    tags = [entry["RepoTags"][0].rpartition("/")[2] for entry in document(plan, "manifest.json")]
    assert tags == ["a:1", "b:1", "zstd:1"]


def test_artifacts_are_carried_but_not_loaded() -> None:
    chart = Manifest(
        Descriptor(oci.OCI_MANIFEST, digest("chart"), 300),
        config=Descriptor("application/vnd.cncf.helm.config.v1+json", digest("c"), 10),
        layers=(Descriptor("application/vnd.cncf.helm.chart.content.v1.tar+gzip", digest("l"), 10),),
    )
    plan = planned(ResolvedImage(Reference.parse("chart:1"), "docker://chart:1", (chart,), ()))
    assert document(plan, "manifest.json") == []
    assert len(document(plan, "index.json")["manifests"]) == 1


def archive_of(plan: Plan, contents: dict[Digest, bytes]) -> list[bytes]:
    """The chunks, made as simply as can be: header, data, padding, two blocks of zeros."""
    chunks = []
    for members in members_by_chunk(plan.manifest):
        chunk = bytearray()
        for member in members:
            assert len(chunk) == member.header_offset
            begin = member.start_bytes
            data = contents[member.stored.digest][begin : begin + member.piece.length_bytes]
            chunk += member.header + data + member.padding
        chunks.append(bytes(chunk + tar.END))
    return chunks


def test_all_chunks_unpacked_into_one_folder_are_the_layout() -> None:
    small, large, long_name = b"small" * 100, bytes(range(256)) * (MIB // 100), b"sha512" * 1000
    layers = [described(small), described(large), described(long_name, algorithm="sha512")]
    image = resolved("a:1", *layers)
    plan = planned(image, chunk_size_bytes=MIB)
    blobs = {layers[0].digest: small, layers[1].digest: large, layers[2].digest: long_name, **plan.contents}
    for invented in (image.root, image.manifests[0].blobs[0]):
        blobs[invented.digest] = b"i" * invented.size_bytes
    chunks = archive_of(plan, blobs)
    assert [len(chunk) for chunk in chunks] == [chunk.size_bytes for chunk in plan.manifest.chunks]
    unpacked: dict[str, bytes] = {}
    with tarfile.open(fileobj=io.BytesIO(b"".join(chunks)), mode="r:", ignore_zeros=True) as archive:
        for member in archive:
            # as `cat x.part-* > x` does, see README.txt
            path = member.name.partition(".part-")[0]
            unpacked[path] = unpacked.get(path, b"") + archive.extractfile(member).read()  # type: ignore[union-attr]
    expected = {digest.path: content for digest, content in blobs.items() if digest not in plan.contents}
    expected |= {file.path: plan.contents[file.digest] for file in plan.manifest.files}
    assert unpacked == expected


@each_case(
    ("text", "size"),
    [
        ("2000000000", 2_000_000_000),
        ("1900MiB", 1900 * MIB),
        ("4GB", 4_000_000_000),
        ("4 gb", 4_000_000_000),
        ("1GiB", 1 << 30),
        ("2048KiB", 2 * MIB),
        ("2000KB", 2_000_000),
        ("1TB", 10**12),
        ("1TiB", 1 << 40),
        ("1MiB", MINIMUM_CHUNK_BYTES),
        ("DVD", CHUNK_PRESETS["dvd"]),
        *CHUNK_PRESETS.items(),
    ],
)
def test_a_chunk_size_is_a_number_a_unit_or_a_medium(text: str, size: int) -> None:
    assert parse_chunk_size(text) == size


@each_case("text", ["", "big", "-1", "1.5GB", "GB", "1PB", "4G", "1e9", "١GB", "1" * 16])
def test_what_is_no_chunk_size_is_refused(text: str) -> None:
    with pytest.raises(Misuse):
        parse_chunk_size(text)


@pytest.mark.parametrize("text", ["0", "1", "1048575", "1MB"])
def test_a_chunk_size_that_makes_no_sense_is_refused(text: str) -> None:
    with raises(Misuse, expected="at least 1048576 bytes") as caught:
        parse_chunk_size(text)
    assert caught.value.expected == f"at least {MINIMUM_CHUNK_BYTES} bytes"


@pytest.mark.parametrize("text", ["9000TB", "100000TB", "999999999999999TiB"])
def test_a_chunk_size_that_is_taken_makes_a_bundle_that_can_be_read(text: str) -> None:
    try:
        size = parse_chunk_size(text)
    except Misuse:
        return
    made = planned(resolved("a:1", layer("one", 1)), chunk_size_bytes=size).manifest
    assert bundle_manifest.from_json(bundle_manifest.to_json(made), what="test") == made


def test_chunk_sizes_are_those_of_format_md() -> None:
    assert DEFAULT_CHUNK_BYTES == 2_000_000_000
    assert CHUNK_PRESETS == {
        "cd": 700_000_000,
        "dvd": 4_294_000_000,
        "dvd-dl": 4_260_000_000,
        "bd25": 24_900_000_000,
        "bd50": 49_900_000_000,
        "bd100": 99_900_000_000,
        "fat32": 4_294_000_000,
    }


@pytest.mark.parametrize("name", ["fat32", "dvd", "dvd-dl"])
def test_chunks_for_media_stay_below_what_their_file_systems_take(name: str) -> None:
    assert CHUNK_PRESETS[name] < (4 << 30) - 1


@pytest.mark.parametrize(
    ("name", "medium_bytes"),
    [
        ("cd", 737_280_000),
        ("dvd", 4_700_000_000),
        ("bd25", 25_025_314_816),
        ("bd50", 50_050_629_632),
        ("bd100", 100_103_356_416),
    ],
)
def test_a_chunk_for_a_disc_fits_on_it(name: str, medium_bytes: int) -> None:
    assert CHUNK_PRESETS[name] < medium_bytes
    assert 2 * CHUNK_PRESETS["dvd-dl"] < 8_540_000_000


def test_chunks_too_small_for_the_index_are_refused_with_the_size_that_will_do() -> None:
    images = [resolved(f"registry.example.com/team/image:{number}") for number in range(2000)]
    with raises(Misuse, actual="1048576 bytes") as caught:
        planned(*images, chunk_size_bytes=MIB)
    least = int((caught.value.expected or "").removeprefix("at least ").removesuffix(" bytes"))
    plan = planned(*images, chunk_size_bytes=least)
    assert {piece.chunk for file in plan.manifest.files for piece in file.pieces} == {1}


def test_a_media_type_of_a_layer_is_carried_as_it_is() -> None:
    plan = planned(resolved("a:1", layer("one", 1, media_type=GZIP_LAYER)))
    assert plan.manifest.blobs[-1].descriptor.media_type == GZIP_LAYER
