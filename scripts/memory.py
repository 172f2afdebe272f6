"""Measures promise 7: the peak memory of each command, with one layer of many GiB, and with many images.

What is measured is the largest resident set of the process (wait4). A layer of zeros takes no room at its source, in
the bundle and in the registry it does.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
PIECE = bytes(1 << 20)


class Layout:
    """An OCI image layout that is being made."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.blobs = folder / "blobs/sha256"
        self.blobs.mkdir(parents=True)
        self.entries: list[dict[str, object]] = []

    def blob(self, content: bytes, media_type: str) -> dict[str, object]:
        digest = hashlib.sha256(content).hexdigest()
        (self.blobs / digest).write_bytes(content)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}

    def zeros(self, size_bytes: int) -> dict[str, object]:
        hasher = hashlib.sha256()
        for _ in range(size_bytes // len(PIECE)):
            hasher.update(PIECE)
        with open(self.blobs / hasher.hexdigest(), "wb") as file:
            file.truncate(size_bytes)
        return {"mediaType": LAYER, "digest": f"sha256:{hasher.hexdigest()}", "size": size_bytes}

    def image(self, name: str, *layers: dict[str, object]) -> None:
        config = {"os": "linux", "architecture": "amd64", "config": {"Cmd": [f"/{name}"]}, "rootfs": {"type": "layers"}}
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self.blob(json.dumps(config).encode(), CONFIG),
            "layers": list(layers),
        }
        entry = self.blob(json.dumps(manifest).encode(), MANIFEST)
        self.entries.append({**entry, "annotations": {"org.opencontainers.image.ref.name": name}})

    def close(self) -> None:
        (self.folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
        index = {"schemaVersion": 2, "manifests": self.entries}
        (self.folder / "index.json").write_text(json.dumps(index))


def measure(title: str, *arguments: object) -> None:
    began = time.monotonic()
    command = [sys.executable, "-m", "bundler", *map(str, arguments), "--quiet"]
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(command, cwd=ROOT, stdout=out)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - began
    print(f"{title:<40}{usage.ru_maxrss / 1024:>8.0f} MiB{seconds:>9.1f} s  exit {process.returncode}", flush=True)
    if process.returncode:
        sys.exit(1)


def journey(title: str, layout: Layout, folder: Path, *targets: object) -> None:
    layout.close()
    key = folder / "tester.key"
    if not key.exists():
        subprocess.run(
            [sys.executable, "-m", "bundler", "keygen", "tester", "-d", folder],
            cwd=ROOT,
            check=True,
            stdout=subprocess.DEVNULL,
        )
    trust = ["--trust", key.with_suffix(".pub")]
    bundle = folder / "bundle"
    measure(f"export, {title}", "export", f"oci:{layout.folder}", "-o", folder, "--name", "bundle", "--key", key)
    shutil.rmtree(layout.folder)
    measure(f"inspect, {title}", "inspect", bundle, *trust)
    measure(f"verify, {title}", "verify", bundle, *trust)
    for target in targets:
        receipt = folder / f"receipt-{time.monotonic_ns()}.json"
        measure(f"import, {title}", "import", bundle, *trust, "--to", target, "--receipt", receipt)
    shutil.rmtree(bundle)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gib", type=int, nargs="*", default=[1, 20], help="sizes of the one layer")
    parser.add_argument("--images", type=int, nargs="*", default=[1, 20_000], help="numbers of images")
    parser.add_argument("--dir", type=Path, help="where there is room for twice the layer; default: $TMPDIR")
    options = parser.parse_args()
    from tests.support.parts import RealRegistry

    with tempfile.TemporaryDirectory(dir=options.dir) as work:
        folder = Path(work)
        for gib in options.gib:
            layout = Layout(folder / "layout")
            layout.image("registry.example.com/big/layer:1", layout.zeros(gib << 30))
            (folder / "registry").mkdir()
            registry = RealRegistry(folder / "registry").start()
            try:
                journey(f"one layer of {gib} GiB", layout, folder, registry.host)
            finally:
                registry.stop()
                shutil.rmtree(folder / "registry")
        for number in options.images:
            layout = Layout(folder / "layout")
            shared = layout.blob(bytes(2048), LAYER)
            for each in range(number):
                own = layout.blob(f"{each:032d}".encode() * 64, LAYER)
                layout.image(f"registry.example.com/team-{each % 100}/image-{each}:1.{each}", shared, own)
            (folder / "registry").mkdir()
            registry = RealRegistry(folder / "registry").start()
            try:
                journey(f"{number} images", layout, folder, registry.host)
            finally:
                registry.stop()
                shutil.rmtree(folder / "registry")


if __name__ == "__main__":
    main()
