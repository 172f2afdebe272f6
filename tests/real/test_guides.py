"""Every command of the guides and tutorials runs as it is printed, from the first line of a page to its last."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from tests.support.images import image, layer_tar, packed
from tests.support.parts import RealRegistry
from tests.support.reading import DOCS, Reader

PAGES = sorted(
    path.relative_to(DOCS).as_posix() for folder in ("guides", "tutorials") for path in DOCS.glob(f"{folder}/*.md")
)
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {template: {spec: {containers: [{name: web, image: "docker.io/library/nginx:1.27"}]}}}
"""


@pytest.fixture
def reader(here, tmp_path, monkeypatch, new_registry: Callable[..., RealRegistry]) -> Reader:
    """A reader with two registries of his own, and a source with two months of images."""
    monkeypatch.chdir(tmp_path)
    source, target, spare = new_registry(), new_registry(), new_registry()
    base, first, later = (packed(layer_tar(name)) for name in ("base", "first", "later"))
    image([base, first]).push(source, "library/nginx", "1.27")
    image([base, later]).push(source, "library/nginx", "1.28")
    home = os.environ["HOME"]
    for folder in ("media/second", "media/stick"):
        (tmp_path / folder).mkdir(parents=True)
    return Reader(tmp_path, here, {
        "docker.io/library/nginx": f"{source.host}/library/nginx",
        "registry.internal:5000": target.host,
        "spare.internal:5000": spare.host,
        "/media/": f"{tmp_path}/media/",
        "/backup": f"{tmp_path}/backup",
        "~/": f"{home}/",
    })  # fmt: skip


def prepare(reader: Reader, page: str) -> None:
    """Makes what a page takes for there: keys, lists, and the bundles of earlier steps."""
    place = reader.place
    for month, tag in (("november", "1.27"), ("december", "1.28")):
        entry = f"{{image: docker.io/library/nginx:stable, from: 'docker://docker.io/library/nginx:{tag}'}}"
        (place / f"{month}.yaml").write_text(reader.at_this_place(f"images: [{entry}]\n"))
    (place / "deployment.yaml").write_text(reader.at_this_place(DEPLOYMENT))
    if page.startswith("tutorials/") and "disaster" not in page:
        return
    if "builder" in page:
        return
    reader.has("bundler keygen builder", f"cp builder.pub {os.environ['HOME']}/builder.pub")
    reader.has("bundler export november.yaml -o /media/stick --name first --key builder.key")
    if "disaster" in page:
        reader.has(
            "bundler export november.yaml -o /media/ --key builder.key --channel platform --sequence 1",
            "bundler export december.yaml -o /media/ --key builder.key --channel platform --since /media/november --trust builder.pub",
            "bundler import /media/november --to spare.internal:5000 --trust builder.pub",
            "bundler backup spare.internal:5000 -o /backup --key builder.key --name night",
        )
    if "operator" in page:
        reader.has(
            "bundler keygen importer",
            "bundler import /media/stick/first --to registry.internal:5000 --trust builder.pub --receipt first.receipt.json --receipt-key importer.key",
        )


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_a_page_runs(page: str, reader: Reader) -> None:
    prepare(reader, page)
    reader.commands = 0
    reader.follow(page)
    assert reader.commands > 3
