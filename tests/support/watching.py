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


READS = "read,pread64,preadv,preadv2,mmap,copy_file_range,sendfile,splice"


def strace(arguments: list[object], log: Path, *options: str) -> subprocess.CompletedProcess[str]:
    require("strace")
    # With the filter in the kernel, only the calls that are asked for stop the command.
    filtered = [] if any(option.startswith("inject=") for option in options) else ["--seccomp-bpf"]
    command = ["strace", "-f", "-y", *filtered, "-o", str(log), *options, sys.executable, "-m", "bundler"]
    return subprocess.run([*command, *map(str, arguments)], text=True, capture_output=True, timeout=300)


def reads_of(log: Path, name: str) -> list[str]:
    """The lines in which a file is read; with -y, descriptors carry the path."""
    call = re.compile(rf"\b(read|pread64|preadv2?|mmap|copy_file_range|sendfile|splice)\(.*{re.escape(name)}[>\"]")
    return [line for line in log.read_text(errors="replace").splitlines() if call.search(line)]
