"""Laws of image files: how a file was made, ordered, compressed and cut into pieces has no part in what comes out."""

from __future__ import annotations

import gzip
import json
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from bundler.core import tar
from bundler.core.digest import Digest
from bundler.core.limits import PIECE_BYTES
from bundler.core.oci import parse_manifest
from bundler.core.protocols import Pieces
from bundler.errors import Damaged
from bundler.stores import compression
from bundler.stores.archive_contents import survey
from bundler.stores.archives import Archive, Staging
from bundler.stores.image_file import ImageFile, PieceStream
from bundler.stores.staging import StagingCache
from bundler.stores.tar_reader import TarMember
from bundler.system.scratch import Scratch
from bundler.transports.parsing import parse_image, parse_target
from tests.property.strategies import law, references
from tests.support import images
from tests.support.archives import COMPRESSIONS, FORMS, docker_files, in_pieces, layout_files, tar_of, write_as

pytestmark = pytest.mark.no_cover  # thousands of rounds through what other tests run as well

few = settings(law, max_examples=15)
"""For laws whose examples start processes or compress much."""

contents = st.one_of(
    st.binary(max_size=3000),
    st.tuples(st.binary(min_size=1, max_size=40), st.integers(1, 5000)).map(lambda pair: pair[0] * pair[1]),
)
piece_sizes = st.one_of(st.integers(1, 5), st.integers(1, 5000), st.just(PIECE_BYTES))
kinds = st.sampled_from(sorted(COMPRESSIONS))
ours = st.sampled_from([compression.GZIP, compression.ZSTD, compression.NONE])


def inflate(content: bytes, kind: str, size_bytes: int) -> bytes:
    pieces = [bytes(piece) for piece in compression.decompressed(in_pieces(content, size_bytes), kind, what="x")]
    assert max(map(len, pieces), default=0) <= PIECE_BYTES
    return b"".join(pieces)


def deflate(content: bytes, kind: str, size_bytes: int) -> bytes:
    compressor = compression.compressor(kind)
    return b"".join([*map(compressor.compress, in_pieces(content, size_bytes)), compressor.flush()])


@law
@given(contents, kinds, piece_sizes)
def test_decompressing_undoes_what_others_compress(content: bytes, kind: str, size_bytes: int) -> None:
    assert inflate(COMPRESSIONS[kind](content), kind, size_bytes) == content


@law
@given(contents, ours, piece_sizes, piece_sizes)
def test_decompressing_undoes_what_we_compress(content: bytes, kind: str, one: int, other: int) -> None:
    made = deflate(content, kind, one)
    assert inflate(made, kind, other) == content
    assert made == deflate(content, kind, PIECE_BYTES)


@law
@given(st.lists(contents, max_size=4), kinds, piece_sizes)
def test_streams_one_after_the_other_are_one(parts: list[bytes], kind: str, size_bytes: int) -> None:
    assert inflate(b"".join(map(COMPRESSIONS[kind], parts)), kind, size_bytes) == b"".join(parts)


@law
@given(contents, st.sampled_from([kind for kind in COMPRESSIONS if kind != "none"]), piece_sizes, st.data())
def test_no_beginning_of_a_stream_passes_for_the_whole(
    content: bytes, kind: str, size: int, data: st.DataObject
) -> None:
    whole = COMPRESSIONS[kind](content)
    cut = whole[: data.draw(st.integers(1, len(whole) - 1))]
    with pytest.raises(Damaged):
        inflate(cut, kind, size)


@law
@given(contents, st.binary(min_size=1, max_size=300), kinds, piece_sizes)
def test_any_bytes_are_decompressed_or_refused(content: bytes, noise: bytes, kind: str, size_bytes: int) -> None:
    whole = COMPRESSIONS[kind](content)
    for spoilt in (whole + noise, noise + whole, noise, whole[: len(whole) // 2] + noise):
        with suppress(Damaged):
            assert isinstance(inflate(spoilt, kind, size_bytes), bytes)


# The members of a tar

_names = st.one_of(
    st.from_regex(r"[a-z]{1,8}(/[a-z.]{1,8}[a-z]){0,3}", fullmatch=True),
    st.integers(95, 250).map(lambda length: "n" * length),
)
_members = st.dictionaries(_names, st.one_of(contents, st.just(b'{"a": 1}'), st.just(b"[]")), max_size=6)


def written(files: dict[str, bytes]) -> bytes:
    parts = [
        tar.header(name, len(content)) + content + bytes(tar.padding_bytes(len(content)))
        for name, content in files.items()
    ]
    return b"".join([*parts, tar.END])


@law
@given(_members, st.booleans(), piece_sizes)
def test_every_member_of_a_tar_is_found_with_its_bytes(files: dict[str, bytes], by_us: bool, size_bytes: int) -> None:
    whole = written(files) if by_us else tar_of(files)
    shown: dict[str, bytes] = {}

    def take(member: TarMember, pieces: Pieces) -> None:
        shown[member.name] = b"".join(map(bytes, pieces))

    found = survey(PieceStream(in_pieces(whole, size_bytes)), what="x", take=take)
    assert {**found.documents, **shown} == files
    assert list(found.members) == list(files)
    for name, member in found.members.items():
        assert whole[member.offset_bytes :][: member.size_bytes] == files[name]


# Images

LAYERS = [images.layer_tar("one"), images.layer_tar("two", 30_000), b"", b"\0" * 1024]


def manifests_of(
    folder: Path, files: dict[str, bytes], form: str, name: str | None = None
) -> tuple[Digest, list[Digest]]:
    """The digests of the image in a file, and of what it is made of, each compared with the bytes."""
    archive = Archive.indexed(ImageFile(write_as(form, folder / "image", files), called="x"))
    source = archive.ready([name], Staging(Scratch(folder), StagingCache(), "gzip", lambda _warning: None)).source
    root = source.resolve(name)
    manifest = parse_manifest(source.read_manifest(root), root.media_type, what="x")
    for blob in manifest.blobs:
        content = b"".join(bytes(piece) for piece in source.open_blob(blob, offset_bytes=0))
        assert Digest.of(content) == blob.digest
    return root.digest, [blob.digest for blob in manifest.blobs]


@few
@given(
    st.lists(st.sampled_from(LAYERS), unique=True, min_size=1),
    st.sampled_from(FORMS),
    st.randoms(use_true_random=False),
)
def test_the_same_image_has_the_same_digest_in_every_file(layers: list[bytes], form: str, random: object) -> None:
    files = docker_files(layers, tags=["app:1"])
    order = list(files)
    random.shuffle(order)  # type: ignore[attr-defined]
    with tempfile.TemporaryDirectory() as folder:
        plain = manifests_of(Path(folder), files, "none")
        assert manifests_of(Path(folder), {name: files[name] for name in order}, form) == plain


@few
@given(st.sampled_from(FORMS), st.integers(1, 50_000), st.randoms(use_true_random=False))
def test_a_layout_keeps_its_digests_in_every_file(form: str, size_bytes: int, random: object) -> None:
    image = images.simple("law", size_bytes)
    files = layout_files(image, "quay.io/a:1")
    order = list(files)
    random.shuffle(order)  # type: ignore[attr-defined]
    with tempfile.TemporaryDirectory() as folder:
        root, blobs = manifests_of(Path(folder), {name: files[name] for name in order}, form)
    manifest = json.loads(image.content)
    assert (str(root), [str(blob) for blob in blobs]) == (
        image.digest,
        [each["digest"] for each in (manifest["config"], *manifest["layers"])],
    )


@few
@given(st.sampled_from(LAYERS), piece_sizes)
def test_a_layer_of_ours_is_read_by_others_and_the_same_every_time(layer: bytes, size_bytes: int) -> None:
    made = deflate(layer, compression.GZIP, size_bytes)
    assert gzip.decompress(made) == layer
    assert Digest.of(made) == Digest.of(deflate(layer, compression.GZIP, PIECE_BYTES))


# Locations

_paths = st.from_regex(r"[A-Za-z0-9_./ -]{1,20}", fullmatch=True).filter(str.strip)


@law
@given(
    _paths,
    st.one_of(st.none(), references.map(str), st.just("@0")),
    st.sampled_from(["oci", "oci-archive", "docker-archive"]),
)
def test_a_location_of_a_file_is_read_as_it_is_shown(path: str, name: str | None, transport: str) -> None:
    location = parse_image(f"{transport}:{path}" + (f":{name}" if name else ""))
    assert (location.path, location.name) == (path, name)  # type: ignore[union-attr]
    assert parse_image(str(location)) == location


@law
@given(references)
def test_a_location_in_a_daemon_is_read_as_it_is_shown(reference: object) -> None:
    location = parse_image(f"docker-daemon:{reference}")
    assert parse_image(str(location)) == location


@law
@given(references.map(lambda reference: f"docker-daemon:{reference.registry}/{reference.repository}"))
def test_a_daemon_with_names_is_read_as_it_is_shown(text: str) -> None:
    assert parse_target(str(parse_target(text))) == parse_target(text)
