"""Manifests of Hauler, ``content.hauler.cattle.io/v1``: documents of the kinds Images, Charts and Files."""

from __future__ import annotations

from collections.abc import Iterator

from bundler.core.reference import Reference, names_registry
from bundler.core.yaml_documents import Document, Mapping, Node, Scalar
from bundler.errors import Misuse
from bundler.lists.charts import oci_chart
from bundler.lists.found import Found, Item, Surroundings, left, reference_at
from bundler.texts import text

_GROUP = "hauler.cattle.io/"
_CHART = text("a chart: render it, and give the output: helm template NAME CHART | bundler images -")
_SIGNATURE = text("it asks for a signature: give export --policy FILE")
_SIGNATURE_KEYS = ("key", "certificate-identity", "certificate-identity-regexp", "certificate-oidc-issuer")


def knows(root: Node) -> bool:
    """True for a document of Hauler."""
    api = root.get("apiVersion") if isinstance(root, Mapping) else None
    return isinstance(api, Scalar) and _GROUP in api.text


def read(document: Document, surroundings: Surroundings) -> Iterator[Item]:
    """Yields the images of a document, and the charts that a registry has."""
    del surroundings
    root = document.mapping(document.root)
    kind, spec = document.text(root.get("kind")), document.mapping(root.get("spec"))
    annotations = document.mapping(document.mapping(root.get("metadata")).get("annotations"))
    if kind == "Images":
        for image in document.mappings(spec.get("images")):
            yield from _image(document, image, annotations)
    elif kind == "Charts":
        for chart in document.mappings(spec.get("charts")):
            name, version = document.text(chart.get("name")), document.text(chart.get("version"))
            url = document.text(chart.get("repoURL"))
            yield left(document, chart, f"charts: {name} {version}".rstrip(), _CHART)
            if url.startswith("oci://"):
                yield oci_chart(document, chart, f"{url.rstrip('/')}/{name}", version)
    elif kind == "Files":
        for file in document.mappings(spec.get("files")):
            yield left(document, file, f"files: {document.text(file.get('path'))}", text("a file, not an image"))
    else:
        yield left(document, root, kind, text("a collection that only Hauler resolves"))


def _image(document: Document, image: Mapping, annotations: Mapping) -> Iterator[Item]:
    name = document.scalar(image.get("name"))
    if name is None:
        yield Misuse("name: is missing", subject=document.where(image))
        return
    registry = document.text(annotations.get("hauler.dev/registry"))
    first, slash, _ = name.text.partition("/")
    is_full = bool(slash) and names_registry(first)
    full = name.text if is_full or not registry else f"{registry}/{name.text}"
    platform = document.text(image.get("platform")) or document.text(annotations.get("hauler.dev/platform"))
    rewrite = document.text(image.get("rewrite"))
    source = f"docker-daemon:{name.text}" if document.text(image.get("local")) == "true" else ""
    yield Found(
        full,
        document.where(name),
        "Images: spec.images",
        name=_rewritten(reference_at(document, name, full), rewrite) if rewrite else "",
        source=source,
        platforms=(platform,) if platform and platform != "all" else (),
    )
    if any(image.get(key) is not None for key in _SIGNATURE_KEYS) or annotations.get("hauler.dev/key") is not None:
        yield left(document, name, f"Images: {name.text}: key", _SIGNATURE)


def _rewritten(reference: Reference, rewrite: str) -> str:
    """The name with another path, as Hauler rewrites it: the registry stays, and the tag if there is no other one."""
    path = rewrite.lstrip("/")
    first, slash, _ = path.partition("/")
    if not (slash and names_registry(first)):
        path = f"{reference.registry}/{path}"
    return path if ":" in path.rpartition("/")[2] else f"{path}:{reference.tag or 'latest'}"
