"""Image files as people send them: tars of every form, compressed in every way, from the parts of an image."""

from __future__ import annotations

import bz2
import functools
import gzip
import io
import json
import lzma
import tarfile
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import py7zr

from bundler.core.protocols import Pieces
from tests.support import images


def in_pieces(content: bytes, size_bytes: int = 1 << 20) -> Pieces:
    """The bytes as a store gives them."""
    for begin in range(0, len(content), size_bytes):
        yield content[begin : begin + size_bytes]


class Trickle:
    """A stream that gives as few bytes at a time as it may."""

    def __init__(self, content: bytes, at_a_time: int = 1 << 20) -> None:
        self._content = content
        self._at_a_time = at_a_time

    def read(self, size_bytes: int) -> bytes:
        size = min(size_bytes, self._at_a_time)
        piece, self._content = self._content[:size], self._content[size:]
        return piece

    def skip(self, size_bytes: int) -> bool:
        is_there = size_bytes <= len(self._content)
        self._content = self._content[size_bytes:]
        return is_there


def tar_of(files: Mapping[str, bytes], *, links: Mapping[str, str] | None = None) -> bytes:
    """A tar as `tarfile` writes it; links are symbolic."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for name, target in (links or {}).items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            archive.addfile(info)
    return buffer.getvalue()


def docker_files(
    layers: list[bytes],
    *,
    tags: list[str] | None = None,
    config: bytes | None = None,
    diff_ids: list[str] | None = None,
) -> dict[str, bytes]:
    """An archive as ``docker save`` writes it: config, layers, and manifest.json after them."""
    config = config or docker_config(layers, diff_ids=diff_ids)
    stem = images.sha256(config).removeprefix("sha256:")
    members = {f"{stem}.json": config}
    names = [f"{number}{images.sha256(layer)[7:]}/layer.tar" for number, layer in enumerate(layers)]
    members |= dict(zip(names, layers, strict=True))
    entry = {"Config": f"{stem}.json", "RepoTags": tags, "Layers": names}
    members["manifest.json"] = json.dumps([entry]).encode()
    return members


def docker_config(layers: list[bytes], *, diff_ids: list[str] | None = None) -> bytes:
    """The config of an image with these layers, uncompressed."""
    rootfs = {"type": "layers", "diff_ids": diff_ids or [images.sha256(layer) for layer in layers]}
    return json.dumps({"architecture": "amd64", "os": "linux", "config": {"Cmd": ["/run"]}, "rootfs": rootfs}).encode()


def layout_files(image: images.Image, name: str | None) -> dict[str, bytes]:
    """The files of an OCI image layout with one image."""
    more = {"annotations": {"org.opencontainers.image.ref.name": name}} if name else {}
    files = {
        "oci-layout": b'{"imageLayoutVersion":"1.0.0"}',
        "index.json": json.dumps({"schemaVersion": 2, "manifests": [image.descriptor(**more)]}).encode(),
    }
    return files | {f"blobs/{digest.replace(':', '/')}": content for digest, content in image.all_blobs().items()}


def _gzipped(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "none": bytes,
    "gzip": _gzipped,
    "zstd": images.zstd,
    "xz": functools.partial(lzma.compress, preset=0),  # the fastest; the tests compress noise
    "bzip2": bz2.compress,
}
"""By the names that `bundler.stores.compression` has for them."""


def write_7z(
    path: Path,
    files: Mapping[str, bytes],
    *,
    password: str | None = None,
    has_hidden_names: bool = False,
) -> Path:
    """A 7z archive of loose files, packed as fast as LZMA2 can."""
    methods = [{"id": py7zr.FILTER_LZMA2, "preset": 0}]
    if password is not None:
        methods.append({"id": py7zr.FILTER_CRYPTO_AES256_SHA256})
    with py7zr.SevenZipFile(
        path, "w", filters=methods, password=password, header_encryption=has_hidden_names
    ) as archive:
        for name, content in files.items():
            archive.writestr(content, name)
    return path


FORMS = (*COMPRESSIONS, "7z", "7z of loose files")


def write_as(form: str, path: Path, files: Mapping[str, bytes]) -> Path:
    """The same files in one of `FORMS`."""
    path.write_bytes(_packed(form, tuple(files.items())))
    return path


@functools.lru_cache(maxsize=50)
def _packed(form: str, files: tuple[tuple[str, bytes], ...]) -> bytes:
    """Many tests ask for the same files, and to compress them takes longer than most of these tests."""
    if form not in FORMS[-2:]:
        return COMPRESSIONS[form](tar_of(dict(files)))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "packed.7z")
        return write_7z(path, {"image.tar": tar_of(dict(files))} if form == "7z" else dict(files)).read_bytes()
