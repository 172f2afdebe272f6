"""Runs of the command in processes of their own, to their end or killed before or after their n-th mutating step.

A driver process has everything imported and one thread; each run is a fork of it, so that a run costs no start of an
interpreter: there are thousands. A step is a call that changes files (`os.open` that creates, writes, renames,
removals, syncs …), and each request that changes something at a registry. The counter lies in shared memory and outlives
the run.

The order of steps differs from run to run where threads work side by side. So a test goes on until a run is no longer
killed, instead of counting beforehand::

    for number in itertools.count(1):
        ended = Steps(arguments).kill_at(number)
        if not ended.was_killed:
            break
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import importlib
import json
import mmap
import os
import pathlib
import pkgutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support import known_keys

ROOT = Path(__file__).parents[2]

WRITES = (
    "write", "writev", "pwrite", "pwritev", "fsync", "fdatasync", "sync", "rename", "replace", "link", "symlink", "unlink",
    "remove", "rmdir", "mkdir", "mkfifo", "ftruncate", "truncate", "posix_fallocate", "copy_file_range", "sendfile",
    "chmod", "fchmod", "utime",
)  # fmt: skip
CHANGING = {"POST", "PUT", "PATCH", "DELETE"}


@dataclass(frozen=True)
class Ended:
    """The end of a run: its exit code, or the negative number of the signal that killed it."""

    code: int
    out: str
    err: str
    steps: int
    """The number of mutating steps that it started."""
    last: str
    """The last of them."""
    seconds: float

    @property
    def was_killed(self) -> bool:
        return self.code == -signal.SIGKILL

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.out)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Steps:
    """One command, to be run as often as wanted. Each call changes what the command changes."""

    arguments: Sequence[object]
    environment: Mapping[str, str] = field(default_factory=dict)
    """Besides that of the test. Variables that an interpreter reads when it starts are too late here."""
    stdin: str = ""

    def run(self) -> Ended:
        """To its end."""
        return self._run()

    def count(self) -> int:
        """To its end, which must be 0; how many mutating steps it took."""
        ended = self._run()
        assert ended.code == 0, ended.err
        return ended.steps

    def kill_at(self, number: int, *, after: bool = False) -> Ended:
        """Until just before the n-th step, from 1; with ``after`` until just after it. To its end if it takes fewer."""
        return self._run(kill_at=number, is_after=after)

    def kill_after_seconds(self, seconds: float) -> Ended:
        """For some time; to its end if it takes less."""
        return self._run(kill_after_seconds=seconds)

    def _run(self, **when: object) -> Ended:
        with tempfile.TemporaryDirectory() as folder:
            request = {
                "arguments": list(map(str, self.arguments)),
                "environment": {**os.environ, **self.environment},
                "cwd": os.getcwd(),
                "folder": folder,
                **when,
            }
            Path(folder, "in").write_text(self.stdin)
            outputs = [Path(folder) / name for name in ("out", "err")]
            for output in outputs:
                output.touch()
            reported = _driver().ask(request)
            out, err = (output.read_text() for output in outputs)
        ended = Ended(**reported, out=out, err=err)
        assert "Traceback" not in err, f"at step {ended.steps}, {ended.last}:\n{err}"
        return ended


class _Driver:
    """The process that runs are forks of."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.steps"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        atexit.register(self.stop)

    def ask(self, request: Mapping[str, object]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())  # type: ignore[no-any-return]

    def stop(self) -> None:
        self._process.communicate()


@functools.cache
def _driver() -> _Driver:
    return _Driver()


class _Counter:
    """The number of steps and the name of the last one, in memory that parent and child share."""

    _NAME_BYTES = 200

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 4096)
        self._lock = threading.Lock()
        self.kill_at = 0
        self.is_after = False

    def reset(self) -> None:
        self._memory[:] = bytes(len(self._memory))

    def step(self, name: str, work: Callable[[], Any]) -> Any:
        with self._lock:
            number = self.number + 1
            if number == self.kill_at and not self.is_after:
                os.kill(os.getpid(), signal.SIGKILL)
            content = name.encode("utf-8", "replace")[: self._NAME_BYTES]
            self._memory[: 8 + self._NAME_BYTES] = struct.pack("<Q", number) + content.ljust(self._NAME_BYTES, b"\0")
        try:
            return work()
        finally:
            if number == self.kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    @property
    def number(self) -> int:
        return int(struct.unpack("<Q", self._memory[:8])[0])

    @property
    def name(self) -> str:
        return self._memory[8 : 8 + self._NAME_BYTES].rstrip(b"\0").decode("utf-8", "replace")


def _count_files(counter: _Counter) -> None:
    def counted(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def step(*args: Any, **options: Any) -> Any:
            return counter.step(f"{name} {_shown(args)}", lambda: function(*args, **options))

        return step

    for name in WRITES:
        function = counted(name, getattr(os, name))
        setattr(os, name, function)
        accessor = getattr(pathlib, "_NormalAccessor", None)  # Python 3.10 keeps the functions of os there
        if accessor is not None and hasattr(accessor, name):
            setattr(accessor, name, staticmethod(function))
    plain = os.open

    @functools.wraps(plain)
    def open_(path: Any, flags: int, *args: Any, **options: Any) -> int:
        if not flags & (os.O_CREAT | os.O_TRUNC):
            return plain(path, flags, *args, **options)
        return int(counter.step(f"open {path}", lambda: plain(path, flags, *args, **options)))

    os.open = open_


def _shown(args: Sequence[Any]) -> str:
    return " ".join(str(each) for each in args if isinstance(each, (str, int, os.PathLike)))


def _count_requests(counter: _Counter) -> None:
    from bundler.stores.http import HttpClient

    plain = HttpClient.request

    @functools.wraps(plain)
    def request(self: HttpClient, method: str, url: str, **options: Any) -> Any:
        if method not in CHANGING:
            return plain(self, method, url, **options)
        return counter.step(f"{method} {url}", lambda: plain(self, method, url, **options))

    HttpClient.request = request  # type: ignore[method-assign]


def _import_all() -> None:
    import bundler

    for module in pkgutil.walk_packages(bundler.__path__, "bundler."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    assert len(os.listdir("/proc/self/task")) == 1, "only what has one thread may fork"


def _perform(request: dict[str, Any], counter: _Counter) -> None:
    """In the child: becomes the command."""
    from bundler.cli import run

    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
    os.dup2(os.open(f"{request['folder']}/in", os.O_RDONLY), 0)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 (the old one has read from elsewhere)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(f"{request['folder']}/{name}", flags, 0o600), number)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["cwd"])
    tempfile.tempdir = None
    counter.kill_at = request.get("kill_at", 0)
    counter.is_after = request.get("is_after", False)
    counter.reset()
    code = run(request["arguments"])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _wait(process: int, seconds: float | None) -> int:
    """Waits for the child, kills it when its time is over, and tells how it ended."""
    if seconds is not None and signal.sigtimedwait({signal.SIGCHLD}, seconds) is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    signal.sigtimedwait({signal.SIGCHLD}, 0)
    return os.waitstatus_to_exitcode(status)


def main() -> None:
    """The driver: one request a line on stdin, one answer a line on stdout."""
    _import_all()
    with tempfile.TemporaryDirectory() as keys:
        known_keys.remember(Path(keys))
        _serve()


def _serve() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    counter = _Counter()
    _count_files(counter)
    _count_requests(counter)
    for line in sys.stdin:
        request = json.loads(line)
        began = time.monotonic()
        process = os.fork()
        if not process:
            try:
                _perform(request, counter)
            finally:
                os._exit(70)
        code = _wait(process, request.get("kill_after_seconds"))
        seconds = time.monotonic() - began
        reported = {"code": code, "steps": counter.number, "last": counter.name, "seconds": seconds}
        sys.stdout.write(json.dumps(reported) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
