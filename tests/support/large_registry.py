"""A registry of 200 images in 40 repositories, written straight into the storage of docker-registry: pushing takes longer.

The layout of the storage is that of distribution 2.8.2, registry/storage/paths.go.
"""

from __future__ import annotations

import json
from pathlib import Path

from tests.support import attachments, images
from tests.support.images import Image
from tests.support.parts import RealRegistry


def store(registry: RealRegistry, repository: str, image: Image, tag: str | None = None) -> None:
    """Adds an image, with all that is below it, to the storage of a registry."""
    root = registry.storage / "docker/registry/v2"
    place = root / "repositories" / repository
    for digest, content in image.blobs.items():
        _blob(root, digest, content)
        _link(place / f"_layers/{digest.replace(':', '/')}/link", digest)
    for child in image.children:
        store(registry, repository, child)
    _blob(root, image.digest, image.content)
    revision = image.digest.replace(":", "/")
    _link(place / f"_manifests/revisions/{revision}/link", image.digest)
    (place / "_uploads").mkdir(exist_ok=True)
    if tag is not None:
        _link(place / f"_manifests/tags/{tag}/current/link", image.digest)
        _link(place / f"_manifests/tags/{tag}/index/{revision}/link", image.digest)


def _blob(root: Path, digest: str, content: bytes) -> None:
    encoded = digest.partition(":")[2]
    data = root / f"blobs/sha256/{encoded[:2]}/{encoded}/data"
    if not data.exists():
        data.parent.mkdir(parents=True)
        data.write_bytes(content)


def _link(path: Path, digest: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(digest)


SIGNED, SBOM, LATEST, INDEX = 3, 4, 1, 2
"""The number of the tag, of the five of each repository, that is signed, has an SBOM, is also latest, is an index."""


def fill(registry: RealRegistry, *, repositories: int = 40) -> None:
    """Five images in each repository, which share a layer: 200 in 40.

    One is signed as cosign does it, with a tag. One has an SBOM by ``subject``, listed at the fallback tag, and the
    SBOM is signed. One is an index of two platforms, and one of its children is signed. One has a second tag.
    """
    base = images.simple("base", 20_000)
    (layer,) = [blob for blob in base.blobs.values() if blob[:2] == b"\x1f\x8b"]
    registry.storage.mkdir(parents=True, exist_ok=True)
    for number in range(repositories):
        repository = f"team{number % 7}/app{number}"
        for version in range(5):
            own = images.simple(f"{number}.{version}", 500)
            (content,) = [blob for blob in own.blobs.values() if blob[:2] == b"\x1f\x8b"]
            image = images.image([layer, content], labels={"number": f"{number}.{version}"})
            if version == INDEX:
                other = images.image([layer, content], architecture="arm64")
                image = images.index([(image, images.platform("amd64")), (other, images.platform("arm64"))])
                store(registry, repository, attachments.cosign(other), attachments.dashed(other, ".sig"))
            store(registry, repository, image, f"1.{version}")
            if version == LATEST:
                store(registry, repository, image, "latest")
            if version == SIGNED:
                store(registry, repository, attachments.cosign(image), attachments.dashed(image, ".sig"))
            if version == SBOM:
                sbom = attachments.referrer(image, content=json.dumps({"name": repository}).encode())
                signature = attachments.referrer(sbom, attachments.BUNDLE)
                for subject, attached in ((image, sbom), (sbom, signature)):
                    store(registry, repository, attached)
                    listed = attachments.fallback_index(attached)
                    store(registry, repository, listed, attachments.dashed(subject))


def digests(registry: RealRegistry) -> dict[str, dict[str, str]]:
    """The digest of each tag of each repository, as they are in the storage."""
    root = registry.storage / "docker/registry/v2/repositories"
    return {
        name: {tag: (root / name / f"_manifests/tags/{tag}/current/link").read_text() for tag in tags}
        for name, tags in registry.tags.items()
    }


def manifests(registry: RealRegistry) -> dict[str, set[str]]:
    """The digests of all manifests of each repository, with and without tags."""
    root = registry.storage / "docker/registry/v2/repositories"
    return {
        name: {path.name for path in (root / name / "_manifests/revisions/sha256").iterdir()} for name in registry.tags
    }
