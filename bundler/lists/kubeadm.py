"""The output of ``kubeadm config images list -o json|yaml``. Its plain output is a text with one image a line."""

from __future__ import annotations

from collections.abc import Iterator

from bundler.core.yaml_documents import Document, Mapping, Node, Scalar
from bundler.lists.found import Found, Item, Surroundings, left
from bundler.texts import text

_OUTPUT, _CONFIGURATION = "output.kubeadm.k8s.io/", "kubeadm.k8s.io/"


def knows(root: Node) -> bool:
    """True for the output or the configuration of kubeadm."""
    api = root.get("apiVersion") if isinstance(root, Mapping) else None
    return isinstance(api, Scalar) and api.text.startswith((_OUTPUT, _CONFIGURATION))


def read(document: Document, surroundings: Surroundings) -> Iterator[Item]:
    """Yields the images of the output. A configuration names none."""
    del surroundings
    root = document.mapping(document.root)
    for image in document.scalars(root.get("images")):
        yield Found(image.text, document.where(image), "images")
    if document.text(root.get("apiVersion")).startswith(_CONFIGURATION):
        why = text("print its images: kubeadm config images list --config FILE | bundler images -")
        yield left(document, root, document.text(root.get("kind")), why)
