"""Charts in registries: ``oci://HOST/PATH/CHART`` with a version is an artifact that is carried like an image."""

from __future__ import annotations

from bundler.core.yaml_documents import Document, Node
from bundler.lists.found import Found
from bundler.texts import text


def oci_chart(document: Document, node: Node, url: str, version: str) -> Found:
    """The chart itself. The images in its manifests are not known by this.

    Args:
        document: The document that names it.
        node: The place there.
        url: The address with the name of the chart, as Helm spells it.
        version: Its version. Helm writes ``_`` for the ``+`` in it, because tags have none.
    """
    name = f"{url.removeprefix('oci://')}:{version.replace('+', '_')}" if version else url.removeprefix("oci://")
    return Found(name, document.where(node), f"chart {url}", note=text("the chart, without its images"))
