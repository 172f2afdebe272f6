"""The ImageSetConfiguration of oc-mirror, ``mirror.openshift.io/v2alpha1`` and ``v1alpha2``.

``additionalImages`` are images. Operators and platforms are found by catalogs and graphs of releases, which only
oc-mirror reads.
"""

from __future__ import annotations

from collections.abc import Iterator

from bundler.core.patterns import lazy_pattern
from bundler.core.yaml_documents import Document, Mapping, Node, Scalar
from bundler.errors import Misuse
from bundler.lists.charts import oci_chart
from bundler.lists.found import Found, Item, Surroundings, left, reference_at
from bundler.texts import text

_PATTERN = lazy_pattern(r"[*^$\[(|\\+?]")
_FOR_OC_MIRROR = text("only oc-mirror can find its images")
_CHART = text("a chart: render it, and give the output: helm template NAME CHART | bundler images -")


def knows(root: Node) -> bool:
    """True for the kind of oc-mirror."""
    kind = root.get("kind") if isinstance(root, Mapping) else None
    return isinstance(kind, Scalar) and kind.text == "ImageSetConfiguration"


def read(document: Document, surroundings: Surroundings) -> Iterator[Item]:
    """Yields the additional images that are not blocked."""
    del surroundings
    mirror = document.mapping(document.mapping(document.root).get("mirror"))
    blocked = set(_blocked(document, mirror))
    for key, value in mirror.pairs:
        if key.text == "additionalImages":
            for image in document.mappings(value):
                yield from _image(document, image, blocked)
        elif key.text == "helm":
            yield from _helm(document, document.mapping(value))
        elif key.text != "blockedImages":
            yield left(document, key, f"mirror.{key.text}", _FOR_OC_MIRROR)


def _blocked(document: Document, mirror: Mapping) -> Iterator[str]:
    for image in document.mappings(mirror.get("blockedImages")):
        name = document.scalar(image.get("name"))
        if name is None:
            continue
        if _PATTERN.search(name.text):
            raise Misuse(
                "a pattern of blocked images is not read, and to ignore it would carry them",
                subject=document.where(name),
                hint="delete it, and give export --except PATTERN",
            )
        yield reference_at(document, name, name.text).name


def _image(document: Document, image: Mapping, blocked: set[str]) -> Iterator[Item]:
    name = document.scalar(image.get("name"))
    if name is None:
        yield Misuse("name: is missing", subject=document.where(image))
        return
    where, path = document.where(name), "mirror.additionalImages"
    if name.text.startswith("oci://"):
        yield Found("", where, path, source=f"oci:{name.text.removeprefix('oci://')}")
        return
    platforms = tuple(each.text for each in document.scalars(image.get("platforms")))
    reference = reference_at(document, name, name.text)
    if reference.name in blocked:
        yield left(document, name, name.text, text("the list blocks it"))
        return
    repository, tag = document.text(image.get("targetRepo")), document.text(image.get("targetTag"))
    renamed = ""
    if repository or tag:
        renamed = f"{reference.registry}/{repository or reference.repository}:{tag or reference.tag or 'latest'}"
    yield Found(name.text, where, path, name=renamed, platforms=platforms)


def _helm(document: Document, helm: Mapping) -> Iterator[Item]:
    for repository in document.mappings(helm.get("repositories")):
        url = document.text(repository.get("url"))
        for chart in document.mappings(repository.get("charts")):
            name, version = document.text(chart.get("name")), document.text(chart.get("version"))
            yield left(document, chart, f"mirror.helm: {name} {version}", _CHART)
            if url.startswith("oci://"):
                yield oci_chart(document, chart, f"{url.rstrip('/')}/{name}", version)
    for chart in document.mappings(helm.get("local")):
        yield left(document, chart, f"mirror.helm: {document.text(chart.get('path'))}", _CHART)
