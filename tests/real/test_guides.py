"""Every command of the guides and tutorials runs as it is printed, from the first line of a page to its last."""

from __future__ import annotations

import glob
import hashlib
import os
import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Ran
from tests.support.images import image, layer_tar, packed
from tests.support.parts import RealRegistry

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(
    path.relative_to(DOCS).as_posix() for folder in ("guides", "tutorials") for path in DOCS.glob(f"{folder}/*.md")
)
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {template: {spec: {containers: [{name: web, image: "docker.io/library/nginx:1.27"}]}}}
"""


class Reader:
    """A user who types each command of a page, in a folder of his own."""

    def __init__(self, place: Path, here: Callable[..., Ran], instead: dict[str, str]) -> None:
        self.place = place
        self.here = here
        self.instead = instead
        self.folder = place
        self.commands = 0

    def at_this_place(self, text: str) -> str:
        """A text with the folders and registries of this test."""
        for old, new in self.instead.items():
            text = text.replace(old, new)
        return text

    def follow(self, page: str) -> None:
        """Runs the blocks of a page."""
        for block in re.findall(r"^```sh\n(.*?)^```$", (DOCS / page).read_text(), re.MULTILINE | re.DOTALL):
            self.folder = self.place
            for line in self.at_this_place(block).splitlines():
                if line.strip():
                    self.type(line)

    def type(self, line: str) -> None:
        """Runs one command, and expects that it ends with 0."""
        self.commands += 1
        if "$FINGERPRINT" in line:  # the builder reads it out
            line = line.replace("$FINGERPRINT", fingerprint(self.place / "builder.pub"))
        words = shlex.split(line, comments=True)
        if words[0] == "cd":
            self.folder = Path(words[1])
        elif words[0] == "bundler":
            os.chdir(self.folder)
            done = self.here(*[name for word in words[1:] for name in sorted(glob.glob(word)) or [word]])
            assert done.code == (1 if words[1] == "diff" else 0), f"{line}\n{done.out}{done.err}"
        else:
            ended = subprocess.run(["bash", "-euc", line], cwd=self.folder, text=True, capture_output=True, timeout=60)
            assert ended.returncode == 0, f"{line}\n{ended.stdout}{ended.stderr}"

    def has(self, *lines: str) -> None:
        """Does what pages take for done."""
        for line in lines:
            self.type(self.at_this_place(line))


def fingerprint(key: Path) -> str:
    """The fingerprint of a key, as openssl and sha256sum show it."""
    encoded = subprocess.run(
        ["openssl", "pkey", "-pubin", "-in", key, "-outform", "DER"], capture_output=True, check=True
    )
    return hashlib.sha256(encoded.stdout).hexdigest()


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
    reader.has("bundler keygen builder", f"cp builder.pub {os.environ['HOME']}/builder.pub")
    if "builder.md" in page:
        return
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
            "bundler import /media/stick/first --to registry.internal:5000 --trust builder.pub --receipt first.receipt.json"
        )


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_a_page_runs(page: str, reader: Reader) -> None:
    prepare(reader, page)
    reader.commands = 0
    reader.follow(page)
    assert reader.commands > 3
