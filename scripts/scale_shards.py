"""Measures how an import gets faster with shards: processes side by side on one machine.

Each count of shards gets a new registry. Wall time is from the first start to the last end. CPU time is that of all
shards together, that of the largest, and that of the registry. The largest shard decides how fast hosts of their own
are, also while this machine is busy. With a registry that keeps nothing, the client is the bound.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import scale

ROOT = Path(__file__).resolve().parents[1]


@contextmanager
def null_registry(folder: Path) -> Iterator[tuple[str, int]]:
    """The host of a registry that keeps no blob, and its process."""
    from tests.support.parts import free_port, wait_until_listening

    del folder
    port = free_port()
    process = subprocess.Popen([sys.executable, ROOT / "scripts/benchmarks/null_registry.py", str(port)])
    try:
        wait_until_listening(port, process)
        yield f"127.0.0.1:{port}", process.pid
    finally:
        process.terminate()
        process.wait()


@contextmanager
def docker_registry(folder: Path) -> Iterator[tuple[str, int]]:
    """The host of docker-registry, and its process. Its content is removed afterwards."""
    from tests.support.parts import RealRegistry

    folder.mkdir()
    registry = RealRegistry(folder).start()
    try:
        assert registry._process is not None
        yield registry.host, registry._process.pid
    finally:
        registry.stop()
        shutil.rmtree(folder)


REGISTRIES: dict[str, Callable[[Path], object]] = {"null": null_registry, "docker-registry": docker_registry}


def cpu_seconds(process: int) -> float:
    """The CPU time of a running process."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def import_by(shards: int, bundle: Path, key: Path, host: str, folder: Path) -> tuple[float, list[float]]:
    """Imports with some shards side by side. Returns the wall time, and the CPU time of each."""
    began = time.monotonic()
    command = [sys.executable, "-m", "bundler", "import", bundle, "--trust", key, "--to", host, "--quiet"]
    processes = [
        subprocess.Popen(
            [*command, "--shard", f"{number}/{shards}", "--receipt", folder / f"{host}-{shards}-{number}.json"],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
        )
        for number in range(1, shards + 1)
    ]
    cpu = []
    for process in processes:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        cpu.append(usage.ru_utime + usage.ru_stime)
    codes = [process.returncode for process in processes]
    if any(codes):
        sys.exit(f"the shards ended with {codes}")
    return time.monotonic() - began, cpu


def measure(title: str, images: int, bundle: Path, folder: Path, options: argparse.Namespace) -> None:
    """Prints a line for each registry and count of shards."""
    mib = sum(path.stat().st_size for path in bundle.glob("chunk-*")) / (1 << 20)
    for kind in options.registry:
        first = alone = 0.0
        for count in options.shards:
            with REGISTRIES[kind](folder / "registry") as (host, process):  # type: ignore[attr-defined]
                before = cpu_seconds(process)
                wall, cpu = import_by(count, bundle, folder / "tester.pub", host, folder)
                theirs = cpu_seconds(process) - before
            first, alone = first or wall, alone or sum(cpu)
            speed = f"{mib / wall:>8.0f} MiB/s" if title.endswith("MiB") else f"{images / wall:>8.0f} images/s"
            print(
                f"{title:<14}{kind:<17}{count:>2} shards{wall:>8.1f} s{first / wall:>6.2f} x{speed}"
                f"{sum(cpu):>8.1f} s CPU of all shards{max(cpu):>8.1f} s of the largest{alone / max(cpu):>6.2f} x"
                f"{theirs:>8.1f} s CPU of the registry",
                flush=True,
            )


def export(layout: scale.Layout, folder: Path, name: str) -> Path:
    """Exports a layout, and removes it."""
    layout.close()
    run = [sys.executable, "-m", "bundler", "export", f"oci:{layout.folder}", "-o", folder, "--name", name, "--quiet"]
    subprocess.run([*run, "--key", folder / "tester.key"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    shutil.rmtree(layout.folder)
    return folder / name


def large(layout: scale.Layout, mib: int) -> None:
    """Images of 64 MiB of noise each."""
    noise = random.Random(1)
    for number in range(mib // 64):
        layout.image(
            f"registry.example.com/large/image-{number}:1", layout.blob(noise.randbytes(64 << 20), scale.LAYER)
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/scale-shards", description=__doc__)
    parser.add_argument("--shards", type=int, nargs="+", default=[1, 2, 4], help="the counts of shards")
    parser.add_argument("--images", type=int, default=20_000, help="small images; 0 for none")
    parser.add_argument("--mib", type=int, default=4096, help="MiB in images of 64 MiB; 0 for none")
    parser.add_argument("--registry", choices=REGISTRIES, nargs="+", default=list(REGISTRIES))
    parser.add_argument("--dir", type=Path, help="where there is room; default: $TMPDIR")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.dir) as work:
        folder = Path(work)
        command = [sys.executable, "-m", "bundler", "keygen", "tester", "-d", folder]
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        for name, wanted in (("small", options.images), ("large", options.mib)):
            if not wanted:
                continue
            layout = scale.Layout(folder / "layout")
            title = scale.many(layout, wanted, 1) if name == "small" else f"{wanted} MiB"
            if name == "large":
                large(layout, wanted)
            bundle = export(layout, folder, name)
            measure(title.partition(",")[0], wanted if name == "small" else wanted // 64, bundle, folder, options)
            shutil.rmtree(bundle)


if __name__ == "__main__":
    main()
