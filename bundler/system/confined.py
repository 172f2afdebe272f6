"""Runs a program of others in a process with bounds, for input that may be hostile: `bundler.system.confinement`."""

from __future__ import annotations

import fcntl
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from bundler.core.frozen import frozen
from bundler.errors import LocalStorage
from bundler.texts import text

_CHILD = "import sys; sys.path = sys.argv[1].split(':'); from bundler.system import confinement; confinement.main()"
_READ_BYTES = 64 << 10
_FAULT_BYTES = 4 << 10
_PIPE_BYTES = 1 << 20
"""The size of the pipe for input: the most that Linux gives to any user. The usual 64 KiB cost a switch each."""
_WAIT_SECONDS = 0.5
PLAIN_ENVIRONMENT: Mapping[str, str] = {"PATH": os.defpath, "LC_ALL": "C"}
"""The search path of the system, and messages in English. Nothing of our own environment."""


@frozen
class Bounds:
    """The bounds of a program.

    Attributes:
        writable: The folders and files that it may write in; None for all. An old kernel does not enforce this.
        memory_bytes: The size of its data; None for any.
        file_bytes: The size of each file that it writes; None for any.
        cpu_seconds: The processor time of all of its threads; None for any.
        seconds: The time that it may run; None for any.
        ports: The TCP ports that it may connect to; None for all. An old kernel does not enforce this.
        niceness: How much it gives way to other programs, from 0 to 19.
    """

    writable: tuple[Path, ...] | None
    memory_bytes: int | None
    file_bytes: int | None
    cpu_seconds: int | None
    seconds: float | None = None
    ports: tuple[int, ...] | None = ()
    niceness: int = 0


@frozen
class Ended:
    """A program that has ended.

    Attributes:
        code: Its exit code, negative for a signal.
        fault: The end of what it wrote to stderr.
        is_overdue: True if we ended it, because its time was over.
        has_read_all: True if it took all of its input.
    """

    code: int
    fault: str
    is_overdue: bool = False
    has_read_all: bool = True


def run_confined(
    command: Sequence[str],
    bounds: Bounds,
    *,
    said: Callable[[bytes], object],
    check: Callable[[], object],
    given: Iterable[bytes | memoryview] | None = None,
    environment: Mapping[str, str] = PLAIN_ENVIRONMENT,
) -> Ended:
    """Runs a program to its end. It ends when we do, and all that it started ends with it.

    Args:
        command: The absolute path of the program, and its arguments.
        bounds: The bounds.
        said: Receives what the program writes to stdout. Its errors pass through, and end the program.
        check: Called again and again; its errors pass through, and end the program.
        given: The input of the program, which may end without reading it. Its errors pass through, and end the program.
        environment: The whole environment of the program.

    Raises:
        LocalStorage: The process cannot be started.
    """
    modules = ":".join(entry for entry in sys.path if entry)  # without the working folder
    try:
        child = subprocess.Popen(  # noqa: S603  # this interpreter; everything else is an argument
            [sys.executable, "-I", "-c", _CHILD, modules, json.dumps(_wanted(command, bounds))],
            stdin=subprocess.DEVNULL if given is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env=dict(environment),
            cwd="/",
            start_new_session=True,  # Ctrl-C is for us: `check` ends it then, and its own end is no fault of a program
        )
    except OSError as error:
        raise LocalStorage(
            text("the program cannot be started: {reason}", reason=error.strerror), subject=command[0]
        ) from error
    try:
        fault, is_overdue, has_read_all = _attended(child, bounds.seconds, said, check, given)
    finally:
        _end(child)
    return Ended(child.returncode, fault, is_overdue, has_read_all)


def _wanted(command: Sequence[str], bounds: Bounds) -> dict[str, object]:
    """The wishes that `bundler.system.confinement` reads."""
    return {
        "command": list(command),
        "parent": os.getpid(),
        "memory": bounds.memory_bytes,
        "seconds": bounds.cpu_seconds,
        "file": bounds.file_bytes,
        "writable": None if bounds.writable is None else [str(each.absolute()) for each in bounds.writable],
        "ports": None if bounds.ports is None else list(bounds.ports),
        "niceness": bounds.niceness,
    }


def _attended(
    child: subprocess.Popen[bytes],
    seconds: float | None,
    said: Callable[[bytes], object],
    check: Callable[[], object],
    given: Iterable[bytes | memoryview] | None,
) -> tuple[str, bool, bool]:
    """Moves input and output until the program ends, or its time does. Returns the fields of `Ended` but the code."""
    assert child.stdout is not None
    assert child.stderr is not None
    fault = bytearray()

    def complained(piece: bytes) -> None:
        fault.extend(piece)
        del fault[:-_FAULT_BYTES]

    until = None if seconds is None else time.monotonic() + seconds
    is_overdue = False
    with selectors.DefaultSelector() as selector:
        feed = None
        if given is not None:
            assert child.stdin is not None
            feed = _Feed(child.stdin, given)
            selector.register(child.stdin, selectors.EVENT_WRITE, feed.go_on)
        selector.register(child.stdout, selectors.EVENT_READ, _Mouth(child.stdout, said).go_on)
        selector.register(child.stderr, selectors.EVENT_READ, _Mouth(child.stderr, complained).go_on)
        while selector.get_map():
            check()
            is_overdue = until is not None and time.monotonic() > until
            if is_overdue:
                break
            ready = selector.select(_WAIT_SECONDS)
            for key, _ in ready:
                if not key.data():
                    selector.unregister(key.fileobj)
                    key.fileobj.close()  # type: ignore[union-attr]  # they are files
            if not ready and child.poll() is not None:
                break  # a program that it started holds its output open
    while not is_overdue and child.poll() is None:  # it has closed its output, and may go on
        check()
        with suppress(subprocess.TimeoutExpired):
            child.wait(_WAIT_SECONDS)
        is_overdue = until is not None and time.monotonic() > until
    return fault.decode("utf-8", "replace").strip(), is_overdue, feed is None or feed.is_done


class _Mouth:
    """The output of a program."""

    def __init__(self, file: IO[bytes], said: Callable[[bytes], object]) -> None:
        self._file = file
        self._said = said

    def go_on(self) -> bool:
        """Reads a piece; False at the end."""
        piece = os.read(self._file.fileno(), _READ_BYTES)
        if piece:
            self._said(piece)
        return bool(piece)


class _Feed:
    """The input of a program, which never waits for it."""

    def __init__(self, file: IO[bytes], given: Iterable[bytes | memoryview]) -> None:
        self._file = file
        self._pieces: Iterator[bytes | memoryview] = iter(given)
        self._rest = memoryview(b"")
        self.is_done = False
        os.set_blocking(file.fileno(), False)
        with suppress(OSError):  # the user's pipes have used up what they may
            fcntl.fcntl(file.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)

    def go_on(self) -> bool:
        """Writes as much of a piece as the pipe takes; False after the last one, or if nobody reads any more."""
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                self.is_done = True
                return False
            self._rest = memoryview(piece)
        try:
            self._rest = self._rest[os.write(self._file.fileno(), self._rest) :]
        except BlockingIOError:
            return True
        except BrokenPipeError:
            return False
        return True


def _end(child: subprocess.Popen[bytes]) -> None:
    """Ends a program and all that it started, except what left its group."""
    with suppress(OSError):  # all have ended
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    for file in (child.stdin, child.stdout, child.stderr):
        if file is not None:
            file.close()
