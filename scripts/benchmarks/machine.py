"""The state of the machine around a measurement: its free memory, and the work of other processes."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
BUSY_ERROR_SECONDS = (os.cpu_count() or 1) / _TICKS_PER_SECOND
"""The kernel counts whole ticks of each processor: as much as this may be wrong. It matters for short runs only."""
_FREE_PART = 16
"""A sixteenth of the memory stays free. With less, the kernel takes pages back while programs wait."""
_READ_BYTES = 128 << 10
"""The kernel reads no more at one request, however much it is asked for."""
_LISTENING = "0A"
"""The state in /proc/net/tcp."""


class Memory:
    """The free memory of the machine, to be filled with clean page cache.

    A virtual machine may give free memory back to its host. The first use of such a page costs more than hashing it, so
    a figure would depend on what ran before. Memory with clean cache stays here, and programs get it at once.
    """

    def __init__(self, folder: Path) -> None:
        """Does nothing yet.

        Args:
            folder: The folder for a sparse file. Its zeros fill the cache and take no place on the disk.
        """
        self._path = folder / "zeros"
        self.fills = self.failed_fills = 0

    def fill(self) -> None:
        """Fills the free memory, as far as the file system of the folder can do this."""
        left_bytes = memory_bytes("MemTotal") // _FREE_PART
        self.fills += 1
        self._path.touch()
        os.truncate(self._path, memory_bytes("MemTotal"))
        with self._path.open("rb") as file:
            for offset in range(0, memory_bytes("MemTotal"), _READ_BYTES):
                if not offset % (64 << 20) and memory_bytes("MemFree") <= left_bytes:
                    return
                os.posix_fadvise(file.fileno(), offset, _READ_BYTES, os.POSIX_FADV_WILLNEED)
        if memory_bytes("MemFree") > 2 * left_bytes:
            self.failed_fills += 1

    def __str__(self) -> str:
        if not self.fills:
            return "free memory was left as it was: its first use may be in the figures (virtual machines)"
        if self.failed_fills:
            return (
                f"free memory could not be filled before {self.failed_fills} of {self.fills} steps: its first use may "
                "be in their figures (virtual machines)"
            )
        return "free memory was filled with clean cache before each timed step"


def memory_bytes(name: str) -> int:
    """A figure of /proc/meminfo."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(f"{name}:"))


def busy_seconds() -> float:
    """The processor time that all processes, the kernel and other machines on this host have taken."""
    user, nice, system, _idle, _waiting, *others = map(int, Path("/proc/stat").read_text().split("\n")[0].split()[1:9])
    return (user + nice + system + sum(others)) / _TICKS_PER_SECOND


def cpu_seconds(process: int) -> float:
    """The processor time of all threads of a process; 0 if it has ended."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_SECOND


def servers_at(hosts: Iterable[str]) -> set[int]:
    """The processes of this machine that listen on the ports of some hosts, as far as this user may see them."""
    ports = {int(host.rpartition(":")[2]) for host in hosts}
    sockets = {f"socket:[{inode}]" for inode in _listening(ports)}
    found = set()
    for folder in Path("/proc").glob("[0-9]*/fd"):
        with contextlib.suppress(OSError):
            if any(os.readlink(link) in sockets for link in folder.iterdir()):
                found.add(int(folder.parent.name))
    return found


def _listening(ports: set[int]) -> Iterable[str]:
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(FileNotFoundError):
            for line in Path("/proc/net", table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) in ports:
                    yield fields[9]
