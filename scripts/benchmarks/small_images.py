"""Imports of many images of three tiny blobs: the number of requests and their cost count here, not the bytes.

The contestants take turns, each with a new registry: ``bundler import``; ``skopeo copy`` of one image after the other;
``crane push`` by ``xargs -P4``, where crane is on PATH; and a substitute for it, which does nothing but send crane's
requests, and starts no process. So the substitute is a bound: crane itself takes longer.

``scripts/bench --small 200``; to compare with another checkout: ``python -m benchmarks.small_images --old ROOT``.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import http.client
import json
import multiprocessing
import os
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit

from benchmarks.machine import busy_seconds, cpu_seconds
from benchmarks.measuring import BenchError
from benchmarks.registry import OwnRegistry

ROOT = Path(__file__).resolve().parents[2]
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
PROCESSES = 4
"""Of crane, by ``xargs -P4``."""
JOBS = 4
"""The blobs that one crane sends at a time: the default of ``--jobs``."""


@dataclass(frozen=True, slots=True)
class Image:
    """An image: its name without the registry, its manifest, and its blobs."""

    repository: str
    tag: str
    manifest: bytes
    blobs: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of one import of all images."""

    wall_seconds: float
    client_seconds: float
    server_seconds: float
    other_cores: float

    @classmethod
    def median_of(cls, costs: Sequence[Cost]) -> Cost:
        """The median of each figure."""
        return cls(*(median(figures) for figures in zip(*map(_figures, costs), strict=True)))


def _figures(cost: Cost) -> tuple[float, ...]:
    return cost.wall_seconds, cost.client_seconds, cost.server_seconds, cost.other_cores


def digest_of(content: bytes) -> str:
    """The SHA-256 of some bytes, as OCI spells it."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def described(content: bytes, media_type: str) -> dict[str, object]:
    """The descriptor of some bytes."""
    return {"mediaType": media_type, "digest": digest_of(content), "size": len(content)}


def tiny_images(count: int) -> list[Image]:
    """Images as `scripts/scale` makes them: a layer that all of them share, one of their own, and a config."""
    shared, images = bytes(4096), []
    for number in range(count):
        own = f"{number:064d}".encode() * 64
        config = json.dumps({"os": "linux", "architecture": "amd64", "config": {"Cmd": [f"/{number}"]},
                             "rootfs": {"type": "layers"}}).encode().ljust(4096)  # fmt: skip
        layers = [described(each, LAYER) for each in (shared, own)]
        manifest = json.dumps(
            {"schemaVersion": 2, "mediaType": MANIFEST, "config": described(config, CONFIG), "layers": layers}
        )
        images.append(
            Image(f"team-{number % 100}/image-{number}", f"1.{number}", manifest.encode(), (shared, own, config))
        )
    return images


def write_layout(images: Sequence[Image], folder: Path) -> None:
    """Writes an OCI image layout."""
    blobs = folder / "blobs/sha256"
    blobs.mkdir(parents=True)
    entries = []
    for image in images:
        for content in (*image.blobs, image.manifest):
            (blobs / digest_of(content).partition(":")[2]).write_bytes(content)
        name = f"registry.example.com/{image.repository}:{image.tag}"
        entry = described(image.manifest, MANIFEST)
        entries.append({**entry, "annotations": {"org.opencontainers.image.ref.name": name}})
    (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": entries}))


class Contestant(ABC):
    """A method to import all images into a registry."""

    name: str
    folder = ROOT
    """The folder that its command is started in."""

    @abstractmethod
    def command(self, host: str, work: Path) -> list[str]:
        """The command; the folder ``work`` is new."""


class Bundler(Contestant):
    """``bundler import`` of a checkout."""

    def __init__(self, name: str, root: Path, bundle: Path) -> None:
        self.name = name
        self.folder = root
        self._bundle = bundle

    def command(self, host: str, work: Path) -> list[str]:
        trust = str(self._bundle.parent / "small.pub")
        receipt = str(work / "receipt.json")
        command = [sys.executable, "-m", "bundler", "import", str(self._bundle), "--trust", trust, "--to", host]
        return [*command, "--receipt", receipt, "--quiet"]


class Skopeo(Contestant):
    """``skopeo copy`` of one image after the other."""

    name = "skopeo, in turn"

    def __init__(self, images: Sequence[Image], layout: Path) -> None:
        self._images = images
        self._layout = layout

    def command(self, host: str, work: Path) -> list[str]:
        script = work / "copy.sh"
        names = [f"{each.repository}:{each.tag}" for each in self._images]
        command = "skopeo --insecure-policy copy --quiet --preserve-digests --dest-tls-verify=false"
        copies = (f"{command} oci:{self._layout}:registry.example.com/{name} docker://{host}/{name}" for name in names)
        script.write_text("\n".join(("set -e", *copies)))
        return ["bash", str(script)]


class Crane(Contestant):
    """``crane push`` of each image, four at a time. It pushes layouts of one image, which share the blobs."""

    name = "crane, xargs -P4"

    def __init__(self, images: Sequence[Image], layout: Path) -> None:
        self._images = images
        self._layout = layout

    def command(self, host: str, work: Path) -> list[str]:
        arguments = []
        for number, image in enumerate(self._images):
            folder = work / str(number)
            folder.mkdir()
            (folder / "blobs").symlink_to(self._layout / "blobs")
            shutil.copy(self._layout / "oci-layout", folder)
            index = {"schemaVersion": 2, "manifests": [described(image.manifest, MANIFEST)]}
            (folder / "index.json").write_text(json.dumps(index))
            arguments.append(f"{folder} {host}/{image.repository}:{image.tag}\n")
        listed = work / "arguments"
        listed.write_text("".join(arguments))
        return ["xargs", "-a", str(listed), f"-P{PROCESSES}", "-n2", "crane", "push", "--insecure"]


class CraneRequests(Contestant):
    """The requests of ``crane push`` for each image: pkg/v1/remote of go-containerregistry, pusher.go and write.go.

    Each image has connections of its own, as each crane is a process: GET /v2/ by https, then by http; HEAD of the tag;
    of each blob HEAD, POST, PATCH, PUT, four blobs at a time; PUT of the manifest under its tag.
    """

    name = "crane's requests, 4 at a time"
    folder = ROOT / "scripts"

    def __init__(self, count: int) -> None:
        self._count = count

    def command(self, host: str, work: Path) -> list[str]:
        del work
        return [sys.executable, "-m", "benchmarks.small_images", "--images", str(self._count), "--crane-to", host]


def send_as_crane(host: str, count: int) -> None:
    """Sends all images with the requests of crane, by four processes."""
    images = tiny_images(count)
    with ProcessPoolExecutor(PROCESSES, multiprocessing.get_context("fork")) as pool:
        list(pool.map(partial(_send_image, host), images))


class _Sender:
    """Sends requests over connections that stay open, one for each thread."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._local = threading.local()

    def ask(self, method: str, url: str, body: bytes | None = None, media_type: str = "") -> str:
        """Sends a request; returns the Location of the answer."""
        connection = self._local.__dict__.setdefault("connection", http.client.HTTPConnection(self._host))
        parts = urlsplit(url)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        connection.request(method, path, body, {"Content-Type": media_type} if media_type else {})
        answer = connection.getresponse()
        answer.read()
        if answer.status >= 400 and (method, answer.status) != ("HEAD", 404):
            raise BenchError(f"{method} {path}: {answer.status}")
        return str(answer.headers.get("Location", ""))


def _send_image(host: str, image: Image) -> None:
    sender = _Sender(host)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    refused = http.client.HTTPSConnection(host, context=context, timeout=1)  # it may get no answer
    with contextlib.suppress(OSError), contextlib.closing(refused):
        refused.request("GET", "/v2/")
    sender.ask("GET", "/v2/")
    sender.ask("HEAD", f"/v2/{image.repository}/manifests/{image.tag}")
    with ThreadPoolExecutor(JOBS) as pool:
        list(pool.map(partial(_send_blob, sender, image.repository), image.blobs))
    sender.ask("PUT", f"/v2/{image.repository}/manifests/{image.tag}", image.manifest, MANIFEST)


def _send_blob(sender: _Sender, repository: str, content: bytes) -> None:
    digest = digest_of(content)
    sender.ask("HEAD", f"/v2/{repository}/blobs/{digest}")
    upload = sender.ask("POST", f"/v2/{repository}/blobs/uploads/", b"", "application/json")
    upload = sender.ask("PATCH", upload, content, "application/octet-stream")
    sender.ask("PUT", f"{upload}{'&' if '?' in upload else '?'}digest={digest}", b"", "application/octet-stream")


class Counting(OwnRegistry):
    """A registry that logs each request."""

    def _configuration(self) -> dict[str, Any]:
        return super()._configuration() | {"log": {"level": "error", "accesslog": {"disabled": False}}}

    def requests(self) -> Counter[str]:
        """The number of requests so far, by method and object."""
        log = (self._folder / "log").read_text(errors="replace")
        found = re.findall(r'"([A-Z]+) /v2/(\S*) HTTP/1.1" (\d+) ', log)
        return Counter(f"{method} {_kind(path)} {status}" for method, path, status in found)


def _kind(path: str) -> str:
    names = (("mount=", "mount"), ("/uploads/", "upload"), ("/blobs/", "blob"), ("/manifests/sha256", "manifest"))
    return next((name for part, name in names if part in path), "tag" if "/manifests/" in path else "ping")


def run_once(
    contestant: Contestant, work: Path, registry: Callable[[Path], OwnRegistry] = OwnRegistry
) -> tuple[Cost, Counter[str]]:
    """Lets one contestant import into a new registry."""
    folder = work / "round"
    folder.mkdir()
    environment = {**os.environ, "XDG_STATE_HOME": str(folder / "state")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # modules are compiled, as those of an installed program
    try:
        with registry(folder / "registry") as place:
            command = contestant.command(place.host, folder)
            log = folder / "log"
            busy, served, began = busy_seconds(), cpu_seconds(place.process), time.perf_counter()
            with log.open("wb") as output:
                child = subprocess.Popen(
                    command,
                    cwd=contestant.folder,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                )
                _, status, usage = os.wait4(child.pid, 0)
            wall_seconds = time.perf_counter() - began
            child.returncode = os.waitstatus_to_exitcode(status)
            if child.returncode:
                raise BenchError(
                    f"exit {child.returncode} of {contestant.name}\n{log.read_text(errors='replace')[-2000:]}"
                )
            client_seconds = usage.ru_utime + usage.ru_stime
            server_seconds = cpu_seconds(place.process) - served
            others = busy_seconds() - busy - client_seconds - server_seconds
            counted = place.requests() if isinstance(place, Counting) else Counter()
            return Cost(wall_seconds, client_seconds, server_seconds, max(0.0, others) / wall_seconds), counted
    finally:
        shutil.rmtree(folder)


@contextlib.contextmanager
def inputs(count: int, parent: Path | None) -> Iterator[tuple[list[Image], Path]]:
    """Makes the images, their layout, and a signed bundle of them."""
    with tempfile.TemporaryDirectory(prefix="bundler-small-", dir=parent) as name:
        folder, images = Path(name), tiny_images(count)
        write_layout(images, folder / "layout")
        for arguments in (
            ("keygen", "small", "-d", str(folder)),
            (
                "export",
                f"oci:{folder / 'layout'}",
                "-o",
                str(folder),
                "--name",
                "bundle",
                "--key",
                str(folder / "small.key"),
            ),
        ):
            subprocess.run(
                [sys.executable, "-m", "bundler", *arguments, "--quiet"],
                cwd=ROOT,
                check=True,
                stdout=subprocess.DEVNULL,
            )
        yield images, folder


def measure(count: int, rounds: int, parent: Path | None, *, old: Path | None = None, only: Sequence[str] = ()) -> None:
    """Measures, and prints each round on stderr and a table of medians.

    Args:
        count: The number of images.
        rounds: The number of rounds, every second one backwards.
        parent: The folder for the temporary one; None for the usual one.
        old: The root of another checkout of bundler, as one more contestant.
        only: The beginnings of the names of the contestants; none for all.
    """
    with inputs(count, parent) as (images, work):
        others = [Bundler("old bundler", old.resolve(), work / "bundle")] if old else []
        peers = [Crane(images, work / "layout")] if shutil.which("crane") else []
        stock = [CraneRequests(count), Skopeo(images, work / "layout")]
        every: list[Contestant] = [Bundler("bundler", ROOT, work / "bundle"), *others, *peers, *stock]
        chosen = [each for each in every if not only or each.name.startswith(tuple(only))]
        costs: dict[str, list[Cost]] = {each.name: [] for each in chosen}
        for number in range(rounds):
            for each in chosen if number % 2 else reversed(chosen):
                cost, _ = run_once(each, work)
                costs[each.name].append(cost)
                print(f"{number + 1} {each.name:<30}{_words(cost, count)}", file=sys.stderr, flush=True)
        for each in chosen:
            requests = run_once(each, work, Counting)[1]
            print(f"{each.name:<30}{_words(Cost.median_of(costs[each.name]), count)}")
            print(f"{'':<30}{requests.total() / count:.1f} requests an image: {_listed(requests, count)}", flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.small_images")
    parser.add_argument("--images", type=int, default=200, help="default: 200")
    parser.add_argument("--rounds", type=int, default=5, help="default: 5")
    parser.add_argument("--old", type=Path, metavar="ROOT", help="also bundler of another checkout")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="contestants whose names begin so")
    parser.add_argument("--workdir", type=Path, metavar="DIR", help="where the temporary folder is made")
    parser.add_argument("--crane-to", metavar="HOST:PORT", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.crane_to:
        send_as_crane(options.crane_to, options.images)
    else:
        measure(options.images, options.rounds, options.workdir, old=options.old, only=options.only)


def _words(cost: Cost, count: int) -> str:
    client, server = cost.client_seconds / count * 1000, cost.server_seconds / count * 1000
    return (
        f"{count / cost.wall_seconds:6.1f} images/s {cost.wall_seconds:7.2f} s   ms an image: client {client:5.2f}, "
        f"server {server:5.2f}   others {cost.other_cores:.2f} cores"
    )


def _listed(requests: Counter[str], count: int) -> str:
    return ", ".join(f"{name} {number / count:.2f}" for name, number in sorted(requests.items()))


if __name__ == "__main__":
    main()
