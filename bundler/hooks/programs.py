"""Starts the programs that scan: with bounds, a clean environment and a low priority. See `bundler.system.confined`."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bundler.core.frozen import frozen
from bundler.errors import Misuse
from bundler.system.confined import PLAIN_ENVIRONMENT, Bounds, Ended, run_confined
from bundler.system.places import scratch_folder

_NICENESS = 10
"""A scan must not take the processor from what else this machine does."""
_NULL = Path("/dev/null")
_LINE_CHARACTERS = 400


@frozen
class Heard:
    """A program that has ended, and what it wrote to stdout, up to the limit.

    Attributes:
        ended: Its end.
        output: Its output; the beginning of it if `is_flood`.
        is_flood: True if we ended it, because it wrote more than the limit.
    """

    ended: Ended
    output: bytes
    is_flood: bool = False

    @property
    def fault(self) -> str:
        """The reason for which it failed, in words: its last line on stderr, or its exit code."""
        if self.is_flood:
            return "it wrote more than a report has"
        if self.ended.is_overdue:
            return "it took too long"
        lines = self.ended.fault.splitlines()
        return _shortened(lines[-1]) if lines else f"exit code {self.ended.code}"


def _shortened(line: str) -> str:
    """The beginning and the end of a long line: programs in Go put the first cause at the end."""
    return line if len(line) <= _LINE_CHARACTERS else f"{line[:100]} … {line[102 - _LINE_CHARACTERS :]}"


class _Flood(Exception):  # ends the program; it never leaves this module
    pass


def find_program(name: str, *, hint: str) -> Path:
    """The absolute path of a program, from PATH without its relative folders: the working folder may be a medium.

    Raises:
        Misuse: There is none.
    """
    found = _which(name)
    if found is None:
        raise Misuse("the scanner is not installed", subject=name, hint=hint, code="scanner-missing")
    return Path(found)


def is_installed(name: str) -> bool:
    """True if `find_program` finds a program."""
    return _which(name) is not None


def _which(name: str) -> str | None:
    folders = [folder for folder in os.get_exec_path() if os.path.isabs(folder)]
    return shutil.which(name, path=os.pathsep.join(folders))


def run_program(
    command: Sequence[str],
    *,
    seconds: float,
    output_bytes: int,
    check: Callable[[], object],
    writable: Sequence[Path] | None = (),
    ports: tuple[int, ...] | None = (),
    environment: Mapping[str, str] | None = None,
    given: Iterable[bytes | memoryview] | None = None,
) -> Heard:
    """Runs a program to its end, in a process group of its own.

    Args:
        command: The absolute path of the program, and its arguments.
        seconds: The time that it has.
        output_bytes: The output that it may write.
        check: Called again and again; its errors pass through, and end the program.
        writable: The folders that it may write in; None for all.
        ports: The TCP ports that it may connect to; None for all.
        environment: Variables besides the search path and the locale.
        given: Its input. Errors of it pass through, and end the program.

    Raises:
        LocalStorage: The process cannot be started.
    """
    output = bytearray()

    def said(piece: bytes) -> None:
        output.extend(piece)
        if len(output) > output_bytes:
            raise _Flood

    try:
        ended = run_confined(
            command,
            _bounds(writable, ports, seconds),
            said=said,
            check=check,
            given=given,
            environment={**PLAIN_ENVIRONMENT, **(environment or {})},
        )
    except _Flood:
        return Heard(Ended(-9, ""), bytes(output[:output_bytes]), is_flood=True)
    return Heard(ended, bytes(output))


def run_service(command: Sequence[str], *, check: Callable[[], object], writable: Sequence[Path]) -> str:
    """Runs a program that serves, without a network, until it ends by itself. Returns the reason.

    Args:
        command: The absolute path of the program, and its arguments.
        check: Called again and again; its errors pass through, and end the program.
        writable: The folders that it may write in.

    Raises:
        LocalStorage: The process cannot be started.
    """
    ended = run_confined(command, _bounds(writable, (), None), said=_ignored, check=check)
    return Heard(ended, b"").fault


@contextmanager
def private_folder() -> Generator[Path, None, None]:
    """A scratch folder for one run of a program, for as long as the block lasts."""
    with TemporaryDirectory(prefix="bundler-scan-", dir=scratch_folder()) as name:
        yield Path(name)


def folder_variables(folder: Path) -> dict[str, str]:
    """The variables that keep a program in one folder: no login and no setting of the user is in it."""
    return {"HOME": str(folder), "TMPDIR": str(folder), "DOCKER_CONFIG": str(folder)}


def unchecked() -> None:
    """The ``check`` of a question that is short: nothing ends it before its time."""


def _ignored(piece: bytes) -> None:
    """Messages that nobody reads."""


def _bounds(writable: Sequence[Path] | None, ports: tuple[int, ...] | None, seconds: float | None) -> Bounds:
    return Bounds(
        writable=None if writable is None else (*writable, _NULL),
        memory_bytes=None,
        file_bytes=None,
        cpu_seconds=None,
        seconds=seconds,
        ports=ports,
        niceness=_NICENESS,
    )
