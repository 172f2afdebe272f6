"""bundle.json says all there is to know of a bundle, and is refused when it contradicts itself."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from bundler.core import manifest as bundle_manifest
from bundler.core.archive_kind import TAR
from bundler.core.digest import Digest
from bundler.core.limits import LAYOUT_JSON_BYTES, MANIFEST_BYTES, SIZE_BYTES
from bundler.core.manifest import BundleManifest, Variant, chunk_file, from_json, is_plan_of, to_json
from bundler.core.oci import ImageConfig
from bundler.core.plan import ResolvedImage
from bundler.core.platform import Platform
from bundler.errors import Damaged, Refused
from tests.support.errors import raises
from tests.support.tables import each_case
from tests.unit.values import MIB, digest, layer, planned, resolved

Document = dict[str, Any]


def example() -> BundleManifest:
    """Two images that share a layer, one of them with a cut layer and all metadata."""
    shared = layer("shared", 1000)
    first = resolved("nginx:1.27", shared, layer("large", 3 * MIB))
    config = ImageConfig(
        platform=Platform("linux", "arm", "v7"),
        created="2026-01-01T00:00:00Z",
        env=("PATH=/bin", "format"),
        entrypoint=("/bin/app",),
        cmd=("serve", "--port=1"),
        working_dir="/srv",
        user="1000:1000",
        labels={"z": "1", "a": "ü"},
    )
    described = ResolvedImage(
        first.reference, first.source, first.manifests, (Variant(first.root.digest, config, 77),), digest("index")
    )
    return planned(described, resolved("quay.io/b:2", shared), chunk_size_bytes=MIB).manifest


GOOD = to_json(example())


def changed(change: Callable[[Document], object]) -> bytes:
    document = copy.deepcopy(json.loads(GOOD))
    change(document)
    return json.dumps(document).encode()


def test_what_is_written_is_read_again() -> None:
    assert from_json(GOOD, what="bundle.json") == example()


def test_people_and_diff_find_one_line_for_each_image_blob_and_chunk() -> None:
    lines = GOOD.decode("ascii").splitlines()
    made = example()
    for image in made.images:
        assert sum(line.startswith(f'  {{"reference": "{image.reference}"') for line in lines) == 1
    for chunk in made.chunks:
        assert sum(f'{{"file": "{chunk.file}", "size": {chunk.size_bytes}}}' in line for line in lines) == 1
    for blob in made.blobs:
        assert sum(f'"digest": "{blob.descriptor.digest}"' in line and '"kind"' in line for line in lines) == 1
    assert GOOD.endswith(b"}\n")


def test_the_document_says_what_the_design_promises() -> None:
    document = json.loads(GOOD)
    assert document["format"] == "bundler/1"
    assert (document["name"], document["created"]) == ("test-1.0", "2026-11-23T00:00:00Z")
    assert (document["tool"], document["signed"], document["chunkSize"]) == ("bundler test", True, MIB)
    image = document["images"][0]
    assert (image["reference"], image["source"]) == ("docker.io/library/nginx:1.27", "docker://nginx:1.27")
    assert image["madeFrom"] == str(digest("index"))
    assert image["variants"][0]["labels"] == {"z": "1", "a": "ü"}
    large = next(blob for blob in document["blobs"] if blob["digest"] == str(digest("large")))
    assert large["size"] == 3 * MIB == sum(length for _, _, length in large["pieces"])


def test_every_byte_of_it_is_as_format_md_writes_it() -> None:
    root, config, one = (
        digest("manifest of quay.io/app:1linux/amd64"),
        digest("config of quay.io/app:1linux/amd64"),
        digest("one"),
    )
    index = (
        '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":'
        f'"application/vnd.oci.image.manifest.v1+json","digest":"{root}","size":400,"annotations":'
        '{"org.opencontainers.image.ref.name":"quay.io/app:1","io.containerd.image.name":"quay.io/app:1"}}]}\n'
    ).encode()
    docker = f'[{{"Config":"{config.path}","RepoTags":["quay.io/app:1"],"Layers":["{one.path}"]}}]\n'.encode()
    expected = f"""\
{{
"format": "bundler/1",
"name": "test-1.0",
"created": "2026-11-23T00:00:00Z",
"tool": "bundler test",
"signed": true,
"chunkSize": 2000000000,
"images": [
  {{"reference": "quay.io/app:1", "source": "docker://quay.io/app:1", "root": {{"mediaType": \
"application/vnd.oci.image.manifest.v1+json", "digest": "{root}", "size": 400}}, "manifests": [0], \
"blobs": [1, 2], "variants": [{{"digest": "{root}", "os": "linux", "architecture": "amd64", "size": 1000}}]}}
],
"blobs": [
  {{"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": "{root}", "size": 400, \
"kind": "manifest", "pieces": [[1, 3584, 400]]}},
  {{"mediaType": "application/vnd.oci.image.config.v1+json", "digest": "{config}", "size": 1500, \
"kind": "config", "pieces": [[1, 4608, 1500]]}},
  {{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": "{one}", "size": 1000, \
"kind": "layer", "pieces": [[1, 6656, 1000]]}}
],
"files": [
  {{"path": "oci-layout", "digest": "sha256:561356159fc692da9a55978e206a495b7835abcc4778fa9d13138a0530304878", \
"size": 31, "pieces": [[1, 512, 31]]}},
  {{"path": "index.json", "digest": "{Digest.of(index)}", "size": {len(index)}, "pieces": [[1, 1536, {len(index)}]]}},
  {{"path": "manifest.json", "digest": "{Digest.of(docker)}", "size": {len(docker)}, \
"pieces": [[1, 2560, {len(docker)}]]}}
],
"chunks": [
  {{"file": "chunk-0001.tar", "size": 8704}}
]
}}
"""
    assert to_json(planned(resolved("quay.io/app:1", layer("one", 1000))).manifest).decode() == expected


def test_unknown_fields_are_ignored() -> None:
    def extend(document: Document) -> None:
        document["later"] = {"a": [1]}
        document["images"][0]["later"] = 1
        document["blobs"][0]["later"] = None
        document["chunks"][0]["later"] = "x"

    assert from_json(changed(extend), what="bundle.json") == example()


@pytest.mark.parametrize("written", ["bundler/2", "bundler/1.1", "", "BUNDLER/1"])
def test_another_format_is_refused_with_what_to_do(written: str) -> None:
    with raises(Refused, subject="bundle.json", expected="bundler/1") as caught:
        from_json(changed(lambda document: document.update(format=written)), what="bundle.json")
    error = caught.value
    assert (error.exit_code, error.expected, error.actual) == (6, "bundler/1", written)
    assert "newer bundler" in (error.hint or "")


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"null", b"{}", b'{"format": 1}', b'{"format": ["bundler/1"]}'],
    ids=["empty", "list", "null", "no format", "format as number", "format as list"],
)
def test_what_is_no_bundle_manifest_is_damage(content: bytes) -> None:
    with pytest.raises(Damaged) as caught:
        from_json(content, what="bundle.json")
    assert caught.value.subject == "bundle.json"


def blob_of(document: Document, word: str) -> Document:
    found: Document = next(blob for blob in document["blobs"] if blob["digest"] == str(digest(word)))
    return found


CONTRADICTIONS: dict[str, tuple[Callable[[Document], object], str]] = {
    "no name": (lambda d: d.pop("name"), "'name'"),
    "a name that leaves the folder": (lambda d: d.update(name="../x"), "bundle name"),
    "a number as a text": (lambda d: d.update(created=5), "text"),
    "signed as a text": (lambda d: d.update(signed="no"), "format"),
    "images as a mapping": (lambda d: d.update(images={}), "format"),
    "no image": (lambda d: d.update(images=[]), "format"),
    "an image twice": (lambda d: d["images"].append(d["images"][0]), "name"),
    "a layer of an image twice": (lambda d: d["images"][0]["blobs"].append(4), "format"),
    "a manifest among the layers": (lambda d: d["images"][0]["blobs"].append(0), "format"),
    "a blob twice": (lambda d: d["blobs"].append(d["blobs"][0]), "blob"),
    "a negative chunk size": (lambda d: d.update(chunkSize=-1), "number"),
    "a chunk size that readers round": (lambda d: d.update(chunkSize=SIZE_BYTES + 1), "number"),
    "images that are no list": (lambda d: d.update(images=7), "format"),
    "an image that is no mapping": (lambda d: d["images"].append(7), "format"),
    "a reference that is none": (lambda d: d["images"][0].update(reference="A B"), "repository"),
    "a root that is none": (lambda d: d["images"][0]["root"].update(digest="x"), "digest"),
    "a root that is not the last manifest": (
        lambda d: d["images"][0]["root"].update(digest=str(digest("other"))),
        "docker.io/library/nginx:1.27",
    ),
    "blob": (lambda d: d["images"][0]["blobs"].append(99), "blob"),
    "a negative blob": (lambda d: d["images"][0]["blobs"].append(-1), "number"),
    "a blob that is true": (lambda d: d["images"][0]["blobs"].append(True), "number"),
    "an image without manifests": (lambda d: d["images"][0].update(manifests=[]), "blob"),
    "a layer as a manifest": (lambda d: d["images"][0]["manifests"].insert(0, 4), "manifest"),
    "a platform of a manifest that the image does not list": (
        lambda d: d["images"][0]["variants"][0].update(digest=str(digest("other"))),
        "a platform that is none",
    ),
    "labels as a list": (lambda d: d["images"][0]["variants"][0].update(labels=[1]), "format"),
    "an environment of numbers": (lambda d: d["images"][0]["variants"][0].update(env=[1]), "text"),
    "a blob without a place": (lambda d: d["blobs"][0].update(pieces=[]), "add up"),
    "a blob that is larger than its pieces": (lambda d: d["blobs"][-1].update(size=401), "add up"),
    "an unknown kind": (lambda d: d["blobs"][0].update(kind="x"), "kind"),
    "a piece with a number too few": (lambda d: d["blobs"][0]["pieces"][0].pop(), "format"),
    "a piece in chunk zero": (lambda d: d["blobs"][0]["pieces"][0].__setitem__(0, 0), "chunks"),
    "a piece in a chunk too many": (
        lambda d: d["blobs"][0]["pieces"][0].__setitem__(0, 99),
        "chunks",
    ),
    "a piece beyond its chunk": (lambda d: d["blobs"][0]["pieces"][0].__setitem__(1, MIB), "start"),
    "a piece whose header lies before its chunk": (
        lambda d: blob_of(d, "large")["pieces"][0].__setitem__(1, 0),
        "format",
    ),
    "a piece with a negative offset": (
        lambda d: d["blobs"][0]["pieces"][0].__setitem__(1, -512),
        "number",
    ),
    "parts in another order": (lambda d: blob_of(d, "large")["pieces"].reverse(), "chunks"),
    "a part after something else": (
        lambda d: blob_of(d, "large")["pieces"][1].__setitem__(1, 1024),
        "chunk",
    ),
    "a gap between members": (
        lambda d: d["blobs"][0]["pieces"][0].__setitem__(1, d["blobs"][0]["pieces"][0][1] + 512),
        "start",
    ),
    "a chunk that is larger than its members": (
        lambda d: d["chunks"][0].update(size=d["chunks"][0]["size"] + 512),
        "size",
    ),
    "a chunk without members": (
        lambda d: d["chunks"].append({"file": f"chunk-{len(d['chunks']) + 1:04d}.tar", "size": 1024}),
        "size",
    ),
    "pieces that overlap": (
        lambda d: d["blobs"][1]["pieces"][0].__setitem__(1, d["blobs"][0]["pieces"][0][1]),
        "start",
    ),
    "a chunk of another name": (lambda d: d["chunks"][1].update(file="../../etc/passwd"), "chunk 2"),
    "chunks in another order": (lambda d: d["chunks"].reverse(), "chunk 1"),
    "a chunk that is missing": (lambda d: d["chunks"].pop(), "chunks"),
    "a file that is no file of the layout": (lambda d: d["files"][0].update(path="../x"), "layout"),
    "no oci-layout": (lambda d: d["files"].pop(0), "missing or listed twice"),
    "two times oci-layout": (lambda d: d["files"].append(d["files"][0]), "missing or listed twice"),
    "a large file of the layout": (
        lambda d: d["files"][1].update(size=LAYOUT_JSON_BYTES + 1),
        "a file of the layout that is too large",
    ),
    "a large manifest": (lambda d: d["blobs"][0].update(size=MANIFEST_BYTES + 1), "a manifest that is too large"),
    "an image that is missing": (
        lambda d: d.update(
            missing=[{"reference": d["images"][0]["reference"], "source": "x", "code": "not-found", "reason": "x"}]
        ),
        "present and as missing",
    ),
    "another digest in a name": (
        lambda d: d["images"][1].update(reference=f"quay.io/b:2@{digest('other')}"),
        "the digest in the name",
    ),
    "a file without a digest": (lambda d: d["files"][0].update(digest=None), "digest"),
}


@each_case(("change", "message"), CONTRADICTIONS.values(), ids=CONTRADICTIONS.keys())
def test_a_bundle_manifest_that_contradicts_itself_is_damage(
    change: Callable[[Document], object], message: str
) -> None:
    with pytest.raises(Damaged, match=message) as caught:
        from_json(changed(change), what="bundle.json")
    assert (caught.value.exit_code, caught.value.subject) == (4, "bundle.json")


def test_a_name_twice_in_one_object_is_damage() -> None:
    twice = GOOD.replace(b'"name": "test-1.0"', b'"name": "test-1.0", "name": "other"')
    with pytest.raises(Damaged, match="'name'"):
        from_json(twice, what="bundle.json")


def test_the_images_that_a_blob_hurts_are_known() -> None:
    made = example()
    users = made.users()
    assert users[digest("shared")] == [str(image.reference) for image in made.images]
    assert users[digest("large")] == [str(made.images[0].reference)]


def test_everything_that_lies_in_the_chunks_is_listed_once() -> None:
    paths = [stored.path for stored in example().stored()]
    assert paths[:3] == ["oci-layout", "index.json", "manifest.json"]
    assert len(paths) == len(set(paths)) == 3 + len(example().blobs)


@pytest.mark.parametrize(
    ("number", "name"), [(1, "chunk-0001.tar"), (9999, "chunk-9999.tar"), (10000, "chunk-10000.tar")]
)
def test_chunks_are_numbered_from_1(number: int, name: str) -> None:
    assert chunk_file(number, TAR) == name


def test_parts_are_numbered_from_1_and_a_whole_blob_has_no_part() -> None:
    made = {blob.descriptor.digest: blob.stored for blob in example().blobs}
    large, shared = made[digest("large")], made[digest("shared")]
    assert [large.member_name(n) for n in (0, 1)] == [f"{large.path}.part-0001", f"{large.path}.part-0002"]
    assert shared.member_name(0) == shared.path


def test_the_kinds_of_blobs_are_three() -> None:
    assert {blob.kind for blob in example().blobs} == {
        bundle_manifest.MANIFEST,
        bundle_manifest.CONFIG,
        bundle_manifest.LAYER,
    }


def test_a_bundle_is_what_a_plan_makes_if_only_time_and_version_differ() -> None:
    planned_now = replace(example(), created="2027-01-01T00:00:00Z", tool="bundler 9")
    assert is_plan_of(GOOD, planned_now)
    assert not is_plan_of(GOOD, replace(planned_now, name="test-2.0"))
    assert not is_plan_of(changed(lambda document: None), planned_now), "written by something else"
