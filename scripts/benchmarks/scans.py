"""Scans of the exported corpus by a real clamd: our processor time next to that of the scanner.

The database has one signature, so the figure of clamd is its least: that of unpacking and hashing. With ClamAV's own
database clamd takes several times as long, and ours stays the same.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.contestants import Bundler
from benchmarks.corpus import Corpus
from benchmarks.measuring import MIB, BenchError, Measured

_SETTINGS = """\
Foreground yes
LocalSocket {folder}/socket
DatabaseDirectory {folder}/database
TemporaryDirectory {folder}
AlertExceedsMax yes
StreamMaxLength 2047M
MaxFileSize 2047M
MaxScanSize 4000M
MaxFiles 1000000
MaxScanTime 0
"""


@dataclass(frozen=True, slots=True)
class ScanRun:
    """One scan.

    Attributes:
        size_bytes: The bytes of the corpus.
        ours: The time of our process.
        scanner_cpu_seconds: The processor time of clamd for it.
    """

    size_bytes: int
    ours: Measured
    scanner_cpu_seconds: float

    def __str__(self) -> str:
        wall, cpu, size = self.ours.wall_seconds, self.ours.cpu_seconds, self.size_bytes / MIB
        return (
            f"scan by clamd, {size:.0f} MiB         {wall:.1f} s; CPU: bundler {cpu:.1f} s, clamd "
            f"{self.scanner_cpu_seconds:.1f} s; peak RSS of bundler {self.ours.peak_rss_bytes / MIB:.0f} MiB"
        )


def run_scan(bundler: Bundler, corpus: Corpus, work: Path) -> ScanRun | None:
    """Exports the corpus and scans it; None without clamd."""
    if shutil.which("clamd") is None:
        return None
    bundler.export(work / "scanned")
    with _clamd(work / "clamd") as (process, socket):
        before = _cpu_seconds(process)
        ours = bundler.scan(work / "scanned", socket)
        return ScanRun(corpus.size_bytes, ours, _cpu_seconds(process) - before)


@contextlib.contextmanager
def _clamd(folder: Path) -> Iterator[tuple[int, Path]]:
    """Starts a clamd; yields its process id and its socket."""
    (folder / "database").mkdir(parents=True)
    (folder / "database" / "own.ndb").write_text(f"Own.Marker:0:*:{b'bundler-planted-marker'.hex()}\n")
    (folder / "clamd.conf").write_text(_SETTINGS.format(folder=folder))
    with (folder / "log").open("wb") as log:
        clamd = subprocess.Popen(["clamd", "-c", str(folder / "clamd.conf")], stdout=log, stderr=log)
    try:
        while not (folder / "socket").is_socket():
            if clamd.poll() is not None:
                raise BenchError((folder / "log").read_text().strip())
            time.sleep(0.05)
        yield clamd.pid, folder / "socket"
    finally:
        clamd.terminate()
        clamd.wait()


def _cpu_seconds(process: int) -> float:
    """The processor time of all threads of a process."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
