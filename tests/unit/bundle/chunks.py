"""The chunks of a plan as plain bytes, and bundles of them, for tests."""

from __future__ import annotations

import os
from pathlib import Path

from bundler.bundle import sums
from bundler.bundle.chunk import members_by_chunk
from bundler.core import oci, tar
from bundler.core.digest import Digest
from bundler.core.manifest import to_json
from bundler.core.oci import Manifest
from bundler.core.plan import Plan, ResolvedImage
from bundler.core.reference import Reference
from tests.unit.values import MIB, described, plan_with, variant

LARGE = os.urandom(3 * MIB + 5)
SMALL = os.urandom(700)
CUT = os.urandom(6 * MIB)


def plan_of(*layers: bytes) -> Plan:
    """The plan of a bundle with an image for each layer, in chunks of at most 5 MiB."""
    return plan_with(
        [_image(number, content) for number, content in enumerate(layers)],
        name="test",
        created="",
        tool="",
        signed=False,
        chunk_size_bytes=5 * MIB,
    )


def _image(number: int, content: bytes) -> ResolvedImage:
    config, document = _documents(number)
    manifest = Manifest(
        described(document, oci.OCI_MANIFEST), config=described(config, oci.OCI_CONFIG), layers=(described(content),)
    )
    name = f"a/b{number}:1"
    return ResolvedImage(Reference.parse(name), f"docker://{name}", (manifest,), (variant(manifest, "linux/amd64"),))


def _documents(number: int) -> tuple[bytes, bytes]:
    """A config and a manifest. Only their digests count: chunks hold any bytes."""
    return b"config %d" % number, b"manifest %d" % number


def contents_of(plan: Plan, *layers: bytes) -> dict[Digest, bytes]:
    """The bytes of everything in a plan of `plan_of`."""
    documents = (content for number in range(len(layers)) for content in _documents(number))
    return plan.contents | {Digest.of(content): content for content in (*layers, *documents)}


def chunks_of(plan: Plan, *layers: bytes) -> dict[str, bytearray]:
    """The bytes of each chunk, by its file."""
    contents = contents_of(plan, *layers)
    chunks = {}
    for chunk, members in zip(plan.manifest.chunks, members_by_chunk(plan.manifest), strict=True):
        content = bytearray()
        for member in members:
            data = contents[member.stored.digest][member.start_bytes :][: member.piece.length_bytes]
            content += member.header + data + member.padding
        chunks[chunk.file] = content + tar.END
    return chunks


def write_bundle(folder: Path, plan: Plan, *layers: bytes) -> Path:
    """Writes a bundle that is not signed."""
    folder.mkdir(parents=True)
    files = {"bundle.json": to_json(plan.manifest), "README.txt": b"read me\n", **chunks_of(plan, *layers)}
    for name, content in files.items():
        (folder / name).write_bytes(content)
    listed = {name: Digest.of(bytes(content)).encoded for name, content in files.items()}
    (folder / "SHA256SUMS").write_bytes(sums.format_sums(listed))
    return folder
