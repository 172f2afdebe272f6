"""Measures how time and peak memory grow with the size of a layer, the number of images and the number of blobs.

It measures a whole command: wall time, and the largest resident set of the process (wait4). A layer of zeros takes
space in the bundle and in the registry, but not at its source.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import hashlib
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
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
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds, cpu_seconds = time.monotonic() - began, usage.ru_utime + usage.ru_stime
    figures = f"{usage.ru_maxrss / 1024:>6.0f} MiB{seconds:>9.1f} s wall{cpu_seconds:>9.1f} s CPU"
    print(f"{title:<44}{figures}  exit {process.returncode}", flush=True)
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


def many(layout: Layout, images: int, layers: int) -> str:
    """Makes images. Each has some layers of 4 KiB of its own, and all share one layer."""
    shared = layout.blob(bytes(4096), LAYER)
    for each in range(images):
        own = [layout.blob(f"{each:032d}{number:032d}".encode() * 64, LAYER) for number in range(layers)]
        layout.image(f"registry.example.com/team-{each % 100}/image-{each}:1.{each}", shared, *own)
    return f"{images} images, {images * (layers + 2) + 1} blobs"


def plan_only(folder: Path, gib: int) -> None:
    """Measures the planning of layers of 2 GiB, which are never read: a plan needs only their sizes."""
    layout = Layout(folder / "layout")
    for number in range(gib // 2):
        digest = hashlib.sha256(str(number).encode()).hexdigest()
        with open(layout.blobs / digest, "wb") as file:
            file.truncate(2 << 30)
        layer = {"mediaType": LAYER, "digest": f"sha256:{digest}", "size": 2 << 30}
        layout.image(f"registry.example.com/planned/image-{number}:1", layer)
    layout.close()
    with roomy(folder / "roomy", gib=2 * gib) as room:
        source = f"oci:{layout.folder}"
        measure(
            f"export --dry-run, {gib} GiB", "export", source, "-o", room, "--name", "bundle", "--unsigned", "--dry-run"
        )
    shutil.rmtree(layout.folder)


def layout_of_news(folder: Path, images: int, changed: int, version: int) -> Layout:
    """Makes images, some of which have another layer in each version."""
    layout = Layout(folder)
    shared = layout.blob(bytes(4096), LAYER)
    for each in range(images):
        own = version if each < changed else 1
        layer = layout.blob(f"{each:032d}{own:032d}".encode() * 64, LAYER)
        layout.image(f"registry.example.com/team-{each % 100}/image-{each}:1", shared, layer)
    layout.close()
    return layout


def news_of(folder: Path, images: int, changed: int) -> None:
    """Measures a bundle of many images that leaves out what an earlier one has: some images have a new layer."""
    trust = ["--since", folder / "bundle", "--trust", folder / "tester.pub"]
    key = ["--key", folder / "tester.key"]
    for name, version in (("bundle", 1), ("news", 2)):
        layout = layout_of_news(folder / "layout", images, changed, version)
        run = ["export", f"oci:{layout.folder}", "-o", folder, "--name", name, *key]
        if version == 1:
            subprocess.run([sys.executable, "-m", "bundler", "keygen", "tester", "-d", folder], cwd=ROOT, check=True)
            measure(f"export, {images} images", *run)
        else:
            title = f"{changed} of {images} images changed"
            measure(f"export --since --dry-run, {title}", *run, *trust, "--dry-run")
            measure(f"export --since, {title}", *run, *trust)
            print(f"{'bytes of the chunks':<44}{_chunk_bytes(folder / 'news')} of {_chunk_bytes(folder / 'bundle')}")
        shutil.rmtree(layout.folder)
    for name in ("bundle", "news"):
        shutil.rmtree(folder / name)


class Storage:
    """The storage of a docker-registry that is being made, file by file: a push of so many images takes longer."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "docker/registry/v2"
        self.blobs: dict[str, int] = {}

    def blob(self, content: bytes, media_type: str) -> dict[str, object]:
        digest = hashlib.sha256(content).hexdigest()
        if digest not in self.blobs:
            self.blobs[digest] = len(content)
            self._write(f"blobs/sha256/{digest[:2]}/{digest}/data", content)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}

    def image(self, repository: str, tag: str, *layers: dict[str, object]) -> tuple[str, list[str]]:
        """An image with its links. Returns its digest, and those of its config and layers."""
        config = self.blob(json.dumps({"os": "linux", "architecture": "amd64", "name": tag}).encode(), CONFIG)
        document = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": list(layers)}
        digest = str(self.blob(json.dumps(document).encode(), MANIFEST)["digest"])
        blobs = [str(each["digest"]) for each in (config, *layers)]
        place, hex_ = f"repositories/{repository}", digest.removeprefix("sha256:")
        for each in blobs:
            self._write(f"{place}/_layers/{each.replace(':', '/')}/link", each.encode())
        manifests = f"{place}/_manifests"
        for link in (f"revisions/sha256/{hex_}", f"tags/{tag}/current", f"tags/{tag}/index/sha256/{hex_}"):
            self._write(f"{manifests}/{link}/link", digest.encode())
        return digest, blobs

    def _write(self, name: str, content: bytes) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def standing_of(folder: Path, tags: int) -> None:
    """Measures what looks at a whole registry: 100 tags in each repository, each with an own layer and a shared one."""
    from bundler.core.receipt import Receipt, ReceiptImage, ReceiptTarget
    from tests.support.parts import RealRegistry

    (folder / "registry").mkdir()
    registry = RealRegistry(folder / "registry")
    storage, shared, found = Storage(registry.storage), bytes(4096), []
    for number in range(tags):
        own = storage.blob(f"{number:032d}".encode() * 128, LAYER)
        repository, tag = f"team/image-{number // 100}", f"1.{number % 100}"
        found.append((repository, tag, *storage.image(repository, tag, storage.blob(shared, LAYER), own)))
    registry.start()
    digests = {f"sha256:{digest}": number for number, digest in enumerate(storage.blobs)}
    images = tuple(
        ReceiptImage(
            f"registry.example.com/{repository}:{tag}",
            f"{registry.host}/{repository}:{tag}",
            digest,
            "pushed",
            1,
            blobs=tuple(digests[each] for each in blobs),
        )
        for repository, tag, digest, blobs in found
    )
    receipt = folder / "receipt.json"
    start = "2026-01-01T00:00:00Z"
    target = ReceiptTarget(registry.host, "registry", 1, images)
    made = Receipt("t", "ab" * 32, "made", (), (), (), "o", "h", start, start, 0, None, (target,))
    made = dataclasses.replace(made, blobs=tuple(digests), blob_sizes=tuple(storage.blobs.values()))
    receipt.write_bytes(made.to_json())
    os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
    prom, title = folder / "run.prom", f"{tags} tags"
    inventory = ("inventory", registry.host, "-o")
    try:
        for name, command in (
            ("inventory", (*inventory, folder / "inventory.json")),
            ("inventory again", (*inventory, folder / "again.json")),
            ("status", ("status", registry.host, receipt, "--report", folder / "status.html")),
            ("status of the receipt alone", ("status", receipt)),
            ("check", ("check", receipt, "--insecure-no-signature")),
            ("check --deep", ("check", receipt, "--insecure-no-signature", "--deep")),
        ):
            measure(f"{name}, {title}", *command, "--metrics", prom)
            answers = [line for line in prom.read_text().splitlines() if line.startswith("bundler_registry_responses{")]
            print(f"{'':<44}{sum(int(line.split()[-1]) for line in answers)} requests", flush=True)
    finally:
        registry.stop()


def _chunk_bytes(bundle: Path) -> int:
    return sum(path.stat().st_size for path in bundle.glob("chunk-*"))


@contextlib.contextmanager
def registry_in(folder: Path) -> Iterator[str]:
    """Runs a registry of our own and yields its host. Removes it afterwards with all its content."""
    from tests.support.parts import RealRegistry

    folder.mkdir()
    registry = RealRegistry(folder).start()
    try:
        yield registry.host
    finally:
        registry.stop()
        shutil.rmtree(folder)


@contextlib.contextmanager
def roomy(folder: Path, *, gib: int) -> Iterator[Path]:
    """Yields a folder with the room that a plan asks for: a tmpfs, which takes no memory until something is written."""
    folder.mkdir()
    if os.geteuid():
        yield folder  # the disk is good too if it has enough room
        return
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={gib}g", "none", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def plan_of(blobs: int) -> None:
    """Measures the time to make a plan, and to write and read its bundle.json, in a process of its own."""
    from bundler.core import manifest as bundle_manifest
    from bundler.core.digest import Digest
    from bundler.core.oci import Descriptor, Manifest
    from bundler.core.plan import BundleFacts, ResolvedImage, plan_bundle
    from bundler.core.reference import Reference

    def descriptor(name: str, media_type: str) -> Descriptor:
        return Descriptor(media_type, Digest.of(name.encode()), 4096)

    images = []
    for number in range(blobs // 10):
        layers = tuple(descriptor(f"layer {number} {each}", LAYER) for each in range(8))
        manifest = Manifest(descriptor(f"{number}", MANIFEST), (), descriptor(f"config {number}", CONFIG), layers)
        images.append(ResolvedImage(Reference.parse(f"registry.example.com/a/{number}:1"), "", (manifest,), ()))
    times = [time.monotonic()]
    plan = plan_bundle(
        images, BundleFacts(name="scale", created="", tool="", signed=True), chunk_size_bytes=2_000_000_000
    )
    times.append(time.monotonic())
    content = bundle_manifest.to_json(plan.manifest)
    times.append(time.monotonic())
    bundle_manifest.from_json(content, what="bundle.json")
    times.append(time.monotonic())
    planned, written, read = times[1] - times[0], times[2] - times[1], times[3] - times[2]
    title = f"plan, bundle.json of {blobs} blobs"
    print(f"{title:<44}{planned + written:>6.1f} s made, {read:.1f} s read", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/scale", description=__doc__)
    parser.add_argument("--gib", type=int, nargs="*", default=[1, 20], help="sizes of the one layer")
    parser.add_argument("--images", type=int, nargs="*", default=[1, 5000, 20_000], help="images of a layer")
    parser.add_argument("--blobs", type=int, nargs="*", default=[12_500, 50_000], help="blobs, ten for each image")
    parser.add_argument("--planned", type=int, default=200, help="GiB that are planned only")
    parser.add_argument("--news", type=int, default=200, help="images of 20,000 that change in an export --since")
    parser.add_argument("--tags", type=int, default=20_000, help="tags of a registry that is looked at")
    parser.add_argument("--dir", type=Path, help="where there is room for twice the layer; default: $TMPDIR")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.dir) as work:
        folder = Path(work)
        for gib in options.gib:
            layout = Layout(folder / "layout")
            layout.image("registry.example.com/big/layer:1", layout.zeros(gib << 30))
            with registry_in(folder / "registry") as host:
                journey(f"one layer of {gib} GiB", layout, folder, host)
        for blobs in options.blobs:
            alone = multiprocessing.Process(target=plan_of, args=(blobs,))  # its memory is not ours
            alone.start()
            alone.join()
        if options.planned:
            plan_only(folder, options.planned)
        if options.news:
            (folder / "series").mkdir()
            news_of(folder / "series", 20_000, options.news)
        if options.tags:
            (folder / "standing").mkdir()
            standing_of(folder / "standing", options.tags)
            shutil.rmtree(folder / "standing")
        for number, layers in [(n, 1) for n in options.images] + [(n // 10, 8) for n in options.blobs]:
            layout = Layout(folder / "layout")
            title = many(layout, number, layers)
            with registry_in(folder / "registry") as host:
                journey(title, layout, folder, host)


if __name__ == "__main__":
    main()
