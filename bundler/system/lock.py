"""One writer at a time: a lock beside what is written, which says who holds it.

The lock itself is `flock`, so that whoever dies lets go of it; the file's content, a line of JSON, is for people only.
Where a file system has no locks, the content is all there is: whoever it names is believed to be at work if it is a
living process of this machine.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bundler.errors import LocalStorage, Unavailable
from bundler.system.ownership import refuse_foreign, refuse_foreign_name
from bundler.texts import Text, text

_CONTENT_BYTES = 1024
"""What is read of a lock file; more than any of ours has."""

_NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL})
"""What file systems say that have no locks."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who wrote a lock file: a process, its machine, and when (UTC, ISO 8601)."""

    pid: int
    host: str
    since: str

    def __str__(self) -> str:
        return self.description

    @property
    def description(self) -> Text:
        """Who it is, for people."""
        return text("process {pid} on {host} since {since}", pid=self.pid, host=self.host, since=self.since)

    @classmethod
    def parse(cls, content: bytes) -> Holder | None:
        """What a lock file says; None if it says nothing that one of ours would."""
        try:
            fields = json.loads(content)
            pid, host, since = fields["pid"], fields["host"], fields["since"]
        except (ValueError, LookupError, TypeError, RecursionError):
            return None
        is_ours = (
            (type(pid) is int and 0 < pid < 1 << 32)
            and (isinstance(host, str) and re.fullmatch(r"[\w.-]{1,255}", host, re.ASCII))
            and (isinstance(since, str) and re.fullmatch(r"[0-9TZ:-]{1,32}", since, re.ASCII))
        )
        return cls(pid, host, since) if is_ours else None

    def to_json(self) -> bytes:
        """The line of a lock file."""
        return json.dumps({"pid": self.pid, "host": self.host, "since": self.since}).encode() + b"\n"

    @property
    def is_at_work_here(self) -> bool:
        """Whether this is a living process of this machine, and not this one."""
        if self.host != _this_host() or self.pid == os.getpid():
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:  # it is somebody else's, and alive
            return True
        return True


class Lock:
    """A lock file. To be taken once and released once; the file is there only meanwhile, and after a crash."""

    def __init__(self, path: Path) -> None:
        """Nothing is done yet.

        Args:
            path: Of the lock file. Its folder is there.
        """
        self._path = path
        self._descriptor = -1

    def take(self, what: str) -> Holder | None:
        """Takes the lock, and writes down who has it.

        Args:
            what: What is locked, for people.

        Returns:
            Who left the lock behind, if somebody did who ended without releasing it.

        Raises:
            Unavailable: Somebody else holds it; the error says who.
            Misuse: What has the lock's name is not ours; it is left as it is.
            LocalStorage: It cannot be written.
        """
        assert self._descriptor < 0, "taken already"
        descriptor, has_locks = self._locked(what)
        try:
            refuse_foreign(os.fstat(descriptor), self._path)
            before = Holder.parse(os.pread(descriptor, _CONTENT_BYTES, 0))
            if before is not None and not has_locks and before.is_at_work_here:
                raise _held(what, before)
            os.ftruncate(descriptor, 0)
            since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            os.pwrite(descriptor, Holder(os.getpid(), _this_host(), since).to_json(), 0)
        except OSError as error:
            self._let_go(descriptor)
            raise LocalStorage.unwritable(error, str(self._path)) from error
        except BaseException:
            _let_go(descriptor)
            raise
        self._descriptor = descriptor
        return before

    def release(self) -> None:
        """Lets go of it and removes the file. Does nothing if it was not taken."""
        if self._descriptor < 0:
            return
        descriptor, self._descriptor = self._descriptor, -1
        self._let_go(descriptor)

    def _let_go(self, descriptor: int) -> None:
        try:
            if _is_same(descriptor, self._path):
                self._path.unlink()
        except OSError:
            pass  # what is left is a lock that nobody holds
        finally:
            _let_go(descriptor)

    def _locked(self, what: str) -> tuple[int, bool]:
        """The lock file, opened and locked, and whether its file system has locks at all."""
        while True:
            descriptor = self._opened()
            try:
                has_locks = _lock(descriptor, what)
                # Whoever held it until now may have removed it between our two steps.
                if not has_locks or _is_same(descriptor, self._path):
                    return descriptor, has_locks
            except BaseException:
                _let_go(descriptor)
                raise
            _let_go(descriptor)

    def _opened(self) -> int:
        """The lock file, which is made if it is not there. A link or a pipe is refused; nobody is waited for.

        In two steps: systems refuse to open a stranger's file as one that may be made, and do not say whose it is.
        """
        flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        while True:
            try:
                with suppress(FileNotFoundError):
                    return os.open(self._path, flags)
                with suppress(FileExistsError):  # it was made between the two
                    return os.open(self._path, flags | os.O_CREAT | os.O_EXCL, 0o644)
            except OSError as error:
                refuse_foreign_name(self._path)
                raise LocalStorage.unwritable(error, str(self._path)) from error


def _let_go(descriptor: int) -> None:
    with suppress(OSError):  # what is in the file is for people; the lock goes with the process
        os.close(descriptor)


def _lock(descriptor: int, what: str) -> bool:
    """Locks a file; False where its file system has no locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return False
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            raise _held(what, Holder.parse(os.pread(descriptor, _CONTENT_BYTES, 0))) from error
        raise LocalStorage.unwritable(error, what) from error
    return True


def _held(what: str, holder: Holder | None) -> Unavailable:
    who = holder.description if holder else text("another process")
    return Unavailable(
        text("{who} is writing to it", who=who),
        subject=what,
        hint="wait until it has ended, then run the same command again",
    )


def _is_same(descriptor: int, path: Path) -> bool:
    """Whether a path still leads to the file that was opened."""
    opened = os.fstat(descriptor)
    try:
        there = os.stat(path, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return (opened.st_dev, opened.st_ino) == (there.st_dev, there.st_ino)


def _this_host() -> str:
    return re.sub(r"[^\w.-]", "-", socket.gethostname(), flags=re.ASCII) or "unknown"
