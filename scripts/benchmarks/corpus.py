"""The images that are carried, and checks of the registries that they were carried to."""

from __future__ import annotations

import http.client
import json
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.measuring import BenchError
from benchmarks.registry import ask


@dataclass(frozen=True, slots=True)
class Root:
    """The manifest or index of an image."""

    digest: str
    media_type: str

    @property
    def is_oci(self) -> bool:
        """True if its form is that of OCI, not of Docker."""
        return self.media_type.startswith("application/vnd.oci.")


@dataclass(frozen=True, slots=True)
class Image:
    """An image of the corpus: its name, and the root of its tag."""

    repository: str
    tag: str
    root: Root

    @property
    def name(self) -> str:
        """The name in the image list."""
        return f"{self.repository}:{self.tag}"


@dataclass(frozen=True, slots=True)
class Blob:
    """A layer or config, and a repository that has it."""

    digest: str
    size_bytes: int
    repository: str

    @property
    def path(self) -> str:
        """The path of its URL."""
        return f"/v2/{self.repository}/blobs/{self.digest}"


@dataclass(frozen=True, slots=True)
class Corpus:
    """The images to carry: a registry, its images, and their unique blobs, largest first."""

    host: str
    images: tuple[Image, ...]
    blobs: tuple[Blob, ...]

    @property
    def size_bytes(self) -> int:
        """The size of all unique blobs."""
        return sum(blob.size_bytes for blob in self.blobs)

    def part(self, limit_bytes: int) -> Corpus:
        """The images that fit into a number of bytes, in their order; the smallest one if none does."""
        alone = {image.name: read_corpus(self.host, [image.name]) for image in self.images}
        part = min(alone.values(), key=lambda one: one.size_bytes)
        if part.size_bytes > limit_bytes:
            return part
        names: list[str] = []
        for name, one in alone.items():
            if one.size_bytes <= limit_bytes:
                more = read_corpus(self.host, [*names, name])
                if more.size_bytes <= limit_bytes:
                    part, names = more, [*names, name]
        return part


def read_corpus(host: str, names: Sequence[str]) -> Corpus:
    """Asks a registry for the manifests of the images."""
    blobs: dict[str, Blob] = {}
    images = []
    for name in names:
        repository, separator, tag = name.rpartition(":")
        if not separator:
            raise BenchError(f"not repository:tag: {name}")
        images.append(Image(repository, tag, collect_blobs(host, repository, tag, blobs)))
    return Corpus(host, tuple(images), tuple(sorted(blobs.values(), key=lambda blob: -blob.size_bytes)))


def collect_blobs(host: str, repository: str, reference: str, blobs: dict[str, Blob]) -> Root:
    """Adds the blobs of a manifest, or of all manifests of an index. Returns the manifest or index."""
    status, headers, content = ask(host, "GET", f"/v2/{repository}/manifests/{reference}")
    if status != http.client.OK:
        raise BenchError(f"{host}/{repository}:{reference}: the registry answers {status}")
    document = json.loads(content)
    for child in document.get("manifests", []):
        collect_blobs(host, repository, child["digest"], blobs)
    for part in [document["config"], *document["layers"]] if "layers" in document else []:
        blobs.setdefault(part["digest"], Blob(part["digest"], part["size"], repository))
    return Root(headers["Docker-Content-Digest"], headers["Content-Type"])


def check_tag(image: Image, host: str, *, is_same: bool = True) -> None:
    """Raises unless a registry has a tag; with `is_same`, the digest must be that of the source too."""
    status, headers, _ = ask(host, "HEAD", f"/v2/{image.repository}/manifests/{image.tag}")
    if status != http.client.OK or (is_same and headers["Docker-Content-Digest"] != image.root.digest):
        raise BenchError(f"{image.name} is not at the target as it should be")


def check_digest(image: Image, host: str, repository: str) -> None:
    """Raises unless a repository has the manifest or index of an image."""
    if ask(host, "HEAD", f"/v2/{repository}/manifests/{image.root.digest}")[0] != http.client.OK:
        raise BenchError(f"{image.name} is not at the target as it should be")


def check_blobs(corpus: Corpus, host: str) -> None:
    """Raises unless a registry has all blobs."""
    for blob in corpus.blobs:
        status, headers, _ = ask(host, "HEAD", blob.path)
        if status != http.client.OK or headers["Content-Length"] != str(blob.size_bytes):
            raise BenchError(f"{blob.digest} is not at the target")
