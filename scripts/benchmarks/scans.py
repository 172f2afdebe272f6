"""A scan of a part of the corpus by a real clamd: our processor time next to that of the scanner.

The database has one signature, so the figure of clamd is its least: that of unpacking and hashing. With ClamAV's own
database clamd takes several times as long, and ours stays the same.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from benchmarks.feature import Feature, Setting, images_of, left_out
from benchmarks.machine import cpu_seconds
from benchmarks.measuring import MIB, BenchError, peak_bytes
from benchmarks.rounds import Samples

PART_BYTES = 64 * MIB
METHOD = """\
bundler sends each unpacked blob to clamd; the line of clamd has the same times, its own processor time and memory.
Its database has one signature: with that of ClamAV it takes several times as long"""
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


def run_scan(setting: Setting) -> Feature:
    """Exports a part of the corpus and scans it."""
    if shutil.which("clamd") is None:
        return left_out("scan", "clamd is not on PATH")
    bundler, work, samples = setting.bundler, setting.work, Samples()
    part = setting.corpus.part(PART_BYTES)
    bundler.export(work, bundler.list_of(part, part.host, "part"))
    with _clamd(work / "clamd") as (clamd, socket), setting.runner.counting(clamd):
        flags = ("--with", f"clamav={socket}", "-o", work / "scan.json", "--again")

        def take() -> None:
            before = cpu_seconds(clamd)
            ours = bundler.run("scan", work / "bench", *bundler.trust, *flags)
            samples.add("scan", "bundler", ours)
            scanner_seconds = cpu_seconds(clamd) - before
            theirs = replace(ours, cpu_seconds=scanner_seconds, peak_rss_bytes=peak_bytes(clamd), written_bytes=0)
            samples.add("scan", "clamd", theirs)

        setting.in_turns([take])
    return Feature("scan", images_of(part), samples, METHOD, part.size_bytes)


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
