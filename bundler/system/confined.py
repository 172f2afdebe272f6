"""Runs a program of others in a process with bounds, for input that may be hostile: `bundler.system.confinement`."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from bundler.core.frozen import frozen
from bundler.errors import LocalStorage
from bundler.texts import text

_CHILD = "import sys; sys.path = sys.argv[1].split(':'); from bundler.system import confinement; confinement.main()"
_READ_BYTES = 64 << 10
_FAULT_BYTES = 4 << 10
_WAIT_SECONDS = 0.5


@frozen
class Bounds:
    """The bounds of a program.

    Attributes:
        writable: The folders that it may write in. An old kernel does not enforce this.
        memory_bytes: The size of its data.
        file_bytes: The size of each file that it writes.
        cpu_seconds: The processor time of all of its threads.
    """

    writable: tuple[Path, ...]
    memory_bytes: int
    file_bytes: int
    cpu_seconds: int


@frozen
class Ended:
    """A program that has ended: its exit code, negative for a signal, and the end of what it wrote to stderr."""

    code: int
    fault: str


def run_confined(
    command: Sequence[str], bounds: Bounds, *, said: Callable[[bytes], object], check: Callable[[], object]
) -> Ended:
    """Runs a program to its end. It gets no input, no environment but the search path, and ends when we do.

    Args:
        command: The absolute path of the program, and its arguments.
        bounds: The bounds.
        said: Receives what the program writes to stdout.
        check: Called again and again; its errors pass through, and end the program.

    Raises:
        LocalStorage: The process cannot be started.
    """
    modules = ":".join(entry for entry in sys.path if entry)  # without the working folder
    wanted = {
        "command": list(command),
        "parent": os.getpid(),
        "memory": bounds.memory_bytes,
        "seconds": bounds.cpu_seconds,
        "file": bounds.file_bytes,
        "writable": [str(folder.absolute()) for folder in bounds.writable],
    }
    faults = tempfile.TemporaryFile()  # noqa: SIM115  # a full pipe would block the other process
    try:
        child = subprocess.Popen(  # noqa: S603  # this interpreter; everything else is an argument
            [sys.executable, "-I", "-c", _CHILD, modules, json.dumps(wanted)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=faults,
            env={"PATH": os.defpath, "LC_ALL": "C"},
            cwd="/",
            start_new_session=True,  # Ctrl-C is for us: `check` ends it then, and its own end is no fault of a program
        )
    except OSError as error:
        faults.close()
        raise LocalStorage(
            text("the program cannot be started: {reason}", reason=error.strerror), subject=command[0]
        ) from error
    assert child.stdout is not None
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(child.stdout, selectors.EVENT_READ)
            while True:
                check()
                if selector.select(_WAIT_SECONDS):
                    piece = os.read(child.stdout.fileno(), _READ_BYTES)
                    if not piece:
                        break
                    said(piece)
        code = child.wait()
        faults.seek(0)
        return Ended(code, faults.read(_FAULT_BYTES).decode("ascii", "replace").strip())
    finally:
        child.kill()
        child.wait()
        child.stdout.close()
        faults.close()
