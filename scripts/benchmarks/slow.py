"""Runs with media and lines that are slower than any program: the figure is the used part of their rate.

A stick of 20 MB/s is a file system on a loop device that the kernel throttles. A registry 50 ms away has a proxy that
forwards each byte 25 ms later, and limits the rate.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.contestants import Bundler
from benchmarks.corpus import Corpus
from benchmarks.measuring import MIB, BenchError, Measured, Runner
from benchmarks.registry import OwnRegistry

STICK_BYTES_PER_SECOND = 20_000_000
LINE_BYTES_PER_SECOND = 50_000_000
LINE_DELAY_SECONDS = 0.025
STICK_PART_BYTES = 200 * MIB
LINE_PART_BYTES = 1024 * MIB
"""The amounts that are carried: so much that start and end hardly count."""
_CGROUP = Path("/sys/fs/cgroup/blkio")


@dataclass(frozen=True, slots=True)
class SlowRun:
    """One command with a slow line or medium.

    Attributes:
        title: The command and the place.
        moved_bytes: The bytes that it had to carry.
        limit_bytes_per_second: The rate of the line or medium.
        measured: The whole command.
    """

    title: str
    moved_bytes: int
    limit_bytes_per_second: int
    measured: Measured

    @property
    def used(self) -> float:
        """The carried bytes, as a part of those that the rate allows in this time."""
        return self.moved_bytes / (self.limit_bytes_per_second * self.measured.wall_seconds)

    def __str__(self) -> str:
        size = f"{self.moved_bytes / MIB:.0f} MiB at {self.limit_bytes_per_second / 1e6:.0f} MB/s"
        return f"{self.title:<34}{size} in {self.measured.wall_seconds:.1f} s: {self.used:.0%} used"


def run_slow(bundler: Bundler, corpus: Corpus, runner: Runner, work: Path) -> Iterator[SlowRun]:
    """Exports and imports a part of the corpus over a slow line, and a smaller one with a slow medium."""
    with line_to(corpus.host, runner) as host:
        part = corpus.part(LINE_PART_BYTES)
        measured = bundler.export(work / "slow", bundler.list_of(part, host))
        yield SlowRun("export over the line", part.size_bytes, LINE_BYTES_PER_SECOND, measured)
    with _own(work / "far", runner) as registry, line_to(registry.host, runner) as host:
        measured = bundler.import_(work / "slow", host)
        yield SlowRun("import over the line", part.size_bytes, LINE_BYTES_PER_SECOND, measured)
    with slow_medium(work) as medium:
        if medium is None:
            return
        part = corpus.part(STICK_PART_BYTES)
        measured = bundler.export(medium, bundler.list_of(part, corpus.host))
        moved_bytes = sum(path.stat().st_size for path in (medium / "bench").iterdir())
        yield SlowRun("export to the stick", moved_bytes, STICK_BYTES_PER_SECOND, measured)
        runner.forget_files(medium)
        with _own(work / "near", runner) as registry:
            measured = bundler.import_(medium, registry.host)
            yield SlowRun("import from the stick", moved_bytes, STICK_BYTES_PER_SECOND, measured)
        shutil.rmtree(medium / "bench")
        bundler.export(work / "part", bundler.list_of(part, corpus.host))
        for title, put in (("copy", bundler.copy), ("spread", bundler.spread)):
            (medium / title).mkdir()
            measured = put(work / "part", medium / title)
            # Each byte is written, then read back.
            yield SlowRun(f"{title} to the stick", 2 * moved_bytes, STICK_BYTES_PER_SECOND, measured)


@contextlib.contextmanager
def _own(folder: Path, runner: Runner) -> Iterator[OwnRegistry]:
    with OwnRegistry(folder) as registry, runner.counting(registry.process):
        yield registry


@contextlib.contextmanager
def line_to(host: str, runner: Runner) -> Iterator[str]:
    """Starts a slow line to a registry, and yields host and port of this end."""
    command = [sys.executable, "-m", "benchmarks.line", host, str(LINE_BYTES_PER_SECOND), str(LINE_DELAY_SECONDS)]
    line = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        assert line.stdout
        near = line.stdout.readline().strip()
        if not near:
            raise BenchError(f"the slow line to {host} does not begin")
        with runner.counting(line.pid):
            yield near
    finally:
        line.terminate()
        line.wait()


@contextlib.contextmanager
def slow_medium(work: Path) -> Iterator[Path | None]:
    """Makes a medium of `STICK_BYTES_PER_SECOND` for reads and writes; yields None without root or cgroup v1."""
    limits = [_CGROUP / f"blkio.throttle.{way}_bps_device" for way in ("write", "read")]
    if os.geteuid() or not all(map(os.path.exists, limits)):
        print("the slow medium needs root, and cgroup v1 with blkio: left out", file=sys.stderr)
        yield None
        return
    image, point = work / "stick.img", work / "stick"
    point.mkdir()
    with contextlib.ExitStack() as undo:
        with image.open("wb") as file:
            file.truncate(4 * STICK_PART_BYTES)
        undo.callback(image.unlink)
        _run("mkfs.ext4", "-q", "-F", str(image))
        device = _run("losetup", "-f", "--show", str(image))
        undo.callback(_run, "losetup", "-d", device)
        _run("mount", device, str(point))
        undo.callback(_run, "umount", str(point))
        number = (Path("/sys/block") / Path(device).name / "dev").read_text().strip()
        for limit in limits:
            limit.write_text(f"{number} {STICK_BYTES_PER_SECOND}")
            undo.callback(limit.write_text, f"{number} 0")
        yield point


def _run(*argv: str) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"{' '.join(argv)}: {done.stderr.strip()}")
    return done.stdout.strip()
