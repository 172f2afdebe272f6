"""Manifests of KubeKey, ``kubekey.kubesphere.io``: ``images`` of a Manifest, ``image_manifests`` of later versions."""

from __future__ import annotations

from collections.abc import Iterator

from bundler.core.yaml_documents import Document, Mapping, Node, Scalar
from bundler.lists.found import Found, Item, Surroundings, left
from bundler.texts import text

_GROUP = "kubekey.kubesphere.io/"
_NOT_CARRIED = {
    "components": text("programs, not images"),
    "kubernetesDistributions": text("programs, not images"),
    "operatingSystems": text("packages of the system, not images"),
    "registry": text("log in instead: docker, podman or skopeo login HOST"),
    "addons": text("only KubeKey resolves them"),
}


def knows(root: Node) -> bool:
    """True for a document of KubeKey."""
    api = root.get("apiVersion") if isinstance(root, Mapping) else None
    return isinstance(api, Scalar) and api.text.startswith(_GROUP)


def read(document: Document, surroundings: Surroundings) -> Iterator[Item]:
    """Yields the images of a manifest, for its architectures."""
    del surroundings
    spec = document.mapping(document.mapping(document.root).get("spec"))
    platforms = tuple(f"linux/{each.text}" for each in document.scalars(spec.get("arches")))
    for key in ("images", "image_manifests"):
        for image in document.scalars(spec.get(key)):
            yield Found(image.text, document.where(image), f"spec.{key}", platforms=platforms)
    for name, value in spec.pairs:
        if name.text in _NOT_CARRIED and not (isinstance(value, Scalar) and value.is_null):
            yield left(document, name, f"spec.{name.text}", _NOT_CARRIED[name.text])
