"""Images made from scratch, byte by byte, for every kind that registries hold."""

from __future__ import annotations

import functools
import gzip
import hashlib
import io
import json
import random
import tarfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.parts import Endpoint

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
LARGE_BYTES = 100_000


def sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def descriptor(media_type: str, content: bytes, **more: Any) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": sha256(content), "size": len(content), **more}


def layer_tar(name: str, size_bytes: int = 2000, seed: int | None = None) -> bytes:
    """A tar with one file of noise, the same for the same name."""
    content = random.Random(f"{name}{seed}").randbytes(size_bytes)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo(f"data/{name}")
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def zstd(content: bytes) -> bytes:
    try:
        from compression import zstd as codec  # type: ignore[import-not-found, unused-ignore]  # Python 3.14
    except ImportError:
        from backports import zstd as codec  # comes with py7zr
    return bytes(codec.compress(content))


@dataclass
class Image:
    """A manifest with everything below it: manifests (media type, bytes) children first, and blobs by digest."""

    media_type: str
    content: bytes
    blobs: dict[str, bytes] = field(default_factory=dict)
    children: list[Image] = field(default_factory=list)

    @property
    def digest(self) -> str:
        return sha256(self.content)

    def descriptor(self, **more: Any) -> dict[str, Any]:
        return descriptor(self.media_type, self.content, **more)

    def push(self, registry: Endpoint, repository: str, tag: str | None = None) -> None:
        for digest, content in self.blobs.items():
            registry.put_blob(repository, digest, content)
        for child in self.children:
            child.push(registry, repository)
        registry.put(f"{repository}/manifests/{tag or self.digest}", self.content, self.media_type)

    def all_blobs(self) -> dict[str, bytes]:
        """Every blob below, manifests included."""
        found = {**self.blobs, self.digest: self.content}
        for child in self.children:
            found |= child.all_blobs()
        return found

    def write_layout(self, folder: Path, name: str) -> None:
        """Adds the image to an OCI layout folder."""
        blobs = folder / "blobs/sha256"
        blobs.mkdir(parents=True, exist_ok=True)
        (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
        for digest, content in self.all_blobs().items():
            (blobs / digest.removeprefix("sha256:")).write_bytes(content)
        index = folder / "index.json"
        entries = json.loads(index.read_text())["manifests"] if index.exists() else []
        entries.append(self.descriptor(annotations={"org.opencontainers.image.ref.name": name}))
        index.write_text(json.dumps({"schemaVersion": 2, "manifests": entries}))


def image(
    layers: list[bytes],
    *,
    docker: bool = False,
    layer_type: str | None = None,
    architecture: str = "amd64",
    variant: str | None = None,
    uncompressed: list[bytes] | None = None,
    labels: dict[str, str] | None = None,
    created: str = "2026-01-02T03:04:05Z",
    history: list[dict[str, Any]] | None = None,
) -> Image:
    """A runnable image; ``layers`` are the blobs, ``uncompressed`` the tars in them."""
    diff_ids = [sha256(tar) for tar in uncompressed or [gzip.decompress(layer) for layer in layers]]
    config = {
        "created": created,
        "architecture": architecture,
        "os": "linux",
        **({"variant": variant} if variant else {}),
        "config": {"Env": ["PATH=/bin"], "Entrypoint": ["/run"], "Cmd": ["--now"], "Labels": labels or {"a": "b"}},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
        "history": history or [{"created_by": "test"} for _ in layers],
    }
    config_bytes = json.dumps(config, indent=1).encode()
    media_type = DOCKER_MANIFEST if docker else OCI_MANIFEST
    layer_type = layer_type or (DOCKER_LAYER if docker else f"{OCI_LAYER}+gzip")
    manifest = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": descriptor(DOCKER_CONFIG if docker else OCI_CONFIG, config_bytes),
        "layers": [descriptor(layer_type, layer) for layer in layers],
    }
    content = json.dumps(manifest, indent=3).encode()
    return Image(media_type, content, {sha256(blob): blob for blob in [config_bytes, *layers]})


def simple(name: str, size_bytes: int = 2000, **more: Any) -> Image:
    """An image with one gzip layer of its own."""
    return image([packed(layer_tar(name, size_bytes))], **more)


def packed(content: bytes) -> bytes:
    """A layer with gzip. A large one is stored as it is: noise becomes no smaller, and many modules make one when they are read."""
    return gzip.compress(content, 0 if len(content) > LARGE_BYTES else 9, mtime=0)


def index(children: list[tuple[Image, dict[str, Any]]], *, docker: bool = False) -> Image:
    """An index; each child with the fields of its descriptor besides type, digest and size."""
    media_type = DOCKER_INDEX if docker else OCI_INDEX
    document = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "manifests": [child.descriptor(**more) for child, more in children],
        **({} if docker else {"annotations": {"made.by": "a test"}}),
    }
    return Image(media_type, json.dumps(document, indent=2).encode(), {}, [child for child, _ in children])


def platform(architecture: str, variant: str | None = None) -> dict[str, Any]:
    return {"platform": {"os": "linux", "architecture": architecture, **({"variant": variant} if variant else {})}}


def artifact(name: str) -> Image:
    """An OCI artifact: a manifest whose config and layers are of its own types."""
    config, data = b"{}", random.Random(name).randbytes(3000)
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": "application/vnd.example.chart.v1",
        "config": descriptor("application/vnd.cncf.helm.config.v1+json", config),
        "layers": [descriptor("application/vnd.cncf.helm.chart.content.v1.tar+gzip", data)],
    }
    return Image(OCI_MANIFEST, json.dumps(manifest).encode(), {sha256(config): config, sha256(data): data})


def every_kind() -> dict[str, Image]:
    """An image of each kind, by repository and tag. Many modules ask for them when they are read; they are made once."""
    return dict(_kinds())


@functools.cache
def _kinds() -> dict[str, Image]:
    base = gzip.compress(layer_tar("base", 50_000), mtime=0)
    tar, tar2 = layer_tar("plain"), layer_tar("zstd")
    amd, arm = simple("amd", architecture="amd64"), simple("arm", architecture="arm64", variant="v8")
    docker_amd, docker_arm = simple("damd", docker=True), simple("darm", docker=True, architecture="arm", variant="v7")
    attestation = artifact("attestation")
    marks = {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": amd.digest}
    unknown = {"platform": {"os": "unknown", "architecture": "unknown"}, "annotations": marks}
    multi = index([(amd, platform("amd64")), (arm, platform("arm64", "v8")), (attestation, unknown)])
    own = [gzip.compress(layer_tar(f"many-{number}", 10), mtime=0) for number in range(32)]
    empty = gzip.compress(b"\0" * 1024, mtime=0)
    return {
        "library/oci:1": image([base, gzip.compress(layer_tar("one"), mtime=0)]),
        "library/docker:1": image([base, gzip.compress(layer_tar("two"), mtime=0)], docker=True),
        "team/other/shares:1": image([base]),
        "team/plain:1": image([tar], layer_type=OCI_LAYER, uncompressed=[tar]),
        "team/zstd:1": image([zstd(tar2)], layer_type=f"{OCI_LAYER}+zstd", uncompressed=[tar2]),
        "team/multi:1": multi,
        "team/multi:same": multi,
        "team/list:1": index([(docker_amd, platform("amd64")), (docker_arm, platform("arm", "v7"))], docker=True),
        "team/nested:1": index([(multi, {}), (simple("deep"), platform("amd64"))]),
        "charts/artifact:1": artifact("chart"),
        "team/empty:1": image([empty, b"", empty], uncompressed=[b"\0" * 1024, b"", b"\0" * 1024]),
        "team/many:127": image([*own * 3, *own[1:]]),  # a registry takes milliseconds for each that is new to it
    }
