"""Runs that are watched: what they open and read, and that they end."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.parts import require


@contextmanager
def within(seconds: int) -> Iterator[None]:
    """No test of timing: whatever hangs ends here instead of never."""

    def hangs(number: int, frame: object) -> None:
        raise AssertionError(f"still at it after {seconds} seconds")

    before = signal.signal(signal.SIGALRM, hangs)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def strace(arguments: list[object], log: Path, *options: str) -> subprocess.CompletedProcess[str]:
    require("strace")
    command = ["strace", "-f", "-y", "-o", str(log), *options, sys.executable, "-m", "bundler", *map(str, arguments)]
    return subprocess.run(command, text=True, capture_output=True, timeout=120)


def reads_of(log: Path, name: str) -> list[str]:
    """The lines in which a file is read; with -y, descriptors carry the path."""
    call = re.compile(rf"\b(read|pread64|preadv2?|mmap|copy_file_range|sendfile|splice)\(.*{re.escape(name)}[>\"]")
    return [line for line in log.read_text(errors="replace").splitlines() if call.search(line)]
