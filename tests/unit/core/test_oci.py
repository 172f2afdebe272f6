"""Manifests are read for what they need, and refused where two readers could see two different images."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bundler.core import oci
from bundler.core.digest import Digest
from bundler.core.limits import INDEX_CHILDREN, MANIFEST_BYTES, SIZE_BYTES
from bundler.core.oci import Descriptor, Manifest
from bundler.core.platform import Platform
from bundler.errors import Damaged, Refused
from tests.support.errors import raises
from tests.support.tables import each_case
from tests.unit.values import GZIP_LAYER, digest

AMD64, ARM64 = Platform("linux", "amd64"), Platform("linux", "arm64")


def entry(word: str, media_type: str = GZIP_LAYER, size: int = 10, **more: Any) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": str(digest(word)), "size": size, **more}


def image(**changes: Any) -> dict[str, Any]:
    document = {
        "schemaVersion": 2,
        "mediaType": oci.OCI_MANIFEST,
        "config": entry("config", oci.OCI_CONFIG),
        "layers": [entry("one"), entry("two")],
    }
    return {name: value for name, value in {**document, **changes}.items() if value is not None}


def index(*children: dict[str, Any], **changes: Any) -> dict[str, Any]:
    document = {"schemaVersion": 2, "mediaType": oci.OCI_INDEX, "manifests": list(children)}
    return {name: value for name, value in {**document, **changes}.items() if value is not None}


def parsed(document: object, media_type: str) -> Manifest:
    return oci.parse_manifest(json.dumps(document).encode(), media_type, what="test")


def test_a_manifest_needs_its_config_and_its_layers_in_order() -> None:
    content = json.dumps(image()).encode()
    manifest = oci.parse_manifest(content, oci.OCI_MANIFEST, what="test")
    assert manifest.descriptor == Descriptor(oci.OCI_MANIFEST, Digest.of(content), len(content))
    assert [blob.digest for blob in manifest.blobs] == [digest("config"), digest("one"), digest("two")]
    assert manifest.children == ()
    assert manifest.is_runnable


def test_an_index_needs_its_children_and_knows_their_platforms() -> None:
    attested = {"vnd.docker.reference.digest": str(digest("amd"))}
    manifest = parsed(
        index(
            entry("amd", oci.OCI_MANIFEST, platform={"os": "linux", "architecture": "amd64"}),
            entry("att", oci.OCI_MANIFEST, platform={"os": "unknown"}, annotations=attested),
        ),
        oci.OCI_INDEX,
    )
    assert manifest.descriptor.is_index
    assert [child.platform for child in manifest.children] == [AMD64, None]
    assert [child.attests for child in manifest.children] == [None, digest("amd")]
    assert manifest.blobs == ()


@pytest.mark.parametrize("gone", [{"layers": None}, {"blobs": None}], ids=["an image", "an artifact"])
def test_a_list_that_is_null_is_an_empty_one_as_programs_in_go_write_it(gone: dict[str, None]) -> None:
    if "blobs" in gone:
        assert parsed({"mediaType": oci.OCI_ARTIFACT, **gone}, oci.OCI_ARTIFACT).layers == ()
    else:
        manifest = parsed({**image(), **gone, "manifests": None}, oci.OCI_MANIFEST)
        assert (manifest.layers, manifest.children) == ((), ())
        assert manifest.config is not None
    assert parsed({"schemaVersion": 2, "manifests": None, "layers": None}, oci.OCI_INDEX).children == ()


def test_data_that_are_null_are_none() -> None:
    assert parsed(image(layers=[entry("one", data=None)]), oci.OCI_MANIFEST).layers[0].digest == digest("one")


def test_children_of_an_index_that_are_no_manifests_are_blobs() -> None:
    cache = "application/vnd.buildkit.cacheconfig.v0"
    manifest = parsed(
        index(entry("layer"), entry("cache", cache), entry("amd", oci.OCI_MANIFEST), {**entry("x"), "mediaType": ""}),
        oci.OCI_INDEX,
    )
    assert [blob.digest for blob in manifest.blobs] == [digest("layer"), digest("cache")]
    assert [(child.digest, child.media_type) for child in manifest.children] == [
        (digest("amd"), oci.OCI_MANIFEST),
        (digest("x"), ""),
    ]
    assert not manifest.is_runnable


def test_a_cache_config_is_no_manifest_in_disguise() -> None:
    oci.refuse_disguise(b'{"layers": [{"blob": "x"}]}', "application/vnd.buildkit.cacheconfig.v0", what="test")
    with raises(Damaged, actual="application/x"):
        oci.refuse_disguise(b'{"layers": []}', "application/x", what="test")


def test_an_artifact_needs_its_blobs() -> None:
    document = {"mediaType": oci.OCI_ARTIFACT, "blobs": [entry("one", "text/plain")]}
    assert [each.digest for each in parsed(document, oci.OCI_ARTIFACT).layers] == [digest("one")]
    assert parsed({"mediaType": oci.OCI_ARTIFACT}, oci.OCI_ARTIFACT).layers == ()


def test_a_document_of_an_unknown_type_is_carried_unread() -> None:
    manifest = oci.parse_manifest(b"not even JSON", "application/x-unknown", what="test")
    assert manifest == Manifest(Descriptor("application/x-unknown", Digest.of(b"not even JSON"), 13))


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(image(), id="an image"),
        pytest.param(index(mediaType=None), id="an index by its shape"),
        pytest.param({"mediaType": oci.DOCKER_INDEX}, id="by what it says"),
        pytest.param({"mediaType": [], "layers": []}, id="by its shape, with a media type that is no text"),
    ],
)
def test_a_manifest_that_goes_by_an_unknown_type_is_damage_and_would_lose_its_layers(document: object) -> None:
    with raises(Damaged, subject="test", actual="application/x-unknown"):
        parsed(document, "application/x-unknown")


@pytest.mark.parametrize(
    "document", [{}, [], {"mediaType": []}, {"mediaType": "text/x"}], ids=["empty", "list", "list inside", "other"]
)
def test_any_other_json_of_an_unknown_type_is_carried(document: object) -> None:
    assert parsed(document, "application/x-unknown").blobs == ()


def test_a_manifest_without_a_media_type_of_its_own_is_what_the_registry_says() -> None:
    assert parsed(image(mediaType=None), oci.DOCKER_MANIFEST).descriptor.media_type == oci.DOCKER_MANIFEST


@each_case(
    ("document", "media_type"),
    [
        pytest.param(index(layers=[]), oci.OCI_INDEX, id="index with layers"),
        pytest.param(index(config={}), oci.OCI_INDEX, id="index with config"),
        pytest.param(image(manifests=[]), oci.OCI_MANIFEST, id="image with manifests"),
        pytest.param(image(), oci.OCI_INDEX, id="an image served as an index"),
        pytest.param(index(), oci.OCI_MANIFEST, id="an index served as an image"),
        pytest.param(image(mediaType=7), oci.OCI_MANIFEST, id="a media type that is no text"),
        pytest.param(image(schemaVersion=None), oci.OCI_MANIFEST, id="no schema version"),
        pytest.param(image(schemaVersion=1), oci.OCI_MANIFEST, id="schema version 1"),
        pytest.param(image(schemaVersion="2"), oci.OCI_MANIFEST, id="a schema version as text"),
        pytest.param([], oci.OCI_MANIFEST, id="a list"),
        pytest.param(image(config=None), oci.OCI_MANIFEST, id="no config"),
        pytest.param(image(layers={}), oci.OCI_MANIFEST, id="layers as a mapping"),
        pytest.param(image(layers=[7]), oci.OCI_MANIFEST, id="a layer as a number"),
        pytest.param(index(manifests={}), oci.OCI_INDEX, id="manifests as a mapping"),
    ],
)
def test_a_manifest_that_contradicts_itself_is_damage(document: object, media_type: str) -> None:
    with pytest.raises(Damaged):
        parsed(document, media_type)


@each_case(
    ("change", "message"),
    [
        pytest.param({"mediaType": None}, "media type", id="no media type"),
        pytest.param({"mediaType": ""}, "media type", id="an empty media type"),
        pytest.param({"mediaType": "a" * 256}, "media type", id="a media type that is too long"),
        pytest.param({"mediaType": "a\x1b[2J"}, "media type", id="a media type that clears the screen"),
        pytest.param({"size": None}, "size", id="no size"),
        pytest.param({"size": -1}, "size", id="a negative size"),
        pytest.param({"size": True}, "size", id="a size that is true"),
        pytest.param({"size": 1.0}, "size", id="a size with a point"),
        pytest.param({"size": "1"}, "size", id="a size as text"),
        pytest.param({"size": SIZE_BYTES + 1}, "size", id="a size that readers round"),
        pytest.param({"digest": None}, "digest", id="no digest"),
        pytest.param({"digest": "sha256:../../etc"}, "digest", id="a digest that is a path"),
        pytest.param({"data": "b3RoZXI="}, "data", id="data that are others"),
        pytest.param({"data": "dHdv\n"}, "data", id="data that are no strict base64"),
        pytest.param({"data": ["dHdv"]}, "data", id="data that are a list"),
    ],
)
def test_an_impossible_descriptor_is_damage_and_its_place_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(Damaged, match=message) as caught:
        parsed(image(layers=[entry("one"), {**entry("two"), **change}]), oci.OCI_MANIFEST)
    assert caught.value.subject == "test: layers[1]"


def test_a_descriptor_may_have_the_size_zero_and_the_largest_one() -> None:
    for size in (0, SIZE_BYTES):
        assert oci.parse_descriptor(entry("one", size=size), what="test").size_bytes == size


def test_schema_1_is_refused_for_good_with_what_to_do() -> None:
    media_type = "application/vnd.docker.distribution.manifest.v1+prettyjws"
    with pytest.raises(Refused, match="schema 1") as caught:
        oci.parse_manifest(b"{}", media_type, what="test")
    assert caught.value.exit_code == 6
    assert caught.value.hint


def test_a_manifest_larger_than_registries_take_is_refused_before_it_is_read() -> None:
    with raises(Refused, subject="test", actual="4194305 bytes"):
        oci.parse_manifest(b"[" * (MANIFEST_BYTES + 1), oci.OCI_MANIFEST, what="test")


def test_an_index_with_too_many_children_is_damage() -> None:
    child = {"mediaType": "a", "digest": str(digest("x")), "size": 1}
    with raises(Damaged, subject="test", actual="10001"):
        parsed(index(*[child] * (INDEX_CHILDREN + 1)), oci.OCI_INDEX)


@pytest.mark.parametrize(
    ("document", "media_type"),
    [
        pytest.param(image(), oci.OCI_MANIFEST, id="as it says"),
        pytest.param({"mediaType": "x/y"}, "x/y", id="as it says, unknown to us"),
        pytest.param(image(mediaType=None), oci.OCI_MANIFEST, id="an image by its shape"),
        pytest.param(index(mediaType=None), oci.OCI_INDEX, id="an index by its shape"),
        pytest.param({"schemaVersion": 1}, "application/vnd.docker.distribution.manifest.v1+json", id="schema 1"),
    ],
)
def test_a_manifest_that_nobody_vouches_for_is_what_it_says_or_looks_like(document: object, media_type: str) -> None:
    assert oci.media_type_of(json.dumps(document).encode(), what="test") == media_type


@pytest.mark.parametrize(
    "document",
    [{}, [], {"mediaType": 7}, image(mediaType=None, manifests=[])],
    ids=["nothing known", "a list", "a media type that is no text", "both shapes"],
)
def test_a_document_of_no_one_shape_is_damage(document: object) -> None:
    with raises(Damaged, subject="test"):
        oci.media_type_of(json.dumps(document).encode(), what="test")


@each_case(
    ("media_type", "expected"),
    [
        ("application/vnd.oci.image.layer.v1.tar", True),
        ("application/vnd.oci.image.layer.v1.tar+gzip", True),
        ("application/vnd.oci.image.layer.v1.tar+zstd", True),
        ("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", True),
        ("application/vnd.docker.image.rootfs.diff.tar.gzip", True),
        ("application/vnd.in-toto+json", False),
        ("application/vnd.cncf.helm.chart.content.v1.tar+gzip", False),
        ("application/vnd.oci.image.config.v1+json", False),
    ],
)
def test_only_file_system_layers_are_layers(media_type: str, expected: bool) -> None:
    assert oci.is_layer_type(media_type) is expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({}, True, id="an image"),
        pytest.param({"layers": []}, True, id="an image without layers"),
        pytest.param({"config": entry("c", "application/vnd.cncf.helm.config.v1+json")}, False, id="a chart"),
        pytest.param({"layers": [entry("l", "application/vnd.in-toto+json")]}, False, id="an attestation"),
    ],
)
def test_only_images_with_layers_are_runnable(changes: dict[str, Any], expected: bool) -> None:
    assert parsed(image(**changes), oci.OCI_MANIFEST).is_runnable is expected


def test_the_metadata_of_a_config_is_what_docker_inspect_shows() -> None:
    config = {
        "os": "linux",
        "architecture": "arm64",
        "variant": "v8",
        "created": "2026-01-01T00:00:00Z",
        "config": {
            "Env": ["A=1", 7],
            "Entrypoint": ["/bin/app"],
            "Cmd": ["serve"],
            "WorkingDir": "/srv",
            "User": "1000",
            "Labels": {"a": "b", "n": 1},
        },
    }
    read = oci.parse_image_config(json.dumps(config).encode(), what="test")
    assert read == oci.ImageConfig(
        platform=Platform("linux", "arm64", "v8"),
        created="2026-01-01T00:00:00Z",
        env=("A=1",),
        entrypoint=("/bin/app",),
        cmd=("serve",),
        working_dir="/srv",
        user="1000",
        labels={"a": "b"},
    )


@pytest.mark.parametrize(
    "config",
    [{}, {"config": None, "os": 7}, {"config": {"Env": None, "Labels": [], "Cmd": "sh"}}],
    ids=["empty", "fields of other types", "runtime fields of other types"],
)
def test_a_config_that_tells_nothing_stops_nothing(config: object) -> None:
    read = oci.parse_image_config(json.dumps(config).encode(), what="test")
    assert read == oci.ImageConfig(Platform("unknown", "unknown"))


def test_a_config_that_is_no_object_is_damage() -> None:
    with raises(Damaged, subject="test"):
        oci.parse_image_config(b"[]", what="test")


def child(word: str, platform: Platform | None = None, **more: Any) -> Descriptor:
    return Descriptor(more.pop("media_type", oci.OCI_MANIFEST), digest(word), 10, platform=platform, **more)


def test_an_index_with_fewer_children_keeps_all_else() -> None:
    first = entry("one", oci.OCI_MANIFEST, platform={"os": "linux"}, annotations={"a": "b"})
    document = index(first, entry("two", oci.OCI_MANIFEST), annotations={"x": "y"}, subject=entry("s"))
    replacement = Descriptor(oci.OCI_MANIFEST, digest("new"), 77)
    made = oci.without_children(json.dumps(document).encode(), {digest("one"): replacement}, what="test")
    expected = {**document, "manifests": [{**first, "digest": str(digest("new")), "size": 77}]}
    assert json.loads(made) == expected
    assert oci.parse_manifest(made, oci.OCI_INDEX, what="test").children[0].digest == digest("new")


def test_a_bare_descriptor_has_its_bytes_alone() -> None:
    bare = Descriptor(GZIP_LAYER, digest("one"), 10)
    assert bare.bare is bare
    for more in ({"platform": AMD64}, {"attests": digest("two")}, {"urls": ("https://a.example/b",)}):
        assert Descriptor(GZIP_LAYER, digest("one"), 10, **more).bare == bare  # type: ignore[arg-type]


def test_data_of_the_digest_are_fine() -> None:
    described = entry("two", size=3, data="dHdv")
    assert parsed(image(layers=[described]), oci.OCI_MANIFEST).layers[0].digest == digest("two")


@each_case("subject", [None, {}, {"digest": 5}, {"digest": "sha256:x"}, "text"])
def test_a_subject_that_is_not_valid_is_none_because_registries_take_it(subject: object) -> None:
    assert parsed(image(subject=subject), oci.OCI_MANIFEST).subject is None


def test_manifests_and_indexes_have_the_subject_that_they_are_attached_to() -> None:
    for document, media_type in (
        (image(subject=entry("s")), oci.OCI_MANIFEST),
        (index(subject=entry("s")), oci.OCI_INDEX),
    ):
        assert parsed(document, media_type).subject == digest("s")
