"""Packages of Zarf, ``zarf.yaml`` with ``kind: ZarfPackageConfig``: the images of all components, also optional ones.

``###ZARF_PKG_TMPL_NAME###`` is a variable whose value comes from ``--set NAME=VALUE``.
"""

from __future__ import annotations

from collections.abc import Iterator

from bundler.core.patterns import lazy_pattern
from bundler.core.yaml_documents import Document, Mapping, Node, Scalar
from bundler.errors import Misuse
from bundler.lists.charts import oci_chart
from bundler.lists.found import Found, Item, Surroundings, left
from bundler.texts import text

_TEMPLATE = lazy_pattern(r"###ZARF_(?:PKG_(?:TMPL|VAR)_)?(?P<name>[A-Z0-9_]+)###")
_ARCHITECTURE = "PKG_ARCH"
_NOT_CARRIED = {
    "imageArchives": text("a file with images: add docker-archive:FILE or oci-archive:FILE to the command"),
    "import": text("a part of another package: give its zarf.yaml too"),
    "manifests": text("files, not images"),
    "files": text("files, not images"),
    "repos": text("Git repositories"),
    "dataInjections": text("files, not images"),
}
_CHART = text("a chart: its images must be in images:")


def knows(root: Node) -> bool:
    """True for a package."""
    kind = root.get("kind") if isinstance(root, Mapping) else None
    return isinstance(kind, Scalar) and kind.text == "ZarfPackageConfig"


def read(document: Document, surroundings: Surroundings) -> Iterator[Item]:
    """Yields the images of all components."""
    root = document.mapping(document.root)
    whole = document.text(document.mapping(root.get("metadata")).get("architecture"))
    for component in document.mappings(root.get("components")):
        name = f"component {document.text(component.get('name'))}"
        cluster = document.mapping(document.mapping(component.get("only")).get("cluster"))
        architecture = document.text(cluster.get("architecture")) or whole
        values = {_ARCHITECTURE: architecture, **surroundings.variables}
        platforms = (f"linux/{architecture}",) if architecture and architecture != "multi" else ()
        for image in document.scalars(component.get("images")):
            try:
                yield Found(_filled(document, image, values), document.where(image), name, platforms=platforms)
            except Misuse as error:
                yield error
        for chart in document.mappings(component.get("charts")):
            url, version = document.text(chart.get("url")), document.text(chart.get("version"))
            if url.startswith("oci://"):
                yield oci_chart(document, chart, url, version)
            yield left(document, chart, f"{name}: charts: {document.text(chart.get('name'))}", _CHART)
        for key, value in component.pairs:
            if key.text in _NOT_CARRIED:
                parts = value.nodes if hasattr(value, "nodes") else [value]
                for part in parts:
                    yield left(document, part, f"{name}: {key.text}{_named(part)}", _NOT_CARRIED[key.text])


def _named(part: Node) -> str:
    """The name of a part, after a colon."""
    if isinstance(part, Mapping):
        found = next((each for key in ("name", "path", "source") if isinstance(each := part.get(key), Scalar)), None)
    else:
        found = part if isinstance(part, Scalar) else None
    return f": {found.text[:200]}" if found is not None else ""


def _filled(document: Document, node: Scalar, values: dict[str, str]) -> str:
    """A text with its variables replaced.

    Raises:
        Misuse: One has no value.
    """
    for match in _TEMPLATE.finditer(node.text):
        if match["name"] not in values:
            raise Misuse(
                text("the variable {name} has no value", name=match["name"]),
                subject=document.where(node),
                hint=text("give it: --set {name}=VALUE", name=match["name"]),
            )
    return _TEMPLATE.sub(lambda match: values[match["name"]], node.text)
