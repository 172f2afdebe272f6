"""Lock files of Carvel's imgpkg, ``imgpkg.carvel.dev/v1alpha1``: ImagesLock and BundleLock.

Images are locked by digest. The annotation ``kbld.carvel.dev/id`` has the name with the tag that kbld resolved: they
get this name in the bundle.
"""

from __future__ import annotations

from collections.abc import Iterator

from bundler.core.reference import Reference
from bundler.core.yaml_documents import Document, Mapping, Node, Scalar
from bundler.errors import Misuse
from bundler.lists.found import Found, Item, Surroundings, left, reference_at
from bundler.texts import text

_GROUP = "imgpkg.carvel.dev/"
_ID = "kbld.carvel.dev/id"


def knows(root: Node) -> bool:
    """True for a lock file."""
    api = root.get("apiVersion") if isinstance(root, Mapping) else None
    return isinstance(api, Scalar) and api.text.startswith(_GROUP)


def read(document: Document, surroundings: Surroundings) -> Iterator[Item]:
    """Yields the images of a lock file."""
    del surroundings
    root = document.mapping(document.root)
    kind = document.text(root.get("kind"))
    if kind == "ImagesLock":
        for locked in document.mappings(root.get("images")):
            yield _image(document, locked)
    elif kind == "BundleLock":
        bundle = document.mapping(root.get("bundle"))
        image, tag = document.scalar(bundle.get("image")), document.text(bundle.get("tag"))
        if image is None:
            yield Misuse("image: is missing", subject=document.where(bundle if bundle.pairs else root))
            return
        name = f"{reference_at(document, image, image.text).name}:{tag}" if tag else ""
        yield _locked(document, image, name, "bundle.image")
        yield left(
            document, image, image.text, text("a bundle of imgpkg: give its .imgpkg/images.yml for the images in it")
        )
    else:
        yield left(document, root, kind, text("names no image"))


def _image(document: Document, image: Mapping) -> Item:
    name = document.scalar(image.get("image"))
    if name is None:
        return Misuse("image: is missing", subject=document.where(image))
    original = document.text(document.mapping(image.get("annotations")).get(_ID))
    return _locked(document, name, original, "images")


def _locked(document: Document, node: Scalar, original: str, path: str) -> Found:
    """An image by its digest, under the name with a tag that it had before, if that is a reference with a tag."""
    try:
        name = Reference.parse(original) if original else None
    except Misuse:
        name = None
    if name is None or name.tag is None or ":" not in original.rpartition("/")[2]:
        return Found(node.text, document.where(node), path)
    tagged = f"{name.name}:{name.tag}"
    return Found(tagged, document.where(node), path, source=f"docker://{reference_at(document, node, node.text)}")
