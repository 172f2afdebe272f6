"""The same images come out of a file whatever it is compressed with, and what is not whole is refused before a copy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from bundler.core.digest import Digest
from bundler.core.oci import Descriptor, parse_manifest
from bundler.errors import BundlerError, Damaged, Refused
from bundler.stores import compression
from bundler.stores.archives import DOCKER, OCI, Archive, Ready, Staging
from bundler.stores.image_file import ImageFile
from bundler.stores.staging import StagingCache
from bundler.system.scratch import Scratch
from tests.support import images
from tests.support.archives import COMPRESSIONS, FORMS, docker_config, docker_files, layout_files, tar_of, write_as
from tests.support.errors import raises

LOWER, UPPER = images.layer_tar("lower"), images.layer_tar("upper", 1_100_000)
NAME = "quay.io/team/app:1"
DOCKER_FILES = docker_files([LOWER, UPPER], tags=[NAME, "app:dev"])
IMAGE = images.simple("layout", 1_100_000)
LAYOUT = layout_files(IMAGE, NAME)


@pytest.fixture
def staging(tmp_path: Path) -> Staging:
    (tmp_path / "scratch").mkdir()
    warnings: list[str] = []
    return Staging(Scratch(tmp_path / "scratch"), StagingCache(), compression.GZIP, warnings.append)


def indexed(path: Path, files: Mapping[str, bytes], form: str = "none", transport: str | None = None) -> Archive:
    return Archive.indexed(ImageFile(write_as(form, path, files), called="test"), transport)


def archive_of(path: Path, content: bytes) -> Archive:
    path.write_bytes(content)
    return Archive.indexed(ImageFile(path, called="test"))


def blobs_of(ready: Ready, name: str | None) -> list[bytes]:
    """Config and layers of an image, each as its descriptor says."""
    root = ready.source.resolve(name)
    manifest = parse_manifest(ready.source.read_manifest(root), root.media_type, what="x")
    return [blob_of(ready, blob) for blob in manifest.blobs]


def blob_of(ready: Ready, descriptor: Descriptor) -> bytes:
    content = b"".join(bytes(piece) for piece in ready.source.open_blob(descriptor, offset_bytes=0))
    assert (Digest.of(content), len(content)) == (descriptor.digest, descriptor.size_bytes)
    return content


def plain(content: bytes) -> bytes:
    kind = compression.kind_of(content)
    return b"".join(bytes(p) for p in compression.decompressed((part for part in [content]), kind, what="x"))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("transport", [DOCKER, None])
def test_an_archive_of_docker_save_becomes_an_image_with_its_config_and_layers(
    form: str, transport: str | None, staging: Staging, tmp_path: Path
) -> None:
    archive = indexed(tmp_path / "image", DOCKER_FILES, form, transport)
    ready = archive.ready([NAME], staging)
    config, *layers = blobs_of(ready, NAME)
    assert (archive.is_layout, ready.is_repacked) == (False, True)
    assert config == docker_config([LOWER, UPPER])
    assert [plain(layer) for layer in layers] == [LOWER, UPPER]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("transport", [OCI, None])
def test_a_layout_is_carried_byte_for_byte(form: str, transport: str | None, staging: Staging, tmp_path: Path) -> None:
    archive = indexed(tmp_path / "image", LAYOUT, form, transport)
    ready = archive.ready([NAME], staging)
    root = ready.source.resolve(NAME)
    assert (archive.is_layout, ready.is_repacked) == (True, False)
    assert (str(root.digest), ready.source.read_manifest(root)) == (IMAGE.digest, IMAGE.content)
    assert sorted(blobs_of(ready, NAME)) == sorted(IMAGE.blobs.values())


def test_a_docker_image_goes_by_each_of_its_tags_and_its_place(staging: Staging, tmp_path: Path) -> None:
    archive = indexed(tmp_path / "image", DOCKER_FILES)
    asked = [NAME, "app:dev", "docker.io/library/app:dev", "@0", None]
    ready = archive.ready(asked, staging)
    assert len({ready.source.resolve(name) for name in asked}) == 1


@pytest.mark.parametrize("files", [DOCKER_FILES, LAYOUT], ids=["docker", "layout"])
@pytest.mark.parametrize("form", ["none", "gzip"])
def test_a_name_that_is_not_there_is_refused_with_those_that_are(
    files: Mapping[str, bytes], form: str, staging: Staging, tmp_path: Path
) -> None:
    archive = indexed(tmp_path / "image", files, form)
    with raises(Refused, subject="test:quay.io/other:1") as caught:
        archive.ready(["quay.io/other:1"], staging).source.resolve("quay.io/other:1")
    assert NAME in (caught.value.hint or "")


def test_the_only_image_is_not_clear_where_there_are_two(staging: Staging, tmp_path: Path) -> None:
    files = two_images()
    with raises(Refused, subject="test", values={"count": 2}):
        indexed(tmp_path / "image", files).ready([None], staging)


def two_images() -> dict[str, bytes]:
    one, two = docker_files([LOWER, UPPER], tags=["one:1"]), docker_files([LOWER], tags=["two:1"])
    both = json.loads(one.pop("manifest.json")) + json.loads(two.pop("manifest.json"))
    return {**one, **two, "manifest.json": json.dumps(both).encode()}


@pytest.mark.parametrize("form", FORMS)
def test_images_that_share_layers_are_staged_together(form: str, staging: Staging, tmp_path: Path) -> None:
    archive = indexed(tmp_path / "image", two_images(), form)
    ready = archive.ready(["one:1", "two:1"], staging)
    one, two = (ready.source.resolve(name) for name in ("one:1", "two:1"))
    layers = [parse_manifest(ready.source.read_manifest(each), each.media_type, what="x").layers for each in (one, two)]
    assert layers[0][0] == layers[1][0]
    assert plain(blob_of(ready, layers[0][1])) == UPPER


def test_only_what_is_wanted_takes_room(staging: Staging, tmp_path: Path) -> None:
    archive = indexed(tmp_path / "image", two_images())
    archive.ready(["two:1"], staging)
    assert staging.scratch.peak_bytes < 20_000


@pytest.mark.parametrize("form", ["gzip", "7z"])
def test_only_the_wanted_part_of_a_compressed_layout_takes_room(form: str, staging: Staging, tmp_path: Path) -> None:
    small = images.simple("small")
    index = [IMAGE.descriptor(annotations={"org.opencontainers.image.ref.name": NAME})]
    index += [small.descriptor(annotations={"org.opencontainers.image.ref.name": "quay.io/small:1"})]
    files = layout_files(small, None) | layout_files(IMAGE, None)
    files["index.json"] = json.dumps({"schemaVersion": 2, "manifests": index}).encode()
    ready = indexed(tmp_path / "image", files, form).ready(["quay.io/small:1"], staging)
    assert staging.scratch.peak_bytes < 20_000
    assert sorted(blobs_of(ready, "quay.io/small:1")) == sorted(small.blobs.values())


def test_a_plain_layout_takes_no_room_at_all(staging: Staging, tmp_path: Path) -> None:
    ready = indexed(tmp_path / "image", LAYOUT).ready([NAME], staging)
    blobs_of(ready, NAME)
    assert staging.scratch.peak_bytes == 0


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", [compression.GZIP, compression.ZSTD])
def test_layers_that_an_archive_has_compressed_are_carried_so(
    kind: str, form: str, staging: Staging, tmp_path: Path
) -> None:
    """As podman writes them with --compress, and old registries mirrored to files."""
    layers = [COMPRESSIONS[kind](LOWER), COMPRESSIONS[kind](UPPER)]
    files = docker_files(layers, tags=[NAME], config=docker_config([LOWER, UPPER]))
    _, *carried = blobs_of(indexed(tmp_path / "image", files, form).ready([NAME], staging), NAME)
    assert carried == layers


def test_layers_that_are_links_to_others_are_found(staging: Staging, tmp_path: Path) -> None:
    """As Docker before 25 writes a layer that two images share."""
    files = docker_files([LOWER], tags=[NAME])
    (layer,) = [name for name in files if name.endswith("layer.tar")]
    entry = json.loads(files["manifest.json"])
    entry[0]["Layers"] = ["linked/layer.tar"]
    files["manifest.json"] = json.dumps(entry).encode()
    archive = archive_of(tmp_path / "image", tar_of(files, links={"linked/layer.tar": f"../{layer}"}))
    _, carried = blobs_of(archive.ready([NAME], staging), NAME)
    assert plain(carried) == LOWER


def docker_25(*, layers: list[bytes], is_gzip: bool) -> dict[str, bytes]:
    """Both forms in one file, as Docker from 25 on writes them."""
    blobs = [images.gzip.compress(layer, mtime=0) if is_gzip else layer for layer in layers]
    image = images.image(blobs, uncompressed=layers, layer_type=images.OCI_LAYER + ("+gzip" if is_gzip else ""))
    files = layout_files(image, NAME)
    manifest = json.loads(image.content)
    paths = [f"blobs/{d['digest'].replace(':', '/')}" for d in (manifest["config"], *manifest["layers"])]
    entry = {"Config": paths[0], "RepoTags": [NAME], "Layers": paths[1:]}
    return files | {"manifest.json": json.dumps([entry]).encode()}


@pytest.mark.parametrize("form", ["none", "gzip", "7z"])
def test_of_both_forms_in_one_file_the_one_with_the_layers_of_a_registry_is_taken(
    form: str, staging: Staging, tmp_path: Path
) -> None:
    original = indexed(tmp_path / "1", docker_25(layers=[LOWER], is_gzip=True), form)
    unpacked = indexed(tmp_path / "2", docker_25(layers=[LOWER], is_gzip=False), form)
    assert (original.is_layout, unpacked.is_layout) == (True, False)
    assert unpacked.ready([NAME], staging).is_repacked
    assert [plain(layer) for layer in blobs_of(unpacked.ready([NAME], staging), NAME)[1:]] == [LOWER]


def test_an_artifact_that_ctr_saves_with_a_manifest_json_is_carried_as_it_is(staging: Staging, tmp_path: Path) -> None:
    chart = images.artifact("chart")
    document = json.loads(chart.content)
    paths = [f"blobs/{each['digest'].replace(':', '/')}" for each in (document["config"], *document["layers"])]
    entry = {"Config": paths[0], "RepoTags": [NAME], "Layers": paths[1:]}
    files = {**layout_files(chart, NAME), "manifest.json": json.dumps([entry]).encode()}
    ready = indexed(tmp_path / "image", files, transport=DOCKER).ready([NAME], staging)
    assert (str(ready.source.resolve(NAME).digest), ready.is_repacked) == (chart.digest, False)


def test_the_name_that_a_user_gives_counts_where_a_file_has_both_forms(tmp_path: Path) -> None:
    files = docker_25(layers=[LOWER], is_gzip=False)
    assert indexed(tmp_path / "1", files, transport=OCI).is_layout
    assert not indexed(tmp_path / "1", files, transport=DOCKER).is_layout


def test_a_file_of_the_other_kind_is_refused_with_the_right_word(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="index[.]json") as caught:
        indexed(tmp_path / "x", DOCKER_FILES, transport=OCI)
    assert f"docker-archive:{tmp_path / 'x'}" in (caught.value.hint or "")
    with pytest.raises(Refused, match="manifest[.]json") as caught:
        indexed(tmp_path / "x", LAYOUT, transport=DOCKER)
    assert f"oci-archive:{tmp_path / 'x'}" in (caught.value.hint or "")


def test_a_file_without_images_is_damage(tmp_path: Path) -> None:
    with raises(Damaged, subject="test"):
        indexed(tmp_path / "x", {"readme": b"hello"})
    with raises(Damaged, subject="test") as caught:
        indexed(tmp_path / "x", {f"image/{name}": content for name, content in DOCKER_FILES.items()})
    assert caught.value.hint


# Images that are not whole


def changed(**more: object) -> dict[str, bytes]:
    """An archive of docker save whose manifest.json says something else."""
    entry = {**json.loads(DOCKER_FILES["manifest.json"])[0], **more}
    return {**DOCKER_FILES, "manifest.json": json.dumps([entry]).encode()}


LAYERS = json.loads(DOCKER_FILES["manifest.json"])[0]["Layers"]
CONFIG = json.loads(DOCKER_FILES["manifest.json"])[0]["Config"]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        pytest.param({**DOCKER_FILES, "manifest.json": b"{}"}, "list", id="no list"),
        pytest.param({**DOCKER_FILES, "manifest.json": b"[]"}, "list", id="an empty list"),
        pytest.param({**DOCKER_FILES, "manifest.json": b"[1]"}, "Config", id="no entry"),
        pytest.param(changed(Config=None), "Config", id="no config"),
        pytest.param(changed(Config="../../etc/passwd"), "out of the archive", id="a config elsewhere"),
        pytest.param(changed(Config="/etc/passwd"), "out of the archive", id="an absolute config"),
        pytest.param(changed(Config=""), "out of the archive", id="a config without a name"),
        pytest.param(changed(Config="absent.json"), "document", id="an absent config"),
        pytest.param(changed(Config=LAYERS[0]), "document", id="a layer for a config"),
        pytest.param(changed(Config="manifest.json"), "layers", id="a list for a config"),
        pytest.param(changed(RepoTags="app:1"), "RepoTags", id="tags that are no list"),
        pytest.param(changed(Layers=[1]), "Layers", id="layers that are no names"),
        pytest.param(changed(Layers=["../x"]), "out of the archive", id="a layer elsewhere"),
        pytest.param(changed(Layers=LAYERS[:1]), "layers", id="a layer less"),
        pytest.param(changed(Layers=[*LAYERS, LAYERS[0]]), "layers", id="a layer more"),
        pytest.param(changed(Layers=[LAYERS[0], "x"]), "layer 2 of 2", id="an absent layer"),
        pytest.param(changed(Layers=LAYERS[::-1]), "layer 1 of 2", id="another order"),
        pytest.param({**DOCKER_FILES, LAYERS[1]: LOWER}, "layer 2 of 2", id="another layer"),
        pytest.param(
            changed(Layers=[LAYERS[0], CONFIG]),
            "JSON",
            id="a document for a layer",
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("form", ["none", "gzip"])
def test_an_archive_that_contradicts_itself_is_damage(
    files: Mapping[str, bytes], message: str, form: str, staging: Staging, tmp_path: Path
) -> None:
    archive = indexed(tmp_path / "image", files, form)
    with pytest.raises(Damaged, match=message) as caught:
        archive.ready([None], staging)
    assert "test" in str(caught.value)


@pytest.mark.parametrize(
    "config",
    [
        b'{"os":"linux"}',
        b'{"rootfs":{"diff_ids":"x"}}',
        b'{"rootfs":{"diff_ids":["sha256:x"]}}',
        b'{"rootfs":[]}',
        b"{",
    ],
    ids=["none", "a text", "no digest", "a list", "no JSON"],
)
def test_a_config_that_lists_no_layers_is_damage(config: bytes, staging: Staging, tmp_path: Path) -> None:
    archive = indexed(tmp_path / "image", docker_files([LOWER], tags=[NAME], config=config))
    with pytest.raises(Damaged):
        archive.ready([NAME], staging)


@pytest.mark.parametrize(
    "diff_ids",
    ["[]", pytest.param("null")],
)
def test_an_image_without_layers_is_one(diff_ids: str, staging: Staging, tmp_path: Path) -> None:
    """``FROM scratch`` with labels only; BuildKit writes null where there are none."""
    config = b'{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":%s}}' % diff_ids.encode()
    files = docker_files([], tags=[NAME], config=config)
    assert blobs_of(indexed(tmp_path / "image", files).ready([NAME], staging), NAME) == [config]


def test_an_empty_layer_is_one(staging: Staging, tmp_path: Path) -> None:
    files = docker_files([LOWER, b"", b"\0" * 1024], tags=[NAME])
    _, *layers = blobs_of(indexed(tmp_path / "image", files).ready([NAME], staging), NAME)
    assert [plain(layer) for layer in layers] == [LOWER, b"", b"\0" * 1024]


def test_a_config_under_the_digest_of_another_is_reported_and_does_no_harm(tmp_path: Path) -> None:
    warnings: list[str] = []
    staging = Staging(Scratch(tmp_path), StagingCache(), compression.GZIP, warnings.append)
    config = docker_config([LOWER, UPPER])
    files = {name: content for name, content in DOCKER_FILES.items() if name != CONFIG}
    files["0" * 64 + ".json"] = config
    files["manifest.json"] = files["manifest.json"].replace(CONFIG.encode(), b"0" * 64 + b".json")
    ready = indexed(tmp_path / "image", files).ready([NAME], staging)
    assert blobs_of(ready, NAME)[0] == config
    (warning,) = warnings
    assert str(Digest.of(config)) in warning


@pytest.mark.parametrize("form", ["none", "gzip", "zstd"])
@pytest.mark.parametrize("files", [DOCKER_FILES, LAYOUT], ids=["docker", "layout"])
def test_an_archive_that_was_cut_is_damage(
    files: Mapping[str, bytes], form: str, staging: Staging, tmp_path: Path
) -> None:
    whole = tar_of(files)
    for length in (0, 100, 512, 5000, len(whole) // 2, whole.rindex(b"}") - 1):
        (tmp_path / "cut").write_bytes(COMPRESSIONS[form](whole[:length]))
        with pytest.raises(Damaged):
            Archive.indexed(ImageFile(tmp_path / "cut", called="test"))


def test_a_blob_that_a_compressed_layout_lacks_is_refused_when_it_is_asked_for(
    staging: Staging, tmp_path: Path
) -> None:
    layer = max(LAYOUT, key=lambda name: len(LAYOUT[name]))
    files = {name: content for name, content in LAYOUT.items() if name != layer}
    for form in ("none", "gzip"):
        ready = indexed(tmp_path / form, files, form).ready([NAME], staging)
        with raises(BundlerError, code="not-found"):
            blobs_of(ready, NAME)


def test_an_archive_that_changed_since_it_was_indexed_is_damage(staging: Staging, tmp_path: Path) -> None:
    archive = indexed(tmp_path / "image", DOCKER_FILES, "gzip")
    write_as("gzip", tmp_path / "image", {"readme": b"another file"})
    with pytest.raises(Damaged):
        archive.ready([NAME], staging)
