"""Makes a small corpus of real images without internet, and pushes it to a registry on this machine.

The layers have the files that this machine has installed: shared libraries, programs, Python and the project's own
dependencies. So the number, size and compressibility of the files are typical. There are seven images: a base that
others share, two versions of an application that differ in their last layer, one with many small layers, one compressed
with zstd if this Python supports it, and one for two platforms. Their size depends on the machine; the bench prints it.

Usage: small_corpus.py HOST FOLDER   pushes to HOST, keeps layers in FOLDER, prints the image list
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import sys
import sysconfig
import tarfile
import urllib.request
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from itertools import accumulate, takewhile
from pathlib import Path
from typing import Any, Protocol

GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
ZSTD = "application/vnd.oci.image.layer.v1.tar+zstd"
CONFIG = "application/vnd.oci.image.config.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"

LARGEST_LAYER_BYTES = 200_000_000
"""The size of the files in one layer, before compression: all images are made in half a minute, and stay small."""
SMALL_LAYERS = 40
WORKERS = 2

Json = dict[str, Any]


class Writable(Protocol):
    """Takes bytes."""

    def write(self, data: bytes, /) -> int: ...


class Hashed:
    """Forwards bytes, and counts and hashes them (SHA-256)."""

    def __init__(self, target: Writable) -> None:
        self._target = target
        self._sha256 = hashlib.sha256()
        self.size_bytes = 0

    def write(self, data: bytes) -> int:
        """Forwards bytes."""
        self._sha256.update(data)
        self.size_bytes += len(data)
        self._target.write(data)
        return len(data)

    def flush(self) -> None:
        """Does nothing: there is no buffer."""

    @property
    def digest(self) -> str:
        """The digest of all bytes so far."""
        return "sha256:" + self._sha256.hexdigest()


@dataclass(frozen=True)
class Recipe:
    """The content of a layer: files below some folders, up to a size, each under its own path."""

    name: str
    roots: tuple[Path, ...]
    media_type: str = GZIP
    note: str = ""
    """The content of one more file, so that two layers with the same files differ."""


@dataclass(frozen=True)
class Layer:
    """A finished layer."""

    path: Path
    media_type: str
    digest: str
    diff_id: str
    size_bytes: int

    @property
    def descriptor(self) -> Json:
        """The descriptor of the layer in a manifest."""
        return {"mediaType": self.media_type, "digest": self.digest, "size": self.size_bytes}


def files_below(roots: Iterable[Path]) -> list[Path]:
    """Regular files that can be read, in a fixed order, up to the size of one layer."""
    found = [path for root in roots for path in walk(root)]
    sizes = accumulate(path.stat().st_size for path in found)
    return [path for path, _ in takewhile(lambda pair: pair[1] <= LARGEST_LAYER_BYTES, zip(found, sizes, strict=True))]


def walk(root: Path) -> Iterator[Path]:
    """Regular files below a folder, sorted; without links, compiled Python and nested packages' folders."""
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(set(folders) - {"__pycache__", "site-packages", "dist-packages", "test"})
        for name in sorted(names):
            path = Path(folder, name)
            if path.is_file() and not path.is_symlink() and os.access(path, os.R_OK):
                yield path


def compressor(media_type: str, target: Hashed) -> Any:
    """A file object that compresses with the algorithm of the media type."""
    if media_type == ZSTD:
        return zstd_module().ZstdFile(target, "w")
    return gzip.GzipFile(fileobj=target, mode="wb", compresslevel=6, mtime=0)


def zstd_module() -> Any:
    """The standard library's zstd, or its backport.

    Raises:
        ImportError: There is neither.
    """
    with suppress(ImportError):
        return import_module("compression.zstd")
    return import_module("backports.zstd")


def make_layer(recipe: Recipe, folder: Path) -> Layer:
    """Writes a layer's compressed tar."""
    path = folder / f"{recipe.name}.layer"
    note = path.with_suffix(".note")
    note.write_text(recipe.note)
    with path.open("wb") as file:
        blob = Hashed(file)
        with compressor(recipe.media_type, blob) as compressed:
            plain = Hashed(compressed)
            with tarfile.open(fileobj=plain, mode="w|", format=tarfile.GNU_FORMAT) as tar:  # type: ignore[call-overload]
                tar.add(note, f"etc/{recipe.name}.note")
                for member in files_below(recipe.roots):
                    tar.add(member, str(member.relative_to("/")), recursive=False)
    return Layer(path, recipe.media_type, blob.digest, plain.digest, blob.size_bytes)


def recipes() -> list[Recipe]:
    """The layers, made of the files that are installed here."""
    paths = sysconfig.get_paths()
    packages = Path(paths["purelib"])
    try:
        zstd_module()
        best = ZSTD
    except ImportError:
        best = GZIP
    project = Path(__file__).resolve().parent.parent / "bundler"
    each = sorted(path for path in packages.iterdir() if path.is_dir() and next(walk(path), None))[:SMALL_LAYERS]
    return [
        Recipe("base", tuple(sorted(Path("/usr/lib").glob("*-linux-gnu*")))),
        Recipe("python", (Path(paths["stdlib"]),)),
        Recipe("dependencies", (packages,)),
        Recipe("tools", (Path("/usr/bin"),), best),
        Recipe("share", (Path("/usr/share"),), best),
        Recipe("arm64", (Path("/usr/share"), packages), note="arm64"),
        Recipe("app1", (project,), note="version 1"),
        Recipe("app2", (project,), note="version 2"),
        *(Recipe(f"small-{number}", (path,), note=path.name) for number, path in enumerate(each)),
    ]


class Pusher:
    """Pushes to one registry."""

    def __init__(self, host: str) -> None:
        self._base = f"http://{host}/v2"
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def push_image(self, repository: str, reference: str, layers: list[Layer], architecture: str) -> Json:
        """Pushes layers, config and manifest; returns the manifest's descriptor."""
        config = json.dumps(
            {
                "architecture": architecture,
                "os": "linux",
                "created": "2026-01-01T00:00:00Z",
                "config": {"Env": ["PATH=/usr/bin:/bin"], "Cmd": ["/bin/sh"], "Labels": {"name": repository}},
                "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
            }
        ).encode()
        for layer in layers:
            with layer.path.open("rb") as file:
                self._push_blob(repository, layer.digest, file, layer.size_bytes)
        document = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self.push_bytes(repository, config, CONFIG),
            "layers": [layer.descriptor for layer in layers],
        }
        return self.push_manifest(repository, reference, document)

    def push_manifest(self, repository: str, reference: str, document: Json) -> Json:
        """Pushes a manifest or index under a tag, or by its digest if the reference is empty."""
        content = json.dumps(document).encode()
        url = f"{self._base}/{repository}/manifests/{reference or digest_of(content)}"
        self._send("PUT", url, content, {"Content-Type": document["mediaType"]})
        return {"mediaType": document["mediaType"], "digest": digest_of(content), "size": len(content)}

    def push_bytes(self, repository: str, content: bytes, media_type: str) -> Json:
        """Pushes a small blob; returns its descriptor."""
        self._push_blob(repository, digest_of(content), content, len(content))
        return {"mediaType": media_type, "digest": digest_of(content), "size": len(content)}

    def _push_blob(self, repository: str, digest: str, content: Any, size_bytes: int) -> None:
        location = self._send("POST", f"{self._base}/{repository}/blobs/uploads/", b"", {})
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size_bytes)}
        self._send("PUT", f"{location}&digest={digest}", content, headers)

    def _send(self, method: str, url: str, content: Any, headers: dict[str, str]) -> str:
        request = urllib.request.Request(url, data=content, method=method, headers=headers)
        with self._opener.open(request) as answer:
            return str(answer.headers.get("Location", ""))


def digest_of(content: bytes) -> str:
    """The SHA-256 of some bytes, as OCI spells it."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def push_all(pusher: Pusher, layers: dict[str, Layer]) -> list[str]:
    """Pushes all images; returns their names."""
    base, python, dependencies = layers["base"], layers["python"], layers["dependencies"]
    images = {
        "library/base:1.0": [base],
        "library/python:3": [base, python],
        "team/app:v1": [base, python, dependencies, layers["app1"]],
        "team/app:v2": [base, python, dependencies, layers["app2"]],
        "team/tools:1.0": [layers["tools"], layers["share"]],
        "team/layers:1.0": [base, *(layer for name, layer in layers.items() if name.startswith("small-"))],
    }
    for name, parts in images.items():
        repository, _, tag = name.rpartition(":")
        pusher.push_image(repository, tag, parts, "amd64")
    platforms = {"amd64": [base, layers["app1"]], "arm64": [layers["arm64"], layers["app1"]]}
    manifests = [
        {**pusher.push_image("library/multi", "", parts, name), "platform": {"os": "linux", "architecture": name}}
        for name, parts in platforms.items()
    ]
    pusher.push_manifest("library/multi", "1.0", {"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests})
    return [*images, "library/multi:1.0"]


def main(host: str, folder: Path) -> None:
    """Makes and pushes all images."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = recipes()
    with ThreadPoolExecutor(WORKERS) as pool:  # compression releases the GIL
        made = pool.map(lambda recipe: make_layer(recipe, folder), wanted)
    layers = dict(zip((recipe.name for recipe in wanted), made, strict=True))
    print("\n".join(push_all(Pusher(host), layers)))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
