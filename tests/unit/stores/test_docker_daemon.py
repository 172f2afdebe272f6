"""An image of a daemon is carried whole or not at all, and the archive that it is to load is one of docker save."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from bundler.core.digest import Digest
from bundler.core.oci import OCI_CONFIG, OCI_MANIFEST, Descriptor, parse_manifest
from bundler.core.platform import Platform
from bundler.core.protocols import Pieces
from bundler.errors import BundlerError, Damaged, Refused, Unavailable
from bundler.stores import compression
from bundler.stores.archives import Ready, Staging
from bundler.stores.docker_daemon import LoadSink, ready
from bundler.stores.docker_sdk import Daemon, DaemonFacts, ImageFacts
from bundler.stores.staging import StagingCache
from bundler.system.scratch import Scratch
from tests.support import images
from tests.support.archives import docker_config, docker_files, in_pieces, layout_files, tar_of
from tests.support.errors import raises
from tests.support.parts import require

LOWER, UPPER = images.layer_tar("lower"), images.layer_tar("upper", 1_100_000)
NAME = "docker.io/library/app:1"
NO_ROOM = "write /var/lib/docker/tmp/x: no space left on device"


@dataclass
class Saved:
    """A substitute of a daemon: has one answer to each question."""

    streams: list[bytes]
    has_containerd_store: bool = False
    id: str = ""
    has_image: bool = True
    piece_bytes: int = 32_768
    asked: list[str] = field(default_factory=list)

    @property
    def facts(self) -> DaemonFacts:
        return DaemonFacts(Platform("linux", "amd64"), self.has_containerd_store)

    def find(self, name: str) -> ImageFacts | None:
        image_id = Digest.parse(self.id or images.sha256(b"id"))
        return ImageFacts(image_id, (name,), (), 1000) if self.has_image else None

    def save(self, name: str) -> Pieces:
        self.asked.append(name)
        yield from in_pieces(self.streams[min(len(self.asked), len(self.streams)) - 1], self.piece_bytes)


@pytest.fixture
def staging(tmp_path: Path) -> Staging:
    warnings: list[str] = []
    return Staging(Scratch(tmp_path), StagingCache(), compression.GZIP, warnings.append)


def made_ready(daemon: Saved, staging: Staging, name: str = NAME) -> Ready:
    return ready(name, cast(Daemon, daemon), staging)


def blobs_of(made: Ready, name: str = NAME) -> list[bytes]:
    root = made.source.resolve(name)
    manifest = parse_manifest(made.source.read_manifest(root), root.media_type, what="x")
    return [b"".join(bytes(p) for p in made.source.open_blob(blob, offset_bytes=0)) for blob in manifest.blobs]


def classic(layers: list[bytes], **more: object) -> dict[str, bytes]:
    """An archive of a daemon without the containerd store, with the files that only old clients read."""
    files = docker_files(layers, tags=["app:1"], **more)  # type: ignore[arg-type]
    version = {f"{name.partition('/')[0]}/VERSION": b"1.0" for name in files if "/" in name}
    return {**version, **files, "repositories": b'{"app":{"1":"x"}}'}


# Source


def test_a_saved_image_has_its_config_and_its_layers(staging: Staging) -> None:
    made = made_ready(Saved([tar_of(classic([LOWER, UPPER]))]), staging)
    config, *layers = blobs_of(made)
    assert (made.is_repacked, config) == (True, docker_config([LOWER, UPPER]))
    assert [images.gzip.decompress(layer) for layer in layers] == [LOWER, UPPER]


def test_a_saved_image_is_found_by_its_id(staging: Staging) -> None:
    image_id = images.sha256(docker_config([LOWER]))
    files = classic([LOWER])
    entry = {**json.loads(files["manifest.json"])[0], "RepoTags": None}
    files["manifest.json"] = json.dumps([entry]).encode()
    made = made_ready(Saved([tar_of(files)], id=image_id), staging, image_id)
    assert blobs_of(made, image_id)[0] == docker_config([LOWER])


@pytest.mark.parametrize("piece_bytes", [511, 1 << 20])
def test_the_digest_of_a_saved_image_is_the_same_every_time(piece_bytes: int, staging: Staging) -> None:
    content = tar_of(classic([LOWER, UPPER]))
    digests = set()
    for size in (piece_bytes, 32_768):
        fresh = Staging(staging.scratch, StagingCache(), compression.GZIP, staging.warn)
        digests.add(made_ready(Saved([content], piece_bytes=size), fresh).source.resolve(NAME).digest)
    assert len(digests) == 1


def test_images_that_share_a_layer_stage_it_once(staging: Staging) -> None:
    made_ready(Saved([tar_of(classic([UPPER]))]), staging)
    before = staging.scratch.peak_bytes
    other = made_ready(Saved([tar_of(classic([UPPER, LOWER]))]), staging, "docker.io/library/other:1")
    assert staging.scratch.peak_bytes < before + 10_000
    assert images.gzip.decompress(blobs_of(other, "docker.io/library/other:1")[1]) == UPPER


def test_a_layer_of_nothing_is_a_layer(staging: Staging) -> None:
    made = made_ready(Saved([tar_of(classic([LOWER, b""]))]), staging)
    assert [images.gzip.decompress(layer) for layer in blobs_of(made)[1:]] == [LOWER, b""]


def test_a_layer_that_is_not_the_one_of_the_config_is_damage(staging: Staging) -> None:
    files = classic([LOWER, UPPER], diff_ids=[images.sha256(LOWER), images.sha256(b"another")])
    with raises(Damaged, values={"number": 2, "count": 2}) as caught:
        made_ready(Saved([tar_of(files)]), staging)
    assert f"docker-daemon:{NAME}" in str(caught.value)


def test_several_images_where_one_was_asked_for_are_damage(staging: Staging) -> None:
    files = classic([LOWER])
    files["manifest.json"] = json.dumps(json.loads(files["manifest.json"]) * 2).encode()
    with pytest.raises(Damaged):
        made_ready(Saved([tar_of(files)]), staging)


def test_an_image_that_the_daemon_does_not_have_is_refused_before_anything_is_saved(staging: Staging) -> None:
    daemon = Saved([b""], has_image=False)
    with raises(Refused, subject="docker-daemon:docker.io/library/app:1"):
        made_ready(daemon, staging)
    assert daemon.asked == []


def registry_layout() -> dict[str, bytes]:
    """An archive of a daemon with the containerd store."""
    image = images.image([images.gzip.compress(LOWER, mtime=0), images.zstd(UPPER)], uncompressed=[LOWER, UPPER])
    files = layout_files(image, None)
    names = {"io.containerd.image.name": NAME, "org.opencontainers.image.ref.name": "1"}
    files["index.json"] = json.dumps({"schemaVersion": 2, "manifests": [image.descriptor(annotations=names)]}).encode()
    manifest = json.loads(image.content)
    paths = [f"blobs/{each['digest'].replace(':', '/')}" for each in (manifest["config"], *manifest["layers"])]
    entry = {"Config": paths[0], "RepoTags": ["app:1"], "Layers": paths[1:]}
    return {**files, "manifest.json": json.dumps([entry]).encode()}


def root_of(files: Mapping[str, bytes]) -> dict[str, object]:
    return cast("dict[str, object]", json.loads(files["index.json"])["manifests"][0])


@pytest.mark.parametrize("piece_bytes", [511, 32_768, 1 << 20])
def test_what_the_containerd_store_saves_is_carried_byte_for_byte(piece_bytes: int, staging: Staging) -> None:
    files = registry_layout()
    daemon = Saved([tar_of(files)], has_containerd_store=True, piece_bytes=piece_bytes)
    made = made_ready(daemon, staging)
    root = made.source.resolve(NAME)
    assert (made.is_repacked, str(root.digest)) == (False, root_of(files)["digest"])
    assert made.source.read_manifest(root) == files[root.digest.path]
    manifest = parse_manifest(files[root.digest.path], root.media_type, what="x")
    assert blobs_of(made) == [files[blob.digest.path] for blob in manifest.blobs]


@pytest.mark.parametrize("name", ["id", "digest"])
def test_what_the_containerd_store_saves_is_found_by_what_it_was_asked_for(name: str, staging: Staging) -> None:
    files = registry_layout()
    digest = str(root_of(files)["digest"])
    asked = digest if name == "id" else f"docker.io/library/app@{digest}"
    made = made_ready(Saved([tar_of(files)], has_containerd_store=True, id=digest), staging, asked)
    assert str(made.source.resolve(asked).digest) == digest


@pytest.mark.parametrize(
    "index",
    [
        pytest.param(b'{"schemaVersion":2,"manifests":[]}', id="nothing"),
        pytest.param(b'{"schemaVersion":2,"manifests":{}}', id="no list"),
        pytest.param(None, id="no index"),
    ],
)
def test_a_layout_without_the_image_is_damage(index: bytes | None, staging: Staging) -> None:
    files = {name: content for name, content in registry_layout().items() if name != "index.json"}
    files |= {} if index is None else {"index.json": index}
    with pytest.raises(Damaged):
        made_ready(Saved([tar_of(files)], has_containerd_store=True), staging)


def test_of_several_images_in_a_layout_the_one_with_the_id_is_taken(staging: Staging) -> None:
    files, other = registry_layout(), images.simple("other")
    wanted = root_of(files)
    files["index.json"] = json.dumps({"schemaVersion": 2, "manifests": [other.descriptor(), wanted]}).encode()
    files |= {f"blobs/{digest.replace(':', '/')}": content for digest, content in other.all_blobs().items()}
    daemon = Saved([tar_of(files)], has_containerd_store=True, id=str(wanted["digest"]))
    assert str(made_ready(daemon, staging).source.resolve(NAME).digest) == wanted["digest"]
    with raises(Damaged, values={"count": 2}):
        made_ready(Saved([tar_of(files)], has_containerd_store=True), staging)


def multi_layout(*present: images.Image) -> tuple[images.Image, dict[str, bytes]]:
    """An index of three platforms, of which some are there, with an attestation that is not."""
    marks = {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": AMD.digest}
    unknown = {"platform": {"os": "unknown", "architecture": "unknown"}, "annotations": marks}
    children = [(each, images.platform(name)) for each, name in ((AMD, "amd64"), (ARM, "arm64"), (S390X, "s390x"))]
    index = images.index([*children, (images.artifact("attestation"), unknown)])
    kept = {digest for each in present for digest in each.all_blobs()} | {index.digest}
    files = layout_files(index, NAME)
    return index, {
        path: content
        for path, content in files.items()
        if not path.startswith("blobs/") or path.removeprefix("blobs/").replace("/", ":") in kept
    }


AMD, ARM, S390X = (images.simple(name, architecture=name) for name in ("amd64", "arm64", "s390x"))


def test_of_an_index_the_only_platform_that_is_there_is_carried_byte_for_byte(staging: Staging) -> None:
    index, files = multi_layout(ARM)
    made = made_ready(Saved([tar_of(files)], has_containerd_store=True, id=index.digest), staging)
    root = made.source.resolve(NAME)
    assert (str(root.digest), made.source.read_manifest(root)) == (ARM.digest, ARM.content)
    assert sorted(blobs_of(made)) == sorted(ARM.blobs.values())


def test_of_an_index_the_platforms_that_are_there_are_carried_in_an_index_of_their_own(staging: Staging) -> None:
    index, files = multi_layout(AMD, ARM)
    made = made_ready(Saved([tar_of(files)], has_containerd_store=True, id=index.digest), staging)
    root = made.source.resolve(NAME)
    reduced = parse_manifest(made.source.read_manifest(root), root.media_type, what="x")
    assert [str(child.digest) for child in reduced.children] == [AMD.digest, ARM.digest]
    for child, image in zip(reduced.children, (AMD, ARM), strict=True):
        assert made.source.read_manifest(child) == image.content


def test_an_index_of_nothing_that_is_there_is_damage(staging: Staging) -> None:
    index, files = multi_layout()
    with pytest.raises(Damaged):
        made_ready(Saved([tar_of(files)], has_containerd_store=True, id=index.digest), staging)


# A stream that breaks off


def error_line(message: str) -> bytes:
    return json.dumps({"errorDetail": {"message": message}, "error": message}).encode() + b"\r\n"


@pytest.mark.parametrize("has_containerd_store", [False, True], ids=["classic", "containerd"])
@pytest.mark.parametrize("length", [512, 3000, 500_000], ids=["at once", "within a header", "within a layer"])
@pytest.mark.parametrize(
    "message",
    [
        pytest.param(NO_ROOM, id="short"),
        pytest.param(f"{NO_ROOM}{'/deeper' * 100}", id="long"),
    ],
)
def test_an_error_instead_of_the_rest_is_reported_as_the_words_of_the_daemon(
    message: str, length: int, has_containerd_store: bool, staging: Staging
) -> None:
    files = registry_layout() if has_containerd_store else classic([LOWER, UPPER])
    stream = tar_of(dict(reversed(files.items())))[:length] + error_line(message)
    daemon = Saved([stream], has_containerd_store=has_containerd_store)
    with pytest.raises(BundlerError, match="write /var/lib") as caught:
        made_ready(daemon, staging)
    assert caught.value.subject == f"docker-daemon:{NAME}"


def test_a_stream_that_ends_early_without_a_word_is_damage(staging: Staging) -> None:
    with pytest.raises(Damaged):
        made_ready(Saved([tar_of(classic([LOWER, UPPER]))[:500_000]]), staging)


@pytest.mark.parametrize(
    "has_containerd_store",
    [
        pytest.param(False, id="classic"),
        pytest.param(True, id="containerd"),
    ],
)
def test_a_save_that_failed_leaves_no_room_taken_that_the_next_one_does_not_use(
    has_containerd_store: bool, tmp_path: Path
) -> None:
    files = registry_layout() if has_containerd_store else classic([LOWER, UPPER])
    whole = tar_of(files)
    daemon = Saved([whole[:-11_000], whole], has_containerd_store=has_containerd_store)
    staging = Staging(Scratch(tmp_path), StagingCache(), compression.GZIP, print)
    with pytest.raises(Damaged):
        made_ready(daemon, staging)
    made_ready(daemon, staging)
    alone = Staging(Scratch(tmp_path), StagingCache(), compression.GZIP, print)
    made_ready(Saved([whole], has_containerd_store=has_containerd_store), alone)
    assert staging.scratch.peak_bytes == alone.scratch.peak_bytes


def test_an_error_of_the_connection_comes_through(staging: Staging) -> None:
    class Broken(Saved):
        def save(self, name: str) -> Pieces:
            yield from in_pieces(self.streams[0][:5000])
            raise Unavailable("the connection broke", retryable=True)

    with raises(Unavailable, retryable=True):
        made_ready(Broken([tar_of(classic([LOWER, UPPER]))]), staging)


# Sink

CONFIG = docker_config([LOWER, UPPER])
BLOBS = [CONFIG, images.gzip.compress(LOWER, mtime=0), images.gzip.compress(UPPER, mtime=0)]


def described(content: bytes, media_type: str) -> Descriptor:
    return Descriptor(media_type, Digest.of(content), len(content))


PARTS = [described(BLOBS[0], OCI_CONFIG), *(described(blob, f"{images.OCI_LAYER}+gzip") for blob in BLOBS[1:])]
MANIFEST = json.dumps(
    {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": PARTS[0].to_json(),
        "layers": [part.to_json() for part in PARTS[1:]],
    }
).encode()


def load_archive(order: list[int], algorithm: str = "sha256") -> bytes:
    written = bytearray()
    sink = LoadSink(written.extend, subject="app:1")
    parts = [
        Descriptor(p.media_type, Digest.of(b, algorithm=algorithm), len(b)) for p, b in zip(PARTS, BLOBS, strict=True)
    ]
    sink.begin(described(MANIFEST, OCI_MANIFEST), MANIFEST, parts[0], parts[1:])
    for number in order:
        assert not sink.has_blob(parts[number])
        sink.put_blob(parts[number], in_pieces(BLOBS[number], 100_000))
        assert sink.has_blob(parts[number])
    sink.end()
    return bytes(written)


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
@pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0]], ids=["config first", "config last"])
def test_what_a_daemon_is_to_load_is_a_tar_with_the_layout_and_the_list_of_docker_save(
    order: list[int], algorithm: str
) -> None:
    with tarfile.open(fileobj=io.BytesIO(load_archive(order, algorithm)), mode="r:") as archive:
        files = {member.name: archive.extractfile(member).read() for member in archive.getmembers()}  # type: ignore[union-attr]
    (entry,) = json.loads(files["manifest.json"])
    assert (files[entry["Config"]], [files[layer] for layer in entry["Layers"]]) == (CONFIG, BLOBS[1:])
    assert entry["RepoTags"] is None, "no tag moves"
    assert json.loads(files["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    (root,) = json.loads(files["index.json"])["manifests"]
    assert files[f"blobs/{root['digest'].replace(':', '/')}"] == MANIFEST
    assert "annotations" not in root, "no tag moves"


@pytest.mark.parametrize("transport", ["docker-archive", "oci-archive"])
def test_skopeo_takes_what_a_daemon_is_to_load_for_the_image(transport: str, tmp_path: Path) -> None:
    require("skopeo")
    (tmp_path / "load.tar").write_bytes(load_archive([2, 0, 1]))
    policy = ["skopeo", "--insecure-policy", f"--tmpdir={tmp_path}"]
    copy = [*policy, "copy", "-q", f"{transport}:{tmp_path}/load.tar", f"dir:{tmp_path}/out"]
    done = subprocess.run(copy, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    manifest = json.loads((tmp_path / "out/manifest.json").read_text())
    assert manifest["config"]["digest"] == images.sha256(CONFIG)


def test_after_a_blob_that_broke_off_nothing_more_is_written() -> None:
    written = bytearray()
    sink = LoadSink(written.extend, subject="app:1")

    def breaking() -> Pieces:
        yield BLOBS[1][:10]
        raise Unavailable("the source is gone")

    with pytest.raises(Unavailable, match="the source is gone"):
        sink.put_blob(PARTS[1], breaking())
    length = len(written)
    with raises(Refused, subject="app:1"):
        sink.put_blob(PARTS[2], in_pieces(BLOBS[2]))
    assert len(written) == length
    assert not sink.has_blob(PARTS[1])
