"""Runs process trees and measures them, with what else the machine does at the same time."""

from __future__ import annotations

import contextlib
import copy
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.machine import BUSY_ERROR_SECONDS, Memory, busy_seconds, cpu_seconds

QUIET_CORES = 0.4
"""A run is quiet if other processes used less of the processors. The kernel's write-back of our own files is in it."""
GIB = 1 << 30
MIB = 1 << 20


class BenchError(Exception):
    """A measured program failed, or cannot be started."""


@dataclass(frozen=True, slots=True)
class Measured:
    """The cost of one timed process tree. The costs of several in a row add up."""

    wall_seconds: float
    cpu_seconds: float
    peak_rss_bytes: int
    written_bytes: int
    sync_seconds: float
    """The time that a sync of its file system takes after the end."""
    other_cores: float
    """The processors that other processes used at the same time."""

    @property
    def durable_seconds(self) -> float:
        """The time until all is on the device."""
        return self.wall_seconds + self.sync_seconds

    @property
    def is_quiet(self) -> bool:
        """True if other processes did little."""
        return self.other_cores <= QUIET_CORES

    def __add__(self, other: Measured) -> Measured:
        wall_seconds = self.wall_seconds + other.wall_seconds
        others_seconds = self.other_cores * self.wall_seconds + other.other_cores * other.wall_seconds
        return Measured(
            wall_seconds,
            self.cpu_seconds + other.cpu_seconds,
            max(self.peak_rss_bytes, other.peak_rss_bytes),
            self.written_bytes + other.written_bytes,
            self.sync_seconds + other.sync_seconds,
            others_seconds / wall_seconds,
        )

    @classmethod
    def median_of(cls, rounds: Sequence[Measured]) -> Measured:
        """The median of each figure."""
        return cls(
            median(each.wall_seconds for each in rounds),
            median(each.cpu_seconds for each in rounds),
            int(median(each.peak_rss_bytes for each in rounds)),
            int(median(each.written_bytes for each in rounds)),
            median(each.sync_seconds for each in rounds),
            median(each.other_cores for each in rounds),
        )


class Runner:
    """Runs process trees and measures them; their output goes to one log file."""

    def __init__(self, log: Path, memory: Memory | None = None) -> None:
        """Does nothing yet.

        Args:
            log: The log file, on the file system of everything that is written.
            memory: The memory to fill before each run; None to leave it as it is.
        """
        self._log = log
        self._memory = memory
        self._servers: set[int] = set()
        self._environment = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
        self._environment.pop("PYTHONDONTWRITEBYTECODE", None)  # modules are compiled, as those of an installed program
        self._environment["XDG_STATE_HOME"] = str(log.parent / "state")  # for the receipts of imports

    def timed(self, argv: Sequence[str], *, output: Path | None = None) -> Measured:
        """Runs one command to its end.

        Args:
            argv: The command.
            output: The file for its standard output; None for the log.

        Raises:
            BenchError: It failed.
        """
        os.sync()
        if self._memory:
            self._memory.fill()
        with self._log.open("wb") as log, (output or Path(os.devnull)).open("wb") as kept:
            busy, served, began = busy_seconds(), self._served_seconds(), time.perf_counter()
            child = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=kept if output else log,
                stderr=log,
                env=self._environment,
                start_new_session=True,
            )
            _, status, usage = wait_for(child)
            wall_seconds = time.perf_counter() - began
        own_seconds = usage.ru_utime + usage.ru_stime
        others_seconds = busy_seconds() - busy - own_seconds - (self._served_seconds() - served)
        sync_seconds = self._sync()
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise BenchError(f"exit {child.returncode} of {shlex.join(argv)[:2000]}\n{tail_of(self._log)}")
        return Measured(
            wall_seconds,
            own_seconds,
            usage.ru_maxrss * 1024,
            usage.ru_oublock * 512,
            sync_seconds,
            max(0.0, others_seconds - BUSY_ERROR_SECONDS) / wall_seconds,
        )

    def timed_script(self, lines: Sequence[str]) -> Measured:
        """Runs lines of bash as one process tree. The first failure ends it."""
        return self.timed(["bash", "-c", "\n".join(("set -euo pipefail", *lines))])

    def with_environment(self, **variables: str) -> Runner:
        """One like this that sets some variables too."""
        other = copy.copy(self)
        other._environment = {**self._environment, **variables}
        return other

    @contextlib.contextmanager
    def counting(self, server: int) -> Iterator[None]:
        """Takes a process for one that works for the runs, until the context ends."""
        self._servers.add(server)
        try:
            yield
        finally:
            self._servers.discard(server)

    def _served_seconds(self) -> float:
        return sum(map(cpu_seconds, self._servers))

    def _sync(self) -> float:
        """Waits until all that was written is on the device."""
        began = time.perf_counter()
        subprocess.run(["sync", "-f", str(self._log.parent)], check=True)
        return time.perf_counter() - began

    def forget_files(self, folder: Path) -> None:
        """Drops all files of a folder from the page cache."""
        for path in files_in(folder):
            cool(path)


def wait_for(child: subprocess.Popen[bytes]) -> tuple[int, int, Any]:
    """Waits for a child. An interruption ends the child and its children, which are one process group."""
    try:
        return os.wait4(child.pid, 0)
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGTERM)
        child.wait()
        raise


def tail_of(path: Path) -> str:
    """The last lines of a log."""
    return "\n".join(path.read_text(errors="replace").splitlines()[-15:])


def peak_bytes(process: int | str = "self") -> int:
    """The peak memory of a process. That of a child of this one starts with ours, because it is forked from it."""
    status = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))


def files_in(folder: Path) -> Iterator[Path]:
    """All files below a folder."""
    return (path for path in folder.rglob("*") if path.is_file())


def warm(path: Path) -> None:
    """Reads a file, so that its bytes are in the page cache."""
    buffer = bytearray(MIB)
    with path.open("rb", buffering=0) as file:
        while file.readinto(buffer):
            pass


def cool(path: Path) -> None:
    """Drops a file's bytes from the page cache."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
