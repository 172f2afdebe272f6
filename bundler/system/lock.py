"""One writer at a time: a lock file next to the folder or file that is written. It names its holder.

The lock itself is `flock`, so the system releases it when the process dies. The content of the file, a line of JSON, is
for people only. On a file system without locks only the content counts: the lock is held if the content names a living
process of this machine.

Processes of one group, such as the shards of one import, hold a lock together. Then the content names the group too.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import random
import re
import socket
import time
from contextlib import suppress
from pathlib import Path

from bundler.core.frozen import frozen
from bundler.errors import LocalStorage, Unavailable
from bundler.system.ownership import refuse_foreign, refuse_foreign_name
from bundler.texts import Text, text

_CONTENT_BYTES = 1024
"""The number of bytes that are read of a lock file. Our own content is shorter."""

_TRIES, _PAUSE_SECONDS = 25, 0.02
"""The number of attempts to join a group, and the pause after each."""

_NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL})
"""The errors of file systems that have no locks."""


@frozen
class Holder:
    """The writer of a lock file: a process, its machine, and the time (UTC, ISO 8601)."""

    pid: int
    host: str
    since: str
    group: str = ""

    def __str__(self) -> str:
        return self.description

    @property
    def description(self) -> Text:
        """The holder in words, for people."""
        return text("process {pid} on {host} since {since}", pid=self.pid, host=self.host, since=self.since)

    @classmethod
    def parse(cls, content: bytes) -> Holder | None:
        """Reads the content of a lock file; None if it is not in our format."""
        try:
            fields = json.loads(content)
            pid, host, since, group = fields["pid"], fields["host"], fields["since"], fields.get("group", "")
        except (ValueError, LookupError, TypeError, RecursionError):
            return None
        is_ours = (
            (type(pid) is int and 0 < pid < 1 << 32)
            and (isinstance(host, str) and re.fullmatch(r"[\w.-]{1,255}", host, re.ASCII))
            and (isinstance(since, str) and re.fullmatch(r"[0-9TZ:-]{1,32}", since, re.ASCII))
            and (isinstance(group, str) and re.fullmatch(r"[0-9a-f]{0,64}", group, re.ASCII))
        )
        return cls(pid, host, since, group) if is_ours else None

    def to_json(self) -> bytes:
        """Returns the content of a lock file."""
        fields = {"pid": self.pid, "host": self.host, "since": self.since}
        return json.dumps({**fields, "group": self.group} if self.group else fields).encode() + b"\n"

    @property
    def is_at_work_here(self) -> bool:
        """True if this is a living process of this machine, and not this process."""
        if self.host != _this_host() or self.pid == os.getpid():
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:  # alive, and another user's
            return True
        return True


class Lock:
    """A lock file. Take it once and release it once. The file exists while the lock is held, and after a crash."""

    def __init__(self, path: Path, *, group: str = "") -> None:
        """Does not touch the file yet.

        Args:
            path: The lock file. Its folder must exist.
            group: Processes with the same group, in hex, hold the lock together; empty for one process alone.
        """
        self._path = path
        self._group = group
        self._descriptor = -1

    def take(self, what: str) -> Holder | None:
        """Takes the lock, and writes its holder into the file.

        Args:
            what: The locked thing, for people.

        Returns:
            The earlier holder, if it ended without releasing the lock.

        Raises:
            Unavailable: Another process holds it; the error names the holder.
            Misuse: The lock's name leads to a file that is not ours; it is left as it is.
            LocalStorage: It cannot be written.
        """
        assert self._descriptor < 0, "taken already"
        descriptor, has_locks = self._locked(what)
        try:
            refuse_foreign(os.fstat(descriptor), self._path)
            before = Holder.parse(os.pread(descriptor, _CONTENT_BYTES, 0))
            if before is not None and not has_locks and before.is_at_work_here:
                raise _held(what, before)
            if not self._group or before is None or before.group != self._group:
                os.ftruncate(descriptor, 0)
                since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
                os.pwrite(descriptor, Holder(os.getpid(), _this_host(), since, self._group).to_json(), 0)
            if self._group and has_locks:
                fcntl.flock(descriptor, fcntl.LOCK_SH)  # the others of the group may join
        except OSError as error:
            self._let_go(descriptor)
            raise LocalStorage.unwritable(error, what) from error
        except BaseException:
            _let_go(descriptor)
            raise
        self._descriptor = descriptor
        return before

    def release(self) -> None:
        """Releases the lock and removes its file. Does nothing if the lock was not taken."""
        if self._descriptor < 0:
            return
        descriptor, self._descriptor = self._descriptor, -1
        self._let_go(descriptor)

    def _let_go(self, descriptor: int) -> None:
        try:
            if (not self._group or _is_taken(descriptor, fcntl.LOCK_EX)) and _is_same(descriptor, self._path):
                self._path.unlink()
        except OSError:
            pass  # the file that is left is a lock without a holder
        finally:
            _let_go(descriptor)

    def _locked(self, what: str) -> tuple[int, bool]:
        """Opens and locks the file. Returns its descriptor, and True if the file system has locks."""
        while True:
            descriptor = self._opened(what)
            try:
                has_locks = _lock_together(descriptor, what, self._group) if self._group else _lock(descriptor, what)
                # The earlier holder may have removed the file between our two steps.
                if not has_locks or _is_same(descriptor, self._path):
                    return descriptor, has_locks
            except BaseException:
                _let_go(descriptor)
                raise
            _let_go(descriptor)

    def _opened(self, what: str) -> int:
        """Opens the lock file, or makes it. Refuses a link or a pipe without blocking."""
        # Two steps: with O_CREAT, systems refuse to open a file of another user (fs.protected_regular), and do not say
        # whose it is.
        flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        while True:
            try:
                with suppress(FileNotFoundError):
                    return os.open(self._path, flags)
                with suppress(FileExistsError):  # it was made between the two
                    return os.open(self._path, flags | os.O_CREAT | os.O_EXCL, 0o644)
            except OSError as error:
                refuse_foreign_name(self._path)
                raise LocalStorage.unwritable(error, what) from error


def _let_go(descriptor: int) -> None:
    with suppress(OSError):  # the content is for people; the lock ends with the process
        os.close(descriptor)


def _lock(descriptor: int, what: str) -> bool:
    """Locks a file. Returns False if its file system has no locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return False
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            raise _held(what, Holder.parse(os.pread(descriptor, _CONTENT_BYTES, 0))) from error
        raise LocalStorage.unwritable(error, what) from error
    return True


def _lock_together(descriptor: int, what: str, group: str) -> bool:
    """Locks a file alone, or joins the processes of the group. Returns False if its file system has no locks."""
    holder: Holder | None = None
    for _ in range(_TRIES):  # the first of the group has the file alone until it has written its name
        try:
            return _lock(descriptor, what)
        except Unavailable:
            holder = Holder.parse(os.pread(descriptor, _CONTENT_BYTES, 0))
        if _is_taken(descriptor, fcntl.LOCK_SH):
            holder = Holder.parse(os.pread(descriptor, _CONTENT_BYTES, 0))
            if holder is not None and holder.group == group:
                return True
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        time.sleep(_PAUSE_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311  # two that start at once must not collide
    raise _held(what, holder)


def _is_taken(descriptor: int, kind: int) -> bool:
    """Tries to take a lock. Returns False if other processes hold the file, or if it has no locks."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _held(what: str, holder: Holder | None) -> Unavailable:
    who = holder.description if holder else text("another process")
    return Unavailable(
        text("{who} is writing to it", who=who),
        subject=what,
        hint="wait until it has ended, then run the same command again",
    )


def _is_same(descriptor: int, path: Path) -> bool:
    """True if a path still leads to the opened file."""
    opened = os.fstat(descriptor)
    try:
        there = os.stat(path, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return (opened.st_dev, opened.st_ino) == (there.st_dev, there.st_ino)


def _this_host() -> str:
    return re.sub(r"[^\w.-]", "-", socket.gethostname(), flags=re.ASCII) or "unknown"
