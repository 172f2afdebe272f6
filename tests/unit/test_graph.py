"""One walk chooses platforms for export and import alike, and says in a sentence what a source lacks."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from bundler.core import oci
from bundler.core.digest import Digest
from bundler.core.oci import Descriptor
from bundler.core.platform import Platform
from bundler.errors import Damaged, NotFound, Refused
from bundler.graph import Graph, follow
from tests.support.errors import raises
from tests.unit.values import GZIP_LAYER

NOTHING = {"os": "unknown", "architecture": "unknown"}
CACHE = "application/vnd.buildkit.cacheconfig.v0"


@dataclass
class Source:
    """Documents by digest, and the media types that a registry tells."""

    documents: dict[str, bytes] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)

    def put(self, content: bytes, media_type: str, **more: Any) -> dict[str, Any]:
        digest = str(Digest.of(content))
        self.documents[digest], self.types[digest] = content, media_type
        return {"mediaType": media_type, "digest": digest, "size": len(content), **more}

    def image(self, name: str, runs_on: str, config_type: str = oci.OCI_CONFIG, **more: Any) -> dict[str, Any]:
        offered = Platform.parse(runs_on)
        config = {"os": offered.os, "architecture": offered.architecture, "name": name}
        config |= {"variant": offered.variant, "os.version": offered.os_version}
        layer = self.put(name.encode(), GZIP_LAYER)
        document = {"schemaVersion": 2, "config": self.put(json.dumps(config).encode(), config_type), "layers": [layer]}
        return self.put(json.dumps(document).encode(), oci.OCI_MANIFEST, **more)

    def index(self, *children: dict[str, Any], **more: Any) -> dict[str, Any]:
        return self.put(json.dumps({"schemaVersion": 2, "manifests": children}).encode(), oci.OCI_INDEX, **more)

    def lose(self, entry: dict[str, Any]) -> None:
        del self.documents[entry["digest"]]

    def resolve(self, name: str | None) -> Descriptor:
        content = self.read(str(name))
        return Descriptor(self.types[str(name)], Digest.of(content), len(content))

    def read_manifest(self, descriptor: Descriptor) -> bytes:
        return self.read(str(descriptor.digest))

    def read(self, digest: str) -> bytes:
        if digest not in self.documents:
            raise NotFound("not found", subject=digest, code="not-found")
        return self.documents[digest]

    def follow(self, root: dict[str, Any], *platforms: str) -> Graph:
        descriptor = oci.parse_descriptor(root, what="root")
        return follow(descriptor, tuple(map(Platform.parse, platforms)), self, self.read_manifest, what="a:1")


def on(text: str) -> dict[str, Any]:
    """The platform of a child, as an index states it."""
    platform = Platform.parse(text)
    said = {"os": platform.os, "architecture": platform.architecture, "variant": platform.variant}
    return {"platform": {**said, "os.version": platform.os_version, "os.features": list(platform.os_features)}}


def kept(graph: Graph) -> list[str]:
    return [str(manifest.descriptor.digest) for manifest in graph.manifests[:-1]] or [str(graph.root.digest)]


@pytest.fixture
def source() -> Source:
    return Source()


def test_all_versions_of_windows_fit_a_platform_without_a_version(source: Source) -> None:
    old, new = "windows/amd64:10.0.17763.1", "windows/amd64:10.0.20348.2762"
    children = [source.image(text, text, **on(text)) for text in (old, new)] + [
        source.image("linux", "linux/amd64", **on("linux/amd64"))
    ]
    root = source.index(*children)
    graph = source.follow(root, "windows/amd64")
    assert kept(graph) == [child["digest"] for child in children[:2]]
    made = json.loads(graph.made[graph.root.digest])
    assert made["manifests"] == children[:2]
    assert kept(source.follow(root, "windows/amd64:10.0.20348")) == [children[1]["digest"]]
    assert kept(source.follow(root, new, "linux/amd64")) == [child["digest"] for child in children[1:]]


def test_a_version_that_the_index_does_not_give_is_in_the_config(source: Source) -> None:
    children = [source.image(v, f"windows/amd64:{v}", **on("windows/amd64")) for v in ("10.0.1", "10.0.2")]
    assert kept(source.follow(source.index(*children), "windows/amd64:10.0.2")) == [children[1]["digest"]]


def test_all_features_of_a_system_fit(source: Source) -> None:
    children = [source.image(f, "windows/amd64", **on(f"windows/amd64:+{f}")) for f in ("a", "win32k")]
    root = source.index(*children)
    assert kept(source.follow(root, "windows/amd64")) == [child["digest"] for child in children]
    assert kept(source.follow(root, "windows/amd64:+win32k")) == [children[1]["digest"]]


def test_arm_next_to_arm_v7_fits_and_the_index_counts_more_than_the_config(source: Source) -> None:
    texts = ("linux/arm/v6", "linux/arm", "linux/arm/v7")
    children = [source.image(text, "linux/arm", **on(text)) for text in texts]
    root = source.index(*children)
    assert kept(source.follow(root, "linux/arm")) == [child["digest"] for child in children[1:]]
    assert kept(source.follow(root, "linux/arm/v6")) == [children[0]["digest"]]


def test_children_without_a_platform_are_looked_at_through_their_configs(source: Source) -> None:
    amd, arm = source.image("amd", "linux/amd64"), source.image("arm", "linux/arm64")
    nested = source.index(arm, source.image("deep", "linux/s390x"))
    root = source.index(amd, nested)
    assert source.follow(root, "linux/amd64").root.digest == Digest.parse(amd["digest"])
    assert source.follow(root, "linux/arm64").root.digest == Digest.parse(arm["digest"])
    with raises(Refused, expected="linux/ppc64le") as caught:
        source.follow(root, "linux/ppc64le")
    assert caught.value.actual == "linux/amd64, linux/arm64, linux/s390x"


@pytest.mark.parametrize("more", [{}, {"platform": NOTHING}, on("linux/s390x")], ids=["none", "unknown", "another"])
def test_artifacts_and_indexes_of_artifacts_are_for_every_platform(source: Source, more: dict[str, Any]) -> None:
    chart = source.image("chart", "linux/amd64", "application/vnd.cncf.helm.config.v1+json", **more)
    root = source.index(chart)
    assert source.follow(chart, "linux/riscv64").root.digest == Digest.parse(chart["digest"])
    graph = source.follow(root, "linux/riscv64")
    assert (str(graph.root.digest), graph.made) == (root["digest"], {})


def test_an_attestation_stays_with_what_it_attests(source: Source) -> None:
    amd, arm, s390 = (source.image(a, f"linux/{a}", **on(f"linux/{a}")) for a in ("amd64", "arm64", "s390x"))
    notes = [
        source.image(
            f"of {n}",
            "linux/amd64",
            "application/x",
            platform=NOTHING,
            annotations={"vnd.docker.reference.digest": each["digest"]},
        )
        for n, each in enumerate((amd, s390))
    ]
    root = source.index(amd, arm, s390, *notes)
    graph = source.follow(root, "linux/amd64", "linux/arm64")
    assert sorted(kept(graph)) == sorted(each["digest"] for each in (amd, arm, notes[0]))
    source.lose(notes[0])
    graph = source.follow(root, "linux/amd64", "linux/arm64")
    assert sorted(kept(graph)) == sorted(each["digest"] for each in (amd, arm))
    assert "skipped" in graph.remarks[0]


def test_an_image_for_a_platform_is_no_attestation_whatever_an_annotation_says(source: Source) -> None:
    amd = source.image("amd", "linux/amd64", **on("linux/amd64"))
    marks = {"annotations": {"vnd.docker.reference.digest": amd["digest"]}}
    arm = source.image("arm", "linux/arm64", **on("linux/arm64"), **marks)
    root = source.index(amd, arm)
    assert kept(source.follow(root, "linux/amd64")) == [amd["digest"]]
    assert kept(source.follow(root, "linux/arm64")) == [arm["digest"]]


def test_an_index_of_very_many_documents_is_refused_before_they_fill_the_memory(source: Source, monkeypatch) -> None:
    root = source.index(*(source.image(f"n{number}", "linux/amd64") for number in range(10)))
    whole = source.follow(root)
    size_bytes = sum(map(len, whole.documents.values()))
    monkeypatch.setattr("bundler.graph.IMAGE_DOCUMENTS_BYTES", size_bytes)
    assert source.follow(root).documents == whole.documents
    monkeypatch.setattr("bundler.graph.IMAGE_DOCUMENTS_BYTES", size_bytes - 1)
    with raises(Refused, subject="a:1", expected=f"at most {size_bytes - 1:,} bytes"):
        source.follow(root)


def test_a_sparse_image_works_for_the_platforms_that_are_there(source: Source) -> None:
    amd, arm = source.image("amd", "linux/amd64", **on("linux/amd64")), source.image("arm", "linux/arm64")
    arm |= on("linux/arm64")
    root = source.index(amd, arm)
    source.lose(arm)
    assert source.follow(root, "linux/amd64").root.digest == Digest.parse(amd["digest"])
    for platforms in ((), ("linux/arm64",), ("linux/arm64", "linux/amd64")):
        with raises(Refused, subject="a:1", actual="only linux/amd64") as caught:
            source.follow(root, *platforms)
        assert (caught.value.expected, caught.value.actual) == (
            f"also linux/arm64 ({arm['digest']})",
            "only linux/amd64",
        )
        assert "--platform linux/amd64" in str(caught.value.hint)
        assert not caught.value.retryable
    source.lose(amd)
    with raises(Refused, subject="a:1") as caught:
        source.follow(root)
    assert caught.value.actual == "no platform"


@pytest.mark.parametrize("size", [0, 7])
def test_a_wrong_size_in_an_index_is_carried_and_reported(source: Source, size: int) -> None:
    amd = source.image("amd", "linux/amd64", **on("linux/amd64"))
    root = source.index({**amd, "size": size})
    graph = source.follow(root)
    assert [manifest.descriptor.size_bytes for manifest in graph.manifests] == [amd["size"], root["size"]]
    assert f"has {size} bytes, but it has {amd['size']}" in graph.remarks[0]
    chosen = source.follow(root, "linux/amd64")
    assert (chosen.root.size_bytes, chosen.remarks) == (amd["size"], ())


def test_a_child_without_a_media_type_is_what_the_registry_says(source: Source) -> None:
    amd = source.image("amd", "linux/amd64")
    source.types[amd["digest"]] = oci.DOCKER_MANIFEST
    root = source.index({name: value for name, value in amd.items() if name != "mediaType"})
    assert source.follow(root).manifests[0].descriptor.media_type == oci.DOCKER_MANIFEST


def test_an_index_of_blobs_needs_them_as_blobs(source: Source) -> None:
    layer, config = source.put(b"layer", GZIP_LAYER), source.put(b'{"layers": [{}]}', CACHE)
    for platforms in ((), ("linux/amd64",)):
        (manifest,) = source.follow(source.index(layer, config), *platforms).manifests
        assert [str(blob.digest) for blob in manifest.blobs] == [layer["digest"], config["digest"]]
    disguised = source.put(json.dumps({"schemaVersion": 2, "layers": []}).encode(), "application/x")
    with raises(Damaged, actual="application/x"):
        source.follow(source.index(disguised))


def test_a_child_that_is_listed_for_two_platforms_is_chosen_by_either(source: Source) -> None:
    both = source.image("both", "linux/amd64")
    root = source.index({**both, **on("linux/arm/v6")}, {**both, **on("linux/arm/v7")})
    for platform in ("linux/arm/v6", "linux/arm/v7"):
        assert source.follow(root, platform).root.digest == Digest.parse(both["digest"])
