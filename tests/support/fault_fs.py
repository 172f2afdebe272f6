"""A file system that fails on demand: FUSE over a folder, in a process of its own.

It says ENOSPC or EIO at the N-th operation of a kind, cannot be read at some places, lies on the second read, is slow or
hangs, is smaller than it says, and knows what a power cut would have left of it (`tests.support.power_cut`). Locks work
as on a local file system.

    with FaultFs(tmp_path).mount() as fs:
        fs.fail("write", 3, errno.ENOSPC)
        ...  # a command that writes below fs.path
        assert fs.count("write") >= 3
        fs.heal()
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.parts import require
from tests.support.power_cut import Journal

SERVER = Path(__file__).with_name("fault_fs_server.py")
SECONDS_TO_ANSWER = 30


class FaultFs:
    """One such file system. It begins with the files of its folder ``backing``."""

    def __init__(
        self,
        folder: Path,
        *,
        backing: Path | None = None,
        records: bool = False,
        direct_io: bool = True,
        wraps_at: int = 0,
        has_links: bool = True,
    ) -> None:
        """Plans it.

        Args:
            folder: Where it may make folders of its own.
            backing: The folder that it shows and writes to; a new folder if not given.
            records: True to keep all operations, for power cuts.
            direct_io: True if it gets each read and write; else the kernel's page cache is in front of it, as
                with a real medium.
            has_links: True if a file may have several names; FAT has no such.
            wraps_at: After so many bytes a write goes to the beginning of the device again, as on a forged stick.
        """
        self.path = folder / "mount"
        self.backing = backing or folder / "backing"
        self._journal = folder / "journal" if records else None
        self._options = {
            "journal": str(self._journal) if self._journal else None,
            "direct_io": direct_io,
            "wraps_at": wraps_at,
            "has_links": has_links,
        }
        self._process: subprocess.Popen[bytes] | None = None

    @contextmanager
    def mount(self) -> Iterator[FaultFs]:
        """It is there while this lasts, and gone afterwards whatever happens."""
        require_fuse()
        self.path.mkdir(parents=True, exist_ok=True)
        self.backing.mkdir(parents=True, exist_ok=True)
        if self._journal:
            self._journal.unlink(missing_ok=True)
        command = [sys.executable, str(SERVER), str(self.backing), str(self.path)]
        self._process = subprocess.Popen(
            [*command, json.dumps(self._options)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "FUSE_LIBRARY_NAME": "fuse3"},
        )
        try:
            assert self._answer() == "ready"
            assert " - fuse fault_fs " in mount_line(self.path), "not mounted: tests would write to the real disk"
            yield self
        finally:
            self._end()

    def fail(self, operation: str, number: int, errno: int, *, pattern: str = "*", is_for_good: bool = False) -> None:
        """Lets the ``number``-th operation of a kind from now fail; operations as FUSE has them.

        Args:
            operation: create, open, read, write, truncate, fallocate, flush (what close waits for), fsync, fdatasync,
                fsyncdir, mkdir, rename, unlink, rmdir, opendir, readdir, getattr, statfs, chmod … or ``any``.
            number: From 1.
            errno: The error that it returns.
            pattern: Only files whose path matches count; a path begins with ``/``, and ``*`` crosses slashes. For
                rename it is the new name.
            is_for_good: All that come after it fail too, as on a full disk.
        """
        self._ask("fail", operation=operation, number=number, errno=errno, pattern=pattern, is_for_good=is_for_good)

    def pull(self) -> None:
        """The stick is pulled: everything fails from now on."""
        self.fail("any", 1, 5, is_for_good=True)

    def unreadable(self, pattern: str, begin: int, end: int) -> None:
        """Bytes of files that cannot be read any more."""
        self._ask("unreadable", pattern=pattern, begin=begin, end=end)

    def lie(self, pattern: str, offset: int, *, after_reads: int | None = None, after_opens: int | None = None) -> None:
        """One bit of a byte comes out wrong: once it was read so often, or for who opens the file after so many."""
        self._ask("lie", pattern=pattern, offset=offset, after_reads=after_reads, after_opens=after_opens)

    def slow(self, operation: str, seconds: float, *, pattern: str = "*") -> None:
        """Each operation of a kind takes so long; `heal` lets those go on that wait."""
        self._ask("slow", operation=operation, seconds=seconds, pattern=pattern)

    def claim_free(self, free_bytes: int) -> None:
        """The free space that it reports."""
        self._ask("claim_free", free_bytes=free_bytes)

    def heal(self) -> None:
        """Nothing fails any more, and counts begin again."""
        self._ask("heal")

    def count(self, operation: str) -> int:
        """The number of operations of a kind since it was mounted or healed, failed ones included."""
        return self.counts().get(operation, 0)

    def waiting(self) -> int:
        """The number of operations that are slow right now."""
        return int(self._ask("waiting"))

    def counts(self) -> dict[str, int]:
        """The number of operations, by kind."""
        return dict(self._ask("counts"))

    def met(self) -> list[str]:
        """The paths of the operations that failed since it was mounted or healed, in order."""
        return list(self._ask("met"))

    def journal(self) -> Journal:
        """All that was done so far, also after it is gone."""
        assert self._journal, "made without records=True"
        return Journal.read(self._journal)

    def power_cut(self, folder: Path, **variant: Any) -> Path:
        """Pulls the plug: nothing works any more; makes a folder of what is on the device (see `Disk.remains`)."""
        self.pull()
        journal = self.journal()
        return journal.materialise(len(journal), folder, **variant)

    def _ask(self, command: str, **arguments: object) -> Any:
        assert self._process
        assert self._process.stdin
        self._process.stdin.write(json.dumps([command, arguments]).encode() + b"\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        assert self._process
        assert self._process.stdout
        assert select.select([self._process.stdout], [], [], SECONDS_TO_ANSWER)[0], "the file system does not answer"
        return json.loads(self._process.stdout.readline() or b'"it ended"')

    def _end(self) -> None:
        process, self._process = self._process, None
        assert process
        assert process.stdin
        assert process.stdout
        process.stdin.close()  # it unmounts itself
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()  # also lets go the processes that wait for it in the kernel
            process.wait(30)
        process.stdout.close()
        if mount_line(self.path):
            subprocess.run(["fusermount3", "-u", "-z", str(self.path)], check=False)
        assert not mount_line(self.path), "still mounted"


def require_fuse() -> None:
    """Fails in CI, and skips with the reason elsewhere, where FUSE does not work."""
    require("fusermount3")
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no /dev/fuse")


def mount_line(path: Path) -> str:
    """The kernel's record of a mount point; empty if there is none."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    found = [line for line in lines if line.split()[4] == str(path.parent.resolve() / path.name)]
    return found[-1] if found else ""
